"""The sender against a server that answers what a test says, on a clock of the test's own."""

import hashlib
from pathlib import Path

import pytest
from spools import LATER, LINES, RUN, tick, wanted
from worlds import URL, Answer, World, refusal

from perfkit.agent.upload import LONGEST_ASKED
from perfkit.answer import Receipt


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path / "spool")
    yield made
    made.spool.close()


def test_what_is_sampled_is_sent_with_run_and_position(world: World):
    world.spools.add(1)
    world.steps()
    world.spools.add(6)
    world.steps()
    assert world.sent == [(RUN, 0, LINES), (RUN, LINES, 6 * LINES)]
    assert world.taken == wanted(7)
    assert world.sender.delivered == {RUN: 7}
    assert world.voice.infos == [f"sending to {URL}"]
    assert world.voice.warnings == []
    assert world.connections == 1


@pytest.mark.parametrize("status", [None, 401, 403, 404, 408, 429, 500, 502, 503, 507, 302, 415])
def test_what_may_pass_is_kept_and_sent_again(world: World, status: int | None):
    world.answers = [refusal(status)] * 3
    world.spools.add(6)
    world.steps()
    assert world.taken == wanted(6)
    assert world.sent == [(RUN, 0, 6 * LINES)] * 4
    assert world.voice.warnings == [
        f"server at {URL}: no ({status}): samples are kept in {world.spool.folder} and sent later"
    ]
    assert world.voice.infos[0].startswith(f"server at {URL} takes samples again, ")
    assert world.connections == (4 if status in {401, 403} else 1)


def test_it_waits_longer_and_longer_up_to_a_minute(world: World):
    world.answers = [refusal(503)] * 9
    world.spools.add(1)
    waits = [world.sender.step()]
    while len(waits) < 9:
        world.now += waits[-1] or 0
        waits.append(world.sender.step())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_any_part_of_it(world: World):
    world.answers = [refusal(503)] * 2
    world.spools.add(1)
    world.noise = 0.0
    assert world.sender.step() == 0.0
    world.noise = 0.25
    assert world.sender.step() == 0.5
    assert world.sender.step() == 0.5, "not before"
    assert len(world.sent) == 2
    world.sender.hurry()
    assert world.sender.step() == 0.0
    assert world.taken == wanted(1)


def test_a_server_that_says_when_is_not_asked_before(world: World):
    world.answers = [refusal(503, retry_after=30.0), refusal(429, retry_after=1e9)]
    world.spools.add(1)
    assert world.sender.step() == 31.0
    world.now += 31.0
    assert world.sender.step() == 2.0 + LONGEST_ASKED


def test_what_changes_is_said_and_nothing_else(world: World):
    world.answers = [refusal(None), refusal(None), refusal(401), refusal(401), refusal(None)]
    world.spools.add(1)
    world.steps()
    assert [text.partition("(")[2][:4] for text in world.voice.warnings] == ["None", "401)", "None"]


