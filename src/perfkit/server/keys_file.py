"""The original's `apikeys`: a key a line, of 8 characters or more; read again when it changes.

Its keys are ingest keys of the first tenant.  A file that is not there holds none.
"""

from collections.abc import Callable
from pathlib import Path

from perfkit.store.secrets import LONGEST, SHORTEST_FOREIGN

_MOST_BYTES = 1024 * 1024

State = tuple[int, int, int] | None


class KeysFile:
    """The file, and what was last seen of it.

    Args:
        path: Where it is or may come to be.
        take: Takes the keys that it holds now.
        say: Takes a line for a person.
    """

    def __init__(
        self, path: Path, take: Callable[[list[str]], None], say: Callable[[str], None]
    ) -> None:
        self._path = path
        self._take = take
        self._say = say
        self._state: State = None

    def look(self) -> None:
        """Read it if it is not as it was."""
        state = self._now()
        if state == self._state:
            return
        self._state = state
        keys: list[str] = []
        if state is not None:
            try:
                with self._path.open("rb") as file:
                    text = file.read(_MOST_BYTES).decode("utf-8", "replace")
            except OSError as error:
                # The keys that it held stay: an editor may be at work.
                self._say(f"{self._path}: not read: {(error.strerror or str(error)).lower()}")
                return
            lines = [line.strip() for line in text.splitlines()]
            lines = [line for line in lines if line and not line.startswith("#")]
            keys = [line for line in lines if SHORTEST_FOREIGN <= len(line) <= LONGEST]
            if len(keys) < len(lines):
                reason = f"expected {SHORTEST_FOREIGN} to {LONGEST} characters"
                self._say(f"{self._path}: {len(lines) - len(keys)} keys passed over: {reason}")
        self._take(keys)
        self._say(f"{self._path}: {len(keys)} ingest keys")

    def _now(self) -> State:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
