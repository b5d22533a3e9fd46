"""A body read from its first byte to its last: unpacked, cut, checked, put in place, counted.

A body is checked as a whole before anything of it is stored.  One that fits into memory is kept
from the check; a bigger one is read a second time, and stored piece by piece.
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain

import msgspec

from perfkit.server.body import Body
from perfkit.server.door import Block, Door, too_long
from perfkit.server.elements import blocks, elements, is_array
from perfkit.server.limits import Limits
from perfkit.server.pieces import Placer
from perfkit.server.refusal import bad_request, too_large
from perfkit.server.unpack import unpacked
from perfkit.store.intake import Piece

_LITTLE_BYTES = 4 * 1024
_FEW_BYTES = 64 * 1024
_LITTLE_TEXT = 128 * 1024
_SOME_TEXT = 512 * 1024


class RejectedLine(msgspec.Struct, frozen=True):
    """A line that was not stored, and why."""

    line: int
    """Its number in the body, from 1; blank lines are none."""

    reason: str


class Checked(msgspec.Struct, kw_only=True):
    """What a body holds."""

    sent: int
    """Lines, those that were rejected too."""

    rejected: list[RejectedLine]
    digest: bytes
    """SHA-256 of the canonical lines without those rejected."""

    samples: int
    newest: int
    """The latest timestamp."""

    pieces: list[Piece] | None
    """None where they are too much to keep."""


class Reading:
    """One body and all that is needed to read it, as often as need be.

    Args:
        body: Its bytes.
        encoding: Its Content-Encoding, "" for none.
        door: Checks each line.
        placer: Returns what puts lines in their places.
        limits: How much of anything.
    """

    def __init__(
        self,
        body: Body,
        encoding: str,
        door: Door,
        placer: Callable[[], Placer],
        limits: Limits,
    ) -> None:
        self._body = body
        self._encoding = encoding
        self._door = door
        self._placer = placer
        self._limits = limits
        self._begun: Iterator[bytes] | None = None
        """The text, where some of it has been unpacked to see how much there is."""

    def is_small(self) -> bool:
        """Return whether it is read in no time."""
        return len(self._body) <= _LITTLE_BYTES and self._is_within(_LITTLE_TEXT)

    def is_short(self) -> bool:
        """Return whether it is read in less time than another thread takes to begin."""
        return self._is_within(_SOME_TEXT)

    def _is_within(self, most: int) -> bool:
        if len(self._body) > _FEW_BYTES:
            return False
        pieces = self._begun or unpacked(self._body, self._encoding, self._limits)
        text: list[bytes] = []
        size = 0
        for piece in pieces:
            text.append(piece)
            size += len(piece)
            if size > most:
                break
        self._begun = chain(text, pieces)
        return size <= most

    def check(self) -> Checked:
        """Return what the body holds.

        Raises:
            Refusal: it is damaged, or more than the limits allow.
        """
        kept: list[Piece] | None = None
        digest = hashlib.sha256()
        rejected: list[RejectedLine] = []
        sent = 0
        placer = self._placer()
        is_kept = True
        held = 0
        for block in self._blocks():
            placer.add(block)
            digest.update(block.text)
            for place, reason in block.rejected.items():
                rejected.append(RejectedLine(sent + place + 1, reason))
            sent += len(block.lines)
            self._count(sent, len(rejected))
            held += len(block.text)
            if held > self._limits.text_bytes_in_memory:
                is_kept = False
                placer.take()
        if is_kept:
            kept = placer.take()
        return Checked(
            sent=sent,
            rejected=rejected,
            digest=digest.digest(),
            samples=placer.samples,
            newest=placer.newest,
            pieces=kept,
        )

    def pieces(self) -> Iterator[tuple[list[Piece], int]]:
        """Yield the pieces of a checked body, some at a time, and how many samples they are."""
        placer = self._placer()
        held = samples = 0
        for block in self._blocks():
            placer.add(block)
            held += len(block.text)
            if held >= self._limits.text_bytes_in_memory:
                yield placer.take(), placer.samples - samples
                held, samples = 0, placer.samples
        yield placer.take(), placer.samples - samples

    def _count(self, sent: int, rejected: int) -> None:
        if sent > self._limits.lines:
            raise too_large(f"expected a body of {self._limits.lines} lines at most")
        if rejected > self._limits.rejected:
            raise bad_request(
                f"expected a capture: more than {self._limits.rejected} lines of it are none"
            )

    def _blocks(self) -> Iterator[Block]:
        pieces, self._begun = self._begun, None
        if pieces is None:
            pieces = unpacked(self._body, self._encoding, self._limits)
        is_list, rest = is_array(pieces)
        if is_list:
            for found in elements(rest, self._limits):
                yield self._door.lines(found)
            return
        for part in blocks(rest, self._limits):
            if isinstance(part, int):
                reason = too_long(part, self._limits)
                yield Block([b""], [None], {0: reason}, set(), b"")
            else:
                yield self._door.block(part)


class _Trickle(msgspec.Struct):
    measurements: list[msgspec.Raw]
    identifier: str | None = None


_decode_trickle = msgspec.json.Decoder(_Trickle).decode


def trickled(body: Body, encoding: str, limits: Limits) -> tuple[str | None, list[bytes]]:
    """Return the identifier and the measurements of a body of `/v1/trickle`.

    Raises:
        Refusal: it is none, or more than the limits allow.
    """
    parts: list[bytes] = []
    size = 0
    for piece in unpacked(body, encoding, limits):
        parts.append(piece)
        size += len(piece)
        if size > limits.trickle_bytes:
            raise too_large(f"expected {limits.trickle_bytes} bytes at most, unpacked")
    try:
        found = _decode_trickle(b"".join(parts))
    except RecursionError:
        raise bad_request("JSON nested too deep") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise bad_request(
            f'expected {{"identifier": "...", "measurements": [...]}}: {error}'
        ) from None
    if len(found.measurements) > limits.lines:
        raise too_large(f"expected {limits.lines} measurements at most")
    return found.identifier, [bytes(raw) for raw in found.measurements]