def test_too_much_is_sent_in_halves(world: World):
    world.spool.done()
    for _ in range(10):
        world.spools.add(6)
    world.answers = [refusal(413)] * 2
    world.steps()
    assert world.taken == wanted(60)
    assert [lines // LINES for _, _, lines in world.sent] == [60, 30, 18, 18, 18, 6]
    assert world.parked() == {}


def test_a_batch_that_is_too_big_is_cut(world: World):
    def at_most(most: int) -> Answer:
        def answer(_run: str, _position: int, lines: list[bytes]) -> None:
            if len(lines) > most:
                raise refusal(413)

        return answer

    world.spools.add(6)
    world.answers = [at_most(4)] * 30
    world.steps()
    assert world.taken == wanted(6)
    assert world.parked() == {}
    world.spools.add(1)
    world.answers = [at_most(0)] * 30
    world.steps()
    lines = tick(6).splitlines(keepends=True)
    assert world.parked() == {
        f"{RUN}.{6 * LINES + at}.json.gz": [line] for at, line in enumerate(lines)
    }
    assert world.spool.waiting() == 0


def test_a_failure_between_halves_keeps_the_whole(world: World):
    world.spools.add(2)
    world.answers = [refusal(413), lambda *_: None, refusal(503)]
    world.steps()
    assert world.taken == wanted(2)
    assert [lines for _, _, lines in world.sent] == [6, 3, 3, 6]


@pytest.mark.parametrize("status", [400, 422])
def test_what_cannot_be_used_is_put_aside_and_said(world: World, status: int):
    world.answers = [refusal(status)]
    world.spools.add(6)
    world.spools.add(6)
    world.steps()
    assert world.taken == wanted(12), "one of two batches may have been right"
    world.answers = [refusal(status)]
    world.spools.add(1)
    world.steps()
    name = f"{RUN}.{12 * LINES}.json.gz"
    assert world.parked() == {name: tick(12).splitlines(keepends=True)}
    path = f"{world.spool.folder}/parked/{name}"
    refused = f"server at {URL}: no ({status}): 3 lines put aside in {path}"
    assert world.voice.warnings == [f"{refused}, what is refused likewise too"]
    assert world.sender.parked == 1
    world.answers = [refusal(status)]
    world.spools.add(1)
    world.steps()
    assert len(world.parked()) == 2
    assert len(world.voice.warnings) == 1


def test_what_cannot_be_put_aside_is_told_as_lost(world: World):
    world.spool.parked_bytes = 1 << 20
    world.answers = [refusal(422)]
    world.spools.add(2)
    world.steps()
    assert world.lost == [(RUN, 0, 5, f"refused: server at {URL}: no (422)")]
    assert "6 lines from position 0 on are lost: " in world.voice.warnings[0]


def receipt_without(*numbers: int, conflicts: int = 0) -> Answer:
    def answer(_run: str, _position: int, lines: list[bytes]) -> Receipt:
        kept = [line for at, line in enumerate(lines, start=1) if at not in numbers]
        digest = hashlib.sha256(b"".join(kept)).hexdigest()
        return Receipt(digest, conflicts=conflicts, rejected=[(at, "odd") for at in numbers])

    return answer


def test_a_rejected_line_is_put_aside_and_costs_no_other(world: World):
    world.answers = [receipt_without(2, 5)]
    world.spools.add(2)
    world.steps()
    lines = [line for number in range(2) for line in tick(number).splitlines(keepends=True)]
    assert world.parked() == {
        f"{RUN}.1.json.gz": [lines[1]],
        f"{RUN}.4.json.gz": [lines[4]],
    }
    path = f"{world.spool.folder}/parked/{RUN}.1.json.gz"
    rejected = f"server at {URL} rejected a line: odd: 1 line put aside in {path}"
    assert world.voice.warnings == [f"{rejected}, what is refused likewise too"]
    assert world.spool.waiting() == 0


def test_other_lines_at_the_same_positions_are_said(world: World):
    world.answers = [receipt_without(conflicts=3)]
    world.spools.add(1)
    world.steps()
    assert list(world.parked()) == [f"{RUN}.0.json.gz"]
    assert "other lines are at 3 of their positions" in world.voice.warnings[0]


def test_a_receipt_of_something_else_takes_nothing_away(world: World):
    world.answers = [lambda *_: Receipt("0" * 64), lambda *_: Receipt("", rejected=[(1, "x")])]
    world.spools.add(1)
    world.steps()
    assert len(world.sent) == 3
    assert world.taken == wanted(1)
    assert "its receipt is not that of what was sent" in world.voice.warnings[0]


def test_a_backlog_of_an_earlier_run_goes_under_its_own_name(world: World):
    world.spools.add(6)
    world.spool.close()
    again = World(world.spools.folder)
    again.spool.close()
    again.spool = again.spools.open(LATER)
    again.sender._spool = again.spool  # noqa: SLF001 - of the later run
    again.spools.add(1)
    again.steps()
    assert again.sent == [(LATER, 0, LINES), (RUN, 0, 6 * LINES)]
    assert again.voice.infos == [f"sending to {URL}", "what was waiting in the spool is delivered"]
    world.spool = again.spool


def test_a_segment_that_cannot_be_read_is_said_and_tried_again(world: World):
    world.spools.add(1)
    path = world.spools.folder / "0000000001.spool"
    path.rename(path.with_suffix(".away"))
    assert world.sender.step() == 0.0
    assert world.sender.step() == 1.0
    assert "0000000001.spool: cannot be read: no such file" in world.voice.warnings[0]
    assert world.voice.infos == []
    path.with_suffix(".away").rename(path)
    world.now += 1.0
    world.steps()
    assert world.taken == wanted(1)


def test_what_an_earlier_run_left_under_a_name_that_is_refused_holds_up_nothing(world: World):
    world.spools.add(6)
    world.spool.done()
    world.noise = 0.5
    old: list[Answer | Exception] = [refusal(403), refusal(403)]
    for number in range(2):
        world.answers = [old.pop()]
        assert world.sender.step() == 0.0
        assert world.sender.step() == 0.5 * 2**number, "that alone waits"
        world.spools.add(1)
        assert world.sender.step() == 0.0
        assert len(world.taken) == (number + 1) * LINES
        world.now += 2.0
    assert world.voice.warnings == [
        f"server at {URL}: no (403): what waits in {world.spool.folder} stays there"
    ]
    world.steps()
    assert world.taken == wanted(8)
    assert world.sender.error is None
