"""Where an existing capture may be continued: after its last whole tick.

A recorder that was killed, or a machine that lost its power, leaves a file that ends anywhere.
Nothing is written here: `find_tail` says how many bytes to keep and what closes them.
"""

import os
import zlib

from perfkit.capture.member import MAGIC, WITH_GZIP_HEADER
from perfkit.capture.packed_tail import find_packed_end, is_own_header
from perfkit.errors import InputError, shown
from perfkit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK = 64 * 1024
HEAD = 4096
FIRST = 256
"""Bytes of text that tell a capture: more could lie beyond what the repair will cut."""

NEAR = MIB // 4
TAIL = 4 * MIB
"""Bytes before the end that are searched for its last ticks: NEAR is nearly always enough."""

FIRST_KEY = b'{"timestamp":'
HOST = b'"perfkit/host"'
"""Source of the first line of every capture of ours, but with --original."""

OURS = b'"perfkit/'
CPUINFO = b'"/proc/cpuinfo"'
STATFS = b'"statfs[*]"'


class Tail:
    """The end of an existing capture.

    Args:
        keep: Bytes from the start that hold whole ticks.
        closing: What has to follow them before anything else does.
        size: Bytes of the file as it was found.
        first: Timestamp of the first line in seconds; None when there is no line.
    """

    __slots__ = ("closing", "first", "keep", "size")

    def __init__(self, *, keep: int, closing: bytes, size: int, first: int | None) -> None:
        self.keep = keep
        self.closing = closing
        self.size = size
        self.first = first if keep else None

    @property
    def cut(self) -> int:
        """Return how many bytes at the end are lost."""
        return self.size - self.keep


def find_tail(file: int, path: str, *, packed: bool) -> Tail:
    """Return where the capture open as `file` may be continued.

    Args:
        file: A descriptor open for reading.
        path: Its name, for messages.
        packed: Whether it is to be continued as gzip.

    Raises:
        InputError: it is no capture, or not one that can be continued.
    """
    size = os.fstat(file).st_size
    head = os.pread(file, HEAD, 0)
    if not head.strip(b"\0") and _is_hollow(file, size):
        return Tail(keep=0, closing=b"", size=size, first=None)
    if head.startswith(MAGIC) != packed and not (packed and MAGIC.startswith(head)):
        found = "gzip" if head.startswith(MAGIC) else f"no gzip: {shown(head[:16])}"
        wanted = "gzip by its name" if packed else "plain text by its name"
        raise InputError(f"{path}: not a capture, left alone: expected {wanted}, found {found}")
    if packed:
        try:
            text = zlib.decompressobj(WITH_GZIP_HEADER).decompress(head, FIRST)
        except zlib.error as error:
            if is_own_header(head):  # the first tick is damaged: nothing whole came before it
                keep, closing = find_packed_end(file, path, size)
                return Tail(keep=keep, closing=closing, size=size, first=None)
            reason = f"expected gzip, found {error}"
            raise InputError(f"{path}: not a capture, left alone: {reason}") from error
        _check_head(text, path)
        keep, closing = find_packed_end(file, path, size)
        return Tail(keep=keep, closing=closing, size=size, first=_first(text))
    _check_head(head, path)
    keep = _after_last_newline(file, size)
    closing = b""
    if keep < size and _is_whole(os.pread(file, size - keep, keep)):
        keep, closing = size, b"\n"
    if keep < size:
        keep = _before_torn_tick(file, keep, os.pread(file, HEAD, keep))
    elif _source_of(head[:FIRST]) == HOST and (start := _half_tick(file, size, closing)) < size:
        keep, closing = start, b""
    return Tail(keep=keep, closing=closing, size=size, first=_first(head))


def _is_hollow(file: int, size: int) -> bool:
    """Return whether there are only zeros: a power loss can keep a length and lose the bytes."""
    return all(not os.pread(file, BLOCK, at).strip(b"\0") for at in range(0, size, BLOCK))


def _check_head(head: bytes, path: str) -> None:
    start = head[:64].replace(b" ", b"")
    is_line = head.startswith(b"{") and (b'"timestamp"' in head or b'"subsystem"' in head)
    if not is_line and not FIRST_KEY.startswith(start):
        reason = f"expected a line that begins {FIRST_KEY.decode()}, found {shown(head[:16])}"
        raise InputError(f"{path}: not a capture, left alone: {reason}")


def _first(head: bytes) -> int | None:
    """Return the timestamp of the line that `head` begins with, if it is one."""
    digits = head.partition(b'"timestamp":')[2][:20].lstrip()
    number = digits[: len(digits) - len(digits.lstrip(b"0123456789"))]
    return int(number) if number else None


