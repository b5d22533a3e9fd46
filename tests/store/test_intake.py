"""The way in: each line once, acknowledged when it lasts, whoever sent it."""

import asyncio
import hashlib
from uuid import UUID

import pytest
from uploads import MACHINE, RUN, TENANT, accepted, batch, line, lines, opened

from perfkit.errors import DiskError, InputError, UsageError
from perfkit.store import faults
from perfkit.store.intake import Batch, Outcome, Piece
from perfkit.store.log import Place

OTHER = UUID(int=9)


@pytest.fixture
def intake(tmp_path):
    made = opened(tmp_path)
    yield made
    made.close()


def digest(sent):
    return hashlib.sha256(b"".join(sent)).digest()


def unnumbered(intake, *bodies, run=RUN):
    async def hand_in():
        await intake.accept(batch(0, []))
        calls = [intake.accept_unnumbered(TENANT, MACHINE, run, b, digest(b)) for b in bodies]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(hand_in())


def test_new_lines_are_stored_and_come_back_as_they_were(intake):
    sent = lines(0, 20)
    assert accepted(intake, batch(0, sent)) == [Outcome(lines=20)]
    assert list(intake.lines(TENANT, MACHINE)) == sent
    assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 19)]


def test_what_is_sent_again_is_a_duplicate(intake):
    accepted(intake, batch(0, lines(0, 20)))
    assert accepted(intake, batch(0, lines(0, 20))) == [Outcome(duplicates=20)]
    assert accepted(intake, batch(15, lines(15, 30))) == [Outcome(lines=10, duplicates=5)]
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 30)


def test_other_bytes_at_a_known_position_are_refused(intake):
    accepted(intake, batch(0, lines(0, 20)))
    changed = [line(5, text="!"), *lines(6, 22)]
    assert accepted(intake, batch(5, changed)) == [Outcome(lines=2, duplicates=14, conflicts=1)]
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 22)


def test_holes_are_filled(intake):
    accepted(intake, batch(10, lines(10, 20)), batch(30, lines(30, 40)))
    assert intake.intervals(TENANT, MACHINE, RUN) == [(10, 19), (30, 39)]
    assert accepted(intake, batch(0, lines(0, 40))) == [Outcome(lines=20, duplicates=20)]
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 40)


def test_the_same_lines_in_parallel_are_stored_once(intake):
    outcomes = accepted(intake, *[batch(0, lines(0, 20)) for _ in range(5)])
    assert outcomes == [Outcome(lines=20), *[Outcome(duplicates=20)] * 4]
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 20)


def test_a_body_that_holds_a_line_twice_is_stored_once(intake):
    piece = Piece(run=RUN, first=0, lines=lines(0, 4))
    twice = Batch(tenant=TENANT, machine=MACHINE, kind="stream", pieces=[piece, piece])
    assert accepted(intake, twice) == [Outcome(lines=4, duplicates=4)]


def test_a_piece_without_lines_is_nothing(intake):
    assert accepted(intake, batch(0, [])) == [Outcome()]
    assert intake.runs(TENANT, MACHINE) == []


def test_an_export_is_ordered_by_start_of_run_and_position(intake):
    late, early = UUID(int=11), UUID(int=12)
    later = [line(number, timestamp=1_700_009_000) for number in range(3)]
    accepted(intake, batch(0, later, run=late))
    accepted(intake, batch(5, lines(5, 8), run=early))
    accepted(intake, batch(0, lines(0, 5), run=early))
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 8) + later
    assert list(intake.lines(TENANT, MACHINE, run=late)) == later
    assert [info.run for info in intake.runs(TENANT, MACHINE)] == [early, late]
    assert [info.started for info in intake.runs(TENANT, MACHINE)] == [1_700_000_000, 1_700_009_000]


def test_an_export_keeps_to_its_times(intake):
    accepted(intake, batch(0, lines(0, 20)), batch(20, lines(20, 40)))
    # Five lines a second: seconds 1 to 5 are lines 5 to 29.
    within = intake.lines(TENANT, MACHINE, start=1_700_000_001, end=1_700_000_006)
    assert list(within) == lines(5, 30)
    assert list(intake.lines(TENANT, MACHINE, start=1_700_000_100)) == []
    assert list(intake.lines(TENANT, MACHINE, end=1_700_000_000)) == []


