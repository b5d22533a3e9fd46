"""`statfs[*]`: room on mounted file systems, as a capture holds it.

Not a kernel file: the recorder writes one JSON object a mount, each followed by a newline, with
what statfs(2) answers.  The keys of the original are the five below; further ones are passed over.

    {"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,"blocks_available":650}
"""

import msgspec

from perfkit.errors import ParseError, shown
from perfkit.model import FileSystem
from perfkit.model.number import COUNTER_MAX
from perfkit.parsers._text import IN_DOUBT, Buffer, as_bytes, name

_FILE_SYSTEM = msgspec.json.Decoder(FileSystem)


class _Mount(msgspec.Struct):
    """The object with numbers of any size, to be judged here: msgspec's bounds end at 2^63-1."""

    mount_point: str
    block_size: int
    blocks_total: int
    blocks_free: int
    blocks_available: int
    inodes_total: int | None = None
    inodes_free: int | None = None


def parse(data: Buffer) -> list[FileSystem]:
    """Return the file systems in the order of the text, that of the host's mounts.

    Raises:
        ParseError: a line is not such an object, or a number not one of statfs(2).
    """
    text = as_bytes(data)
    try:
        return [_FILE_SYSTEM.decode(line) for line in text.split(b"\n") if line]
    except IN_DOUBT:
        return parse_reference(text)


def parse_reference(text: bytes) -> list[FileSystem]:
    """Return the same as `parse`, slower: the form to read."""
    mounts: list[FileSystem] = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line:
            continue
        try:
            mount = msgspec.json.decode(name(line), type=_Mount)
        except IN_DOUBT as error:
            raise ParseError("statfs", number, _reason(error), line) from error
        fields = msgspec.structs.asdict(mount)
        for key, value in fields.items():
            if isinstance(value, int) and not 0 <= value <= COUNTER_MAX:
                reason = f"expected {key} from 0 to 2^64-1, found {shown(value)}"
                raise ParseError("statfs", number, reason, line)
        mounts.append(FileSystem(**fields))
    return mounts


def _reason(error: Exception) -> str:
    """Return what msgspec found, as our messages begin; a RecursionError has no such text."""
    text = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
    return f"expected an object of one mount: {text}"
