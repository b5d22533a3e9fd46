"""Settled rows, rows that have had their time, and what queries say of them."""

import duckdb
import pytest
from made import MACHINE, TENANT, frame, line, named

from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.engines.duckdb.settle import _stay_apart
from perfkit.store.engines.tables import TABLES
from perfkit.store.log.frame import Place

DAY = 86_400
MIDNIGHT = 1_700_006_400  # 2023-11-15
SECOND = 10**9
OTHER = named("other machine")


def tick(at: int, machine: int = 0) -> bytes:
    gained = at - MIDNIGHT + 10 * DAY
    return line(
        at, "/proc/stat", f"cpu  {gained + machine} 0 0 {gained}\ncpu0 {gained} 0 0 {gained}\n"
    )


def fill(engine: DuckEngine, times: range, first: int = 1, **more: object) -> int:
    """Apply a frame for each tick; return the number of the last one."""
    frames = [
        frame(tick(at), number, first=number, **more)
        for number, at in enumerate(times, start=first)
    ]
    after = Place(1, first - 1) if first > 1 else None
    engine.apply(TENANT, frames, after=after)
    return first + len(frames) - 1


def answers(engine: DuckEngine) -> list:
    return [
        ask(TENANT, machine, source, MIDNIGHT - 3 * DAY, MIDNIGHT + DAY)
        for ask in (engine.series, engine.stats)
        for machine in (MACHINE, OTHER)
        for source in ("cpu", "cpus", "system")
    ]


def order(engine: DuckEngine) -> list[tuple[int, int]]:
    """Return machine and second of the settled rows as they stand in the file."""
    with engine._slots.using(TENANT) as file, engine._instance.query(9) as cursor:  # noqa: SLF001
        return cursor.execute(
            f"SELECT machine, epoch(ts)::BIGINT FROM {file.name}.host ORDER BY rowid"  # noqa: S608
        ).fetchall()


def test_settling_changes_no_answer_and_orders_rows(engine):
    last = 0
    for at in range(MIDNIGHT - 40, MIDNIGHT):
        last = fill(engine, range(at, at + 1), last + 1, machine=(MACHINE, OTHER)[at % 2])
    wanted = answers(engine)
    assert engine.settle(TENANT) == 80
    assert engine.usage(TENANT).hot_rows == 0
    assert answers(engine) == wanted
    found = order(engine)
    assert len(found) == 40
    assert found == sorted(found)


def test_a_night_settles_what_is_before_it_and_orders_the_day_s_parts(engine):
    last = fill(engine, range(MIDNIGHT - 1000, MIDNIGHT - 500, 10))
    engine.settle(TENANT)
    last = fill(engine, range(MIDNIGHT - 1000, MIDNIGHT + 50, 10), last + 1, machine=OTHER)
    wanted = answers(engine)
    engine.settle(TENANT, MIDNIGHT)
    assert engine.usage(TENANT).hot_rows == 10
    assert answers(engine) == wanted
    found = order(engine)
    assert found == sorted(found)
    # Late rows, of a day long settled and of the day before, are settled the next night.
    last = fill(engine, range(MIDNIGHT - 2 * DAY, MIDNIGHT - 2 * DAY + 50, 10), last + 1)
    fill(engine, range(MIDNIGHT - 400, MIDNIGHT - 350, 10), last + 1)
    wanted = answers(engine)
    engine.settle(TENANT, MIDNIGHT + DAY)
    assert engine.usage(TENANT).hot_rows == 0
    assert answers(engine) == wanted


