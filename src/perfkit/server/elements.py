"""A body's text into what the door checks: blocks of lines, or the elements of a JSON array.

Text comes in pieces and is never held as a whole: one line, or one element, at most.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from perfkit.server.limits import Limits
from perfkit.server.refusal import bad_request, too_large

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_ELEMENTS = 256
"""Elements handed over at once."""

# Their values do not matter here, and a number of 5,000 digits must not raise.
_scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def is_array(pieces: Iterable[bytes]) -> tuple[bool, Iterator[bytes]]:
    """Return whether the first non-blank byte is `[`, and the text from that byte on."""
    rest = iter(pieces)
    is_first = True
    for piece in rest:
        text = piece.removeprefix(_BYTE_ORDER_MARK) if is_first else piece
        is_first = False
        start = text.lstrip(_BLANKS)
        if start:
            return start.startswith(b"["), chain([start], rest)
    return False, iter(())


def blocks(pieces: Iterable[bytes], limits: Limits) -> Iterator[bytes | int]:
    """Yield the text in whole lines; in the place of a line that is too long its size.

    A line whose last piece makes it too long is yielded whole: the door measures it again.
    """
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            text = piece[:end]
            if size > limits.line_bytes:
                first = piece.find(b"\n")
                yield size + first
                text = text[first + 1 :]
            elif held:
                text = b"".join([*held, text])
            held, size = [], 0
            if text:
                yield text
        if end < len(piece):
            held.append(piece[end:])
            size += len(piece) - end
            if size > limits.line_bytes:
                held = []
    if size > limits.line_bytes:
        yield size
    elif held:
        yield b"".join(held)


def elements(pieces: Iterable[bytes], limits: Limits) -> Iterator[list[bytes]]:
    """Yield the elements of a JSON array, some at a time, each as it is spelled.

    Raises:
        Refusal: it is no array, it is cut, or an element is too long to look for its end.
    """
    window = _Window(pieces, limits.line_bytes)
    found: list[bytes] = []
    window.skip("[")
    is_end = window.next() == "]"
    while not is_end:
        found.append(window.value())
        if len(found) >= _ELEMENTS:
            yield found
            found = []
        is_end = window.next() == "]"
        if not is_end:
            window.skip(",")
    window.skip("]")
    if window.next():
        raise bad_request("expected nothing after the JSON array")
    yield found


class _Window:
    """The part of a text that is being looked at.

    Args:
        pieces: The text.
        most: Bytes that a value may have.
    """

    def __init__(self, pieces: Iterable[bytes], most: int) -> None:
        self._pieces = iter(pieces)
        # A byte that is not UTF-8 goes on to the door, which says which line has it.
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = ""
        self._at = 0
        self._before = 0
        self._most = most
        self._is_whole = False

    def next(self) -> str:
        """Return the next character that is no blank, "" at the end; stay before it."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            self._at = at
            if at < len(text) or not self._more(1):
                return text[at : at + 1]

    def skip(self, expected: str) -> None:
        """Pass over a character that has to be there."""
        found = self.next()
        if found != expected:
            raise bad_request(
                f"expected {expected!r} at character {self._before + self._at} of the JSON array,"
                f" found {found!r}"
                if found
                else f"the JSON array is cut: expected {expected!r} at its end"
            )
        self._at += 1

    def value(self) -> bytes:
        """Return the value that begins here as it is spelled, and pass over it."""
        self.next()
        wanted = 4096
        while True:
            try:
                _, end = _scan(self._text, self._at)
            except RecursionError:
                raise bad_request("the JSON array is nested too deep") from None
            except ValueError as error:
                if self._more(wanted):
                    wanted = self._wider(wanted)
                    continue
                reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                raise bad_request(f"the JSON array is cut or malformed: {reason}") from None
            # A number may go on: only what follows tells that it does not.
            size = end - self._at
            if end < len(self._text) or not self._more(1):
                break
        spelled = self._text[self._at : self._at + size]
        self._at += size
        return spelled.encode("utf-8", "surrogateescape")

    def _wider(self, wanted: int) -> int:
        if len(self._text) - self._at > self._most:
            raise too_large(f"expected elements of {self._most} bytes at most")
        return wanted * 2

    def _more(self, wanted: int) -> bool:
        """Read at least so many more characters; return whether there were any."""
        self._before += self._at
        parts = [self._text[self._at :]]
        self._at = 0
        read = 0
        while read < wanted and not self._is_whole:
            piece = next(self._pieces, None)
            self._is_whole = piece is None
            parts.append(self._decode(piece or b"", final=self._is_whole))
            read += len(parts[-1])
        self._text = "".join(parts)
        return read > 0
