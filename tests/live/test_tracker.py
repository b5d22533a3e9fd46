"""Lines of a growing capture become intervals as soon as a tick is there."""

from perfkit.live.tracker import Tracker
from perfkit.record import Record


def stat(timestamp: int, ticks: int, ns: int | None = None) -> Record:
    text = b"cpu  %d 0 0 %d\ncpu0 0 0 0 0\n" % (ticks, ticks)
    return Record(timestamp, "/proc/stat", text, ns)


def memory(timestamp: int) -> Record:
    return Record(timestamp, "/proc/meminfo", b"MemTotal: 4 kB\nMemFree: 1 kB\n")


def test_a_tick_is_whole_when_the_next_one_begins():
    tracker = Tracker()
    assert tracker.feed([stat(1, 0), memory(1), stat(2, 50)]) == []
    found = tracker.feed([memory(2), stat(3, 90)])
    assert [(each.timestamp, each.cpus[-1].usr_percent) for each in found] == [(2, 50.0)]
    assert found[0].memory is not None
    assert tracker.count == 3


def test_a_tick_is_whole_when_nothing_more_comes():
    tracker = Tracker()
    tracker.feed([stat(1, 0), memory(1)])
    assert tracker.settle() is None  # the first: nothing to compare with
    tracker.feed([stat(2, 50), memory(2)])
    settled = tracker.settle()
    assert settled is not None
    assert settled.timestamp == 2
    assert tracker.settle() is None  # once
    assert tracker.feed([stat(3, 90)]) == []  # it is known already


def test_what_comes_late_is_added_to_its_tick():
    tracker = Tracker()
    tracker.feed([stat(1, 0), memory(1)])
    tracker.settle()
    tracker.feed([stat(2, 50)])
    early = tracker.settle()
    assert early is not None
    assert early.memory is None
    tracker.feed([memory(2)])
    again = tracker.settle()
    assert again is not None
    assert (again.timestamp, again.memory is not None) == (2, True)
    assert tracker.count == 2


def test_late_lines_are_seen_when_the_next_tick_comes_with_them():
    tracker = Tracker()
    tracker.feed([stat(1, 0), memory(1)])
    tracker.feed([stat(2, 50)])
    tracker.settle()
    found = tracker.feed([memory(2), stat(3, 90)])
    assert [(each.timestamp, each.memory is not None) for each in found] == [(2, True)]


def test_ticks_within_a_second_differ_in_ns():
    tracker = Tracker()
    found = tracker.feed([stat(1, 0), stat(1, 5, ns=500_000_000), stat(2, 7)])
    assert [each.seconds for each in found] == [0.5]


def test_the_recorders_own_lines_are_no_tick():
    tracker = Tracker()
    host = b'{"run":"x","hostname":"web1","kernel":"6.1.0","position":0}'
    found = tracker.feed(
        [
            Record(1, "perfkit/host", host),
            Record(1, "perfkit/host", b"[1"),
            Record(1, "perfkit/host", b'{"hostname":7}'),
            Record(1, "perfkit/gap", b"{}"),
        ]
    )
    assert (found, tracker.count) == ([], 0)
    assert (tracker.hostname, tracker.kernel) == ("web1", "6.1.0")


def test_a_broken_record_costs_no_other():
    tracker = Tracker()
    tracker.feed([stat(1, 0), memory(1), Record(2, "/proc/stat", b"nonsense"), memory(2)])
    found = tracker.settle()
    assert found is not None
    assert (found.cpus, found.memory is not None) == ({}, True)
