"""A conversion ends with all its files, or with an error and none of them."""

import gzip
import json
import os
from pathlib import Path

import pytest
from captures import START, capture, line, sample

from perfkit.capture.problems import Problem
from perfkit.errors import DiskError, InputError, UsageError
from perfkit.process.convert import NO_INTERVAL, TOO_FEW
from perfkit.process.run import Options, process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "capture.json"
    path.write_bytes(capture(0, 1, 2, 3))
    return path


def options(path: Path, **more: object) -> Options:
    return Options(capture=str(path), output=path.parent / "out", **more)


def test_a_capture_becomes_a_tree(path: Path):
    summary = process(options(path))
    assert summary.rows == {
        "proc/stat": 4,
        "proc/meminfo": 2,
        "proc/net/dev": 4,
        "proc/diskstats": 2,
        "statfs_ALL": 2,
        "portal.csv": 2,
    }
    for name, rows in summary.rows.items():
        assert len((path.parent / "out" / name).read_bytes().splitlines()) == rows + 1
    assert (summary.problems.count, summary.problems.notes) == (0, [])


def test_progress_is_told(path: Path):
    seen = []
    process(options(path), lambda capture: seen.append((capture.position, capture.size)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


def test_portal_goes_where_it_is_told(path: Path):
    process(options(path, portal=path.parent / "p" / "web1.csv"))
    assert (path.parent / "p" / "web1.csv").read_bytes().startswith(b"timestamp,cpu_user,")
    assert not (path.parent / "out" / "portal.csv").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "capture.json: not a capture: it is empty"),
        (b"\n \n\n", "capture.json: not a capture: it has no line"),
        (b"garbage\n", r"capture.json: not a capture: line 1: expected timestamp, subsystem"),
        (b"[1,2", r"capture.json: not a capture: line 1: cut in the middle of a line, 4 bytes"),
        (gzip.compress(b"", mtime=0), "capture.json: not a capture: it has no line"),
        (bytes(5000), "capture.json: not a capture: line 1: cut in the middle"),
    ],
)
def test_what_is_no_capture_is_refused_and_leaves_nothing(path: Path, data: bytes, message: str):
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        process(options(path))
    assert [each.name for each in path.parent.iterdir()] == ["capture.json"]


def test_a_target_that_is_there_is_refused_before_reading(path: Path):
    (path.parent / "out" / "proc").mkdir(parents=True)
    (path.parent / "out" / "proc" / "stat").write_text("old")
    path.unlink()
    with pytest.raises(UsageError, match=r"out/proc/stat: exists"):
        process(options(path))
    path.write_bytes(capture(0, 1, 2))
    process(options(path, force=True))
    assert (path.parent / "out" / "proc" / "stat").read_text().startswith("#timestamp,CPU")


def test_few_samples_are_worth_a_note(path: Path):
    path.write_bytes(capture(0, 1))
    assert process(options(path)).problems.notes == [TOO_FEW]
    assert process(options(path, every_interval=True, force=True)).problems.notes == []
    path.write_bytes(capture(0))
    summary = process(options(path, every_interval=True, force=True))
    assert summary.problems.notes == [NO_INTERVAL]


def test_records_of_nothing_known_are_no_error(path: Path):
    path.write_bytes(line(START, "/proc/loadavg", "1 2 3\n"))
    summary = process(options(path))
    assert (summary.rows, summary.problems.count) == ({}, 0)


def test_damage_in_the_middle_keeps_both_ends(path: Path):
    first, second = gzip.compress(capture(0, 1, 2, 3)), gzip.compress(capture(6, 7))
    path.write_bytes(first[:-4] + b"\0\0\0\0" + second)
    summary = process(options(path, every_interval=True))
    assert summary.rows["proc/diskstats"] == 5
    assert summary.problems.count == 1
    assert "damaged: incorrect length check" in summary.problems.first[0].reason


