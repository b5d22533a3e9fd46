"""The recorder as its own process: what it loads, how it ends, what a kill leaves behind."""

import gzip
import json
import os
import select
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripted import lines_of, make_host

import perfkit

SOURCE = Path(perfkit.__file__).parents[1]
KILLS = 100 if os.environ.get("PERFKIT_PROOF") else 5
QUIET = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}

FORBIDDEN = {
    "argparse",
    "asyncio",
    "collections",
    "contextlib",
    "enum",
    "functools",
    "json",
    "logging",
    "pathlib",
    "re",
    "signal",
    "site",
    "socket",
    "subprocess",
    "threading",
    "tomllib",
    "traceback",
    "typing",
}

LOADED = """
import sys
sys.path.append(sys.argv[1])
import perfkit.agent.recorder
print(" ".join(sys.modules))
"""


def collect(*words: str | Path, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "perfkit", "collect", *words],
        stderr=subprocess.PIPE,
        text=True,
        env=QUIET,
        **options,
    )


def collected(*words: str | Path, **options: object) -> tuple[int, str]:
    """Run to the end; return exit code and what was said."""
    process = collect(*words, **options)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@contextmanager
def recording(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start a recorder and wait until it has written."""
    process = collect(*words)
    try:
        assert process.stderr
        for line in process.stderr:
            if "first sample written" in line:
                break
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_the_recorder_loads_no_more_than_it_needs():
    words = [sys.executable, "-I", "-S", "-c", LOADED, SOURCE]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & FORBIDDEN
    standard = set(sys.stdlib_module_names) | {"os.path", "encodings.aliases", "encodings.utf_8"}
    others = {name for name in loaded if name not in standard}
    assert others
    assert all(name.split(".")[0] in {"perfkit", "encodings", "__main__"} for name in others)
    assert not any(name.startswith(("perfkit.cmd", "perfkit.settings")) for name in others)
    assert not others & {"perfkit.client", "perfkit.agent.trickle", "perfkit.agent.spool"}


@pytest.mark.parametrize(
    "module", ["perfkit.agent.launch", "perfkit.settings.page", "perfkit.__main__"]
)
def test_the_agent_side_loads_without_third_party_packages(module: str):
    code = f"import sys; sys.path.append(sys.argv[1]); import {module}; print(*sys.modules)"
    words = [sys.executable, "-I", "-S", "-c", code, SOURCE]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    names = {name.split(".")[0] for name in done.stdout.split()}
    assert names <= set(sys.stdlib_module_names) | {"perfkit", "__main__"}


def test_once_records_this_host(tmp_path: Path):
    path = tmp_path / "c.json"
    code, said = collected("--once", "--collection", path)
    assert code == 0
    lines = lines_of(path)
    assert [line["subsystem"] for line in lines][:6] == [
        "perfkit/host",
        "/proc/cpuinfo",
        "/proc/stat",
        "/proc/meminfo",
        "/proc/net/dev",
        "/proc/diskstats",
    ]
    assert str(lines[2]["measurement"]).startswith("cpu ")
    host = json.loads(str(lines[0]["measurement"]))
    assert host["kernel"] == os.uname().release
    assert path.stat().st_mode & 0o777 == 0o600
    assert said.splitlines()[-1] == (
        f"perfkit: 1 sample, {path.stat().st_size} bytes, written to {path}"
    )


def test_both_ends_of_the_duration_are_sampled(tmp_path: Path):
    path = tmp_path / "c.json"
    words = ("--duration", "1s", "--frequency", "0.2s", "--collection", path)
    code, said = collected(*words, "--root", make_host(tmp_path / "root"))
    assert code == 0
    assert len({(line["timestamp"], line["ns"]) for line in lines_of(path)}) >= 5, said
    assert "6 samples" in said or "missed" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_a_whole_file(tmp_path: Path, number: signal.Signals):
    path = tmp_path / "c.json.gz"
    with recording("--frequency", "0.1s", "--collection", path) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0
    assert "samples" in said or "1 sample" in said
    assert gzip.decompress(path.read_bytes()).endswith(b"}\n")


def test_a_second_collector_is_refused_and_told_the_first(tmp_path: Path):
    path = tmp_path / "c.json"
    with recording("--collection", path) as process:
        code, said = collected("--once", "--loglevel", "warn", "--collection", path)
        assert code == 2
        assert said == (
            f"perfkit: {path}: process {process.pid} is recording into it: "
            "stop it or name another file\n"
        )


def test_options_and_secrets_are_in_no_argument_list(tmp_path: Path):
    path = tmp_path / "c.json"
    with recording("--collection", path, "--identifier", "web-one") as process:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        name = Path(f"/proc/{process.pid}/comm").read_text()
    assert words[1:3] == [b"-I", b"-S"]
    assert words[3].endswith(b"perfkit/agent/lean.py")
    assert len(words) == 6
    assert name == "perfkit-collect\n"


def test_memory_is_that_of_a_bare_interpreter(tmp_path: Path):
    def resident(pid: int) -> float:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    bare = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert bare.stdout
    bare.stdout.readline()
    base = resident(bare.pid)
    bare.communicate(b"\n", timeout=60)
    with recording("--frequency", "0.1s", "--collection", tmp_path / "c.json.gz") as process:
        used = resident(process.pid)
    assert used <= (10.5 if sys.version_info[:2] == (3, 11) else base + 2.0)


def test_a_full_disk_is_exit_7():
    code, said = collected("--once", "--collection", "/dev/full", "--loglevel", "warn")
    assert code == 7
    assert said.startswith("perfkit: /dev/full: no room to write: no space left on device")


def test_a_floor_of_free_space_is_exit_7_and_leaves_nothing(tmp_path: Path):
    path = tmp_path / "c.json"
    code, said = collected("--once", "--min-free", "9999T", "--collection", path)
    assert code == 7
    assert "--min-free" in said
    assert not path.exists()


def test_what_is_no_capture_is_exit_4_and_left_alone(tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_bytes(b"hello\n")
    code, said = collected("--once", "--collection", path)
    assert code == 4
    assert "not a capture, left alone" in said
    assert path.read_bytes() == b"hello\n"


def test_a_pipe_without_a_reader_is_told_and_does_not_hang(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    code, said = collected("--once", "--collection", path)
    assert code == 7
    assert said.endswith(f"perfkit: {path}: nobody reads this pipe: start its reader first\n")


def test_a_pipe_whose_reader_is_stuck_does_not_hold_up_the_end(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    root = make_host(tmp_path / "root", **{"proc/stat": b"x" * 200_000})  # more than a pipe takes
    process = collect("--collection", path, "--frequency", "0.1s", "--root", root)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    assert poll.poll(60_000)
    process.terminate()
    _, said = process.communicate(timeout=60)
    os.close(reader)
    assert process.returncode == 7
    assert f"{path}: its reader takes no more: ends in the middle of a sample" in said


def test_options_longer_than_a_pipe_takes_do_not_hang():
    code, said = collected("--once", "--collection", "x" * 100_000)
    assert code == 7
    assert said.endswith("x: cannot be written: file name too long\n")


def test_a_run_that_can_read_nothing_is_an_error(tmp_path: Path):
    (tmp_path / "root/proc/stat").mkdir(parents=True)
    os.mkfifo(tmp_path / "root/proc/meminfo")
    path = tmp_path / "c.json"
    code, said = collected("--once", "--collection", path, "--root", tmp_path / "root")
    assert code == 4
    assert f"{tmp_path}/root: no source below it can be read" in said
    assert not path.exists()


def test_a_folder_in_its_place_is_exit_2(tmp_path: Path):
    code, said = collected("--once", "--collection", tmp_path)
    assert code == 2
    assert said.endswith(f"perfkit: {tmp_path}: is a folder: name a file in it\n")


def test_a_closed_pipe_is_silent(tmp_path: Path):
    reader, end = os.pipe()
    os.close(reader)
    words = ("--frequency", "0.1s", "--loglevel", "warn", "--collection", "/dev/stdout")
    assert collected(*words, "--root", make_host(tmp_path / "root"), stdout=end) == (0, "")
    os.close(end)


def test_a_stderr_that_is_gone_does_not_stop_it(tmp_path: Path):
    path = tmp_path / "c.json"
    reader, end = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "perfkit", "collect", "--once", "--collection", path]
    assert subprocess.run(words, stderr=end, env=QUIET, check=False).returncode == 0
    os.close(end)
    assert path.exists()


def test_standard_output_that_is_a_file_is_shared_with_other_commands(tmp_path: Path):
    path = tmp_path / "c.txt"
    record = '"$0" -m perfkit collect --once --collection - --loglevel error'
    script = f'(echo before; {record}; echo after) >> "$1"; {record} > "$1.2"; echo more >> "$1.2"'
    words = ["/bin/sh", "-c", script, sys.executable, path]
    subprocess.run(words, env=QUIET, check=True, timeout=60)
    first, *lines, last = path.read_text().splitlines()
    assert (first, last) == ("before", "after")
    assert [json.loads(line)["subsystem"] for line in lines] == FIRST
    *lines, last = Path(f"{path}.2").read_text().splitlines()
    assert [json.loads(line)["subsystem"] for line in lines] == FIRST
    assert last == "more"


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_files_do_not_end_up_in_the_capture(tmp_path: Path, closed: str):
    path = tmp_path / "c.json"
    script = f'exec "$0" -m perfkit collect --once --collection "$1" {closed}'
    words = ["/bin/sh", "-c", script, sys.executable, path]
    subprocess.run(words, env=QUIET, check=True, timeout=60)
    assert lines_of(path)[0]["subsystem"] == "perfkit/host"


SAMPLE = ["/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats", "statfs[*]"]
FIRST = ["perfkit/host", "/proc/cpuinfo", *SAMPLE]


def flushed(path: Path) -> bytes:
    """Return what zlib reads of a file that may end anywhere, as a reader without repair does."""
    data, text = path.read_bytes(), b""
    while data:
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        text += member.decompress(data)
        data = member.unused_data
    return text


def ticks_of(text: bytes) -> list[list[str]]:
    """Return the subsystems of each tick."""
    ticks: dict[tuple[int, int], list[str]] = {}
    for line in text.splitlines():
        found = json.loads(line)
        ticks.setdefault((found["timestamp"], found["ns"]), []).append(found["subsystem"])
    return list(ticks.values())


def is_whole(tick: list[str]) -> bool:
    return [name for name in tick if name != "perfkit/missed"] in (SAMPLE, FIRST)


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_kill_9_loses_the_tick_that_is_being_written_and_no_more(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    root = make_host(tmp_path / "root")
    words = ("--frequency", "0.1s", "--collection", path, "--root", root, "--fsync", "never")
    before = b""
    for kill in range(KILLS):
        with recording(*words):
            # No event to wait for: a kill comes at any moment of one of the next ticks.
            time.sleep(0.03 + kill % 10 * 0.023)
        found = flushed(path)
        whole, _, torn = found.rpartition(b"\n")
        assert found.startswith(before), "no sample of an earlier run was touched"
        assert not torn, "each tick is one write of the kernel, whole or not there"
        before = whole + b"\n"
        assert all(map(is_whole, ticks_of(before)))
    code, said = collected("--once", "--collection", path, "--root", root)
    assert code == 0, said
    text = gzip.decompress(path.read_bytes())
    assert text.startswith(before)
    ticks = ticks_of(text)
    assert all(map(is_whole, ticks))
    assert sum(tick[0] == "perfkit/host" for tick in ticks) == KILLS + 1
    assert len(ticks) > KILLS + 1