def _after_last_newline(file: int, size: int) -> int:
    end = size
    while end:
        start = max(0, end - BLOCK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _before_torn_tick(file: int, end: int, torn: bytes) -> int:
    """Return where the tick begins whose writing was cut in the line `torn` that follows `end`.

    A tick is one write, so whole lines before the torn one may be half a tick, or a whole one.  A
    tick longer than TAIL stays as it is.
    """
    last, before = _last_ticks(file, end)
    return end - sum(map(len, last)) if last and _is_part(torn, last, before) else end


def _is_part(torn: bytes, last: list[bytes], before: list[bytes]) -> bool:
    """Return whether a torn line belongs to the tick of the lines `last`.

    That is where it tells the same time; but `ns` stands at the end, which it lacks.  Where there
    may be several ticks a second, or it tells no time, its source says it, as each comes once a
    tick and ours first; or else whether `last` ends as the tick before.
    """
    names = [_source_of(line) for line in last]
    seconds, ns = _time_of(last[0])
    if torn.startswith(FIRST_KEY) and b"," in torn[len(FIRST_KEY) :][:20]:
        if _time_of(torn)[0] != seconds:
            return False
        if not ns:
            return True
        if b'","measurement":' in torn:
            name = _source_of(torn)
            is_first = name == CPUINFO or name.startswith(OURS)
            return name not in names and not (is_first and _of_kernel(names))
    if before:
        return names[-1] != _source_of(before[-1])
    return names[0] == HOST and names[-1] != STATFS


def _half_tick(file: int, end: int, closing: bytes) -> int:
    """Return where the last tick begins if it was cut exactly between two lines, else `end`.

    Then it lacks the last sources of the tick before, in the order of our recorder.  A tick with
    `perfkit/host` is a run's first or has other mounts: nothing says what it should hold.

    Args:
        file: A capture of our own.
        end: Where its last line ends.
        closing: What that line lacks.
    """
    last, before = _last_ticks(file, end, closing)
    names = [_source_of(line) for line in last]
    found, wanted = _of_kernel(names), _of_kernel(map(_source_of, before))
    if HOST in names:
        is_half = not found
    else:
        is_half = len(found) < len(wanted) and wanted[: len(found)] == found
    return end + len(closing) - sum(map(len, last)) if is_half else end


def _of_kernel(names: "Iterable[bytes]") -> list[bytes]:
    """Return the sources that every tick has: /proc/cpuinfo is recorded now and then."""
    wanted = (b'"/', b'"statfs')
    return [name for name in names if name.startswith(wanted) and name != CPUINFO]


def _last_ticks(file: int, end: int, closing: bytes = b"") -> tuple[list[bytes], list[bytes]]:
    """Return the lines of the last tick before `end`, and of the one before that.

    There are none where the tick is longer than TAIL.
    """
    for window in (min(NEAR, TAIL), TAIL):
        start = max(0, end - window)
        lines = (os.pread(file, end - start, start) + closing).splitlines(keepends=True)
        if start:
            del lines[0]  # perhaps cut by the window itself
        last = _same_time(lines)
        before = _same_time(lines[: len(lines) - len(last)])
        if not start or len(last) + len(before) < len(lines):
            return last, before
    return ([], []) if len(last) == len(lines) else (last, before)


def _same_time(lines: list[bytes]) -> list[bytes]:
    """Return the last lines that tell one time."""
    first = len(lines)
    while first and _time_of(lines[first - 1]) == _time_of(lines[-1]):
        first -= 1
    return lines[first:]


def _time_of(line: bytes) -> tuple[bytes, bytes]:
    """Return timestamp and `ns` of a canonical line as they stand there."""
    seconds = line[len(FIRST_KEY) : len(FIRST_KEY) + 20].partition(b",")[0]
    _, mark, ns = line[-32:].rpartition(b'","ns":')
    return seconds, ns if mark else b""


def _source_of(line: bytes) -> bytes:
    return line.partition(b'"subsystem":')[2].partition(b",")[0]


def _is_whole(line: bytes) -> bool:
    """Return whether a last line lacks only its newline.

    A quote inside the measurement has a backslash before it, so what the line ends with tells.
    """
    before, _, after = line.rpartition(b'"')
    if before.endswith(b"\\") or not line.startswith(FIRST_KEY):
        return False
    if after == b"}":
        return True
    is_ns = before.endswith(b'","ns') and after.startswith(b":") and after.endswith(b"}")
    return is_ns and after[1:-1].isdigit()
