"""What is not rows yet: counted by the headers of frames, refused where a store begins anew."""

from functools import partial

import pytest
from backlogs import DAY, MOST, NOW, Engine, made
from made import MACHINE, TENANT, Log, named

from perfkit.store.backlog import LIVE_SECONDS, STREAM_SECONDS, Backlog, RefillError
from perfkit.store.engines import StoreError
from perfkit.store.log.frame import Place

OTHER = named("other machine")


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def lost():
    return []


@pytest.fixture
def backlog(engine, log, lost):
    return Backlog(engine, log, MOST, lost.append, now=lambda: NOW)


@pytest.fixture
def waiting(backlog):
    """Return what counts the lines that a range lacks."""

    def count(start=None, end=None, machine=MACHINE, ask=lambda: "figures"):
        answer, lines = backlog.asked(TENANT, machine, start, end, ask)
        assert answer == "figures"
        return lines

    return count


def test_what_is_behind_the_store_waits(engine, log, waiting):
    log.add(made(1), made(2), made(3), made(1, segment=2))
    engine.at = Place(1, 1)
    assert waiting() == 12
    engine.at = Place(1, 3)
    assert waiting() == 4
    engine.at = Place(2, 1)
    assert waiting() == 0


def test_lines_of_another_machine_do_not_count(log, waiting):
    log.add(made(1), made(2, 5, machine=OTHER))
    assert (waiting(), waiting(machine=OTHER), waiting(machine=named("none"))) == (4, 5, 0)


@pytest.mark.parametrize(
    ("kind", "ago", "age", "counted"),
    [
        ("upload", 0, 0, 4),
        ("upload", 3600, 3600, 4),
        ("stream", 0, 0, 0),
        ("stream", STREAM_SECONDS, LIVE_SECONDS, 0),
        ("stream", STREAM_SECONDS + 1, LIVE_SECONDS, 4),
        ("stream", 0, LIVE_SECONDS + 1, 4),  # a collector catches up
    ],
)
def test_the_newest_seconds_of_a_stream_are_ordinary(log, waiting, kind, ago, age, counted):
    log.add(made(1, kind=kind, ago=ago, at=(NOW - age, NOW)))
    assert waiting() == counted


def test_a_store_that_is_ahead_of_its_log_is_put_aside_and_filled(backlog, engine, log, lost):
    log.add(*map(made, range(1, 5)))
    engine.at = Place(1, 5)
    with pytest.raises(RefillError, match="0 of 16 lines"):
        backlog.asked(TENANT, MACHINE, None, None, lambda: "figures")
    assert "ends at" in engine.aside
    assert backlog.place(TENANT) is None
    engine.at = Place(1, 4)
    backlog.applied(TENANT, engine.at, 16)
    assert backlog.asked(TENANT, MACHINE, None, None, lambda: "figures") == ("figures", 0)
    assert lost == []


def test_a_store_ahead_of_a_log_that_is_gone_is_put_aside(backlog, engine):
    engine.at = Place(1, 5)
    assert backlog.place(TENANT) is None
    assert engine.aside


def test_a_refill_tells_that_its_last_try_failed(backlog, engine, log):
    log.add(*map(made, range(1, 5)))
    with pytest.raises(RefillError, match="uploads and exports go on"):
        backlog.asked(TENANT, MACHINE, None, None, lambda: "figures")
    backlog.failed(TENANT)
    with pytest.raises(RefillError, match="the last try failed"):
        backlog.asked(TENANT, MACHINE, None, None, lambda: "figures")
    engine.at = Place(1, 1)
    backlog.applied(TENANT, engine.at, 4)
    with pytest.raises(RefillError, match="4 of 16 lines are done; uploads and"):
        backlog.asked(TENANT, MACHINE, None, None, lambda: "figures")


def test_the_newest_lines_behind_a_store_are_at_hand_from_the_first_look(backlog, engine, log):
    log.add(made(1), made(2), made(3, machine=OTHER))
    engine.at = Place(1, 1)
    backlog.place(TENANT)
    assert engine.noted == {MACHINE: Place(1, 2), OTHER: Place(1, 3)}