def test_lines_with_keys_in_another_order_are_found_by_time(intake):
    odd = [b'{"subsystem":"a", "timestamp": 1700000000,"measurement":"x"}\n', line(30)]
    accepted(intake, batch(0, odd))
    assert list(intake.lines(TENANT, MACHINE, start=1_700_000_001)) == odd[1:]
    assert list(intake.lines(TENANT, MACHINE, end=1_700_000_001)) == odd[:1]


def test_a_run_once_named_an_upload_stays_one(intake):
    accepted(intake, batch(0, lines(0, 5), kind="upload"), batch(5, lines(5, 10)))
    (info,) = intake.runs(TENANT, MACHINE)
    assert (info.kind, info.lines, info.intervals) == ("upload", 10, [(0, 9)])
    assert [frame.kind for frame in intake.frames(TENANT)] == ["upload", "upload"]


def test_machines_and_tenants_know_nothing_of_each_other(intake):
    accepted(
        intake,
        batch(0, lines(0, 5)),
        batch(0, lines(5, 10), machine=OTHER),
        batch(0, lines(10, 15), tenant=OTHER),
    )
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 5)
    assert list(intake.lines(TENANT, OTHER)) == lines(5, 10)
    assert list(intake.lines(OTHER, MACHINE)) == lines(10, 15)
    assert intake.intervals(OTHER, OTHER, RUN) == []


@pytest.mark.parametrize("first", [-1, 2**63 - 3])
def test_a_position_out_of_range_is_an_error(intake, first):
    with pytest.raises(InputError, match=r"expected 0 to 9223372036854775807"):
        accepted(intake, batch(first, lines(0, 5)))


def test_the_highest_position_is_kept(tmp_path):
    for _ in range(2):
        intake = opened(tmp_path)
        accepted(intake, batch(2**63 - 6, lines(0, 5)))
        assert intake.intervals(TENANT, MACHINE, RUN) == [(2**63 - 6, 2**63 - 2)]
        intake.close()


def test_all_is_there_after_a_restart(tmp_path):
    first = opened(tmp_path)
    accepted(first, batch(0, lines(0, 20)), batch(30, lines(30, 40), kind="upload"))
    before = first.runs(TENANT, MACHINE)
    first.close()
    again = opened(tmp_path)
    assert again.runs(TENANT, MACHINE) == before
    assert accepted(again, batch(10, lines(10, 30))) == [Outcome(lines=10, duplicates=10)]
    assert list(again.lines(TENANT, MACHINE)) == lines(0, 40)
    again.close()


@pytest.mark.usefixtures("intake")
def test_a_second_server_on_the_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="another server uses this data folder"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_disk_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="file: File exists"):
        opened(tmp_path / "file")


def test_frames_reach_the_loader_in_the_order_of_the_log(intake):
    seen = []
    intake.loader_put = lambda tenant, frame: seen.append((tenant, frame))
    accepted(intake, batch(0, lines(0, 5)), batch(5, lines(5, 9)))
    intake.close()
    assert [(tenant, frame.place) for tenant, frame in seen] == [
        (TENANT, Place(1, 0)),
        (TENANT, Place(1, 1)),
    ]
    frame = seen[1][1]
    assert (frame.machine, frame.run, frame.first, frame.count) == (MACHINE, RUN, 5, 4)
    assert frame.lines == b"".join(lines(5, 9))
    frame.forget()
    assert frame.lines == b"".join(lines(5, 9))


def test_a_loader_that_fails_stops_nobody(intake, caplog):
    intake.loader_put = lambda _tenant, _frame: 1 // 0
    assert accepted(intake, batch(0, lines(0, 5)), batch(5, lines(5, 9))) == [
        Outcome(lines=5),
        Outcome(lines=4),
    ]
    intake.close()
    assert caplog.text.count("was not handed on") == 2