def test_a_cut_tail_is_a_problem_and_costs_itself(path: Path):
    data = capture(0, 1, 2, 3)
    path.write_bytes(data[:-10])
    summary = process(options(path))
    assert summary.rows["statfs_ALL"] == 1
    size = len(sample(3).splitlines()[-1]) + 1 - 10
    assert summary.problems.first == [
        Problem(20, f"cut in the middle of a line, {size} bytes lost")
    ]


def test_a_folder_that_cannot_be_made_is_said(path: Path):
    with pytest.raises(DiskError, match=r"/proc/nowhere: not written: no such file or directory"):
        process(Options(capture=str(path), output=Path("/proc/nowhere")))


def test_names_of_containers(path: Path):
    record = json.dumps({"container_id": "a" * 64})
    path.write_bytes(line(START, "container/docker/aaaaaaaaaaaa", record))
    names = path.parent / "names.json"
    names.write_text(json.dumps({"a" * 64: "web"}))
    summary = process(options(path, container_names=names))
    assert summary.rows == {"containers.csv": 1}
    assert f",{'a' * 64},web,docker,,,," in (path.parent / "out" / "containers.csv").read_text()


@pytest.mark.parametrize("text", ["", "[]", '{"a":1}', "\xff", "[" * 5000])
def test_names_that_cannot_be_read_are_refused(path: Path, text: str):
    names = path.parent / "names.json"
    names.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"names\.json: expected a JSON object"):
        process(options(path, container_names=names))
    with pytest.raises(UsageError, match=r"absent\.json: no such file or directory"):
        process(options(path, container_names=path.parent / "absent.json"))


def test_a_container_that_is_none_is_a_problem(path: Path):
    path.write_bytes(capture(0, 1, 2) + line(START, "container/docker/a", "{"))
    summary = process(options(path))
    assert summary.problems.first[0].line == 16
    assert summary.problems.first[0].reason.startswith("container: expected an object")


def test_two_files_have_two_places(path: Path):
    there = path.parent / "out" / "proc" / "stat"
    with pytest.raises(UsageError, match="is the place of proc/stat too: name another for portal"):
        process(options(path, portal=there))


def test_the_capture_itself_is_never_replaced(path: Path):
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is the capture itself, which is never replaced"):
        process(options(path, portal=path, force=True))
    assert path.read_bytes() == before


def test_no_file_that_is_read_is_replaced(path: Path):
    names = path.parent / "names.json"
    names.write_text("{}")
    with pytest.raises(UsageError, match="is the file of --container-names itself"):
        process(options(path, container_names=names, portal=names, force=True))
    assert names.read_text() == "{}"
    with path.open("rb") as file:
        before = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            with pytest.raises(UsageError, match="is the capture itself"):
                process(Options(capture="-", output=path.parent / "out", portal=path, force=True))
        finally:
            os.dup2(before, 0)
            os.close(before)
    assert path.read_bytes() == capture(0, 1, 2, 3)


def test_what_stands_where_a_folder_belongs_is_named(path: Path):
    out = path.parent / "out"
    with pytest.raises(UsageError, match=r"capture\.json: is a file, expected a folder"):
        process(Options(capture=str(path), output=path / "x" / "y"))
    out.mkdir()
    (out / "proc").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"out/proc: is a link to nowhere, which is absent"):
        process(options(path, force=True))
    (out / "proc").unlink()
    (out / "proc").write_text("")
    with pytest.raises(UsageError, match=r"out/proc: is a file, expected a folder"):
        process(options(path, force=True))


def test_files_of_an_earlier_conversion_do_not_stay_beside_the_new_ones(path: Path):
    out = path.parent / "out"
    out.mkdir()
    (out / "system_info.json").write_text("{}")
    (out / "notes.txt").write_text("mine")
    summary = process(options(path, force=True))
    assert not (out / "system_info.json").exists()
    assert (out / "notes.txt").exists()
    assert summary.problems.notes == ["removed, as this capture has no such: system_info.json"]
