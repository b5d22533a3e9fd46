"""The spool: what goes in comes out, once, in the order in which it is wanted."""

import os
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from spools import LATER, LINES, RUN, Spools, drained, files, tick, wanted

from perfkit.agent.frame import HEADER_BYTES, packed
from perfkit.agent.parcel import parcel_of
from perfkit.agent.segment import Segment, head_of, numbers_in
from perfkit.agent.spool import FULL
from perfkit.errors import DiskError, UsageError


@pytest.fixture
def spools(tmp_path: Path):
    made = Spools(tmp_path / "spool")
    yield made
    if made.spool:
        made.spool.close()


def test_what_goes_in_comes_out(spools: Spools):
    spool = spools.open()
    for ticks in (1, 6, 6, 2):
        spools.add(ticks)
    assert drained(spool) == wanted(15)
    assert spool.next_place() is None
    spool.close()
    assert files(spools.folder) == []


def test_a_batch_that_is_not_ended_is_not_given(spools: Spools):
    spool = spools.open()
    spool.append(tick(0), position=0, lines=LINES, at=0)
    assert spool.next_place() is None
    assert spool.waiting() == 0
    spool.seal()
    assert spool.waiting() > 0
    assert drained(spool) == wanted(1)


def test_a_parcel_is_whole_batches(spools: Spools):
    spool = spools.open()
    for ticks in (1, 6, 6):
        spools.add(ticks)
    place = spool.next_place()
    assert place
    parcel = parcel_of(place, 7, 10**9)
    assert parcel
    assert (parcel.position, parcel.batches, parcel.samples, parcel.lines) == (0, 2, 7, 21)
    spool.done(place)
    place = spool.next_place()
    assert place
    parcel = parcel_of(place, 1, 10**9)
    assert parcel
    assert (parcel.position, parcel.batches, parcel.samples) == (21, 1, 6)


def test_a_hole_in_the_positions_ends_a_parcel(spools: Spools):
    spool = spools.open()
    spools.add(1)
    spool.append(tick(5), position=15, lines=LINES, at=5)
    spool.seal()
    sizes = []
    while place := spool.next_place():
        parcel = parcel_of(place, 100, 10**9)
        assert parcel
        sizes.append((parcel.position, parcel.lines))
        spool.done(place)
    assert sizes == [(0, 3), (15, 3)]


def test_what_was_just_sampled_comes_before_what_waits(spools: Spools):
    spool = spools.open()
    spools.add(6)
    place = spool.next_place()
    assert place
    assert place.is_live
    spool.done()  # the server is away
    spools.add(6)
    positions = []
    while place := spool.next_place():
        parcel = parcel_of(place, 6, 10**9)
        assert parcel
        positions.append((parcel.position, place.is_live))
        spool.done(place)
        if len(positions) == 1:
            spools.add(2)
    assert positions == [(18, True), (36, True), (0, False)]


def test_live_batches_go_on_in_the_next_segment(spools: Spools):
    spool = spools.open(most=1 << 16)  # segments of 4 KiB
    for _ in range(8):
        spools.add(6)
    assert len(numbers_in(str(spools.folder))) > 2
    live = []
    while place := spool.next_place():
        live.append(place.is_live)
        assert parcel_of(place, 6, 10**9)
        spool.done(place)
    assert live == [True] * 8


def test_another_run_goes_on_with_what_an_earlier_one_left(spools: Spools):
    first = spools.open()
    spools.add(6)
    first.close()
    second = spools.open(LATER)
    spools.add(6)
    assert drained(second) == wanted(6) | wanted(6, LATER)
    assert files(spools.folder) == ["0000000002.spool", "0000000002.sent"][::-1]
    second.close()
    assert files(spools.folder) == []


def test_what_was_delivered_is_not_sent_after_the_next_start(spools: Spools):
    first = spools.open()
    for _ in range(3):
        spools.add(2)
    place = first.next_place()
    assert place
    assert parcel_of(place, 1, 1)
    first.done(place)
    first.close()
    assert drained(spools.open(LATER)) == wanted(6, first=2)


def test_a_note_of_delivery_that_is_cut_or_of_another_segment_counts_for_nothing(spools: Spools):
    first = spools.open()
    spools.add(2)
    spools.add(2)
    place = first.next_place()
    assert place
    assert parcel_of(place, 1, 1)
    first.done(place)
    first.close()
    note = spools.folder / "0000000001.sent"
    whole = note.read_bytes()
    for content in (whole[:-1], bytes(len(whole)), whole[:-1] + b"\0"):
        note.write_bytes(content)
        spool = spools.open(LATER)
        assert spool.waiting() > place.end - place.start
        spool.close()
    note.write_bytes(whole)
    other = Segment(str(spools.folder), 1, LATER, "web1", b"another head")
    other.size = 10**6
    other.load()
    assert other.acked == []


