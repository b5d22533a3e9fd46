"""Rows of frames: each once, whatever happens to the file."""

import contextlib
import os
import shutil

import duckdb
import pytest
from made import MACHINE, RUN, TENANT, cut, frame, line, named

from perfkit.errors import InputError
from perfkit.model import CpuTicks, DiskStats, FileSystem, MemInfo, NetDev, Stat
from perfkit.store.engines import BehindError, QueryTimeout, StoreError
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.engines.tables import CPU, DISK, FS, HOST, MEMORY, NET, STAT, TABLES, TICKS
from perfkit.store.log.frame import Place

START = 1_700_000_000
OTHER = named("other tenant")


def stat(tick: int, number: int = 0) -> bytes:
    user = 100 + 10 * tick
    return line(
        START + tick, "/proc/stat", f"cpu  {user} 0 0 {900 * tick} 0 0 0\ncpu{number} 1 2 3 4\n"
    )


def ticks(count: int, first: int = 0) -> list:
    return [frame(stat(tick), tick + 1, first=tick) for tick in range(first, first + count)]


def run_sql(engine: DuckEngine, statement: str) -> None:
    with engine._instance.query(engine._query_seconds) as cursor:  # noqa: SLF001 - no public way
        cursor.execute(statement).fetchall()


def attached(engine: DuckEngine) -> int:
    return engine._slots.attached()  # noqa: SLF001 - as above


def count(engine: DuckEngine, tenant=TENANT) -> int:
    return engine.usage(tenant).rows


def path(folder, tenant=TENANT):
    return folder / "tenants" / str(tenant) / "samples.duckdb"


def test_the_same_frames_again_add_nothing(engine):
    frames = ticks(4)
    assert engine.apply(TENANT, frames[:2], after=None) == 4  # a row of the host, one of cpu0
    assert engine.loaded(TENANT) == Place(1, 2)
    assert engine.apply(TENANT, frames[:2], after=None) == 0
    assert engine.apply(TENANT, frames[2:], after=Place(1, 2)) == 4
    assert count(engine) == 8


def test_frames_after_a_hole_are_not_taken(engine):
    frames = ticks(4)
    engine.apply(TENANT, frames[:1], after=None)
    with pytest.raises(BehindError, match="frame=1"):
        engine.apply(TENANT, frames[3:], after=Place(1, 3))
    assert engine.loaded(TENANT) == Place(1, 1)


def test_what_is_stored_is_there_after_the_next_start(tmp_path):
    before = DuckEngine(tmp_path)
    before.apply(TENANT, ticks(3), after=None)
    wanted = before.series(TENANT, MACHINE, "cpu")
    before.close()
    after = DuckEngine(tmp_path)
    assert after.loaded(TENANT) == Place(1, 3)
    assert after.series(TENANT, MACHINE, "cpu") == wanted
    assert after.last_seen(TENANT, MACHINE) == START + 2
    after.apply(TENANT, ticks(1, first=3), after=Place(1, 3))
    assert count(after) == 8
    after.close()


def test_a_tick_cut_by_the_end_of_an_upload_is_whole_all_the_same(engine):
    memory = line(START, "/proc/meminfo", "MemTotal: 100 kB\nMemFree: 40 kB\n")
    engine.apply(TENANT, [frame(stat(0), 1)], after=None)
    engine.apply(TENANT, [frame(memory, 2)], after=Place(1, 1))
    assert engine.stats(TENANT, MACHINE, "memory")[0].p50 == 40
    one = frame([stat(1), line(START + 1, "/proc/meminfo", "MemTotal: 1 kB\nMemFree: 1 kB\n")], 3)
    engine.apply(TENANT, [one], after=Place(1, 2))
    assert count(engine) == 5  # the host's rows of the first tick are two, that of the second one


def test_machines_and_tenants_are_kept_apart(engine):
    machine = named("other machine")
    engine.apply(TENANT, [*ticks(2), frame(stat(7), 3, machine=machine)], after=None)
    engine.apply(OTHER, [frame(stat(9), 1, machine=machine)], after=None)
    assert engine.last_seen(TENANT, MACHINE) == START + 1
    assert engine.last_seen(TENANT, machine) == START + 7
    assert engine.last_seen(OTHER, machine) == START + 9
    assert engine.last_seen(OTHER, MACHINE) is None
    assert engine.series(OTHER, MACHINE, "cpu").series == []
    assert engine.stats(OTHER, MACHINE, "cpu") == []
    assert engine.latest(OTHER, MACHINE) == {}


