"""The recorder as a child of the view."""

import os
import signal
import subprocess
import tempfile
from typing import IO

LONGEST_WAIT_SECONDS = 10.0
"""How long the recorder gets for its last line when the view cannot wait any longer."""


class Recorder:
    """A recorder that was started and will be ended.

    It has a process group of its own, so that Ctrl-C in the terminal reaches the view alone, which
    then ends it in good order.  Its messages go to a file without a name: unlike a pipe that
    never fills up, and does not break should the view be killed.  In that case (kill -9) the
    recording goes on: it is worth more than its picture, and the same command shows it was so by
    refusing the locked capture.

    Args:
        command: The recorder's command line.
        is_silent: Keep its messages for later instead of letting them through to stderr.
    """

    def __init__(self, command: list[str], *, is_silent: bool) -> None:
        self._messages: IO[bytes] | None = None
        if is_silent:
            self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._read = 0
        self._ending = 0
        self._process = subprocess.Popen(  # noqa: S603 - the command is our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
            process_group=0,
        )

    @property
    def code(self) -> int | None:
        """Return the exit code, 128 + n after signal n, None while it runs."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

    @property
    def is_ending(self) -> bool:
        """Return whether it was asked to end."""
        return self._ending > 0

    def end(self) -> None:
        """Ask it to end: it writes its last line whole.  Asked a third time it is killed."""
        self._ending += 1
        kind = signal.SIGTERM if self._ending < 3 else signal.SIGKILL
        if self._process.poll() is None:
            self._process.send_signal(kind)

    def close(self) -> None:
        """Make sure that it is gone, whatever happened to the view."""
        if self._process.poll() is None:
            self.end()
            try:
                self._process.wait(LONGEST_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._messages is not None:
            self._messages.close()

    def messages(self) -> list[str]:
        """Return the lines it wrote since this was last asked."""
        if self._messages is None:
            return []
        data = os.pread(self._messages.fileno(), 1 << 20, self._read)
        self._read += len(data)
        return data.decode("utf-8", "replace").splitlines()
