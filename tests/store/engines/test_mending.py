"""A store that fails in use: opened anew, set aside once, or left alone if not to blame."""

from contextlib import suppress
from pathlib import Path
from random import Random

import duckdb
import pytest
from made import MACHINE, TENANT, frame, line, named

from perfkit.store.engines import BehindError, StoreError
from perfkit.store.engines.duckdb import slots as slots_module
from perfkit.store.engines.duckdb import store as store_module
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.engines.duckdb.instance import Instance
from perfkit.store.log.frame import Place

START = 1_700_000_000
BLOCK = 256 * 1024
OTHER = named("other tenant")
FULL = duckdb.IOException("IO Error: could not write: No space left on device")
BROKEN = duckdb.IOException("IO Error: could not read: Input/output error")
FATAL = duckdb.FatalException("FATAL Error: invalidated because of a previous fatal error")


def disk(tick: int, device: str = "sda", **more: object):
    """Return a frame of one row."""
    numbers = " ".join(str(tick * place) for place in range(1, 18))
    text = line(START + tick, "/proc/diskstats", f"8 0 {device} {numbers}\n")
    return frame(text, tick, first=tick - 1, **more)


def failing(work, errors):
    """Return what fails once with each of the errors, then does the work."""
    left = list(errors)

    def fail_or_work(*given):
        if left:
            raise left.pop(0)
        return work(*given)

    return fail_or_work


@pytest.fixture
def inserts_fail(monkeypatch):
    def fail(*errors):
        work = store_module._insert  # noqa: SLF001 - a disk fails there
        monkeypatch.setattr(store_module, "_insert", failing(work, errors))

    return fail


@pytest.fixture
def attaching_fails(monkeypatch):
    def fail(*errors):
        monkeypatch.setattr(Instance, "attach", failing(Instance.attach, errors))

    return fail


@pytest.fixture
def asides(tmp_path):
    return lambda: sorted(tmp_path.glob("tenants/*/*.bad-*"))


def rows(engine: DuckEngine, tenant=TENANT) -> int:
    return engine.usage(tenant).rows


def devices(engine: DuckEngine) -> list[str]:
    return sorted({each.device for each in engine.series(TENANT, MACHINE, "disk").series})


def test_names_that_were_not_written_are_not_known(engine, inserts_fail):
    engine.apply(TENANT, [disk(1)], after=None)
    inserts_fail(duckdb.ConstraintException("refused"))
    more = {"machine": named("m"), "run": named("r")}
    with pytest.raises(StoreError, match="refused"):
        engine.apply(TENANT, [disk(2, "sdb", **more)], after=Place(1, 1))
    assert engine.loaded(TENANT) == Place(1, 1)
    # A name taken for known would be missing in its dictionary, and its rows without a name.
    engine.apply(TENANT, [disk(2, "sdb", **more), disk(3, "sdb")], after=Place(1, 1))
    engine.close()
    with duckdb.connect(next(Path(engine._slots.folder(TENANT)).glob("*.duckdb"))) as stored:  # noqa: SLF001
        assert stored.execute("SELECT id, name FROM device ORDER BY id").fetchall() == [
            (1, "sda"),
            (2, "sdb"),
        ]
        assert stored.execute("SELECT id, uuid FROM machine ORDER BY id").fetchall() == [
            (1, MACHINE),
            (2, named("m")),
        ]
        assert stored.execute("SELECT count(*) FROM run").fetchall() == [(2,)]


def test_what_fails_once_is_opened_anew_and_stored(engine, inserts_fail, asides):
    engine.apply(TENANT, [disk(1)], after=None)
    inserts_fail(BROKEN)
    assert engine.apply(TENANT, [disk(2)], after=Place(1, 1)) == 1
    assert rows(engine) == 2
    assert not asides()