def test_absent_counters_the_largest_and_those_below_zero_are_kept(engine):
    disk = f"8 0 sda {2**64 - 1} 0 0 0 0 0 0 0 -1 0 0\n"
    old = "MemTotal: 10 kB\nMemFree: -3 kB\n"
    lines = [line(START, "/proc/diskstats", disk), line(START, "/proc/meminfo", old)]
    engine.apply(TENANT, [frame(lines)], after=None)
    raw = engine.derived(TENANT, MACHINE, "disk", START, START + 1).raw
    assert raw.values["reads"].tolist() == [2**64 - 1]
    assert raw.absent["flushes"].tolist() == [True]
    raw = engine.derived(TENANT, MACHINE, "memory", START, START + 1).raw
    assert raw.values["mem_free_kb"].tolist() == [-3]
    assert "mem_total_kb" not in raw.absent
    assert raw.absent["slab_kb"].tolist() == [True]


def test_a_gauge_beyond_a_signed_word_is_absent(engine):
    text = f"MemTotal: 10 kB\nMemFree: {2**63} kB\n"
    engine.apply(TENANT, [frame(line(START, "/proc/meminfo", text))], after=None)
    raw = engine.derived(TENANT, MACHINE, "memory", START, START + 1).raw
    assert raw.absent["mem_free_kb"].tolist() == [True]


def test_what_does_not_parse_is_a_finding_and_costs_its_line_alone(engine):
    lines = [
        stat(0),
        line(START, "/proc/diskstats", "8 0 sda 1\n"),
        line(START + 5, "/proc/diskstats", "8 0 sda 1\n"),
        line(START, "/proc/net/dev", "a\n\nx" + "y" * 5000 + ": " + "1 " * 16 + "\n"),
        line(START, "/proc/stat", "cpu  1 2 3 4\ncpu4294967296 1 2 3 4\n"),
        b'{"broken\n',
        line(START, "perfkit/host", "{}"),
    ]
    assert engine.apply(TENANT, [frame(lines)], after=None) == 2  # of one tick the later text
    found = {(each.source, each.lines): each for each in engine.findings(TENANT)}
    assert set(found) == {
        ("/proc/diskstats", 2),
        ("/proc/net/dev", 1),
        ("/proc/stat", 1),
        ("capture", 1),
    }
    short = found["/proc/diskstats", 2]
    assert (short.run, short.first, short.last) == (RUN, START, START + 5)
    assert short.reason == "expected 14 columns or more, found 4"


def test_a_frame_that_is_damaged_on_disk_is_passed_over(engine):
    bad = frame(b"", 1)
    bad._read = damaged  # noqa: SLF001 - as the log does it
    bad.forget()
    assert engine.apply(TENANT, [bad, frame(stat(1), 2)], after=None) == 2
    assert [each.source for each in engine.findings(TENANT)] == ["log"]
    assert engine.last_seen(TENANT, MACHINE) == START + 1


def damaged() -> bytes:
    raise InputError("1.seg:0: expected a frame of the upload log, found other bytes")


def test_devices_past_the_limit_are_a_finding(engine, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.store.MAX_DEVICES", 2)
    numbers = " 1" * 16
    text = "Inter-| Receive\n face |bytes\n" + "".join(f"eth{n}:{numbers}\n" for n in range(4))
    assert engine.apply(TENANT, [frame(line(START, "/proc/net/dev", text))], after=None) == 2
    assert engine.findings(TENANT)[0].lines == 2


def overwrite(file):
    file.write_bytes(os.urandom(file.stat().st_size))


def truncate(file):
    os.truncate(file, file.stat().st_size // 2)


def empty(file):
    os.truncate(file, 0)


def folder_instead(file):
    file.unlink()
    file.mkdir()
    (file / "x").touch()


def without_log(file):
    file.with_name(file.name + ".wal").unlink(missing_ok=True)


def noise_in_the_middle(file):
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(12_288)
        opened.write(os.urandom(size - 12_288))


HARM = [os.unlink, overwrite, truncate, empty, folder_instead, without_log, noise_in_the_middle]


def refilled(engine, frames, tenant=TENANT):
    """Do as the loader does: ask where the store is, and go on from there."""
    for _ in range(3):
        with contextlib.suppress(StoreError, BehindError):
            at = engine.loaded(tenant)
            rest = [each for each in frames if at is None or each.place > at]
            if rest:
                engine.apply(tenant, rest, after=at)
            engine.series(tenant, MACHINE, "cpu")
            if engine.loaded(tenant) == frames[-1].place:
                return


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "killed"])
def test_a_store_that_is_harmed_between_two_runs_is_filled_again(tmp_path, harm, is_closed):
    frames = ticks(300)
    first = DuckEngine(tmp_path / "1")
    first.apply(TENANT, frames, after=None)
    wanted = first.series(TENANT, MACHINE, "cpu")
    if is_closed:
        first.close()
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    harm(path(tmp_path / "2"))
    second = DuckEngine(tmp_path / "2")
    second.apply(OTHER, frames, after=None)
    refilled(second, frames)
    assert second.health(TENANT) is None
    assert second.loaded(TENANT) == frames[-1].place
    assert second.series(TENANT, MACHINE, "cpu") == wanted
    assert count(second) == 600
    assert count(second, OTHER) == 600
    second.close()
    if not is_closed:
        first.close()


