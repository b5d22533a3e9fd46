"""Factors between the kernel's units and those of reports."""

SECTOR_BYTES = 512
"""A sector in /proc/diskstats, whatever the device's own size (admin-guide/iostats.rst)."""

KIB = 1024
"""Bytes of a kB as the kernel (meminfo) and sar write it."""

MIB = 1024 * 1024
NS_PER_SECOND = 1_000_000_000

TICKS_PER_SECOND = 100
"""USER_HZ: the unit of /proc/stat's cpu lines on every architecture that Linux documents."""
