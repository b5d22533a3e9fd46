"""Canonical lines by their bytes: no JSON is decoded for what is passed over."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

_START = b'{"timestamp":'
_NAME = b',"subsystem":"'
_TEXT = b'","measurement":"'
_NS = b'","ns":'

NO_NS = -1
"""Stands for a line without `ns`."""


class Head(NamedTuple):
    """What a line says besides its text."""

    timestamp: int
    ns: int
    """NO_NS where the line has none."""

    subsystem: bytes
    """As it stands in the line, escaped."""

    start: int
    """Where the text begins, within its quotes."""

    end: int
    """Where it ends."""


def head_of(line: bytes) -> Head:
    """Return the head of a canonical line, without its newline.

    Raises:
        ValueError: it is not written canonically; it may be a good line all the same.
    """
    comma = line.index(b",", len(_START))
    quote = line.index(_TEXT, comma)
    if not line.startswith(_START) or not line.startswith(_NAME, comma):
        raise ValueError
    ns, end = NO_NS, len(line) - 2
    if not line.endswith(b'"}'):
        end = line.rindex(_NS, quote)  # the quotes of a text are escaped: it cannot hold this
        ns = int(line[end + len(_NS) : -1])
    return Head(
        int(line[len(_START) : comma]),
        ns,
        line[comma + len(_NAME) : quote],
        quote + len(_TEXT),
        end,
    )


class Lines(Sequence[bytes]):
    r"""Lines as one text, which is cut only where one of them is asked for.

    Args:
        text: All of them; only `\n` ends one.
        count: How many they are.
        times: The earliest and the latest timestamp in seconds, where somebody knows.
    """

    __slots__ = ("_count", "_cut", "text", "times")

    def __init__(self, text: bytes, count: int, times: tuple[int, int] | None = None) -> None:
        self.text = text
        self.times = times
        self._count = count
        self._cut: list[bytes] | None = None

    @classmethod
    def joined(cls, parts: Sequence[Sequence[bytes]]) -> "Lines":
        """Return lines that follow one another as one."""
        held = [
            part if isinstance(part, Lines) else cls(b"".join(part), len(part)) for part in parts
        ]
        if len(held) == 1:
            return held[0]
        times = [part.times for part in held if part.times is not None]
        return cls(
            b"".join([part.text for part in held]),
            sum(map(len, held)),
            (min(low for low, _ in times), max(high for _, high in times))
            if times and len(times) == len(held)
            else None,
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    @overload
    def __getitem__(self, at: int) -> bytes: ...

    @overload
    def __getitem__(self, at: slice) -> "Lines": ...

    def __getitem__(self, at: int | slice) -> "bytes | Lines":
        """Return one of them, or some."""
        if isinstance(at, int):
            return self._lines()[at]
        if at.indices(self._count) == (0, self._count, 1):
            return self
        return Lines.joined([self._lines()[at]])

    def __iter__(self) -> Iterator[bytes]:
        """Go through them."""
        return iter(self._lines())

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same lines."""
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        """Return a hash of the text."""
        return hash(self.text)

    def _lines(self) -> list[bytes]:
        if self._cut is None:
            self._cut = [line + b"\n" for line in self.text.split(b"\n")[:-1]]
        return self._cut
