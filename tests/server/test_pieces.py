"""Where the lines of a body belong, as `perfkit/host` lines and headers say it."""

import json
from uuid import UUID

import pytest

from perfkit.record import run_of_capture
from perfkit.server.door import Door
from perfkit.server.limits import Limits
from perfkit.server.pieces import LAST_POSITION, Place, Placer

FIRST, SECOND = UUID(int=1), UUID(int=2)


def line(second, subsystem="/proc/stat", measurement="cpu  1 2 3 4"):
    record = {
        "timestamp": 1_700_000_000 + second,
        "subsystem": subsystem,
        "measurement": measurement,
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def host(second, run, position):
    return line(second, "perfkit/host", json.dumps({"run": str(run), "position": position}))


def placed(*blocks, place=None):
    door, placer = Door(Limits(), 1_700_000_100), Placer("web1", place)
    for lines in blocks:
        placer.add(door.lines(lines))
    return [(piece.run, piece.first, len(piece.lines)) for piece in placer.take()], placer.samples


def test_a_host_line_places_itself_and_what_follows():
    first, second = host(0, FIRST, 7), host(2, SECOND, 0)
    assert placed([first, line(0), line(1), second, line(2)]) == (
        [(FIRST, 7, 3), (SECOND, 0, 2)],
        3,
    )


def test_what_stands_before_the_first_host_line_is_where_the_headers_say():
    sent = [line(0), line(0), host(1, SECOND, 4)]
    assert placed(sent, place=Place(FIRST, 9)) == ([(FIRST, 9, 2), (SECOND, 4, 1)], 2)


def test_host_lines_that_continue_the_run_cut_no_piece():
    sent = [host(0, FIRST, 0), line(0)], [host(1, FIRST, 2), line(1)]
    assert placed(*sent) == ([(FIRST, 0, 4)], 2)


def test_a_rejected_line_leaves_a_hole():
    sent = [line(0), b"no line\n", line(1)]
    assert placed(sent, place=Place(FIRST, 0)) == ([(FIRST, 0, 1), (FIRST, 2, 1)], 2)


@pytest.mark.parametrize(
    "measurement",
    ["", "{}", "[" * 9_000, '{"run":"x","position":0}', f'{{"run":"{FIRST}"}}'],
)
def test_a_host_line_that_names_no_place_is_a_line_like_others(measurement):
    spoiled = line(0, "perfkit/host", measurement)
    run = UUID(run_of_capture("web1", spoiled))
    assert placed([spoiled, line(1)]) == ([(run, 0, 2)], 2)


@pytest.mark.parametrize(
    ("position", "is_taken"),
    [(-1, False), (0, True), (LAST_POSITION, True), (LAST_POSITION + 1, False)],
)
def test_positions_that_a_run_may_have(position, is_taken):
    ((run, _, _),), _ = placed([host(0, FIRST, position)])
    assert (run == FIRST) is is_taken