def test_what_fails_twice_is_set_aside_and_not_again_within_the_hour(engine, inserts_fail, asides):
    engine.apply(TENANT, [disk(1)], after=None)
    engine.apply(OTHER, [disk(1)], after=None)
    inserts_fail(BROKEN, BROKEN, BROKEN, BROKEN)
    with pytest.raises(StoreError):
        engine.apply(TENANT, [disk(2)], after=Place(1, 1))
    assert len(asides()) == 1
    assert engine.loaded(TENANT) is None
    with pytest.raises(StoreError):
        engine.apply(TENANT, [disk(1), disk(2)], after=None)
    assert len(asides()) == 1
    assert engine.apply(TENANT, [disk(1), disk(2)], after=None) == 2
    assert devices(engine) == ["sda"]
    assert rows(engine, OTHER) == 1


@pytest.mark.parametrize(
    "errors",
    [
        [FULL, FULL],
        [duckdb.TransactionException("conflict"), duckdb.TransactionException("conflict")],
        [duckdb.OutOfMemoryException("no memory")],
    ],
    ids=["no room", "conflict", "no memory"],
)
def test_a_file_that_is_not_to_blame_is_not_set_aside(engine, inserts_fail, asides, errors):
    engine.apply(TENANT, [disk(1)], after=None)
    inserts_fail(*errors)
    with pytest.raises(StoreError):
        engine.apply(TENANT, [disk(2)], after=Place(1, 1))
    assert not asides()
    assert engine.apply(TENANT, [disk(2)], after=Place(1, 1)) == 1
    assert rows(engine) == 2


def test_a_batch_stored_though_its_commit_failed_for_want_of_room_is_stored_once(
    engine, monkeypatch, asides
):
    """After ENOSPC DuckDB fails each statement until the file is opened anew, stored or not."""
    engine.apply(TENANT, [disk(1)], after=None)
    write, attach = store_module._Entry.write, Instance.attach  # noqa: SLF001 - a disk fails there
    attempts = []

    def stored_and_failed(entry, cursor):
        attempts.append(entry)
        if len(attempts) == 1:
            write(entry, cursor)
        raise FULL

    def opened_anew(*given):
        monkeypatch.setattr(store_module._Entry, "write", write)  # noqa: SLF001
        return attach(*given)

    monkeypatch.setattr(store_module._Entry, "write", stored_and_failed)  # noqa: SLF001
    monkeypatch.setattr(Instance, "attach", opened_anew)
    more = {"machine": named("m"), "run": named("r")}
    assert engine.apply(TENANT, [disk(2, "sdb", **more)], after=Place(1, 1)) == 0
    assert len(attempts) == 1, "what the file says when it is opened anew decides"
    assert engine.loaded(TENANT) == Place(1, 2)
    assert rows(engine) == 2
    assert engine.apply(TENANT, [disk(3, "sdb", **more)], after=Place(1, 2)) == 1
    assert rows(engine) == 3
    assert {each.device for each in engine.series(TENANT, named("m"), "disk").series} == {"sdb"}
    assert not asides()


def test_a_fatal_error_starts_the_instance_anew_for_all(engine, inserts_fail, asides):
    engine.apply(TENANT, [disk(1)], after=None)
    engine.apply(OTHER, [disk(1)], after=None)
    inserts_fail(FATAL)
    assert engine.apply(TENANT, [disk(2)], after=Place(1, 1)) == 1
    assert engine._slots.attached() == 1  # noqa: SLF001 - the other's went with the old instance
    assert (rows(engine), rows(engine, OTHER)) == (2, 1)
    assert not asides()


def test_what_is_in_use_is_neither_mended_nor_dropped(engine, monkeypatch):
    monkeypatch.setattr(slots_module, "_LEAVE_SECONDS", 0)
    engine.apply(TENANT, [disk(1)], after=None)
    slots = engine._slots  # noqa: SLF001 - what the engine holds files by
    with slots.using(TENANT):
        with pytest.raises(StoreError, match=r"in use, not mended: .*Input/output error"):
            slots.mend(TENANT, BROKEN)
        with pytest.raises(StoreError, match="in use, not removed"):
            slots.drop(TENANT)
        with pytest.raises(StoreError, match="in use, not started anew"):
            slots.mend(TENANT, FATAL)
    assert engine.apply(TENANT, [disk(2)], after=Place(1, 1)) == 1


