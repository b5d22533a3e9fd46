"""One run from options to exit code, in this process; also with a file system that hangs."""

import gzip
import json
import marshal
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from scripted import SECOND, ScriptedClock, lines_of, make_host

from perfkit.agent.recorder import Session, code_of, main, read_options
from perfkit.agent.voice import WARN, Voice
from perfkit.errors import InputError, UsageError

TABLE = b"27 1 0:51 / / rw - btrfs /dev/sda1 rw\n28 27 0:52 / /dead rw - btrfs /dev/sda2 rw\n"


def options_for(root: Path, path: Path, **changes: object) -> dict[str, Any]:
    options = {
        "collection": str(path),
        "server": None,
        "identifier": "web1",
        "period": SECOND,
        "ticks": 3,
        "is_once": False,
        "is_original": False,
        "is_cpuinfo_repeated": False,
        "root": str(root),
        "loglevel": WARN,
        "fsync": -1,
        "min_free": 0,
        "max_bytes": None,
        "max_age": None,
        "keep": None,
    }
    return options | changes


class AlarmClock(ScriptedClock):
    """A scripted clock whose alarm goes off when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.alarm = threading.Semaphore(0)

    def wait_for_alarm(self) -> None:
        self.alarm.acquire()


class Sayings(Voice):
    """Keeps what it is told to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def _say(self, _level: int, text: str) -> None:
        self.said.append(text)


def run(options: dict[str, Any]) -> tuple[list[int], list[str]]:
    """Run a session to its end; return the exit codes and what was said."""
    codes: list[int] = []
    voice = Sayings()
    Session(options, AlarmClock(), voice, codes.append).run()
    return codes, voice.said


def test_a_run_ends_with_its_summary(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    codes, said = run(options_for(make_host(tmp_path / "root"), path))
    assert codes == [0]
    assert said[-1] == f"3 samples, {path.stat().st_size} bytes, written to {path}"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(lines) == 2 + 3 * 5
    host = json.loads(lines[0]["measurement"])
    assert host["identifier"] == "web1"
    assert len(host["run"]) == 36


def test_each_run_has_its_own_name(tmp_path: Path):
    path = tmp_path / "c.json"
    root = make_host(tmp_path / "root")
    for _ in range(2):
        run(options_for(root, path, ticks=1))
    hosts = [json.loads(str(one["measurement"])) for one in lines_of(path) if "run" in str(one)]
    assert len({host["run"] for host in hosts}) == 2
    assert [host["position"] for host in hosts] == [0, 0]


def test_once_is_one_sample_now(tmp_path: Path):
    path = tmp_path / "c.json"
    codes, said = run(options_for(make_host(tmp_path / "root"), path, ticks=1, is_once=True))
    assert codes == [0]
    assert said[-1] == f"1 sample, {path.stat().st_size} bytes, written to {path}"
    assert {line["ns"] for line in lines_of(path)} == {0}


def test_the_original_format(tmp_path: Path):
    path = tmp_path / "c.json"
    run(options_for(make_host(tmp_path / "root"), path, is_original=True))
    assert not any("perfkit" in str(line["subsystem"]) for line in lines_of(path))


def test_failures_are_summed_up(tmp_path: Path):
    root = make_host(tmp_path / "root")
    (root / "proc/diskstats").unlink()
    codes, said = run(options_for(root, tmp_path / "c.json"))
    assert codes == [0]
    assert "warning: /proc/diskstats: could not be read 3 times" in said


def test_a_full_disk_ends_the_run_with_what_was_written_before(tmp_path: Path):
    codes, said = run(options_for(make_host(tmp_path / "root"), Path("/dev/full")))
    assert codes == [7]
    assert said[0] == (
        "/dev/full: no room to write: no space left on device: free some space, then start again"
    )
    assert said[-1] == "0 samples, 0 bytes, written to /dev/full"


def test_a_reader_that_went_away_is_no_error(tmp_path: Path):
    reader, end = os.pipe()
    os.close(reader)
    codes, said = run(options_for(make_host(tmp_path / "root"), Path(f"/dev/fd/{end}")))
    os.close(end)
    assert codes == [0]
    assert len(said) == 1


def test_a_mount_that_hangs_costs_its_own_line(tmp_path: Path):
    """The first thread gets stuck in /dead; a second one goes on, then the first ends."""
    root = make_host(tmp_path / "root")
    (root / "statfs").unlink()
    (root / "proc/self").mkdir()
    (root / "proc/self/mountinfo").write_bytes(TABLE)
    is_stuck, let_go = threading.Event(), threading.Event()

    def ask(path: bytes) -> os.statvfs_result:
        if path.endswith(b"/dead"):
            is_stuck.set()
            let_go.wait(30)
        return os.statvfs("/")

    codes: list[int] = []
    is_over = threading.Event()

    def finish(code: int) -> None:
        codes.append(code)
        is_over.set()

    clock, voice, path = AlarmClock(), Sayings(), tmp_path / "c.json"
    session = Session(options_for(root, path), clock, voice, finish, ask)
    thread = threading.Thread(target=session.run)
    thread.start()
    assert is_stuck.wait(30)
    clock.alarm.release()
    assert is_over.wait(30)
    assert codes == [0]
    let_go.set()
    thread.join(30)
    assert codes == [0]
    statfs = [line["measurement"] for line in lines_of(path) if line["subsystem"] == "statfs[*]"]
    assert [str(text).count("mount_point") for text in statfs] == [1, 1, 1]
    assert "warning: statfs of /dead hangs: left out until it comes back" in voice.said


def test_a_disk_that_refuses_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", refuse)
    path = tmp_path / "c.json"
    codes, said = run(options_for(make_host(tmp_path / "root"), path, fsync=10**18))
    assert codes == [7]
    assert said[0].endswith("first sample written: 7 lines")
    assert f"{path}: cannot be written: input/output error" in said


def test_options_are_read_from_a_descriptor():
    reader, end = os.pipe()
    os.write(end, marshal.dumps({"root": "/"}))
    os.close(end)
    assert read_options(reader) == {"root": "/"}


def test_what_cannot_begin_ends_with_its_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    reader, end = os.pipe()
    os.write(end, marshal.dumps(options_for(tmp_path, tmp_path / "c.json")))
    os.close(end)
    codes: list[int] = []
    main(reader, codes.append, ScriptedClock)
    assert codes == [4]
    assert capfd.readouterr().err.startswith(f"perfkit: {tmp_path}: expected one of /proc/stat")
    assert not list(tmp_path.iterdir())


def test_main_records_to_the_end(tmp_path: Path):
    path = tmp_path / "c.json"
    reader, end = os.pipe()
    os.write(end, marshal.dumps(options_for(make_host(tmp_path / "root"), path)))
    os.close(end)
    codes: list[int] = []
    main(reader, codes.append, AlarmClock)
    assert codes == [0]
    assert len(lines_of(path)) == 2 + 3 * 5


def test_a_bug_says_where_it_is():
    voice = Sayings()
    assert code_of(UsageError("x"), voice) == 2
    assert code_of(InputError("y"), voice) == 4
    assert code_of(BrokenPipeError(), voice) == 0
    with pytest.raises(KeyError) as raised:
        _ = {}["absent"]
    assert code_of(raised.value, voice) == 70
    assert code_of(ZeroDivisionError("z"), voice) == 70
    assert voice.said[:2] == ["x", "y"]
    assert voice.said[2].startswith("a bug at test_recorder.py:")
    assert voice.said[2].endswith("KeyError: 'absent'")
    assert voice.said[3] == "a bug at ?: ZeroDivisionError: z"
