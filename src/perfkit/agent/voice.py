"""What the recorder says to a person: one line each, on stderr, by level."""

import os

TRACE, DEBUG, INFO, WARN, ERROR = range(5)
LEVELS = {"trace": TRACE, "debug": DEBUG, "info": INFO, "warn": WARN, "error": ERROR}

_STDERR = 2


class Voice:
    """Writes lines of a level or above; a stderr that is gone is no reason to stop recording.

    Args:
        level: The lowest level that is shown.
        file: Descriptor to write to.
    """

    __slots__ = ("_file", "_level")

    def __init__(self, level: int = INFO, file: int = _STDERR) -> None:
        self._level = level
        self._file = file

    def error(self, text: str) -> None:
        """Say why the recorder ends."""
        self._say(ERROR, text)

    def warn(self, text: str) -> None:
        """Say what is not as it should be while recording goes on."""
        self._say(WARN, f"warning: {text}")

    def info(self, text: str) -> None:
        """Say what is being done."""
        self._say(INFO, text)

    def _say(self, level: int, text: str) -> None:
        if level < self._level:
            return
        line = f"perfkit: {text}\n".encode("utf-8", "backslashreplace")
        try:
            os.write(self._file, line)
        except OSError:
            self._level = ERROR + 1


def bug_text(error: Exception) -> str:
    """Return where and what an error is that nobody foresaw."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = (
        f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}" if place else "?"
    )
    return f"a bug at {where}: {type(error).__name__}: {error}"
