"""A log that was cut off, zeroed, scribbled over or half deleted opens with all that was synced."""

import logging
import os
import random
import shutil
from uuid import UUID

import pytest
from uploads import MACHINE, RUN, TENANT, accepted, batch, folder_in_memory, lines, opened

from perfkit.errors import InputError
from perfkit.store.intake import Outcome
from perfkit.store.log import Place

EACH = 6
"""Lines of a frame."""

FRAMES = 12
SEED = 4
CUTS = None if os.environ.get("PERFKIT_PROOF") else 100
"""Cuts of each kind; None: at every byte."""


def log_of(folder):
    return folder / "tenants" / str(TENANT) / "log"


def ends_of_frames(segment):
    """Where each frame ends, by its length field: the four bytes behind the magic."""
    data, at, ends = segment.read_bytes(), 0, []
    while at < len(data):
        at += 12 + int.from_bytes(data[at + 4 : at + 8], "little")
        ends.append(at)
    return ends


@pytest.fixture(scope="module")
def made():
    """A folder with one segment of FRAMES frames, each acknowledged on its own."""
    with folder_in_memory() as folder:
        intake = opened(folder / "made")
        for first in range(0, FRAMES * EACH, EACH):
            accepted(intake, batch(first, lines(first, first + EACH)))
        intake.close()
        yield folder


def reopened(made, change):
    """Yield from a copy of the log that `change` was done to: what it holds at once, and later."""
    copy = made / "copy"
    shutil.copytree(made / "made", copy)
    try:
        change(log_of(copy))
        intake = opened(copy)
        held = list(intake.lines(TENANT, MACHINE))
        (outcome,) = accepted(intake, batch(0, lines(0, FRAMES * EACH + 3)))
        intake.close()
        assert outcome == Outcome(lines=FRAMES * EACH + 3 - len(held), duplicates=len(held))
        again = opened(copy)
        assert list(again.lines(TENANT, MACHINE)) == lines(0, FRAMES * EACH + 3)
        again.close()
    finally:
        shutil.rmtree(copy)
    return held


def truncated(data, at):
    return data[:at]


def zeroed(data, at):
    return data[:at] + bytes(len(data) - at)


def scribbled(data, at):
    return data[:at] + random.Random(at).randbytes(len(data) - at)  # noqa: S311 - noise


def lengthened(data, at):
    return data[:at] + bytes(5000)


@pytest.mark.proof
@pytest.mark.parametrize("damage", [truncated, zeroed, scribbled, lengthened])
def test_a_torn_tail_is_cut_behind_the_last_whole_frame(made, damage):
    (segment,) = log_of(made / "made").glob("*.seg")
    size, ends = segment.stat().st_size, ends_of_frames(segment)
    assert len(ends) == FRAMES
    # The first and last bytes of every frame, and a sample of all others.
    cuts = {at for end in [0, *ends] for at in (end - 1, end, end + 1, end + 12) if 0 <= at <= size}
    others = sorted(set(range(size + 1)) - cuts)
    count = len(others) if CUTS is None else CUTS - len(cuts)
    for at in sorted([*cuts, *random.Random(SEED).sample(others, count)]):  # noqa: S311 - a sample

        def change(folder, at=at):
            file = folder / segment.name
            file.write_bytes(damage(file.read_bytes(), at))

        whole = sum(end <= at for end in ends)
        assert reopened(made, change) == lines(0, whole * EACH), f"{damage.__name__} at {at}"


def test_what_is_cut_is_said(made, caplog):
    def change(folder):
        file = folder / "0000000001.seg"
        file.write_bytes(file.read_bytes()[:-1])

    with caplog.at_level(logging.WARNING):
        reopened(made, change)
    assert "torn tail of" in caplog.text
    assert "which was not acknowledged: cut" in caplog.text


@pytest.mark.parametrize("offset", [0, 3, 5, 9, 40, 130])
def test_a_bad_block_costs_its_frame_and_no_other(made, offset, caplog):
    (segment,) = log_of(made / "made").glob("*.seg")
    start = ends_of_frames(segment)[3]

    def change(folder):
        data = bytearray((folder / segment.name).read_bytes())
        data[start + offset] ^= 0xFF
        (folder / segment.name).write_bytes(data)

    held = reopened(made, change)
    assert held == lines(0, 4 * EACH) + lines(5 * EACH, FRAMES * EACH)
    assert "bytes are no frame; the rest was read" in caplog.text


