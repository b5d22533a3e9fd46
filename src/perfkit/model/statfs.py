"""The struct of a mounted file system, as a capture holds it."""

import msgspec

from perfkit.model.number import Counter


class FileSystem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Room on one mounted file system.

    Source: the `statfs[*]` record of a capture, one JSON object a mount; statfs(2).  All are
    gauges.
    """

    mount_point: str
    """Where it is mounted: any text; a byte that is not UTF-8 is U+FFFD."""

    block_size: Counter
    """Bytes in a block, the unit of the block counts: f_frsize, else f_bsize."""

    blocks_total: Counter
    """Blocks of the whole file system."""

    blocks_free: Counter
    """Blocks free, those kept for root included."""

    blocks_available: Counter
    """Blocks that a user may still fill: fewer than free where some are kept for root."""

    inodes_total: Counter | None = None
    """Inodes of the whole file system; None where the recorder did not take them."""

    inodes_free: Counter | None = None
    """Inodes free; None where the recorder did not take them."""
