"""The writer: one write a tick, one writer a file, limits that hold, messages that help."""

import errno
import gzip
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perfkit.capture.lock import holder
from perfkit.capture.write import FSYNC_EACH_TICK, FSYNC_NEVER, CaptureWriter, Limits
from perfkit.errors import DiskError, UsageError

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


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writes fail as on a full disk: Python ignores SIGXFSZ, so they end in EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def text_of(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_appends_and_continues(tmp_path: Path, name: str):
    path = tmp_path / "made" / "too" / name
    for _ in range(2):
        writer = writer_of(path)
        assert append(writer, 0)
        assert not append(writer, 10)
        writer.close()
    assert text_of(path) == TICK * 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_relative_name_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    writer = writer_of(Path("c.json"))
    append(writer, 0)
    writer.close()
    assert (tmp_path / "c.json").read_bytes() == TICK


def test_counts_what_it_wrote(tmp_path: Path):
    writer = writer_of(tmp_path / "c.json")
    append(writer, 0)
    append(writer, 1)
    assert writer.written == 2 * len(TICK)
    writer.close()


def test_a_file_without_a_tick_is_removed(tmp_path: Path):
    writer = writer_of(tmp_path / "c.json.gz")
    writer.prepare(START)
    writer.close()
    assert not list(tmp_path.iterdir())


def test_an_empty_file_that_was_there_stays(tmp_path: Path):
    path = tmp_path / "c.json"
    path.touch()
    writer_of(path).close()
    assert path.exists()


def test_a_new_member_each_hour_and_each_so_many_bytes(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    writer = writer_of(path)
    for seconds in (0, 3599, 3600, 3601, 7200):
        append(writer, seconds)
    append(writer, 7100)  # the clock went back
    writer.close()
    assert path.read_bytes().count(b"pk\0\0") == 4
    small = tmp_path / "small.json.gz"
    writer = writer_of(small, member_bytes=1)
    for seconds in range(3):
        append(writer, seconds)
    writer.close()
    assert small.read_bytes().count(b"pk\0\0") == 3
    assert text_of(path) == TICK * 6
    assert text_of(small) == TICK * 3


def test_a_second_writer_is_refused_and_told_the_process(tmp_path: Path):
    path = tmp_path / "c.json"
    first = writer_of(path)
    append(first, 0)
    with pytest.raises(UsageError, match=rf"{path}: process {os.getpid()} is recording into it"):
        writer_of(path)
    first.close()
    writer_of(path).close()


@pytest.mark.parametrize(
    "content", [b"", b"1: FLOCK\n", b"1: FLOCK  ADVISORY  WRITE x 00:00:0 0 EOF\n"]
)
def test_an_unknown_holder_is_no_error(tmp_path: Path, content: bytes):
    locks = tmp_path / "locks"
    locks.write_bytes(content)
    with locks.open("rb") as file:
        assert holder(file.fileno(), str(locks)) is None
        assert holder(file.fileno(), str(tmp_path / "absent")) is None


def test_a_folder_in_its_place(tmp_path: Path):
    with pytest.raises(UsageError, match="is a folder: name a file in it"):
        writer_of(tmp_path)


def test_a_file_where_a_folder_should_be(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(UsageError, match="expected a folder, found a file"):
        writer_of(tmp_path / "f" / "c.json")
    with pytest.raises(UsageError, match="expected a folder, found a file"):
        writer_of(tmp_path / "f" / "g" / "c.json")


@pytest.mark.parametrize("name", ["c.json.zst", "c.xz"])
def test_formats_that_are_not_written(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="plain text or gzip"):
        writer_of(tmp_path / name)
    assert not list(tmp_path.iterdir())


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a while, where the tests run as root."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


def test_no_right_to_write(tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_bytes(TICK)
    path.chmod(0o400)
    with (
        without_rights(),
        pytest.raises(DiskError, match=f"{path}: cannot be written: permission denied"),
    ):
        writer_of(path)


def test_dev_full_says_that_there_is_no_room():
    writer = writer_of(Path("/dev/full"))
    with pytest.raises(DiskError, match="/dev/full: no room to write: no space left on device"):
        append(writer, 0)
    writer.close()


def test_a_pipe_is_written_to_as_it_is():
    reader, end = os.pipe()
    writer = writer_of(Path(f"/dev/fd/{end}"), fsync=FSYNC_EACH_TICK)
    os.close(end)
    assert append(writer, 0)
    assert not append(writer, 1)
    writer.close()
    assert os.read(reader, 9999) == TICK * 2
    os.close(reader)


def test_a_closed_pipe_is_told_apart():
    reader, end = os.pipe()
    writer = writer_of(Path(f"/dev/fd/{end}"))
    os.close(end)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        append(writer, 0)
    writer.close()


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_a_tick_that_does_not_fit_is_taken_back(tmp_path: Path, name: str):
    path = tmp_path / name
    writer = writer_of(path)
    append(writer, 0)
    big = TICK.replace(b"1 2 3", os.urandom(3000).hex().encode())
    with (
        file_size_limit(path.stat().st_size + 1000),
        pytest.raises(DiskError, match="no room to write: file too large") as raised,
    ):
        append(writer, 1, big)
    assert raised.value.exit_code == 7
    writer.close()
    assert text_of(path) == TICK
    writer = writer_of(path)
    append(writer, 2)
    writer.close()
    assert text_of(path) == TICK * 2


def test_no_room_for_the_trailer_loses_nothing(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    said: list[str] = []
    writer = writer_of(path, said)
    append(writer, 0)
    with file_size_limit(path.stat().st_size + 3):
        writer.close()
    assert said == [f"{path}: ends without a gzip trailer: all samples can be read"]
    writer = writer_of(path)
    append(writer, 1)
    writer.close()
    assert text_of(path) == TICK * 2


def test_the_folder_is_made_again(tmp_path: Path):
    path = tmp_path / "sub" / "c.json"
    writer = writer_of(path)
    append(writer, 0)
    path.unlink()
    path.parent.rmdir()
    assert append(writer, 60)
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(path.parent)
    with pytest.raises(DiskError, match="too many levels of symbolic links"):
        append(writer, 120)
    with pytest.raises(DiskError, match="removed while it was recorded"):
        writer.close()


def test_a_floor_of_free_space(tmp_path: Path):
    path = tmp_path / "c.json"
    with pytest.raises(DiskError, match=r"have to stay free \(--min-free\), found [0-9.]+: free"):
        writer_of(path, min_free=2**62)
    writer_of(path, min_free=1).close()


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_a_file_that_is_removed_is_told_at_the_end(tmp_path: Path, name: str):
    path = tmp_path / name
    writer = writer_of(path)
    append(writer, 0)
    path.unlink()
    append(writer, 1)
    with pytest.raises(DiskError, match=r"moved away or removed while it was recorded: .* lost"):
        writer.close()


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_a_file_that_was_moved_away_has_its_last_samples(tmp_path: Path, name: str):
    path, said = tmp_path / name, []
    writer = writer_of(path, said)
    append(writer, 0)
    path.rename(tmp_path / "moved")
    append(writer, 1)
    writer.close()
    assert text_of(tmp_path / "moved") == TICK * 2
    assert said == [
        f"{path}: moved away or removed: its last samples are in the file that was moved"
    ]


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_a_file_that_is_moved_away_is_noticed_within_ten_seconds(tmp_path: Path, name: str):
    path = tmp_path / name
    said: list[str] = []
    writer = writer_of(path, said)
    append(writer, 0)
    path.rename(tmp_path / "moved")
    assert not append(writer, 9)
    assert append(writer, 10)
    writer.close()
    assert text_of(tmp_path / "moved") == TICK * 2
    assert text_of(path) == TICK
    assert said == [f"{path}: moved away or removed: going on in a new file"]


def test_what_a_removed_file_held_is_told_when_it_is_noticed(tmp_path: Path):
    path, said = tmp_path / "c.json", []
    writer = writer_of(path, said)
    append(writer, 0)
    path.unlink()
    assert append(writer, 10)
    writer.close()
    lost = f"moved away or removed, {len(TICK)} bytes are lost: going on in a new file"
    assert said == [f"{path}: {lost}"]


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_a_file_that_is_emptied_is_noticed_at_once(tmp_path: Path, name: str):
    path = tmp_path / name
    said: list[str] = []
    writer = writer_of(path, said)
    append(writer, 0)
    os.truncate(path, 0)
    assert append(writer, 1)
    assert not append(writer, 2)
    writer.close()
    assert text_of(path) == TICK * 2
    assert said == [f"{path}: changed by another program: going on after what it holds"]


def test_the_folder_disappears(tmp_path: Path):
    path = tmp_path / "sub" / "c.json"
    writer = writer_of(path)
    append(writer, 0)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    with pytest.raises(DiskError, match="cannot be written: not a directory"):
        append(writer, 60)
    with pytest.raises(DiskError, match="removed while it was recorded"):
        writer.close()


def calls_of_fdatasync(tmp_path: Path, fsync: int, seconds: list[int]) -> int:
    """Count by the kernel's own trace of nothing but this: a pipe refuses fdatasync."""
    path = tmp_path / "c.json"
    writer = writer_of(path, fsync=fsync)
    count = 0
    real = os.fdatasync

    def counting(file: int) -> None:
        nonlocal count
        count += 1
        real(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", counting)
        for at in seconds:
            append(writer, at)
    writer.close()
    return count


@pytest.mark.parametrize(
    ("fsync", "count"),
    [
        pytest.param(FSYNC_EACH_TICK, 5, id="tick"),
        pytest.param(FSYNC_NEVER, 0, id="never"),
        pytest.param(60 * SECOND, 2, id="each minute, and when the clock went back"),
    ],
)
def test_fsync_policy(tmp_path: Path, fsync: int, count: int):
    assert calls_of_fdatasync(tmp_path, fsync, [0, 30, 60, 70, 10]) == count


def test_a_disk_that_refuses_to_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = writer_of(tmp_path / "c.json", fsync=FSYNC_EACH_TICK)
    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(DiskError, match="cannot be written: input/output error"):
        append(writer, 0)
    with pytest.raises(DiskError, match="cannot be written: input/output error"):
        writer.close()
