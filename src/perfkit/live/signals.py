"""Signals as something that a loop can wait for."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self, TextIO

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCHED = (*ENDING, signal.SIGCHLD, signal.SIGWINCH, signal.SIGTSTP)


class Wakeups:
    """Waits for time, a signal, or the reader of stdout to go, whichever comes first.

    While it is entered the watched signals do nothing but end a wait: what they mean is asked
    with `taken`.

    Args:
        output: A pipe whose reader may go away; a file or a terminal does no harm.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output.fileno()
        self._came: list[int] = []
        self._before: dict[int, signal.Handlers | int | None] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)
        self._poll.register(self._output, 0)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in WATCHED:
            self._before[number] = signal.signal(number, self._note)  # type: ignore[assignment] # typeshed: any callable
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(number)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return False if nobody reads the output any more."""
        for descriptor, event in self._poll.poll(seconds * 1000):
            if descriptor == self._read:
                os.read(self._read, 4096)
            elif event & (select.POLLERR | select.POLLNVAL):
                return False
        return True

    def taken(self) -> list[int]:
        """Return the signals that came since this was last asked."""
        came, self._came = self._came, []
        return came
