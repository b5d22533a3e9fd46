"""What one run writes, on a host of files and a clock that does what the test says."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted import SECOND, START, ScriptedClock, lines_of, make_host

from perfkit.agent.loop import Recorder, Run, patience, uuid4
from perfkit.agent.schedule import Schedule
from perfkit.agent.voice import INFO, WARN, Voice
from perfkit.capture.write import FSYNC_NEVER, CaptureWriter, Limits
from perfkit.source.host_sources import HostSources

FIRST = START // SECOND
SOURCES = ["/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats", "statfs[*]"]

Event = Callable[[ScriptedClock], int | None]


class Told(Voice):
    """Keeps what it is told to say."""

    def __init__(self, warnings: list[str], infos: list[str]) -> None:
        super().__init__()
        self._warnings = warnings
        self._infos = infos

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def info(self, text: str) -> None:
        self._infos.append(text)


class Bench:
    """One recorder with everything around it."""

    writer_class = CaptureWriter
    clock_class = ScriptedClock

    def __init__(self, folder: Path) -> None:
        self.root = make_host(folder / "root")
        self.path = folder / "c.json"
        self.said: list[str] = []
        self.told: list[str] = []
        self.recorder: Recorder | None = None

    def record(
        self,
        *,
        period: int = 10 * SECOND,
        count: int | None = 3,
        events: dict[int, Event] | None = None,
        is_original: bool = False,
        is_cpuinfo_repeated: bool = False,
        limits: Limits | None = None,
    ) -> int | None:
        clock = self.clock_class(events)
        voice = Told(self.said, self.told)
        writer = self.writer_class(str(self.path), limits or Limits(fsync=FSYNC_NEVER), voice.warn)
        self.recorder = Recorder(
            schedule=Schedule(clock.wall, period, count),
            clock=clock,
            sources=HostSources(
                str(self.root),
                voice.warn,
                is_cpuinfo_repeated=is_cpuinfo_repeated,
            ),
            writer=writer,
            voice=voice,
            run=None if is_original else Run("run-1", "web1", period, clock.wall + 7),
        )
        try:
            return self.recorder.record()
        finally:
            writer.close()

    def lines(self) -> list[dict[str, object]]:
        return lines_of(self.path)

    def subsystems(self) -> list[list[str]]:
        """Return the subsystems of each sample."""
        samples: dict[tuple[object, object], list[str]] = {}
        for line in self.lines():
            key = (line["timestamp"], line.get("ns"))
            samples.setdefault(key, []).append(str(line["subsystem"]))
        return list(samples.values())

    def facts(self, subsystem: str) -> list[dict[str, object]]:
        return [
            json.loads(str(line["measurement"]))
            for line in self.lines()
            if line["subsystem"] == subsystem
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_run_is_whole_and_in_the_order_of_the_original(bench: Bench):
    assert bench.record() is None
    first, *others = bench.subsystems()
    assert first == ["perfkit/host", "/proc/cpuinfo", *SOURCES]
    assert others == [SOURCES, SOURCES]
    stamps = [line["timestamp"] for line in bench.lines()]
    assert sorted(set(stamps)) == [FIRST, FIRST + 10, FIRST + 20]
    assert stamps == sorted(stamps)
    assert not any("ns" in line for line in bench.lines())


def test_each_text_is_as_it_was_read(bench: Bench):
    bench.record(count=1)
    texts = {line["subsystem"]: line["measurement"] for line in bench.lines()}
    for name in ("/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats"):
        assert texts[name] == (bench.root / name[1:]).read_text()
    assert texts["statfs[*]"] == (bench.root / "statfs").read_text()


def test_host_line_says_what_the_run_is(bench: Bench):
    bench.record(count=1)
    assert bench.facts("perfkit/host") == [
        {
            "run": "run-1",
            "position": 0,
            "identifier": "web1",
            "period_ns": 10 * SECOND,
            "started": "2023-11-14T22:13:20.000000007Z",
            "perfkit": "0.1.0",
            "hostname": "web1",
            "kernel": "6.8.0",
            "boot_id": "11111111-2222-3333-4444-555555555555",
            "architecture": None,
            "distribution": "Test Linux 1",
            "virtualisation": None,
            "cpus_online": "0-1",
            "link_mbit": {},
            "mounts": [],
        }
    ]


def test_a_period_that_is_not_whole_puts_ns_on_every_line(bench: Bench):
    bench.record(period=SECOND // 4, count=6)
    keys = sorted({(line["timestamp"], line["ns"]) for line in bench.lines()})
    assert keys == [(FIRST + n // 4, n % 4 * SECOND // 4) for n in range(6)]


def test_a_late_tick_keeps_its_place_and_says_so(bench: Bench):
    bench.record(events={2: lambda clock: clock.advance(SECOND)})
    assert {(line["timestamp"], line.get("ns")) for line in bench.lines()} == {
        (FIRST, None),
        (FIRST + 10, SECOND),
        (FIRST + 20, None),
    }


def test_missed_ticks_are_recorded_not_shifted(bench: Bench):
    bench.record(events={2: lambda clock: clock.advance(25 * SECOND)}, count=5)
    assert bench.facts("perfkit/missed") == [
        {"ticks": 2, "first": FIRST + 10, "last": FIRST + 20, "why": "late"}
    ]
    assert sorted({line["timestamp"] for line in bench.lines()}) == [FIRST, FIRST + 30, FIRST + 40]
    assert bench.said == [f"2 ticks missed before {FIRST + 30}"]
    assert bench.recorder
    assert (bench.recorder.samples, bench.recorder.missed) == (3, 2)


def test_sleep_of_the_machine_is_told_from_being_late(bench: Bench):
    def suspend(clock: ScriptedClock) -> None:
        clock.wall += 25 * SECOND
        clock.boot += 25 * SECOND  # but not CLOCK_MONOTONIC

    bench.record(events={2: suspend}, count=5)
    assert [facts["why"] for facts in bench.facts("perfkit/missed")] == ["asleep"]
    assert not bench.facts("perfkit/clock")


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND])
def test_a_step_of_the_clock_is_recorded_and_samples_go_on(bench: Bench, step: int):
    def set_clock(clock: ScriptedClock) -> None:
        clock.wall += step

    bench.record(events={2: set_clock}, count=4)
    moved = step // SECOND
    assert [line["timestamp"] for line in bench.lines() if line["subsystem"] == "/proc/stat"] == [
        FIRST,
        FIRST + 10 + moved,
        FIRST + 20 + moved,
        FIRST + 30 + moved,
    ]
    assert bench.facts("perfkit/clock") == [{"step_ns": step, "monotonic_ns": 410 * SECOND}]
    assert not bench.facts("perfkit/missed")
    assert bench.said == [f"the wall clock was set by {moved:+}.000 s"]


def test_a_clock_set_back_while_sampling_does_not_stop_the_samples(bench: Bench):
    """The next sleep would last an hour: it is cut at one period, and the step is seen then."""
    clocks: list[ScriptedClock] = []

    class SettingWriter(CaptureWriter):
        """Sets the clock while the first sample is written."""

        def append(self, text: bytes, at: int) -> None:
            super().append(text, at)
            if len(clocks[0].sleeps) == 1:
                clocks[0].wall -= 3600 * SECOND

    bench.writer_class = SettingWriter
    bench.record(events={1: clocks.append}, count=3)
    assert max(clocks[0].sleeps) <= 10 * SECOND
    assert clocks[0].mono == 400 * SECOND + 20 * SECOND


def test_a_step_that_rounds_up_is_waited_for(bench: Bench):
    def set_clock(clock: ScriptedClock) -> None:
        clock.wall += 600_000_000  # the schedule moves by 1 s, so the tick is 0.4 s away

    bench.record(events={2: set_clock}, count=3)
    assert [line["timestamp"] for line in bench.lines() if line["subsystem"] == "/proc/stat"] == [
        FIRST,
        FIRST + 11,
        FIRST + 21,
    ]
    assert not any("ns" in line for line in bench.lines())
    assert len(bench.facts("perfkit/clock")) == 1


def test_a_jitter_of_the_reading_is_no_step(bench: Bench):
    """A process that loses the CPU between two readings sees a step that is none."""

    class Jittery(ScriptedClock):
        def gettime(self, clock: int) -> int:
            late = 20_000_000 if clock == time.CLOCK_BOOTTIME and self.sleeps else 0
            return super().gettime(clock) - late

    bench.clock_class = Jittery
    bench.record()
    assert not bench.said
    assert not bench.facts("perfkit/clock")


def test_a_signal_ends_the_run_between_samples(bench: Bench):
    assert bench.record(count=None, events={4: lambda _: 15}) == 15
    assert len(bench.subsystems()) == 3


def test_a_rotated_file_opens_with_host_and_cpuinfo(bench: Bench):
    bench.record(count=4, limits=Limits(fsync=FSYNC_NEVER, max_age=20 * SECOND))
    first = lines_of(bench.path.with_name("c.json.1"))
    assert [line["subsystem"] for line in first[:2]] == ["perfkit/host", "/proc/cpuinfo"]
    assert bench.subsystems()[0][:2] == ["perfkit/host", "/proc/cpuinfo"]
    assert bench.facts("perfkit/host")[0]["position"] == len(first)


def test_positions_count_every_line_of_the_run(bench: Bench):
    bench.record(count=5, limits=Limits(fsync=FSYNC_NEVER, max_bytes=1))
    files = [bench.path.with_name(f"c.json.{n}") for n in range(1, 5)] + [bench.path]
    lines = [line for file in files for line in lines_of(file)]
    for number, line in enumerate(lines):
        if line["subsystem"] == "perfkit/host":
            assert json.loads(str(line["measurement"]))["position"] == number
    assert len(files) == 5


def test_cpuinfo_again_when_other_cpus_are_online(bench: Bench):
    online = bench.root / "sys/devices/system/cpu/online"

    def unplug(_: ScriptedClock) -> None:
        online.write_bytes(b"0\n")

    bench.record(count=9, events={2: unplug})  # it is looked at once a minute
    with_cpuinfo = [n for n, names in enumerate(bench.subsystems()) if "/proc/cpuinfo" in names]
    assert with_cpuinfo == [0, 6]
    assert [facts["cpus_online"] for facts in bench.facts("perfkit/host")] == ["0-1", "0"]


def test_cpuinfo_at_every_tick_where_it_is_asked_for(bench: Bench):
    bench.record(is_cpuinfo_repeated=True)
    assert all("/proc/cpuinfo" in names for names in bench.subsystems())


def test_the_original_format_has_three_keys_and_no_line_of_ours(bench: Bench):
    bench.record(
        is_original=True,
        count=5,
        events={
            2: lambda clock: clock.advance(SECOND),
            3: lambda clock: clock.advance(15 * SECOND),
        },
    )
    assert all(list(line) == ["timestamp", "subsystem", "measurement"] for line in bench.lines())
    assert not any("perfkit" in str(line["subsystem"]) for line in bench.lines())
    assert bench.said == [f"1 tick missed before {FIRST + 30}"]


def test_a_source_that_fails_costs_itself_and_is_said_once(bench: Bench):
    missing = bench.root / "proc/diskstats"
    text = missing.read_bytes()
    missing.unlink()

    def back(_: ScriptedClock) -> None:
        missing.write_bytes(text)

    bench.record(count=4, events={4: back})
    without = [name for name in SOURCES if name != "/proc/diskstats"]
    assert bench.subsystems()[1:] == [without, without, SOURCES]
    assert bench.said == [
        f"{missing}: no such file or directory: left out where it fails (said once)"
    ]


def test_progress_is_told_at_the_first_sample_and_every_ten_minutes(bench: Bench):
    bench.record(count=121)
    assert bench.told[0] == "first sample written: 7 lines"
    assert [text.split(",")[0] for text in bench.told[1:]] == ["61 samples", "121 samples"]


def test_a_sample_of_this_size_takes_less_than_450_bytes(tmp_path: Path):
    """The size of a host with 2 CPUs; numbers of counters that grow as they do on a busy one."""
    path = tmp_path / "c.json.gz"
    writer = CaptureWriter(str(path), Limits(fsync=FSYNC_NEVER), print)
    bench = Bench(tmp_path)
    stat = bench.root / "proc/stat"
    numbers = list(range(1000, 400_000, 2000))
    sources = HostSources(str(bench.root), print)
    clock = ScriptedClock()

    def grow(_: ScriptedClock) -> None:
        for place in range(0, len(numbers), 4):
            numbers[place] += 17 * place + 3
        stat.write_bytes(b"intr " + b" ".join(b"%d" % number for number in numbers) + b"\n")

    clock.events = dict.fromkeys(range(200), grow)
    Recorder(
        schedule=Schedule(clock.wall, SECOND, 101),
        clock=clock,
        sources=sources,
        writer=writer,
        voice=Voice(WARN),
        run=None,
    ).record()
    writer.close()
    assert gzip.decompress(path.read_bytes()).count(b"/proc/stat") == 101
    assert path.stat().st_size / 101 < 450


def test_uuids_are_of_version_4():
    assert uuid4(bytes(16)) == "00000000-0000-4000-8000-000000000000"
    assert uuid4(b"\xff" * 16) == "ffffffff-ffff-4fff-bfff-ffffffffffff"


def test_a_tick_is_stuck_when_the_next_one_should_be_over():
    assert patience(10 * SECOND) == 5
    assert patience(4 * SECOND) == 5
    assert patience(3 * SECOND) == 4
    assert patience(SECOND) == 2
    assert patience(SECOND // 10) == 1


def test_a_level_hides_what_is_below_it(tmp_path: Path):
    path = tmp_path / "said"
    with path.open("wb") as file:
        for level in (INFO, WARN):
            voice = Voice(level, file.fileno())
            voice.info("i")
            voice.warn("w \udcff")
            voice.error("e")
    assert path.read_text() == (
        "perfkit: i\nperfkit: warning: w \\udcff\nperfkit: e\n"
        "perfkit: warning: w \\udcff\nperfkit: e\n"
    )


def test_a_stderr_that_is_gone_is_no_reason_to_fail(tmp_path: Path):
    (tmp_path / "said").write_bytes(b"")
    with (tmp_path / "said").open("rb") as file:
        voice = Voice(INFO, file.fileno())
        voice.info("cannot be written")
        voice.info("is not tried again")
