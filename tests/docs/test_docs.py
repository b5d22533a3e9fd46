"""What the documents say is what the program does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import docs  # noqa: E402 - tools/ is a folder of scripts, not a package

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return docs.pages()


@pytest.mark.parametrize("name", ["cli.md", "settings.md", "csv.md"])
def test_a_generated_page_is_what_the_program_says(name, pages):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages[name], "run make docs"


def test_every_command_has_a_section_and_help(pages):
    sections = re.findall(r"^## (perfkit.*)$", pages["cli.md"], re.MULTILINE)
    assert sections == [f"perfkit {name}".strip() for name in docs.COMMANDS]
    assert pages["cli.md"].count("Usage: perfkit") == len(docs.COMMANDS)


def _shape(line: str) -> str:
    """Return a line of output with its figures and widths taken out."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,e+-]*", "N", line)).strip()


def _commands(block: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip() not in ("", "..."):
            found[-1][1].append(_shape(line))
    return found


def test_readme_has_console_blocks():
    assert BLOCKS


def test_readme_console_blocks_run_as_printed(tmp_path):
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["HOME"] = str(tmp_path)
    environment.pop("XDG_STATE_HOME", None)
    for command, shown in (pair for block in BLOCKS for pair in _commands(block)):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stderr)
        printed = [_shape(line) for line in (done.stdout + done.stderr).splitlines()]
        assert [line for line in shown if line not in printed] == [], (command, printed)


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")), ids=str
)
def test_links_between_documents_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(
        r'src="(?!https?:)([^"]+)"', text
    )
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_exit_codes_of_the_page_are_those_of_the_program():
    from perfkit import errors  # noqa: PLC0415

    in_code = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    in_page = {
        int(n)
        for n in re.findall(
            r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", docs.EXIT_CODES, re.MULTILINE))
        )
    }
    assert in_code == in_page
