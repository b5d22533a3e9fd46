"""A progress bar on a terminal while a capture is read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from perfkit.capture.read import Capture

REFRESH_SECONDS = 0.1


@contextmanager
def progress_bar(
    console: Console, *, what: str = "reading", clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Capture], None]]:
    """Show how much of a capture has been read, and take the bar away at the end.

    Args:
        console: The terminal.
        what: Stands before the bar.
        clock: Seconds, to refresh the bar no more often than it can be seen.

    Yields:
        What to call with the capture as it is read.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
    )
    task = bar.add_task(what, total=None)
    shown = clock()

    def watch(capture: Capture) -> None:
        nonlocal shown
        now = clock()
        if now - shown >= REFRESH_SECONDS:
            shown = now
            bar.update(task, completed=capture.position, total=capture.size)
            bar.refresh()

    with bar:
        yield watch
