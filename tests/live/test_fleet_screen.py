"""The picture of many machines, at any size."""

import pytest

from perfkit.live.fleet import FleetView, Machine
from perfkit.live.fleet_screen import HINT, fleet_picture
from perfkit.live.view import ASCII, UNICODE
from perfkit.report.headline import Headline

NOW = 1_700_000_100.0
FIGURES = Headline(
    cpu_percent=93.4,
    memory_percent=25.0,
    disk_percent=7.0,
    read_kb=0.0,
    written_kb=None,
    received_kb=123456789.0,
    sent_kb=3.0,
)


def view_of(*names: str, **changes: object) -> FleetView:
    machines = [Machine(n, name, name, NOW - 1, FIGURES) for n, name in enumerate(names, 1)]
    view = FleetView("http://127.0.0.1:8080", "~/data", machines, now=NOW, running_seconds=83.0)
    for name, value in changes.items():
        setattr(view, name, value)
    return view


def drawn(view: FleetView, width: int = 80, height: int = 24) -> list[str]:
    return [each.plain for each in fleet_picture(view, width, height, UNICODE)]


def test_a_line_a_machine_with_its_figures():
    lines = drawn(view_of("web1"), 85)
    assert lines[0] == "perfkit serve · http://127.0.0.1:8080 · 1 machine"
    assert lines[1] == "00:01:23 · ~/data"
    assert lines[3].split() == [
        "machine", "%cpu", "%memused", "%util", "rkB/s", "wkB/s", "rxkB/s", "seen"
    ]  # fmt: skip
    name, cpu, bar, *others = lines[4].split()
    assert (name, cpu, others) == ("web1", "93.4", ["25.0", "7.0", "0.0", "-", "123M", "1", "s"])
    assert set(bar) == {"█", "░"}
    assert lines[-1] == HINT


@pytest.mark.parametrize("width", [1, 5, 20, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 6, 10, 50])
@pytest.mark.parametrize("count", [0, 1, 20, 1000])
def test_it_never_leaves_the_terminal(width: int, height: int, count: int):
    view = view_of(*[f"a-rather-long-name-of-a-machine-{n}" for n in range(count)])
    lines = fleet_picture(view, width, height, ASCII)
    assert 1 <= len(lines) <= height
    assert max(line.cell_len for line in lines) <= width


def test_what_is_not_shown_is_counted():
    lines = drawn(view_of(*[f"web{n}" for n in range(20)]), height=12)
    assert [line.split()[0] for line in lines[4:10]] == [f"web{n}" for n in range(6)]
    assert lines[10] == "and 14 more"
    lines = drawn(view_of(*[f"web{n}" for n in range(20)], is_all=False), height=12)
    assert lines[10] == "and 14 more, at least"
    assert "20+ machines" in lines[0]


@pytest.mark.parametrize(
    ("age", "told"), [(3, "3 s"), (119, "119 s"), (150, "2 min"), (7300, "2 h"), (None, "-")]
)
def test_how_long_ago_a_machine_was_seen(age: int | None, told: str):
    view = view_of("web1")
    view.machines[0].seen = None if age is None else NOW - age
    view.machines[0].figures = None
    assert drawn(view)[4].endswith(f" {told}")


def test_names_cannot_steer_the_terminal():
    assert "\x1b" not in "".join(drawn(view_of("a\x1b[2Jb"), 120))


def test_it_says_what_to_do_next_where_there_is_room():
    text = "\n".join(drawn(view_of("web1"), 100))
    assert "perfkit collect --server http://127.0.0.1:8080 --api-key-file FILE" in text
    assert "perfkit ctl machines --key-file ~/data/first-run.json" in text
    assert "--api-key-file" not in "\n".join(drawn(view_of("web1"), 40))
    assert "--api-key-file" not in "\n".join(drawn(view_of("web1"), 100, 8))


def test_a_message_takes_the_last_line():
    assert drawn(view_of(message="the collector ended"))[-1] == "the collector ended"


def test_before_the_first_sample():
    assert "waiting for the first sample" in drawn(view_of())
