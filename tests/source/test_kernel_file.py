"""A kernel file is read whole, again and again, through one descriptor."""

import os
from pathlib import Path

import pytest

from perfkit.source.kernel_file import SMALLEST, KernelFile


def test_reads_what_is_there_now(tmp_path: Path):
    path = tmp_path / "stat"
    path.write_bytes(b"one")
    file = KernelFile(str(path), "/proc/stat")
    assert file.read() == b"one"
    number = file.number
    path.write_bytes(b"twotwo")
    assert file.read() == b"twotwo"
    assert file.number == number
    file.close()
    assert file.number == -1
    file.close()


@pytest.mark.parametrize("is_one_record", [False, True])
@pytest.mark.parametrize("size", [0, 1, SMALLEST - 1, SMALLEST, SMALLEST + 1, 300_000])
def test_reads_any_size_whole(tmp_path: Path, size: int, *, is_one_record: bool):
    path = tmp_path / "stat"
    text = os.urandom(size)
    path.write_bytes(text)
    file = KernelFile(str(path), "/proc/stat", is_one_record=is_one_record)
    assert file.read() == text
    assert file.read() == text
    file.close()


def test_reads_this_host_as_open_does():
    """/proc/diskstats and net/dev come a page a call; /proc/filesystems does not change."""
    file = KernelFile("/proc/filesystems", "x")
    assert file.read() == Path("/proc/filesystems").read_bytes()
    assert file.is_of_kernel()
    file.close()


def test_an_absent_file_is_tried_again(tmp_path: Path):
    path = tmp_path / "diskstats"
    file = KernelFile(str(path), "/proc/diskstats")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            file.read()
    path.write_bytes(b"now")
    assert file.read() == b"now"
    assert not file.is_of_kernel()
    file.close()


def test_a_file_that_fails_is_opened_anew(tmp_path: Path):
    path = tmp_path / "gone"
    path.write_bytes(b"old")
    file = KernelFile(str(path), "x")
    file.read()
    folder = os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, file.number)  # reading it now fails, as that of a device that went away
    os.close(folder)
    with pytest.raises(IsADirectoryError):
        file.read()
    assert file.number == -1
    assert file.read() == b"old"
    file.close()
