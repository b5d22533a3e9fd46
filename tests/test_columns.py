"""Columns are declared once, and every figure of an interval has one."""

import re
import sys
from pathlib import Path

import pytest

from perfkit import columns, derive
from perfkit.columns import TABLES, Table
from perfkit.derive import (
    ALL_CPUS,
    CpuShares,
    DiskRates,
    FileSystemUse,
    Interval,
    Memory,
    NetRates,
    System,
)
from perfkit.report.original import diskstats, meminfo, net_dev, stat, statfs

ROWS = {
    "cpu": CpuShares,
    "mem": Memory,
    "net": NetRates,
    "disk": DiskRates,
    "fs": FileSystemUse,
    "system": System,
}
CONFORMANCE = Path(__file__).parents[2] / "shared" / "conformance"
by_name = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().rstrip("\r\n")


def an_interval() -> Interval:
    busy = CpuShares(
        usr_percent=12.5,
        nice_percent=0,
        system_percent=2.5,
        iowait_percent=1,
        steal_percent=None,
        idle_percent=84,
        irq_percent=0,
        soft_percent=0,
        guest_percent=0,
        gnice_percent=0,
    )
    return Interval(
        timestamp=1700000010,
        ns=0,
        seconds=5.0,
        cpus={ALL_CPUS: busy, 3: busy},
        system=None,
        memory=None,
        net={},
        disks={},
        filesystems={},
        gaps=(),
    )


@by_name
def test_every_figure_has_exactly_one_column(table: Table):
    shown = [column.field for column in table.columns if column.field is not None]
    assert sorted(shown) == sorted(ROWS[table.name].__struct_fields__)


@by_name
def test_every_column_says_unit_source_and_meaning(table: Table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    for column in table.columns:
        assert re.fullmatch(r"|%|1/s|kB|kB/s|MB|ms|bytes|blocks|sectors/s", column.unit)
        assert column.source.startswith((table.source, "none: "))
        assert column.meaning.endswith(".")


@by_name
def test_every_rate_is_named_as_one(table: Table):
    per_second = {"1/s", "kB/s", "sectors/s"}
    for column in table.columns:
        is_named_so = column.name.endswith("/s") or column.name in {"tps", "rtps", "wtps", "dtps"}
        assert is_named_so == (column.unit in per_second)


@pytest.mark.parametrize(
    ("table", "heading"),
    [
        (columns.CPU, "#timestamp,CPU,%usr,%nice,%system,%iowait,%steal,%idle"),
        (
            columns.MEM,
            (
                "#timestamp,kbmemfree,kbavail,kbmemused,%memused,kbbuffers,kbcached,kbcommit,"
                "%commit,kbactive,kbinact,kbdirty"
            ),
        ),
        (
            columns.NET,
            "#timestamp,IFACE,rxpck/s,txpck/s,rxkB/s,txkB/s,rxcmp/s,txcmp/s,rxmcst/s,%ifutil",
        ),
        (columns.DISK, "#timestamp,DEV,tps,rtps,wtps,dtps,bread/s,bwrtn/s,bdscd/s"),
        (columns.FS, "#timestamp,mount,blocksize,blockstotal,blocksavail,use"),
    ],
    ids=["cpu", "mem", "net", "disk", "fs"],
)
def test_headings_are_the_originals(table: Table, heading: str):
    assert table.csv_heading == heading


def test_headings_are_those_of_real_files():
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no captures of the original at {CONFORMANCE}")
    found = 0
    for table in TABLES:
        for path in CONFORMANCE.glob(f"*/expected/{table.csv_file}"):
            assert first_line(path) == table.csv_heading
            found += 1
    assert found >= 30  # five files of each of the six hosts


def test_the_converter_writes_the_same_headings():
    written = {
        module.SUBSYSTEM: module.HEADING for module in (stat, meminfo, net_dev, diskstats, statfs)
    }
    declared = {table.source: table.csv_heading for table in TABLES if table.csv_file}
    assert written == declared


def test_a_column_reads_its_value_from_a_row():
    interval = an_interval()
    assert [
        (key, columns.CPU.column("%usr").value(row), columns.CPU.column("%steal").value(row))
        for key, row in columns.CPU.rows(interval)
    ] == [("-1", 12.5, None), ("3", 12.5, None)]


def test_a_table_of_the_host_has_one_row_without_key():
    running = System(
        forks_per_second=None,
        context_switches_per_second=None,
        interrupts_per_second=None,
        running=2,
        blocked=0,
    )
    interval = derive.Interval(
        **{
            **{name: getattr(an_interval(), name) for name in Interval.__struct_fields__},
            "system": running,
        }
    )
    assert list(columns.SYSTEM.rows(interval)) == [("", running)]
    assert list(columns.MEM.rows(interval)) == []


def test_use_of_a_link_has_no_value_yet():
    row = NetRates(**dict.fromkeys(NetRates.__struct_fields__, 1.0))
    assert columns.NET.column("%ifutil").value(row) is None
    assert columns.NET.column("rxkB/s").value(row) == 1


def test_an_unknown_column_is_a_key_error():
    with pytest.raises(KeyError, match="rxkb"):
        columns.NET.column("rxkb")


def test_the_page_has_every_column_and_every_file(monkeypatch: pytest.MonkeyPatch):
    tools = Path(__file__).parents[1] / "tools"
    monkeypatch.syspath_prepend(str(tools))
    from csv_page import csv_page  # noqa: PLC0415 - the folder is no package

    page = csv_page()
    for table in TABLES:
        for column in table.columns:
            assert f"| `{column.name}` | " in page
        assert table.csv_file is None or f"\n## {table.csv_file}\n" in page
    for name in ("portal.csv", "containers.csv", "system_info.json"):
        assert f"\n## {name}\n" in page
    sys.modules.pop("csv_page")


def test_the_page_names_the_columns_of_real_combined_files(monkeypatch: pytest.MonkeyPatch):
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no captures of the original at {CONFORMANCE}")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "tools"))
    import csv_page  # noqa: PLC0415 - the folder is no package

    for name, rows in (("portal.csv", csv_page.PORTAL), ("containers.csv", csv_page.CONTAINERS)):
        headings = {first_line(path) for path in CONFORMANCE.glob(f"*/expected/{name}")}
        assert headings == {",".join(row[0] for row in rows)}
    sys.modules.pop("csv_page")