def test_the_oldest_goes_where_there_is_no_room_and_is_told(spools: Spools):
    spool = spools.open(most=1 << 16)
    for _ in range(60):
        spools.add(6)
    sizes = sum(path.stat().st_size for path in spools.folder.iterdir())
    assert sizes <= 1 << 16
    assert {(run, why) for run, _, _, why in spools.dropped} == {(RUN, FULL)}
    gaps = [position for _, first, last, _ in spools.dropped for position in range(first, last + 1)]
    found = drained(spool)
    assert sorted([*gaps, *(position for _, position in found)]) == list(range(360 * LINES))
    assert found == wanted(360, first=len(gaps) // LINES)


def test_what_is_being_sent_is_not_dropped(spools: Spools):
    spool = spools.open(most=1 << 16)
    spools.add(6)
    place = spool.next_place()
    assert place
    for _ in range(60):
        spools.add(6)
    assert spools.dropped
    assert spools.dropped[0][1] > 0
    assert parcel_of(place, 6, 10**9)
    spool.done(place)
    assert (RUN, 0) not in drained(spool)


def test_what_was_delivered_of_a_dropped_segment_is_not_told(spools: Spools):
    spool = spools.open(most=1 << 16)
    spools.add(2)
    spools.add(2)
    place = spool.next_place()
    assert place
    assert parcel_of(place, 1, 1)
    spool.done(place)
    for _ in range(60):
        spools.add(6)
    assert spools.dropped[0][1] == 2 * LINES


def test_a_floor_of_free_space_drops_all_but_the_newest(spools: Spools):
    spool = spools.open(most=1 << 20, floor=1 << 60)
    for _ in range(200):
        spools.add(6)
    assert spools.dropped
    assert len(numbers_in(str(spools.folder))) == 1
    assert drained(spool)


def test_a_second_collector_is_refused(spools: Spools):
    spools.open()
    other = Spools(spools.folder)
    with pytest.raises(UsageError) as raised:
        other.open()
    assert str(raised.value) == (
        f"{spools.folder}: process {os.getpid()} uses this spool: stop it, "
        "or name another by --spool-dir"
    )


def test_what_is_no_folder_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(UsageError, match="expected a folder for the spool"):
            Spools(path).open()
    with pytest.raises(DiskError, match="/proc/none: cannot be written: no such file"):
        Spools(Path("/proc/none")).open()


def test_what_is_refused_is_put_beside_it_up_to_a_quarter(spools: Spools):
    spool = spools.open(most=1 << 16)
    path = spool.park("a.0", b"x" * 10_000)
    assert Path(path).read_bytes() == b"x" * 10_000
    assert Path(path).stat().st_mode & 0o777 == 0o600
    with pytest.raises(DiskError, match="parked: full: 10000 bytes wait for somebody to look"):
        spool.park("b.0", b"x" * 10_000)
    spool.close()
    assert spools.open().parked_bytes == 10_000


def test_a_segment_without_a_head_is_removed_or_set_aside(spools: Spools):
    spools.open().close()
    (spools.folder / "0000000007.spool").write_bytes(bytes(100))
    (spools.folder / "0000000008.spool").write_bytes(b"something else" * 20)
    (spools.folder / "0000000009.spool").write_bytes(packed(b"x" * 200))
    (spools.folder / "0000000006.spool").write_bytes(head_of(RUN, "web1")[:50])
    (spools.folder / "0000000010.sent").write_bytes(b"x" * 12)
    (spools.folder / "notes.txt").write_bytes(b"x")
    spool = spools.open()
    assert files(spools.folder) == [
        "0000000008.spool.damaged",
        "0000000009.spool.damaged",
        "notes.txt",
    ]
    assert len(spools.said) == 2
    spools.add(1)
    assert drained(spool) == wanted(1)
    assert "0000000011.spool" in files(spools.folder), "no number is used twice"


def test_a_frame_of_zeros_is_none(spools: Spools):
    spool = spools.open()
    spools.add(1)
    spool.close()
    with (spools.folder / "0000000001.spool").open("ab") as file:
        file.write(bytes(HEADER_BYTES * 3))
    assert drained(spools.open(LATER)) == wanted(1)
    assert files(spools.folder) == []


@contextmanager
def full_disk(limit: int):
    """Let writes fail as on a full disk: Python ignores SIGXFSZ, so they end in EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_refuses_leaves_the_spool_as_it_was(spools: Spools):
    spool = spools.open()
    spools.add(1)
    size = (spools.folder / "0000000001.spool").stat().st_size
    with full_disk(size + 20), pytest.raises(DiskError, match="cannot be written: "):
        spools.add(1)
    assert (spools.folder / "0000000001.spool").stat().st_size == size
    with full_disk(size), pytest.raises(DiskError, match="cannot be written: file too large"):
        spools.add(1)
    spools.add(1)
    assert drained(spool) == wanted(2)


def test_a_segment_that_cannot_be_begun_leaves_nothing(spools: Spools):
    spool = spools.open()
    with full_disk(0), pytest.raises(DiskError, match="file too large"):
        spools.add(1)
    assert files(spools.folder) == []
    spools.add(1)
    assert drained(spool) == wanted(1)
