"""A folder is filled whole, or is as it was before."""

import os
from pathlib import Path

import pytest

from perfkit.errors import UsageError
from perfkit.process.tree import OutputTree


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_appear_at_the_end_and_nothing_else(tmp_path: Path):
    out = tmp_path / "a" / "out"
    with OutputTree(out) as tree:
        tree.check(["proc/net/dev", "x"])
        tree.open("proc/net/dev").write(b"one")
        tree.open("x").write(b"two")
        tree.spill().write(b"three")
        assert not (out / "proc").exists()
        tree.publish()
    assert files(tmp_path) == {"a/out/proc/net/dev": "one", "a/out/x": "two"}
    assert sorted(path.name for path in out.iterdir()) == ["proc", "x"]


def test_files_have_the_rights_that_the_user_gives_new_files(tmp_path: Path):
    before = os.umask(0o027)
    try:
        with OutputTree(tmp_path / "out") as tree:
            tree.open("x").write(b"")
            tree.publish()
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "x").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit])
def test_whatever_ends_the_work_leaves_nothing(tmp_path: Path, error: type[BaseException]):
    def work() -> None:
        with OutputTree(tmp_path / "a" / "out") as tree:
            tree.open("x").write(b"half")
            tree.spill()
            raise error

    with pytest.raises(error):
        work()
    assert list(tmp_path.iterdir()) == []


def test_what_others_put_there_stays(tmp_path: Path):
    out = tmp_path / "out"

    def work() -> None:
        with OutputTree(out) as tree:
            tree.open("x").write(b"half")
            (out / "theirs").write_text("theirs")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert files(tmp_path) == {"out/theirs": "theirs"}


def test_a_file_that_is_there_is_refused_unless_forced(tmp_path: Path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(UsageError, match=r"x: exists: choose another --output-dir, or --force"):
        OutputTree(tmp_path).check(["y", "x"])
    with OutputTree(tmp_path, force=True) as tree:
        tree.check(["y", "x"])
        tree.open("x").write(b"new")
        assert (tmp_path / "x").read_text() == "old"
        tree.publish()
    assert files(tmp_path) == {"x": "new"}


def test_a_dangling_link_is_a_file_that_is_there(tmp_path: Path):
    (tmp_path / "x").symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists"):
        OutputTree(tmp_path).check(["x"])


def test_a_pipe_is_not_replaced(tmp_path: Path):
    os.mkfifo(tmp_path / "x")
    with pytest.raises(UsageError, match="is a device or a pipe"):
        OutputTree(tmp_path, force=True).check(["x"])


def test_what_is_no_place_for_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "x").mkdir()
    with pytest.raises(UsageError, match="is a file, expected a folder for the output"):
        OutputTree(tmp_path / "file").check(["x"])
    with pytest.raises(UsageError, match="is a folder, expected to write a file there"):
        OutputTree(tmp_path, force=True).check(["x"])


def test_a_file_may_go_elsewhere(tmp_path: Path):
    there = tmp_path / "there" / "p.csv"
    with OutputTree(tmp_path / "out", elsewhere={"portal.csv": there}) as tree:
        tree.check(["portal.csv"])
        tree.open("portal.csv").write(b"p")
        tree.open("x").write(b"x")
        tree.publish()
    assert files(tmp_path) == {"out/x": "x", "there/p.csv": "p"}
    assert [path.name for path in there.parent.iterdir()] == ["p.csv"]
    with pytest.raises(UsageError, match=r"p\.csv: exists"):
        OutputTree(tmp_path / "new", elsewhere={"portal.csv": there}).check(["portal.csv"])


def test_a_failure_while_renaming_takes_back_what_is_new(tmp_path: Path):
    (tmp_path / "a").write_text("old")
    with OutputTree(tmp_path, force=True) as tree:
        for name in ("a", "b", "c"):
            tree.open(name).write(b"new")
        (tmp_path / "c").mkdir()
        with pytest.raises(IsADirectoryError):
            tree.publish()
    assert files(tmp_path) == {"a": "new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_a_failure_to_close_is_a_failure(tmp_path: Path):
    # The buffer's last bytes meet a full disk only when the file is closed.
    with OutputTree(tmp_path / "out") as tree:
        file = tree.open("x")
        with Path("/dev/full").open("wb") as full:
            os.dup2(full.fileno(), file.fileno())
        file.write(b"1")
        with pytest.raises(OSError, match="No space left"):
            tree.publish()
    assert list(tmp_path.iterdir()) == []
