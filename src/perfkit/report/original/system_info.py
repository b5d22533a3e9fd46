"""system_info.json: what the host's CPUs are, from the first /proc/cpuinfo of the capture.

The first processor's block, the number of blocks (`total_cpus`) and of distinct sockets
(`physical_cpus`).  What an architecture does not tell is an empty string or 0.
"""

import msgspec

from perfkit.parsers import cpuinfo
from perfkit.record import escaped
from perfkit.report.original.table import unescaped

NAME = "system_info.json"
SUBSYSTEM = "/proc/cpuinfo"


def system_info(body: bytes) -> bytes:
    """Return the file for the text of /proc/cpuinfo, JSON-escaped as in a capture.

    Raises:
        ParseError: no processor is described there.
    """
    cpus = cpuinfo.parse(unescaped("cpuinfo", body))
    first = cpus[0]
    sockets = {cpu.physical_id for cpu in cpus if cpu.physical_id is not None}
    fields = {
        "vendor_id": _text(first.vendor_id),
        "model_name": _text(first.model_name),
        "cpu_cores": b"%d" % (first.cpu_cores or 0),
        "siblings": b"%d" % (first.siblings or 0),
        "cpu_mhz": _number(first.mhz),
        "cache_size": _text(first.cache_size),
        "total_cpus": b"%d" % len(cpus),
        "physical_cpus": b"%d" % len(sockets),
        "bogomips": _number(first.bogomips),
        "flags": _text(" ".join(first.flags)),
    }
    lines = [b'  "%b": %b' % (name.encode(), value) for name, value in fields.items()]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def _text(value: str | None) -> bytes:
    return b'"%b"' % escaped((value or "").encode())


def _number(value: float | None) -> bytes:
    return msgspec.json.encode(value or 0).removesuffix(b".0")
