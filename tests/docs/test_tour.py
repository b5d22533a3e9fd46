"""docs/tour.md is run as it stands, in an empty home, on a free port."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tour.md"
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
PORT = "8080"

# Somebody at a terminal reads that it serves before he goes on.
WAIT = "for _ in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>&- && break; sleep 0.05; done"


def steps():
    """Return each command, and the lines that are shown of its output."""
    found = []
    for text in "".join(BLOCKS).splitlines():
        if text.startswith("$ "):
            found.append((text[2:], []))
        elif text.strip():
            found[-1][1].append(text)
    return found


def squeezed(text):
    return " ".join(text.split())


def is_in(shown, output):
    """Tell whether some line of the output has the parts of a shown line, in their order."""
    parts = [re.escape(squeezed(part)) for part in shown.split("…")]
    return any(re.search(".*".join(parts), squeezed(each)) for each in output.splitlines())


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """Run the whole tour in one shell; return exit code and output of each step."""
    folder = tmp_path_factory.mktemp("tour")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    lines = []
    for number, (command, _) in enumerate(steps()):
        here = command.replace(PORT, port)
        lines.append(f"{{ {here}\n}} >{number}.out 2>&1\necho $? >{number}.code")
        if here.endswith("&"):
            lines.append(WAIT.format(port=port))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        **{name: text for name, text in os.environ.items() if "COV" in name},
    }
    subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=environment,
        check=True,
        timeout=60,
        capture_output=True,
    )
    return [
        (
            int((folder / f"{number}.code").read_text()),
            (folder / f"{number}.out").read_text("utf-8").replace(port, PORT),
        )
        for number in range(len(steps()))
    ]


@pytest.mark.parametrize("number", range(len(steps())), ids=lambda number: steps()[number][0][:50])
def test_a_step_does_what_the_page_says(tour, number):
    (command, shown), (code, output) = steps()[number], tour[number]
    assert code == 0, (command, output)
    assert [line for line in shown if not is_in(line, output)] == [], (command, output)


def test_there_are_steps():
    assert len(steps()) >= 25