@pytest.mark.parametrize(
    ("start", "end", "counted"),
    [
        (None, None, 4),
        (1000, 1010, 4),
        (1005, 1006, 4),  # lines of it may be there
        (None, 1000, 0),  # an end is exclusive
        (None, 1001, 4),
        (1010, None, 4),
        (1910, None, 4),  # the first interval begins with a line before the range
        (1911, None, 0),
        (None, 1010 + DAY + 900, 4),  # a range without a start is a day
        (None, 1011 + DAY + 900, 0),
    ],
)
def test_lines_count_that_the_range_is_made_of(log, waiting, start, end, counted):
    log.add(made(1))
    assert waiting(start, end) == counted


@pytest.mark.parametrize(("stored", "counted"), [(1010 + DAY + 900, 4), (1011 + DAY + 900, 0)])
def test_without_a_range_it_is_the_last_day_of_the_rows(engine, log, waiting, stored, counted):
    log.add(made(1))
    engine.stored[MACHINE] = stored
    assert waiting() == counted


def test_what_is_loaded_while_it_is_asked_for_may_be_missing(engine, log, waiting):
    log.add(made(1), made(2))
    engine.at = Place(1, 1)

    def loaded_meanwhile():
        engine.at = Place(1, 2)
        return "figures"

    assert waiting(ask=loaded_meanwhile) == 4
    assert waiting() == 0


def test_what_comes_while_it_is_asked_for_may_be_missing(engine, log, waiting):
    log.add(made(1))
    engine.at = Place(1, 1)

    def sent_meanwhile():
        log.add(made(2))
        return "figures"

    assert waiting(ask=sent_meanwhile) == 4


def test_a_store_that_begins_from_nothing_answers_nothing_until_it_is_filled(
    engine, log, backlog, waiting, lost
):
    log.add(*(made(number) for number in range(1, 5)))
    told = "made again from the log: {} of 16 lines are done; uploads and exports go on as ever"
    for done in range(4):
        with pytest.raises(RefillError, match=told.format(4 * done)):
            waiting()
        with pytest.raises(RefillError):  # of any machine, in any range
            waiting(0, 1, machine=OTHER)
        if not done:
            log.add(made(5))  # what comes meanwhile is not waited for
        assert (backlog.refills(), backlog.lines()) == (1, 20 - 4 * done)
        engine.at = Place(1, done + 1)
        backlog.applied(TENANT, engine.at, 4)
    assert waiting() == 4
    assert (backlog.refills(), backlog.lines(), lost) == (0, 4, [])


def test_a_short_log_is_told_and_not_refused(log, waiting):
    log.add(made(1), made(2, 6))
    assert waiting() == MOST


def test_a_first_upload_is_no_refill(log, backlog, waiting):
    for number in range(1, 9):
        log.add(made(number))
        backlog.came(TENANT, Place(1, number))
    assert waiting() == 32


def test_a_log_that_goes_on_after_the_start_is_a_refill_still(log, backlog, waiting):
    log.add(made(1, 5), made(2, 6))
    log.add(made(1, segment=2))
    backlog.came(TENANT, Place(2, 1))
    with pytest.raises(RefillError, match="0 of 15 lines"):
        waiting()


def test_of_a_segment_that_grows_only_what_was_there_makes_a_refill(log, backlog, waiting):
    log.add(made(1, 5), made(2, 5), made(3, 9))
    backlog.came(TENANT, Place(1, 3))
    assert waiting() == 19


def test_a_start_with_rows_is_no_refill_however_much_is_missing(engine, log, waiting, lost):
    log.add(*(made(number) for number in range(1, 30)))
    engine.at = Place(1, 1)
    assert (waiting(), lost) == (112, [])


