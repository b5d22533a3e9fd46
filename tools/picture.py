"""Make docs/watch.svg: the live view of this host, drawn from a real recording.

python tools/picture.py [--seconds 20] [--name web1] [--text FILE] [--output docs/watch.svg]

Starts `perfkit collect` on a capture in a temporary folder and draws what it measured with the code
of `perfkit collect --watch`.  Only the names of host and file are replaced, as they would be those
of whoever made it.
"""

import argparse
import io
import re
import sys
import tempfile
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group

from perfkit.capture.follow import Follower
from perfkit.live.child import Recorder
from perfkit.live.screen import picture
from perfkit.live.view import UNICODE, Host
from perfkit.live.watch import Watch

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 100, 30
FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"

# Rich's own format names fonts on a web host; a page must not load anything from anywhere.
_FROM_ELSEWHERE = re.compile(r"@font-face \{\{.*?\}\}|<!--.*?-->", re.DOTALL)
SVG = _FROM_ELSEWHERE.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, monospace", FONTS)


def record(seconds: float, capture: Path) -> Watch:
    """Record this host for so long and return the view of it."""
    command = [sys.executable, "-m", "perfkit", "collect", "--collection", str(capture)]
    command += ["--frequency", "1s", "--duration", f"{seconds:.0f}s"]
    recorder = Recorder(command)
    follower = Follower(capture)
    try:
        watch = Watch(capture, 1.0, follower, recorder, time.monotonic)
        while recorder.code is None:
            watch.look()
            time.sleep(0.1)
        watch.look()
        watch.look()
    finally:
        recorder.close()
        follower.close()
    if recorder.code:
        sys.exit("\n".join(watch.said) or f"the recorder ended with {recorder.code}")
    return watch


def main(arguments: list[str]) -> int:
    """Record, draw, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--name", default="web1", help="shown instead of this host's")
    parser.add_argument("--text", type=Path, help="write the picture as text, too")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "watch.svg")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        view = record(options.seconds, Path(folder) / "capture.json.gz").view
    view.host = Host(name=options.name, kernel=view.host.kernel)
    view.capture = "~/.local/state/perfkit/capture.json.gz"
    view.message = ""
    lines = picture(view, WIDTH, HEIGHT, UNICODE)
    console = Console(
        file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor"
    )
    console.print(Group(*lines))
    svg = console.export_svg(title="perfkit collect --watch", code_format=SVG, clear=False)
    text = console.export_text()
    options.output.write_text(svg, encoding="utf-8")
    if options.text:
        options.text.write_text(text, encoding="utf-8")
    print(f"wrote {options.output} ({options.output.stat().st_size} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
