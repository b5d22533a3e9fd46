"""What is sent at once: batches that follow each other, unpacked, hashed, and packed again as one.

Packed as one at a higher level a sample takes 300 bytes where the spool, flushed at each tick, has
450; and the hash is that of the lines themselves, which the server's receipt has to be.
"""

import hashlib
import os
import zlib

from perfkit.agent.frame import START, Unpacker, frames
from perfkit.agent.spool import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from perfkit.agent.frame import Frame

LEVEL = 6
_GZIP = zlib.MAX_WBITS + 16


class Parcel:
    """Batches of one run, ready to be sent.

    Args:
        place: Where they are in the spool.
        position: Of the first line.
    """

    __slots__ = ("batches", "body", "digest", "lines", "place", "position", "samples", "text")

    def __init__(self, place: Place, position: int) -> None:
        self.place = place
        self.position = position
        self.batches = 0
        self.samples = 0
        self.lines = 0
        self.text = 0
        """Bytes of the lines."""
        self.body = b""
        """The lines as gzip."""
        self.digest = ""
        """SHA-256 of the lines."""


def parcel_of(place: Place, most_samples: int, most_text: int) -> Parcel | None:
    """Return batches from the start of a place on, or None where there is nothing to be read.

    Whole batches are taken until one of the limits is reached, one at least.  Without any, `place`
    is what cannot be read: the tail that a crash left, as a rule.

    Args:
        place: Where to begin; its end is moved to where the parcel ends.
        most_samples: Samples from which on no further batch is taken.
        most_text: Bytes of lines, likewise.
    """
    packer, digest = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP), hashlib.sha256()
    parcel: Parcel | None = None
    body: list[bytes] = []
    for frame, text in texts(place):
        if parcel is None:
            parcel = Parcel(place, frame.position)
        if frame.kind == START:
            is_next = frame.position == parcel.position + parcel.lines
            if parcel.samples >= most_samples or parcel.text >= most_text or not is_next:
                break
            parcel.batches += 1
        place_end = frame.end
        parcel.samples += 1
        parcel.lines += frame.lines
        parcel.text += frame.text
        digest.update(text)
        body.append(packer.compress(text))
    if parcel is None:
        return None
    place.end = place_end
    parcel.body = b"".join(body) + packer.flush()
    parcel.digest = digest.hexdigest()
    return parcel


def texts(place: Place) -> "Iterator[tuple[Frame, bytes]]":
    """Give each valid frame of a place with its lines."""
    file = os.open(place.segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        unpacker = Unpacker()
        for frame in frames(file, place.start, place.end):
            try:
                text = unpacker.text(frame)
            except zlib.error:  # its CRC is right: the frame before it is missing
                return
            yield frame, text
    finally:
        os.close(file)


def lines_of(place: Place) -> list[bytes]:
    """Return the lines of a place."""
    return [line for _, text in texts(place) for line in text.splitlines(keepends=True)]


def packed_lines(lines: list[bytes]) -> tuple[bytes, str]:
    """Return lines as gzip, and their SHA-256."""
    text = b"".join(lines)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(text) + packer.flush(), hashlib.sha256(text).hexdigest()
