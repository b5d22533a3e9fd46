"""Text out of a packed body in bounded steps: what it unpacks to is never held as a whole.

Unlike a capture on a disk, of which what can be read is worth having, a body is whole or refused:
who sent it still has it.
"""

import sys
import zlib
from collections.abc import Iterator
from http import HTTPStatus

from perfkit.capture.unpack import GZIP_MAGIC, PIECE_BYTES, ZSTD_MAGIC
from perfkit.server.body import Body
from perfkit.server.limits import Limits
from perfkit.server.refusal import Refusal, bad_request, too_large

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_STEP = 16 * 1024
"""Packed bytes handed over at once: what follows a member in them is copied for each member."""

_GZIP = 16 + zlib.MAX_WBITS

# RFC 8878 asks of every reader the 8 MiB that `zstd -19` uses.
_ZSTD = {int(zstd.DecompressionParameter.window_log_max): 23}

GZIP_NAMES = ("gzip", "x-gzip")
PLAIN_NAMES = ("", "identity")


def unpacked(data: Body, encoding: str, limits: Limits) -> Iterator[bytes]:
    """Yield the text of a body in pieces.

    Args:
        data: The body.
        encoding: Its Content-Encoding; where it has none its first bytes tell.
        limits: How much of anything.

    Raises:
        Refusal: it is damaged, cut, or unpacks to more than the limits allow.
    """
    name = encoding.strip().lower()
    start = data.read(0, 4)
    if name in PLAIN_NAMES:
        if start.startswith(GZIP_MAGIC):
            name = "gzip"
        elif start.startswith(ZSTD_MAGIC):
            name = "zstd"
    if name in GZIP_NAMES:
        return _bounded(_gunzip(data, limits.members), len(data), limits)
    if name == "zstd":
        return _bounded(_unzstd(data, limits.members), len(data), limits)
    if name in PLAIN_NAMES:
        return _bounded(_slices(data), len(data), limits)
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected Content-Encoding gzip or zstd, found {name!r}"
    )


def _bounded(pieces: Iterator[bytes], packed: int, limits: Limits) -> Iterator[bytes]:
    most = max(limits.ratio_from_bytes, limits.text_ratio * packed)
    text = 0
    for piece in pieces:
        text += len(piece)
        if text > limits.text_bytes:
            raise too_large(f"expected a body of {limits.text_bytes} bytes unpacked at most")
        if text > most:
            raise too_large(
                f"expected at most {limits.text_ratio} bytes of text for each byte of the body"
            )
        yield piece


def _slices(data: Body) -> Iterator[bytes]:
    for at in range(0, len(data), PIECE_BYTES):
        yield data.read(at, PIECE_BYTES)


def _gunzip(data: Body, members: int) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if at and len(data) - at <= _STEP and not data.read(at, _STEP).strip(b"\0"):
            return  # Padding after the last member, as tape drives leave it.
        members = _one_less(members)
        inflate = zlib.decompressobj(_GZIP)
        while not inflate.eof:
            step = data.read(at, _STEP)
            try:
                text = inflate.decompress(step, PIECE_BYTES)
            except zlib.error as error:
                reason = str(error).partition(": ")[2]
                raise bad_request(f"the gzip stream is damaged near byte {at}: {reason}") from None
            taken = len(step) - len(inflate.unconsumed_tail) - len(inflate.unused_data)
            at += taken
            if text:
                yield text
            elif not taken and not inflate.eof:
                raise bad_request(f"the gzip stream is cut: it has no end after {at} bytes")


def _unzstd(data: Body, frames: int) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        frames = _one_less(frames)
        frame = zstd.ZstdDecompressor(options=_ZSTD)
        while not frame.eof:
            step = data.read(at, _STEP) if frame.needs_input else b""
            at += len(step)
            if frame.needs_input and not step:
                raise bad_request(f"the zstd stream is cut: it has no end after {at} bytes")
            try:
                text = frame.decompress(step, PIECE_BYTES)
            except zstd.ZstdError as error:
                raise bad_request(f"the zstd stream is damaged near byte {at}: {error}") from None
            if text:
                yield text
        at -= len(frame.unused_data)


def _one_less(members: int) -> int:
    if members <= 0:
        raise bad_request("the body has too many gzip members or zstd frames")
    return members - 1
