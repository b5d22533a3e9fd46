"""Where a batch ends, what the queue holds, what rings."""

import threading

import pytest

from perfkit.agent.handover import Batches, Bell, Queue

SECOND = 1_000_000_000


def cuts(period: float, samples: int, age: float, ticks: int) -> tuple[list[int], list[int]]:
    """Return after which ticks a batch ends, and after which the disk is told."""
    batches = Batches(int(period * SECOND), samples, int(age * SECOND))
    ends, syncs = [], []
    for number in range(1, ticks + 1):
        is_due, is_full = batches.add(int((number - 1) * period * SECOND))
        ends += [number] * is_full
        syncs += [number] * is_due
    return ends, syncs


@pytest.mark.parametrize(
    ("period", "samples", "age", "ends", "syncs"),
    [
        pytest.param(10, 6, 60, [1, 7, 13, 19], list(range(1, 21)), id="each-tick-is-synced"),
        pytest.param(1, 6, 60, [1, 7, 13, 19], [1, 7, 13, 19], id="a-batch-a-sync"),
        pytest.param(1, 1, 60, list(range(1, 21)), list(range(1, 21)), id="flush-1"),
        pytest.param(1, 360, 5, [1, 7, 13, 19], [1, 7, 13, 19], id="flush-5s"),
        pytest.param(1, 360, 60, [1], [1, 11], id="10-s-without-a-sync-at-most"),
        pytest.param(120, 6, 60, list(range(1, 21)), list(range(1, 21)), id="no-reason-to-wait"),
    ],
)
def test_where_a_batch_ends(
    period: float, samples: int, age: float, ends: list[int], syncs: list[int]
):
    assert cuts(period, samples, age, 20) == (ends, syncs)


def test_a_clock_that_is_set_back_ends_a_batch():
    batches = Batches(SECOND, 6, 60 * SECOND)
    assert batches.add(1000 * SECOND) == (True, True)
    assert batches.add(1001 * SECOND) == (False, False)
    assert batches.add(500 * SECOND) == (True, True)


def test_the_queue_is_bounded_and_tells_what_had_to_go():
    queue = Queue(most=25)
    ticks = [(number, 1, b"x" * 10, number) for number in range(4)]
    assert [queue.put(tick) for tick in ticks] == [[], [], [ticks[0]], [ticks[1]]]
    first = queue.first()
    assert first is ticks[2]
    queue.remove(ticks[0])
    assert queue.first() is ticks[2], "what is gone already takes nothing with it"
    queue.remove(ticks[2])
    queue.remove(ticks[3])
    assert queue.first() is None
    big = (9, 1, b"x" * 100, 9)
    assert queue.put(big) == [], "one tick always has room"
    assert queue.first() is big


def test_a_bell_that_rang_before_anybody_waited_is_heard():
    bell = Bell()
    assert not bell.wait(0)
    bell.ring()
    bell.ring()
    assert bell.wait(0)
    assert not bell.wait(-1.0)
    thread = threading.Thread(target=bell.ring)
    thread.start()
    assert bell.wait()
    thread.join()
