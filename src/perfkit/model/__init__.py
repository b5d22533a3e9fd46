"""The structs of parsed kernel files: one module a file, the kernel's own units in the names.

Structs hold what the kernel wrote and convert nothing.  They travel between modules of one
process; what is kept or sent is always the kernel's text (`perfkit.record`).
"""

from perfkit.model.cpuinfo import Cpu
from perfkit.model.diskstats import DiskStats
from perfkit.model.meminfo import MemInfo
from perfkit.model.net_dev import NetDev
from perfkit.model.stat import CpuTicks, SoftIrqs, Stat
from perfkit.model.statfs import FileSystem

__all__ = [
    "Cpu",
    "CpuTicks",
    "DiskStats",
    "FileSystem",
    "MemInfo",
    "NetDev",
    "SoftIrqs",
    "Stat",
]
