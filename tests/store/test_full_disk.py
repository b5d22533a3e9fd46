"""A disk full or broken: nothing is acknowledged that is not there, and all goes on by itself."""

import asyncio
import os
import random

import pytest
from uploads import MACHINE, RUN, TENANT, accepted, batch, line, lines, mounted, opened

from perfkit.errors import DiskError
from perfkit.store import faults
from perfkit.store.intake import Outcome
from perfkit.units import MIB

POINTS = ["log.before-write", "log.mid-frame", "log.before-sync", "log.after-sync"]


def noise(number):
    """Return a line of 64 KiB that does not compress."""
    return line(number, text=random.Random(number).randbytes(32 * 1024).hex())  # noqa: S311 - noise


def fill(intake, first, count):
    """Send lines one by one; return those that were acknowledged, and the refusals."""
    sent, refused = {}, []

    async def send():
        for number in range(first, first + count):
            text = noise(number)
            try:
                outcome = await intake.accept(batch(number, [text]))
            except DiskError as error:
                refused.append(str(error))
            else:
                assert outcome == Outcome(lines=1)
                sent[number] = text

    asyncio.run(send())
    return sent, refused


@pytest.mark.parametrize("min_free", [0, MIB], ids=["no-floor", "floor"])
def test_a_full_disk_stops_the_way_in_until_there_is_room(tmp_path, min_free):
    with mounted(tmp_path, 4) as disk:
        fill_and_free(disk, min_free)


def fill_and_free(small_disk, min_free):
    data = small_disk / "data"
    intake = opened(data, min_free=min_free, segment_bytes=MIB)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(MIB))
    had, refused = fill(intake, 0, 120)
    assert refused
    assert had
    # Nothing is sent again of itself: what was refused is a hole, what was acknowledged is there.
    assert list(intake.lines(TENANT, MACHINE)) == [had[number] for number in sorted(had)]
    if min_free:
        assert "MiB free, --min-free is 1 MiB" in refused[-1]
        free = os.statvfs(data)
        assert free.f_bavail * free.f_frsize >= MIB
    else:
        assert "No space left on device" in refused[-1]
    ballast.unlink()
    more, refused = fill(intake, 200, 5)
    assert not refused
    had |= more
    intake.close()
    again = opened(data, min_free=0, segment_bytes=MIB)
    assert list(again.lines(TENANT, MACHINE)) == [had[number] for number in sorted(had)]
    assert sum(last + 1 - first for first, last in again.intervals(TENANT, MACHINE, RUN)) == len(
        had
    )
    again.close()


def test_room_is_what_is_above_the_floor(tmp_path):
    for min_free, has_room in [(0, True), (1, True), (2**62, False)]:
        intake = opened(tmp_path, min_free=min_free)
        assert intake.has_room() is has_room
        intake.close()


@pytest.mark.parametrize("error", ["enospc", "eio"])
@pytest.mark.parametrize("point", POINTS)
def test_a_write_that_fails_leaves_nothing_behind(tmp_path, point, error):
    intake = opened(tmp_path)
    accepted(intake, batch(0, lines(0, 10)))
    (segment,) = tmp_path.rglob("*.seg")
    size = segment.stat().st_size
    faults.arm(f"{point}:1-2:{error}")
    for _ in range(2):
        with pytest.raises(DiskError, match="upload log: not stored: "):
            accepted(intake, batch(10, lines(10, 20)))
        assert segment.stat().st_size == size
        assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 9)]
        assert intake.waiting_bytes == 0
    assert accepted(intake, batch(5, lines(5, 20))) == [Outcome(lines=10, duplicates=5)]
    intake.close()
    again = opened(tmp_path)
    assert list(again.lines(TENANT, MACHINE)) == lines(0, 20)
    again.close()


def test_the_first_segment_of_a_tenant_may_fail_too(tmp_path):
    intake = opened(tmp_path)
    faults.arm("log.new-segment:1:enospc")
    with pytest.raises(DiskError):
        accepted(intake, batch(0, lines(0, 5)))
    assert not list(tmp_path.rglob("*.seg"))
    assert accepted(intake, batch(0, lines(0, 5))) == [Outcome(lines=5)]
    intake.close()


def test_one_tenant_fails_and_others_go_on(tmp_path):
    intake = opened(tmp_path)
    accepted(intake, batch(0, lines(0, 5)))
    other = batch(0, lines(0, 5), tenant=MACHINE)
    (tmp_path / "tenants" / str(MACHINE)).write_text("a file where a folder should be")
    with pytest.raises(DiskError, match="Not a directory"):
        accepted(intake, other)
    assert accepted(intake, batch(5, lines(5, 10))) == [Outcome(lines=5)]
    (tmp_path / "tenants" / str(MACHINE)).unlink()
    assert accepted(intake, other) == [Outcome(lines=5)]
    intake.close()


def test_who_waited_for_anothers_lines_stores_them_itself(tmp_path):
    intake = opened(tmp_path)
    accepted(intake, batch(100, lines(0, 1)))
    faults.arm("log.before-sync:1:eio")

    async def both():
        calls = [intake.accept(batch(0, lines(0, 10))), intake.accept(batch(5, lines(5, 10)))]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, second = asyncio.run(both())
    assert isinstance(first, DiskError)
    assert second == Outcome(lines=5)
    assert intake.intervals(TENANT, MACHINE, RUN) == [(5, 9), (100, 100)]
    intake.close()


def test_an_index_that_cannot_be_written_is_made_at_the_next_start(tmp_path, caplog):
    intake = opened(tmp_path, segment_bytes=300)
    faults.arm("log.after-index:1-99:enospc")
    for first in range(0, 40, 4):
        accepted(intake, batch(first, lines(first, first + 4)))
    intake.close()
    assert "no index of segment 1: No space left on device" in caplog.text
    assert not list(tmp_path.rglob("catalog"))
    faults.arm(None)
    again = opened(tmp_path, segment_bytes=300)
    assert list(again.lines(TENANT, MACHINE)) == lines(0, 40)
    again.close()