def test_whole_groups_of_each_machine_come_before_what_is_left(engine, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.GROUP_ROWS", 4)
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.ROW_GROUP_ROWS", 2)
    few, many, even = named("few"), named("many"), named("even")
    last = 0
    for at in range(MIDNIGHT - 10, MIDNIGHT):
        last = fill(engine, range(at, at + 1), last + 1, machine=many)
    last = fill(engine, range(MIDNIGHT - 3, MIDNIGHT), last + 1, machine=few)
    fill(engine, range(MIDNIGHT - 8, MIDNIGHT), last + 1, machine=even)
    wanted = [engine.series(TENANT, many, source) for source in ("cpu", "cpus")]
    engine.settle(TENANT)
    whole = [*((1, at) for at in range(-10, -2)), *((3, at) for at in range(-8, 0))]
    rest = [(1, -2), (1, -1), (2, -3), (2, -2), (2, -1)]
    found = [(machine, second - MIDNIGHT) for machine, second in order(engine)]
    assert found == whole + rest
    assert [engine.series(TENANT, many, source) for source in ("cpu", "cpus")] == wanted


def test_the_day_s_parts_make_whole_groups(engine, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.GROUP_ROWS", 4)
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.ROW_GROUP_ROWS", 2)
    last = fill(engine, range(MIDNIGHT - 9, MIDNIGHT - 6))
    last = fill(engine, range(MIDNIGHT - 9, MIDNIGHT - 6), last + 1, machine=OTHER)
    engine.settle(TENANT)
    last = fill(engine, range(MIDNIGHT - 6, MIDNIGHT - 4), last + 1)
    fill(engine, range(MIDNIGHT - 6, MIDNIGHT - 4), last + 1, machine=OTHER)
    wanted = answers(engine)
    engine.settle(TENANT, MIDNIGHT)
    found = [(machine, second - MIDNIGHT) for machine, second in order(engine)]
    assert found == [*((one, at) for one in (1, 2) for at in range(-9, -5)), (1, -5), (2, -5)]
    assert answers(engine) == wanted


@pytest.mark.parametrize(
    ("rows", "is_apart"),
    [
        pytest.param(0, False, id="nothing"),
        pytest.param(40_000, False, id="three make one"),
        pytest.param(86_400, False, id="four make three"),
        pytest.param(95_000, True, id="four stay four"),
        pytest.param(164_160, False, id="two parts make one"),
        pytest.param(216_000, True, id="two parts stay two"),
        pytest.param(260_000, False, id="parts apart by two make one"),
        pytest.param(400_000, True, id="parts apart by three stay"),
    ],
)
def test_it_is_known_whose_row_groups_stay_apart(tmp_path, rows, is_apart):
    assert _stay_apart(rows) == is_apart
    connection = duckdb.connect(tmp_path / "nights.duckdb")
    connection.execute("CREATE TABLE t(v BIGINT)")
    for _ in range(6):
        connection.execute("INSERT INTO t SELECT i * 7 FROM range($rows) r(i)", {"rows": rows})
        connection.execute("CHECKPOINT")
    found = connection.execute(
        "SELECT sum(count)::BIGINT FROM pragma_storage_info('t') WHERE segment_type <> 'VALIDITY'"
        " GROUP BY row_group_id ORDER BY row_group_id"
    ).fetchall()
    connection.close()
    full, part = divmod(rows, 122_880)
    night = [*([(122_880,)] * full), *([(part,)] if part else [])]
    assert (found == night * 6) == (is_apart or not rows)


def test_a_day_of_many_machines_is_put_in_order_part_by_part(engine, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.AT_ONCE_ROWS", 10)
    fleet, last = [named(str(number)) for number in range(5)], 0
    for at in (MIDNIGHT - 9, MIDNIGHT - 6):
        for machine in fleet:
            last = fill(engine, range(at, at + 3), last + 1, machine=machine)
        if at == MIDNIGHT - 9:
            engine.settle(TENANT)
    wanted = [engine.series(TENANT, machine, "cpu") for machine in fleet]
    engine.settle(TENANT, MIDNIGHT)
    found = [(machine, second - MIDNIGHT) for machine, second in order(engine)]
    assert found == [(machine, at) for machine in range(1, 6) for at in range(-9, -3)]
    assert [engine.series(TENANT, machine, "cpu") for machine in fleet] == wanted


def test_nothing_to_settle_is_nothing_done(engine):
    engine.open(TENANT)
    assert engine.settle(TENANT) == 0
    assert engine.settle(TENANT, MIDNIGHT) == 0
    assert not engine.is_full(TENANT)


def test_enough_hot_rows_are_due(engine, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.HOT_ROWS", 5)
    last = fill(engine, range(MIDNIGHT, MIDNIGHT + 4))
    assert not engine.is_full(TENANT)
    fill(engine, range(MIDNIGHT + 4, MIDNIGHT + 5), last + 1)
    assert engine.is_full(TENANT)
    engine.settle(TENANT)
    assert not engine.is_full(TENANT)


def seconds_of(engine: DuckEngine, machine=MACHINE) -> list[int]:
    return engine.derived(TENANT, machine, "cpu", 0, 2**33).raw.ts.tolist()


def test_rows_go_by_when_they_were_received(engine):
    last = fill(engine, range(MIDNIGHT, MIDNIGHT + 10), received=1 * SECOND)
    last = fill(engine, range(MIDNIGHT + 10, MIDNIGHT + 20), last + 1, received=5 * SECOND)
    # A backlog: of before, but received later.
    last = fill(engine, range(MIDNIGHT - 10, MIDNIGHT), last + 1, received=6 * SECOND)
    engine.settle(TENANT)
    fill(engine, range(MIDNIGHT + 20, MIDNIGHT + 30), last + 1, received=7 * SECOND)
    assert engine.expire(TENANT, 5 * SECOND) == 20
    kept = [*range(MIDNIGHT - 10, MIDNIGHT), *range(MIDNIGHT + 10, MIDNIGHT + 30)]
    assert seconds_of(engine) == kept
    assert engine.expire(TENANT, 5 * SECOND) == 0


def test_a_tick_that_a_later_frame_has_too_stays(engine):
    fill(engine, range(MIDNIGHT, MIDNIGHT + 5), received=1 * SECOND)
    lines = [tick(at) for at in (MIDNIGHT + 4, MIDNIGHT + 5)]
    engine.apply(TENANT, [frame(lines, 6, received=9 * SECOND)], after=Place(1, 5))
    engine.expire(TENANT, 5 * SECOND)
    assert seconds_of(engine) == [MIDNIGHT + 4, MIDNIGHT + 5]


def test_uploaded_captures_stay(engine):
    last = fill(engine, range(MIDNIGHT, MIDNIGHT + 5), received=1 * SECOND, kind="upload")
    run = named("stream")
    fill(engine, range(MIDNIGHT + 10, MIDNIGHT + 15), last + 1, received=1 * SECOND, run=run)
    engine.expire(TENANT, 5 * SECOND)
    assert seconds_of(engine) == [*range(MIDNIGHT, MIDNIGHT + 5)]


def test_an_expired_store_goes_on_where_it_was(engine, tmp_path):
    last = fill(engine, range(MIDNIGHT, MIDNIGHT + 5), received=1 * SECOND)
    bad = frame(line(MIDNIGHT, "/proc/stat", "?"), last + 1, run=named("bad"), received=1)
    engine.apply(TENANT, [bad], after=Place(1, last))
    assert len(engine.findings(TENANT)) == 1
    engine.expire(TENANT, 5 * SECOND)
    assert engine.loaded(TENANT) == Place(1, last + 1)
    run = named("new run")
    fill(engine, range(MIDNIGHT + 9, MIDNIGHT + 12), last + 2, received=9 * SECOND, run=run)
    engine.expire(TENANT, 5 * SECOND)
    assert engine.findings(TENANT) == []
    assert seconds_of(engine) == [*range(MIDNIGHT + 9, MIDNIGHT + 12)]
    engine.close()
    again = DuckEngine(tmp_path)
    assert again.loaded(TENANT) == Place(1, last + 4)
    assert again.last_seen(TENANT, MACHINE) == MIDNIGHT + 11
    again.close()


@pytest.mark.parametrize("work", ["settle", "expire"])
def test_what_fails_half_way_changes_nothing(engine, monkeypatch, work):
    fill(engine, range(MIDNIGHT, MIDNIGHT + 5), received=1 * SECOND)
    wanted = answers(engine)

    class BrokenError(Exception):
        pass

    def fail(*_: object) -> int:
        raise BrokenError

    monkeypatch.setattr("perfkit.store.engines.duckdb.settle.TABLES", [*TABLES, Fails(fail)])
    with pytest.raises(BrokenError):
        engine.settle(TENANT) if work == "settle" else engine.expire(TENANT, 5 * SECOND)
    monkeypatch.undo()
    assert answers(engine) == wanted
    assert engine.usage(TENANT).hot_rows == 10


class Fails:
    """A table that cannot be named."""

    def __init__(self, fail):
        self._fail = fail

    @property
    def name(self):
        return self._fail()
