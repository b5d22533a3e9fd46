"""A fleet made of a capture does what its host did: no step is another one, and nothing repeats."""

import json
from collections import defaultdict

import numpy as np
import pytest

import fleet
import real_hosts

START = 1_700_000_000


def samples_of(rows: np.ndarray, period: int) -> dict[int, dict[str, str]]:
    """Return kernel texts of a host, as its capture holds them, with devices that do little."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for place, row in enumerate(rows.tolist()):
        for line in fleet.text(START + period * place, row).splitlines():
            record = json.loads(line)
            found[record["timestamp"]][record["subsystem"]] = record["measurement"]
    for texts in found.values():
        texts["/proc/net/dev"] += "    lo: 9999999999999 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
        texts["/proc/diskstats"] += "   8       1 sda1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
        texts["statfs[*]"] += '{"mount_point":"/boot","block_size":1}\n'
    return found


def host(period: int = 10, samples: int = 90) -> real_hosts.Host:
    return real_hosts.host_of("made", samples_of(fleet.numbers(1, samples), period))


def test_a_host_s_sixty_numbers_are_read_in_their_order():
    found = host()
    assert found.rows.tolist() == fleet.numbers(1, 90).tolist()
    assert (found.stride, found.intervals) == (1, 89)


def test_every_step_is_one_that_the_host_made_in_ten_seconds():
    for period, stride in ((10, 1), (5, 2)):
        found = host(period)
        assert found.stride == stride
        real = set(map(tuple, (found.rows[stride:] - found.rows[:-stride])[:, :13].tolist()))
        steps = np.diff(found.numbers(3, 600), axis=0)[:, :13]
        assert set(map(tuple, steps.tolist())) <= real


def test_machines_differ_in_their_start_and_in_the_order_of_their_blocks():
    found = host()
    one, other = found.numbers(1, 300), found.numbers(2, 300)
    assert (one[0, :13] != other[0, :13]).any()
    assert (np.diff(one, axis=0) != np.diff(other, axis=0)).any()
    assert (one == found.numbers(1, 300)).all()


def test_memory_and_room_stay_between_nothing_and_all():
    rows = fleet.numbers(1, 90)
    rows[:, fleet.MEMORY.start + 1] = np.arange(90) * 40_000
    numbers = real_hosts.host_of("made", samples_of(rows, 10)).numbers(1, 2000)
    memory, room = numbers[:, fleet.MEMORY], numbers[:, fleet.ROOM]
    for total, held in ((memory[0, 0], memory[:, 1:]), (room[0, 1], room[:, 2:])):
        assert held.min() >= 0
        assert held.max() <= total
    assert set(np.abs(np.diff(memory[:, 1])).tolist()) > {40_000}


def test_what_has_no_memory_is_as_it_was():
    found = host()
    numbers = found.numbers(1, 300)
    for column in (fleet.RUNNING, fleet.BLOCKED, fleet.IN_FLIGHT, fleet.BTIME):
        assert set(numbers[:, column].tolist()) <= set(found.rows[:, column].tolist())


def test_the_hosts_of_a_fleet_take_turns():
    hosts = [host(), real_hosts.host_of("other", samples_of(fleet.numbers(9, 90), 10))]
    machine = real_hosts.fleet_of(hosts)
    assert (machine(4, 60) == hosts[0].numbers(4, 60)).all()
    assert (machine(5, 60) == hosts[1].numbers(5, 60)).all()


def test_a_capture_that_is_short_or_of_another_period_is_left_out(tmp_path):
    assert real_hosts.captured(tmp_path / "absent") == []
    for name, period, samples in (("long", 5, 103), ("short", 5, 100), ("odd", 7, 200)):
        folder = tmp_path / name
        folder.mkdir()
        rows = fleet.numbers(1, samples).tolist()
        lines = (fleet.text(START + period * at, row) for at, row in enumerate(rows))
        (folder / "capture.json").write_bytes(b"".join(lines))
    assert [each.name for each in real_hosts.captured(tmp_path)] == ["long"]
    with pytest.raises(real_hosts.UnusableCaptureError, match="divides 10 s"):
        real_hosts.read(tmp_path / "odd" / "capture.json", "odd")
