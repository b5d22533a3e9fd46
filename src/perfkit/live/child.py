"""The recorder as a child of the view."""

import os
import signal
import subprocess
import tempfile

PATIENCE_SECONDS = 10.0
"""How long the recorder gets for its last line when the view cannot wait any longer."""

MESSAGE_BYTES = 1024 * 1024
"""Read of its messages at once."""


class Recorder:
    """A recorder that was started and will be ended.

    It has a process group of its own, so that Ctrl-C in the terminal reaches the view alone, which
    then ends it in good order.  Its messages go to a file without a name: unlike a pipe that
    never fills up, and does not break should the view be killed.  In that case (kill -9) the
    recording goes on: it is worth more than its picture, and the same command shows it was so by
    refusing the locked capture.

    Args:
        command: The recorder's command line.
        patience: Seconds that `close` gives it for its last line.
    """

    def __init__(self, command: list[str], *, patience: float = PATIENCE_SECONDS) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._patience = patience
        self._read = 0
        self._ending = 0
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._messages,
                process_group=0,
            )
        except OSError:
            self._messages.close()
            raise

    @property
    def code(self) -> int | None:
        """Return the exit code, 128 + n after signal n, None while it runs."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

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
                self._process.wait(self._patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._messages.close()

    def messages(self) -> list[str]:
        """Return the whole lines it wrote since this was last asked."""
        data = os.pread(self._messages.fileno(), MESSAGE_BYTES, self._read)
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()
