"""A spool, a sender, a server that answers what a test says, and the clock of all of them."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

from spools import Spools

from perfkit.agent.upload import Sender
from perfkit.agent.voice import Voice
from perfkit.answer import Receipt
from perfkit.errors import NetworkError, RefusedError

URL = "http://there"

Answer = Callable[[str, int, list[bytes]], Receipt | None]


class Told(Voice):
    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []
        self.infos: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def info(self, text: str) -> None:
        self.infos.append(text)


class World:
    """A spool, a sender, a server and the clock of all of them."""

    def __init__(self, folder: Path) -> None:
        self.spools = Spools(folder)
        self.spool = self.spools.open()
        self.voice = Told()
        self.now = 1000.0
        self.noise = 1.0
        self.answers: list[Answer | Exception] = []
        """What the server says, one after the other; then it takes everything."""
        self.sent: list[tuple[str, int, int]] = []
        """Run, position and lines of each request."""
        self.taken: dict[tuple[str, int], bytes] = {}
        self.connections = 0
        self.lost: list[tuple[str, int, int, str]] = []
        self.sender = Sender(
            self.spool,
            self.connect,
            lambda *what: self.lost.append(what),
            self.voice,
            url=URL,
            now=lambda: self.now,
            noise=lambda: self.noise,
        )

    def connect(self) -> "World":
        self.connections += 1
        return self

    def close(self) -> None:
        pass

    def upload(
        self, body: bytes, *, machine: str, run: str, position: int, kind: str, encoding: str
    ) -> Receipt:
        assert (machine, kind, encoding) == ("web1", "stream", "gzip")
        lines = gzip.decompress(body).splitlines(keepends=True)
        self.sent.append((run, position, len(lines)))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        receipt = answer(run, position, lines) if answer else None
        return receipt or self.take(run, position, lines)

    def take(self, run: str, position: int, lines: list[bytes]) -> Receipt:
        for number, line in enumerate(lines, start=position):
            assert self.taken.setdefault((run, number), line) == line
        return Receipt(hashlib.sha256(b"".join(lines)).hexdigest(), lines=len(lines))

    def steps(self) -> None:
        """Go on until there is nothing to do."""
        for _ in range(1000):
            wait = self.sender.step()
            if wait is None:
                return
            self.now += wait
        raise AssertionError("it never ends")

    def parked(self) -> dict[str, list[bytes]]:
        folder = self.spools.folder / "parked"
        found = sorted(folder.iterdir()) if folder.exists() else []
        return {
            path.name: gzip.decompress(path.read_bytes()).splitlines(keepends=True)
            for path in found
        }


def refusal(status: int | None, retry_after: float | None = None) -> Exception:
    kind = RefusedError if status in {401, 403} else NetworkError
    return kind(f"server at {URL}: no ({status})", status=status, retry_after=retry_after)