@pytest.mark.parametrize("left", [None, Place(1, 1)])
def test_a_store_that_is_before_where_it_was_is_refilled(engine, log, waiting, lost, left):
    log.add(*(made(number) for number in range(1, 6)))
    engine.at = Place(1, 5)
    assert waiting() == 0
    engine.at = left
    with pytest.raises(RefillError, match=f"0 of {16 if left else 20} lines"):
        waiting()
    assert lost == [TENANT]


def test_a_store_that_lost_little_is_filled_and_told(engine, log, waiting, lost):
    log.add(made(1), made(2))
    engine.at = Place(1, 2)
    assert waiting() == 0
    engine.at = None
    assert (waiting(), lost) == (8, [TENANT])
    assert (waiting(), lost) == (8, [TENANT])


def test_a_store_that_is_lost_amid_its_refill_begins_anew(engine, log, backlog, waiting):
    log.add(*(made(number) for number in range(1, 6)))
    with pytest.raises(RefillError):
        waiting()
    engine.at = Place(1, 4)
    backlog.applied(TENANT, engine.at, 16)
    engine.at = None
    with pytest.raises(RefillError, match="0 of 20 lines"):
        waiting()


def test_an_answer_of_a_store_that_was_lost_meanwhile_is_none(engine, log, waiting):
    log.add(made(1), made(2))
    engine.at = Place(1, 2)

    def lost_meanwhile():
        engine.at = None
        return "figures"

    with pytest.raises(StoreError, match="lost while it was asked"):
        waiting(ask=lost_meanwhile)


def test_an_answer_is_none_also_where_all_is_filled_again_by_then(engine, log, backlog, waiting):
    log.add(made(1), made(2))
    engine.at = Place(1, 2)

    def lost_and_filled_meanwhile():
        engine.at = None
        assert backlog.place(TENANT) is None
        engine.at = Place(1, 2)
        backlog.applied(TENANT, engine.at, 8)
        return "figures"

    with pytest.raises(StoreError, match="lost while it was asked"):
        waiting(ask=lost_and_filled_meanwhile)


def test_a_place_of_before_a_transaction_is_no_loss(engine, log, backlog, waiting, lost):
    log.add(*(made(number) for number in range(1, 9)))
    engine.at = Place(1, 1)
    assert waiting() == 28

    def applied():
        engine.at = Place(1, 8)
        backlog.applied(TENANT, engine.at, 28)

    engine.meanwhile = applied
    assert waiting() == 0
    assert lost == []


def test_two_first_looks_at_once_are_one(engine, log, backlog, waiting, lost):
    log.add(made(1))
    engine.meanwhile = partial(backlog.place, TENANT)
    assert (waiting(), lost) == (4, [])


def test_the_newest_line_of_a_machine_is_known_whatever_is_rows(engine, log, backlog):
    log.add(made(1, at=(10, 20)), made(2, at=(5, 15)), made(3, at=(30, 31), machine=OTHER))
    assert backlog.last_seen(TENANT, MACHINE) == 20  # refilled
    assert backlog.last_seen(TENANT, OTHER) == 31
    assert backlog.last_seen(TENANT, named("none")) is None
    engine.at, engine.stored[MACHINE] = Place(1, 1), 20.0
    backlog.applied(TENANT, engine.at, 4)
    log.add(made(1, at=(25, 40), segment=2))
    engine.stored[OTHER] = 50.0
    assert backlog.last_seen(TENANT, OTHER) == 50
    engine.at = Place(1, 3)
    backlog.applied(TENANT, engine.at, 8)
    assert backlog.last_seen(TENANT, MACHINE) == 40  # behind


def test_the_newest_figures_need_no_rows_where_they_are_noted(engine, log, backlog):
    log.add(*(made(number) for number in range(1, 9)))
    with pytest.raises(RefillError):
        backlog.latest(TENANT, MACHINE)
    engine.noted[MACHINE] = {"cpu": "noted"}
    assert backlog.latest(TENANT, MACHINE) == {"cpu": "noted"}
    engine.at = Place(1, 8)
    backlog.applied(TENANT, engine.at, 32)
    assert backlog.latest(TENANT, OTHER) == {"cpu": OTHER}
