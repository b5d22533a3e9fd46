"""One byte more or less, anywhere in a text: the rows of the parsers, or a ParseError."""

from collections.abc import Callable, Iterator

import pytest
from tables import Driver

from perfkit.errors import ParseError
from perfkit.report.original.diskstats import DiskStats
from perfkit.report.original.meminfo import LABELS, MemInfo
from perfkit.report.original.net_dev import NetDev
from perfkit.report.original.stat import Stat
from perfkit.report.original.statfs import StatFs

NET_HEADING = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
    "drop fifo colls carrier compressed\n"
)
TICKS = "12 0 5 83 0 0 0 0 0 0"
TEXTS = {
    "stat": f"cpu  {TICKS}\ncpu0 {TICKS}\nintr 5 0\nctxt 7\nbtime 1600000000\nprocesses 9\n",
    "meminfo": "".join(
        f"{label.decode():<16}{number:8} kB\n" for number, label in enumerate(LABELS, 95)
    ),
    "net_dev": NET_HEADING + "    lo: 12 1 0 0 0 0 0 0 12 1 0 0 0 0 0 0\n"
    "  eth0: 45 2 0 0 0 0 0 0 45 2 0 0 0 0 0 0\n",
    "diskstats": "   8       0 sda 12 0 34 0 5 0 67 0 0 0 0 0 0 0 0 0 0\n"
    "   8       1 sda1 12 0 34 0 5 0 67 0 0 0 0 0 0 0 0 0 0\n",
    "statfs": '{"mount_point":"/","block_size":4096,"blocks_total":100,"blocks_free":90,'
    '"blocks_available":80}\n{"mount_point":"/b","block_size":512,"blocks_total":10,'
    '"blocks_free":9,"blocks_available":8}\n',
}
TABLES: dict[str, Callable[[], Driver]] = {
    "stat": lambda: Driver(lambda rows, report: Stat(rows, report, clamp=False)),
    "meminfo": lambda: Driver(lambda rows, _: MemInfo(rows)),
    "net_dev": lambda: Driver(NetDev),
    "diskstats": lambda: Driver(lambda rows, report: DiskStats(rows, report, wakes=True)),
    "statfs": lambda: Driver(lambda rows, _: StatFs(rows)),
}
INSERTED = ["", ",", '"', "\\", "[", "]", "7", "-", ".", " ", "\t", "\n"]


def spoiled(text: str) -> Iterator[bytes]:
    """Yield the text with something put between two of its bytes, or in place of one."""
    for place in range(len(text)):
        for inserted in INSERTED:
            yield (text[:place] + inserted + text[place:]).encode()
            yield (text[:place] + inserted + text[place + 1 :]).encode()


def rows(add: Callable[[float, bytes], list[str]], second: float, text: bytes) -> list[str] | None:
    try:
        return add(second, text)
    except ParseError:
        return None


@pytest.mark.no_cover  # as all property tests: tests/conftest.py
@pytest.mark.parametrize("name", TEXTS)
def test_a_spoiled_text_gives_what_the_parsers_read_or_an_error(name: str):
    good = TEXTS[name].encode()
    for text in spoiled(TEXTS[name]):
        table, reference = TABLES[name](), TABLES[name]()
        table.add(1, good)
        reference.add_slowly(1, good)
        found, want = rows(table.add, 2, text), rows(reference.add_slowly, 2, text)
        if want is None and found is not None:
            # Lines that no figure is made of are not looked at: the others are as they were.
            assert name in {"stat", "meminfo"}
            continue
        assert found == want, text
        assert table.add(3, good) == reference.add_slowly(3, good), text