def test_no_room_to_open_a_store_is_told_and_sets_nothing_aside(engine, attaching_fails, asides):
    attaching_fails(FULL)
    engine.open(TENANT)
    assert "No space left on device" in engine.health(TENANT)
    assert not asides()
    assert engine.loaded(TENANT) is None
    assert engine.health(TENANT) is None


def test_a_disk_on_which_no_store_opens_is_told(engine, attaching_fails):
    attaching_fails(BROKEN, BROKEN)
    with pytest.raises(StoreError, match="Input/output error"):
        engine.loaded(TENANT)
    assert "Input/output error" in engine.health(TENANT)
    with pytest.raises(BehindError):
        engine.apply(TENANT, [disk(2)], after=Place(1, 1))
    assert engine.health(TENANT) is None


def test_a_store_that_cannot_be_renamed_is_told(engine, tmp_path, monkeypatch):
    file = tmp_path / "tenants" / str(TENANT) / "samples.duckdb"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"noise" * 5000)

    def refuse(*_: object):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        engine.loaded(TENANT)
    assert engine.health(TENANT).endswith("Permission denied")
    assert file.read_bytes()[:5] == b"noise"


def test_a_damaged_block_that_only_a_query_reads_ends_the_store(engine, tmp_path, asides):
    """It is answered by no rows rather than by some, and the log fills the next store."""
    ticks = [disk(tick) for tick in range(1, 4001)]
    engine.apply(TENANT, ticks, after=None)
    (path,) = tmp_path.glob("tenants/*/samples.duckdb")
    engine.close()
    whole = path.read_bytes()
    noise = Random(7).randbytes(64)  # noqa: S311 - noise
    refusals = 0
    for block in range(len(whole) // BLOCK):
        at = block * BLOCK + BLOCK // 2
        path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
        again = DuckEngine(tmp_path, threads=2)
        if again.loaded(TENANT) is not None:  # it opens
            with suppress(StoreError):
                again.series(TENANT, MACHINE, "disk")
            refusals += again.loaded(TENANT) is None
        if again.loaded(TENANT) is None:
            assert asides()
            again.apply(TENANT, ticks, after=None)
        assert rows(again) == 4000
        assert devices(again) == ["sda"]
        again.close()
    assert refusals


def test_a_file_put_back_amid_a_query_is_used_once_that_is_over(engine, tmp_path, asides):
    engine.apply(TENANT, [disk(1), disk(2)], after=None)
    path = tmp_path / "tenants" / str(TENANT) / "samples.duckdb"
    engine.close()
    whole = path.read_bytes()
    again = DuckEngine(tmp_path, threads=1)
    try:
        with again._slots.using(TENANT), again._instance.query(5.0) as cursor:  # noqa: SLF001 - a long query
            cursor.execute("BEGIN")
            cursor.execute(f"USE {again._slots.slot(TENANT).name}")  # noqa: SLF001
            cursor.execute("SELECT count(*) FROM disk_hot").fetchall()
            put_back = path.with_name("restored")
            put_back.write_bytes(whole)
            put_back.replace(path)
            number = path.stat().st_ino
            with pytest.raises(StoreError, match="Unique file handle conflict"):
                again.loaded(TENANT)
        assert again.loaded(TENANT) == Place(1, 2)
        assert path.stat().st_ino == number
        assert not asides()
    finally:
        again.close()


def test_an_old_capture_after_a_start_does_not_hide_newer_rows(engine):
    engine.apply(TENANT, [disk(50), disk(51)], after=None)
    for old in (disk(1), disk(2)):
        engine.noticed(TENANT, old)
    assert engine.latest_noted(TENANT, MACHINE) is None
    assert engine.latest(TENANT, MACHINE)["disk"].timestamp == START + 51
    for new in (disk(60), disk(61)):
        engine.noticed(TENANT, new)
    assert engine.latest(TENANT, MACHINE)["disk"].timestamp == START + 61
