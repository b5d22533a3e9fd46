"""Opening, locking and moving files where the file system does not play along."""

import errno
import fcntl
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perfkit.capture import files
from perfkit.capture.files import failure, open_capture, remove_oldest, rotated, sync_folder
from perfkit.capture.write import CaptureWriter, Limits
from perfkit.errors import DiskError, UsageError


def test_a_file_system_without_locks_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "c.json"
    said: list[str] = []
    file, tail = open_capture(str(path), said.append)
    os.close(file)
    assert tail is not None
    assert said == [f"{path}: its file system knows no locks: start no second collector on it"]


def test_another_failure_of_the_lock_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DiskError, match="cannot be written: input/output error"):
        open_capture(str(tmp_path / "c.json"), print)


def test_a_file_that_another_rotated_away_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "c.json"
    answers = [False, True]
    monkeypatch.setattr(files, "is_in_place", lambda _file, _path: answers.pop(0))
    file, _ = open_capture(str(path), print)
    os.close(file)
    assert not answers


def test_a_new_file_must_not_be_there(tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=f"found a file: {path}"):
        open_capture(str(path), print, is_new=True)


def test_a_slow_reader_of_a_pipe_gets_everything(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_bytes)
        while True:
            try:
                writer = CaptureWriter(str(path), Limits(), print)
                break
            except DiskError:  # the reader has not opened it yet
                continue
        text = b"x" * 1_000_000
        writer.append(text, 0)
        writer.close()
        assert read.result(60) == text


def test_a_socket_is_no_pipe_without_a_reader(tmp_path: Path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        with pytest.raises(DiskError, match="cannot be written: no such device or address"):
            open_capture(path, print)


def test_an_error_without_a_text_is_told():
    assert str(failure("c", OSError("odd"))) == "c: cannot be written: odd"


def test_only_whole_numbers_are_rotated_files(tmp_path: Path):
    for name in ("c.10", "c.9", "c.x", "c.1.gz", "c", "d.1", "c.\u0661"):
        (tmp_path / name).write_bytes(b'{"timestamp":1')
    path = str(tmp_path / "c")
    assert [number for number, _ in rotated(path)] == [9, 10]
    assert remove_oldest(path, 1) == [f"{path}.9"]
    assert remove_oldest(path, 1) == []
    assert remove_oldest(path, 0) == [f"{path}.10"]


def test_a_numbered_file_that_cannot_be_read_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "c.1").write_bytes(b'{"timestamp":1')
    path = str(tmp_path / "c")

    def refuse(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert rotated(path) == []
    assert rotated(path) == [(1, f"{path}.1")]


def test_a_folder_that_may_not_be_read_is_not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sync_folder(str(tmp_path / "c"))

    def refuse(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        sync_folder(str(tmp_path / "c"))
