"""The bar is drawn now and then, and taken away at the end."""

import io

from rich.console import Console

from perfkit.capture.read import Capture
from perfkit.process.progress import progress_bar


def test_the_bar_shows_how_far_it_is():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80)
    times = iter([0.0, 0.05, 0.2])
    capture = Capture(io.BytesIO(), "c", size=1000)
    with progress_bar(console, clock=lambda: next(times)) as watch:
        capture.position = 250
        watch(capture)
        assert "/1.0 kB" not in output.getvalue()
        capture.position = 500
        watch(capture)
    shown = output.getvalue()
    assert "reading" in shown
    assert "0.5/1.0 kB" in shown


def test_a_stream_of_unknown_length_has_a_bar_too():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80)
    times = iter([0.0, 1.0])
    with progress_bar(console, clock=lambda: next(times)) as watch:
        watch(Capture(io.BytesIO(), "c"))
    assert "reading" in output.getvalue()