def filled(folder, *, segment_bytes, count=40):
    intake = opened(folder, segment_bytes=segment_bytes)
    for first in range(0, count, 4):
        accepted(intake, batch(first, lines(first, first + 4)))
    intake.close()
    return intake


@pytest.mark.parametrize("gone", ["nothing", "*.idx", "catalog", "*.idx catalog", "0000000002.idx"])
@pytest.mark.parametrize("how", ["deleted", "cut", "noise"])
def test_indexes_and_catalog_are_derived(tmp_path, gone, how):
    filled(tmp_path, segment_bytes=300)
    assert len(list(log_of(tmp_path).glob("*.seg"))) > 4
    for pattern in gone.split():
        for file in log_of(tmp_path).glob(pattern):
            data = file.read_bytes()
            file.unlink()
            if how != "deleted":
                file.write_bytes(data[:-3] if how == "cut" else data[:30] + data[31:] + b"x")
    intake = opened(tmp_path, segment_bytes=300)
    assert list(intake.lines(TENANT, MACHINE)) == lines(0, 40)
    assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 39)]
    assert accepted(intake, batch(0, lines(0, 44))) == [Outcome(lines=4, duplicates=40)]
    places = [frame.place for frame in intake.frames(TENANT)]
    assert places == sorted(set(places))
    assert len(places) == 11
    intake.close()


def test_a_catalog_of_another_log_is_not_believed(tmp_path):
    filled(tmp_path / "long", segment_bytes=300)
    filled(tmp_path / "short", segment_bytes=300, count=8)
    catalog = log_of(tmp_path / "long") / "catalog"
    shutil.copy(catalog, log_of(tmp_path / "short") / "catalog")
    intake = opened(tmp_path / "short")
    assert intake.intervals(TENANT, MACHINE, RUN) == [(0, 7)]
    intake.close()


def test_a_damaged_frame_is_told_by_an_export(tmp_path):
    filled(tmp_path, segment_bytes=300)
    segment = log_of(tmp_path) / "0000000001.seg"
    data = bytearray(segment.read_bytes())
    data[-1] ^= 0xFF
    segment.write_bytes(data)
    intake = opened(tmp_path)
    with pytest.raises(InputError, match="expected a frame of the upload log, found other bytes"):
        list(intake.lines(TENANT, MACHINE))
    segment.unlink()
    with pytest.raises(InputError, match="No such file or directory"):
        list(intake.lines(TENANT, MACHINE))
    intake.close()


def test_headers_of_frames_behind_any_place_are_those_of_the_frames(tmp_path):
    intake = opened(tmp_path, segment_bytes=600)
    for first in range(0, FRAMES * EACH, EACH):
        accepted(intake, batch(first, lines(first, first + EACH)))
    frames = [(frame.place, frame.first) for frame in intake.frames(TENANT)]
    assert len({place.segment for place, _ in frames}) > 2
    for at, place in enumerate([None, *(place for place, _ in frames)]):
        found = [
            (Place(segment, ordinal), first)
            for segment, rows in intake.rows_behind(TENANT, place)
            for ordinal, first in rows[["ordinal", "first"]].tolist()
        ]
        assert found == frames[at:]
    intake.close()


def test_the_newest_frames_of_each_machine_are_found_over_all_segments(tmp_path):
    intake = opened(tmp_path, segment_bytes=600)
    assert intake.end(TENANT) < Place(1, 0)
    assert list(intake.newest(TENANT, None, 2)) == []
    for first in random.Random(SEED).sample(range(0, FRAMES * EACH, EACH), FRAMES):  # noqa: S311
        accepted(intake, batch(first, lines(first, first + EACH), machine=UUID(int=first % 4)))
    frames = list(intake.frames(TENANT))
    assert len({frame.place.segment for frame in frames}) > 2
    assert intake.end(TENANT) == frames[-1].place
    for at, after in enumerate([None, *(frame.place for frame in frames)]):
        wanted: dict[UUID, list] = {}
        for frame in frames[at:]:
            wanted.setdefault(frame.machine, []).append((frame.first, frame.lines))
        found: dict[UUID, list] = {}
        for frame in intake.newest(TENANT, after, 2):
            found.setdefault(frame.machine, []).append((frame.first, frame.lines))
        assert found == {machine: sorted(had)[-2:] for machine, had in wanted.items()}
    intake.close()