@pytest.mark.parametrize("harm", [os.unlink, overwrite, folder_instead], ids=lambda h: h.__name__)
def test_a_store_that_is_replaced_while_it_is_used_is_filled_again(engine, tmp_path, harm):
    frames = ticks(50)
    engine.apply(TENANT, frames, after=None)
    engine.apply(OTHER, frames, after=None)
    file = path(tmp_path)
    other = file.with_name("other")
    shutil.copy(file, other)
    harm(other)
    file.unlink()
    if other.exists():
        other.rename(file)
    with pytest.raises(BehindError):
        engine.apply(TENANT, ticks(1, first=50), after=frames[-1].place)
    assert count(engine, OTHER) == 100
    refilled(engine, frames)
    assert count(engine) == 100
    assert engine.health(TENANT) is None


def test_a_store_that_another_process_holds_is_set_aside(engine, tmp_path, holding):
    file = path(tmp_path)
    file.parent.mkdir(parents=True)
    holding(file)
    engine.apply(TENANT, ticks(2), after=None)
    assert count(engine) == 4
    assert {each.name.partition(".bad-")[0] for each in file.parent.glob("*.bad-*")} == {
        "samples.duckdb"
    }


def test_only_the_newest_stores_set_aside_are_kept(engine, tmp_path):
    file = path(tmp_path)
    file.parent.mkdir(parents=True)
    for number in range(4):
        file.unlink(missing_ok=True)
        file.write_bytes(b"noise %d" % number * 5000)
        engine.open(TENANT)
    kept = sorted(file.parent.glob("*.bad-*"))
    assert [each.read_bytes()[:7] for each in kept] == [b"noise 2", b"noise 3"]


def test_a_store_of_a_later_perfkit_is_left_alone(engine, tmp_path):
    engine.open(TENANT)
    engine.close()
    with duckdb.connect(path(tmp_path)) as connection:
        connection.execute("INSERT INTO version VALUES (99)")
    later = DuckEngine(tmp_path)
    later.open(TENANT)
    assert "newer perfkit" in later.health(TENANT)
    with pytest.raises(StoreError, match="newer perfkit"):
        later.loaded(TENANT)
    later.close()
    assert not list(path(tmp_path).parent.glob("*.bad-*"))


def test_files_that_are_not_used_are_let_go_of(tmp_path):
    engine = DuckEngine(tmp_path, attached=3)
    tenants = [named(f"tenant {number}") for number in range(8)]
    for tenant in tenants:
        engine.apply(tenant, ticks(1), after=None)
    assert attached(engine) == 3
    assert [count(engine, tenant) for tenant in tenants] == [2] * 8
    assert attached(engine) == 3
    engine.close()


def test_a_query_that_takes_too_long_is_stopped(tmp_path):
    engine = DuckEngine(tmp_path, query_seconds=0.0)
    engine.open(TENANT)
    with pytest.raises(QueryTimeout, match="stopped after 0 s"):
        run_sql(engine, "SELECT sum(a.range * b.range) FROM range(1_000_000) a, range(1_000_000) b")
    engine.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.duckdb' AS x",
        "SET enable_external_access=true",
        "INSTALL httpfs",
        "LOAD httpfs",
    ],
)
def test_nothing_but_the_data_folder_is_in_reach(engine, statement):
    with pytest.raises(duckdb.Error):
        run_sql(engine, statement)


def test_dropping_a_tenant_leaves_nothing(engine, tmp_path):
    engine.apply(TENANT, ticks(3), after=None)
    engine.noticed(TENANT, ticks(1)[0])
    engine.drop(TENANT)
    assert list(path(tmp_path).parent.iterdir()) == []
    assert engine.loaded(TENANT) is None
    assert engine.last_seen(TENANT, MACHINE) is None


def test_columns_are_fields_of_the_parsed_structs():
    assert CpuTicks.__struct_fields__ == TICKS == CPU.names
    assert set(STAT) < set(Stat.__struct_fields__)
    assert set(MEMORY) < set(MemInfo.__struct_fields__)
    assert NetDev.__struct_fields__ == NET.names
    assert DiskStats.__struct_fields__ == DISK.names
    assert FileSystem.__struct_fields__[1:] == FS.names
    assert HOST.names == (*TICKS, *STAT, "softirqs", *MEMORY)
    assert [table.name for table in TABLES] == ["host", "cpu", "net", "disk", "fs"]


def test_frames_cut_anywhere_give_the_same_rows(engine):
    text = b"".join(stat(tick) for tick in range(30))
    engine.apply(TENANT, cut(text, 7), after=None)
    engine.apply(OTHER, cut(text, 30), after=None)
    assert engine.series(TENANT, MACHINE, "cpus") == engine.series(OTHER, MACHINE, "cpus")
