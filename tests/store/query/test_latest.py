"""The newest figures: at once from the log's frames, after a start from stored rows."""

import pytest
from made import CAPTURES, MACHINE, TENANT, cut, frame, line, named

from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.query.latest import Latest

START = 1_700_000_000
OTHER = named("other tenant")


def stat(at: int, ns: int | None = None) -> bytes:
    gained = at - START
    text = f"cpu  {30 * gained} 0 0 {70 * gained}\ncpu0 {at} 0 0 0\nprocs_running {at % 7}\n"
    return line(at, "/proc/stat", text, ns)


def memory(at: int, free: int) -> bytes:
    return line(at, "/proc/meminfo", f"MemTotal: 100 kB\nMemFree: {free} kB\n")


def test_what_came_last_shows():
    latest = Latest()
    lines = [b for at in range(START, START + 9) for b in (stat(at), memory(at, at - START))]
    latest.note(TENANT, MACHINE, b"".join(lines))
    found = latest.figures(TENANT, MACHINE)
    assert set(found) == {"cpu", "cpus", "system", "memory"}
    assert found["cpu"].timestamp == START + 8
    assert found["cpu"].rows[0]["%usr"] == 30
    assert (found["cpu"].rows[0]["device"], found["cpus"].rows[0]["device"]) == ("", "0")
    assert found["memory"].rows == [{"device": "", **found["memory"].rows[0]}]
    assert found["memory"].rows[0]["kbmemfree"] == 8
    assert latest.last_seen(TENANT, MACHINE) == START + 8


def test_a_backlog_does_not_replace_what_is_newer():
    latest = Latest()
    latest.note(TENANT, MACHINE, stat(START + 50) + stat(START + 51))
    latest.note(TENANT, MACHINE, stat(START + 1) + stat(START + 2))
    assert latest.figures(TENANT, MACHINE)["cpu"].timestamp == START + 51


def test_ticks_and_sources_may_come_in_any_pieces():
    whole, pieces = Latest(), Latest()
    lines = [b for at in range(START, START + 3) for b in (stat(at), memory(at, at - START))]
    whole.note(TENANT, MACHINE, b"".join(lines))
    for each in lines:
        pieces.note(TENANT, MACHINE, each)
    assert pieces.figures(TENANT, MACHINE) == whole.figures(TENANT, MACHINE)


def test_sources_of_other_ticks_have_times_of_their_own():
    latest = Latest()
    latest.note(TENANT, MACHINE, memory(START, 5))
    latest.note(TENANT, MACHINE, stat(START + 9) + stat(START + 10))
    found = latest.figures(TENANT, MACHINE)
    assert (found["cpu"].timestamp, found["memory"].timestamp) == (START + 10, START)
    assert found["memory"].rows[0]["kbmemfree"] == 5


def test_a_first_sample_has_gauges_only():
    latest = Latest()
    latest.note(TENANT, MACHINE, stat(START) + memory(START, 5))
    assert latest.figures(TENANT, MACHINE) is None  # those of the store may be newer
    latest.note(TENANT, MACHINE, memory(START + 1, 6))
    found = latest.figures(TENANT, MACHINE)
    assert found["system"].rows[0]["intr/s"] is None
    assert "cpu" not in found


def test_lines_that_do_not_parse_cost_only_themselves():
    latest = Latest()
    bad = line(START + 2, "/proc/stat", "?")
    latest.note(
        TENANT, MACHINE, stat(START) + stat(START + 1) + bad + memory(START + 2, 1) + b"{\n"
    )
    found = latest.figures(TENANT, MACHINE)
    assert set(found) == {"memory"}
    assert found["memory"].rows[0]["kbmemfree"] == 1


def test_real_times_show():
    latest = Latest()
    latest.note(TENANT, MACHINE, stat(START, 250_000_000) + stat(START, 500_000_000))
    assert latest.figures(TENANT, MACHINE)["system"].timestamp == START + 0.5


def test_machines_and_tenants_are_kept_apart():
    latest = Latest()
    latest.note(TENANT, MACHINE, stat(START) + stat(START + 1))
    assert latest.figures(OTHER, MACHINE) is None
    assert latest.last_seen(TENANT, named("other")) is None
    latest.drop(OTHER)
    assert latest.figures(TENANT, MACHINE) is not None
    latest.drop(TENANT)
    assert latest.figures(TENANT, MACHINE) is None


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_stored_rows_say_the_same_as_the_last_lines(tmp_path, capture):
    engine = DuckEngine(tmp_path)
    frames = cut(capture.read_bytes(), 11)
    engine.apply(TENANT, frames, after=None)
    stored = engine.latest(TENANT, MACHINE)
    for each in frames:
        engine.noticed(TENANT, each)
    noted = engine.latest(TENANT, MACHINE) if stored else {}
    assert noted == stored
    engine.close()
    if not stored:
        assert "containers" in capture.parent.name


def test_a_single_sample_after_a_start_is_shown_as_what_it_is(tmp_path):
    """Never the figures of before under its time."""
    engine = DuckEngine(tmp_path)
    text = b"".join(stat(at) + memory(at, 50) for at in (START, START + 1))
    engine.apply(TENANT, [frame(text)], after=None)
    assert engine.latest(TENANT, MACHINE)["cpu"].timestamp == START + 1
    engine.noticed(TENANT, frame(stat(START + 9) + memory(START + 9, 7)))
    found = engine.latest(TENANT, MACHINE)
    assert found["memory"].timestamp == engine.last_seen(TENANT, MACHINE) == START + 9
    assert found["memory"].rows[0]["kbmemfree"] == 7
    assert "cpu" not in found
    engine.close()


def test_a_single_older_sample_after_a_start_changes_nothing(tmp_path):
    engine = DuckEngine(tmp_path)
    text = b"".join(stat(at) + memory(at, 50) for at in (START + 10, START + 11))
    engine.apply(TENANT, [frame(text)], after=None)
    before = engine.latest(TENANT, MACHINE)
    engine.noticed(TENANT, frame(stat(START) + memory(START, 7)))
    assert engine.latest(TENANT, MACHINE) == before
    engine.close()


def test_long_lines_are_left_to_the_store():
    latest = Latest()
    long = line(START, "/proc/stat", "x" * 2_000_000)
    latest.note(TENANT, MACHINE, long + stat(START + 1))
    assert latest.last_seen(TENANT, MACHINE) == START + 1
    assert frame(long).count == 1