def test_what_is_on_its_way_is_not_told_yet(intake):
    async def look():
        task = asyncio.create_task(intake.accept(batch(0, lines(0, 10))))
        await asyncio.sleep(0)  # launched; the loop has not heard that it landed
        before = intake.intervals(TENANT, MACHINE, RUN), intake.waiting_bytes
        await task
        return before

    accepted(intake, batch(20, lines(20, 25)))
    before = asyncio.run(look())
    assert before == ([(20, 24)], sum(map(len, lines(0, 10))))
    assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 9), (20, 24)]


def test_what_lands_after_its_loop_is_closed_is_kept(intake):
    async def launch():
        task = asyncio.create_task(intake.accept(batch(0, lines(0, 5))))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    accepted(intake, batch(20, lines(20, 25)))
    asyncio.run(launch())
    intake.close()
    assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 4), (20, 24)]


def test_replay_begins_behind_a_place(intake):
    for first in range(0, 20, 5):
        accepted(intake, batch(first, lines(first, first + 5)))
    assert [f.first for f in intake.frames(TENANT)] == [0, 5, 10, 15]
    assert [f.first for f in intake.frames(TENANT, Place(1, 1))] == [10, 15]
    assert list(intake.frames(TENANT, Place(2, 0))) == []
    assert b"".join(f.lines for f in intake.frames(TENANT)) == b"".join(lines(0, 20))


def test_a_big_batch_is_cut_into_frames(tmp_path):
    intake = opened(tmp_path, frame_bytes=200)
    assert accepted(intake, batch(0, lines(0, 50))) == [Outcome(lines=50)]
    assert len(list(intake.frames(TENANT))) == 25
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 50)
    intake.close()


def test_a_body_without_positions_is_stored_once(intake):
    assert unnumbered(intake, lines(0, 5), lines(5, 10)) == [Outcome(lines=5)] * 2
    assert unnumbered(intake, lines(0, 5), lines(5, 10)) == [Outcome(duplicates=5)] * 2
    assert unnumbered(intake, lines(3, 8), lines(3, 8)) == [
        Outcome(lines=5),
        Outcome(duplicates=5),
    ]
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 10) + lines(3, 8)


def test_bodies_are_known_though_their_hashes_left_memory(tmp_path):
    intake = opened(tmp_path, runs_with_bodies=1)
    runs = [UUID(int=number) for number in range(30, 34)]
    for run in runs:
        assert unnumbered(intake, lines(0, 5), run=run) == [Outcome(lines=5)]
    for run in runs:
        assert unnumbered(intake, lines(5, 9), lines(0, 5), run=run) == [
            Outcome(lines=4),
            Outcome(duplicates=5),
        ]
        assert list(intake.lines(TENANT, MACHINE, run=run)) == lines(0, 9)
    intake.close()


def test_bodies_are_known_after_a_restart(tmp_path):
    first = opened(tmp_path, frame_bytes=200)
    unnumbered(first, lines(0, 20), lines(20, 30))
    first.close()
    again = opened(tmp_path)
    assert unnumbered(again, lines(20, 30), lines(0, 20), lines(40, 41)) == [
        Outcome(duplicates=10),
        Outcome(duplicates=20),
        Outcome(lines=1),
    ]
    assert list(again.lines(TENANT, MACHINE)) == lines(0, 30) + lines(40, 41)
    again.close()


def test_a_body_of_which_a_part_failed_is_completed_when_it_comes_again(tmp_path):
    intake = opened(tmp_path, frame_bytes=200)
    faults.arm("log.before-sync:1-2:eio")
    (failed, later) = unnumbered(intake, lines(0, 20), lines(20, 30))
    faults.arm(None)
    assert isinstance(failed, DiskError)
    outcomes = unnumbered(intake, lines(0, 20), lines(20, 30))
    assert all(o.lines + o.duplicates == n for o, n in zip(outcomes, [20, 10], strict=True))
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 30), later
    intake.close()


def test_a_request_given_up_by_its_client_is_stored_all_the_same(intake):
    async def give_up():
        task = asyncio.create_task(intake.accept(batch(0, lines(0, 5))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await intake.accept(batch(0, lines(0, 5)))

    accepted(intake, batch(100, lines(0, 1)))  # the log is open: nothing to wait for before
    assert asyncio.run(give_up()) == Outcome(duplicates=5)
    assert intake.waiting_bytes == 0
