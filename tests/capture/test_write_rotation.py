"""A capture that is full moves to the next number; nothing is lost on the way."""

import gzip
import os
from pathlib import Path

from perfkit.capture.write import FSYNC_EACH_TICK, FSYNC_NEVER, CaptureWriter, Limits

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
TICK = b'{"timestamp":1700000000,"subsystem":"/proc/stat","measurement":"cpu  1 2 3\\n"}\n'


def writer_of(path: Path, said: list[str] | None = None, **limits: int | None) -> CaptureWriter:
    limits.setdefault("fsync", FSYNC_NEVER)
    return CaptureWriter(str(path), Limits(**limits), (said if said is not None else []).append)


def append(writer: CaptureWriter, seconds: float, text: bytes = TICK) -> bool:
    at = START + int(seconds * SECOND)
    is_fresh = writer.prepare(at)
    writer.append(text, at)
    return is_fresh


def text_of(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_a_link_stays_what_it_is_when_its_file_is_rotated(tmp_path: Path):
    target = tmp_path / "data" / "real.json"
    target.parent.mkdir()
    target.touch()
    link = tmp_path / "c.json"
    link.symlink_to(target)
    writer = writer_of(link, max_bytes=1)
    append(writer, 0)
    append(writer, 1)
    writer.close()
    assert link.is_symlink()
    assert link.read_bytes() == TICK
    assert (target.parent / "real.json.1").read_bytes() == TICK


def test_rotates_by_size_without_passing_it(tmp_path: Path):
    path = tmp_path / "c.json"
    said: list[str] = []
    writer = writer_of(path, said, max_bytes=3 * len(TICK) + 5)
    fresh = [append(writer, seconds) for seconds in range(8)]
    writer.close()
    assert fresh == [True, False, False, True, False, False, True, False]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c.json", "c.json.1", "c.json.2"]
    assert [len(file.read_bytes()) // len(TICK) for file in sorted(tmp_path.iterdir())] == [2, 3, 3]
    assert said == [f"{path}: full, moved to {path}.{number}" for number in (1, 2)]


def test_rotates_gzip_whole(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    writer = writer_of(path, max_bytes=400, fsync=FSYNC_EACH_TICK)
    for seconds in range(80):
        append(writer, seconds)
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) > 2
    assert b"".join(map(text_of, files)) == TICK * 80
    assert max(file.stat().st_size for file in files) <= 400


def test_rotates_by_age_also_of_a_file_that_is_continued(tmp_path: Path):
    path = tmp_path / "c.json"
    for run in range(2):
        writer = writer_of(path, max_age=100 * SECOND)
        append(writer, 50 * run)
        writer.close()
    writer = writer_of(path, max_age=100 * SECOND)
    assert append(writer, 99)
    assert append(writer, 100)
    assert not append(writer, 199)
    assert append(writer, 200)
    writer.close()
    assert [len(text_of(tmp_path / f"c.json{end}")) // len(TICK) for end in (".1", ".2", "")] == [
        3, 2, 1,
    ]  # fmt: skip


def test_removes_the_oldest_only_when_told_to(tmp_path: Path):
    path = tmp_path / "c.json"
    (tmp_path / "c.json.old").write_bytes(b"mine")
    said: list[str] = []
    writer = writer_of(path, said, max_bytes=1, keep=2)
    for seconds in range(5):
        append(writer, seconds)
    writer.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["c.json", "c.json.3", "c.json.4", "c.json.old"]
    assert f"{path}.1: removed, 2 rotated files are kept" in said


def test_numbers_grow_past_what_is_there(tmp_path: Path):
    path = tmp_path / "c.json"
    (tmp_path / "c.json.9").write_bytes(TICK)
    writer = writer_of(path, max_bytes=1)
    append(writer, 0)
    append(writer, 1)
    writer.close()
    assert (tmp_path / "c.json.10").exists()


def test_what_is_no_capture_has_no_number_and_stays(tmp_path: Path):
    path = tmp_path / "c.json"
    (tmp_path / "c.json.2").write_bytes(b"notes\n")
    (tmp_path / "c.json.007").write_bytes(TICK)
    (tmp_path / "c.json.99999").touch()
    (tmp_path / "c.json.88888").mkdir()
    (tmp_path / "c.json.77777").symlink_to("nowhere")
    os.mkfifo(tmp_path / "c.json.66666")
    writer = writer_of(path, max_bytes=1, keep=1)
    for seconds in range(5):
        append(writer, seconds)
    writer.close()
    ends = sorted(file.name.removeprefix("c.json") for file in tmp_path.iterdir())
    assert ends == ["", ".007", ".2", ".5", ".66666", ".77777", ".88888", ".99999"]
    assert (tmp_path / "c.json.2").read_bytes() == b"notes\n"
