"""The struct of /proc/net/dev."""

import msgspec

from perfkit.model.number import Counter


class NetDev(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """Counters of one network interface since it appeared.

    Source: /proc/net/dev, proc_net(5), net/core/net-procfs.c and, for the meaning of each,
    Documentation/networking/statistics.rst (struct rtnl_link_stats64).  The text sums some of
    the kernel's counters; each field says so.  32-bit kernels wrap some at 2^32.
    """

    rx_bytes: Counter
    """Bytes received, headers of the link layer included."""

    rx_packets: Counter
    """Packets received."""

    rx_errors: Counter
    """Bad packets received."""

    rx_dropped: Counter
    """Packets received but not processed, and packets missed for want of room."""

    rx_fifo_errors: Counter
    """FIFO overruns on receive."""

    rx_frame_errors: Counter
    """Frames of wrong length, overflows of the ring, bad checksums and misalignments, summed."""

    rx_compressed: Counter
    """Compressed packets received (PPP, SLIP)."""

    rx_multicast: Counter
    """Multicast packets received."""

    tx_bytes: Counter
    """Bytes sent."""

    tx_packets: Counter
    """Packets sent."""

    tx_errors: Counter
    """Packets that could not be sent."""

    tx_dropped: Counter
    """Packets dropped on their way out."""

    tx_fifo_errors: Counter
    """FIFO underruns on transmit."""

    tx_collisions: Counter
    """Collisions on the medium."""

    tx_carrier_errors: Counter
    """Carrier, abort, window and heartbeat errors, summed."""

    tx_compressed: Counter
    """Compressed packets sent (PPP, SLIP)."""
