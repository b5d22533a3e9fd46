"""A machine's data in a file: the right days of the right machine, whole or not at all."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from calling import machine_of, plain, written

from perfkit.client import Server
from perfkit.control.ask import Machine
from perfkit.control.export import export
from perfkit.errors import NetworkError, UsageError

DAY = 86_400
FIRST = 1_700_006_400  # 2023-11-15T00:00:00Z


def stat(at, count):
    text = f"cpu  {count} 0 0 {1000 + at - FIRST} 0 0 0 0 0 0\\n"
    memory = "MemTotal: 1000 kB\\nMemFree: 400 kB\\nBuffers: 100 kB\\nCached: 200 kB\\n"
    return b"".join(
        b'{"timestamp":%d,"subsystem":"%b","measurement":"%b"}\n' % (at, name, body.encode())
        for name, body in ((b"/proc/stat", text), (b"/proc/meminfo", memory))
    )


def days(count=3):
    """Return a capture with a sample each six hours."""
    return [stat(FIRST + number * DAY // 4, number * 10) for number in range(count * 4)]


@pytest.fixture
def stored(ctl, tmp_path):
    ctl.good("upload", written(tmp_path / "days.json", days()), "--machine", "web1")
    return ctl


def days_in(text):
    return sorted({(int(row.split(",")[0]) - FIRST) // DAY for row in text.splitlines()[1:]})


def test_the_columns_and_the_end_day_are_those_of_the_original(stored, tmp_path):
    target = tmp_path / "out.csv"
    done = stored.good("export", "--collector", "web1", "--start-date", "2023-11-16",
                       "--end-date", "2023-11-16", "--output", target)  # fmt: skip
    assert done == (0, "", "")
    text = target.read_text()
    assert text.startswith("timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,mem_total_")
    assert days_in(text) == [1]
    whole = stored.good("export", "--intervals", "all", "--start-date", "2023-11-16").out
    assert days_in(whole) == [1, 2]
    assert whole.count("2023") == 0


def test_one_file_of_the_tree_and_all_of_it(stored, tmp_path):
    assert stored.good("export", "--format", "csv", "--file", "proc/stat").out.startswith(
        "#timestamp,CPU,%usr"
    )
    assert stored("export", "--format", "csv", "--file", "proc/none").code == 2
    target = tmp_path / "tree.zip"
    told = stored.good("export", "--format", "csv", "-o", target, "--json").json
    assert told["bytes"] == target.stat().st_size
    assert target.read_bytes().startswith(b"PK")


def test_a_machine_is_found_by_whatever_one_calls_it(stored, server, tmp_path):
    id_ = machine_of(server, "web1")
    for name in ("1", "web1", id_, id_[:8]):
        stored.good("export", "--collector", name)
    stored.good("upload", written(tmp_path / "b.json", plain()), "--machine", "web1-test")
    stored.good("upload", written(tmp_path / "b.json", plain()), "--machine", "1-other")
    assert stored.good("export", "--collector", "web1", "--format", "capture").out.count("\n") == 24
    for words, told in (
        ((), "3 could be meant"),
        (("--collector", "web"), "no such one: there are: 1 'web1'"),
        (("--collector", "web1-"), None),
        (("--collector", "zzzz"), "no such one"),
    ):
        done = stored("export", "--format", "capture", *words)
        assert done.code == (0 if told is None else 2), done
        assert told is None or told in done.err


def test_several_that_could_be_meant_are_listed(stored, tmp_path):
    for name in ("node-a", "node-b"):
        stored.good("upload", written(tmp_path / "b.json", plain()), "--machine", name)
    done = stored("series", "node", "cpu")
    assert done.code == 2
    assert "2 could be meant, name one by its id: 2 'node-a' (" in done.err


@pytest.mark.parametrize(
    "day",
    [
        *("2023-13-01", "yesterday", "2023-11-15 24", "20231115", "2023", "-5", "", "1700006400"),
        *("2023-11-15T00:00:00Z", "2023-W46-3", "²023-11-15"),
    ],
)
@pytest.mark.parametrize("option", ["--start-date", "--end-date"])
def test_a_date_that_is_none_is_a_usage_error(stored, option, day):
    done = stored("export", option, day)
    assert (done.code, done.out) == (2, "")
    assert f"{option}: expected a date as 2026-01-31, found" in done.err


def test_one_file_is_of_the_tree_only(stored):
    for form in ("portal", "capture"):
        done = stored("export", "--format", form, "--file", "proc/stat")
        assert (done.code, done.out) == (2, "")
        assert "--file" in done.err


def at_1_5_s(start, count):
    """Return a recording at 1.5 s of a host that receives exactly 1024 kB/s."""
    facts = {"run": "6f0c1f8e-6a7b-4c59-8f0a-3f4f5a1b2c3d", "position": 0, "period_ns": 15 * 10**8}
    for tick in range(count):
        second, ns = divmod(15 * 10**8 * tick, 10**9)
        net = f"Inter-|\n face |\n eth0: {1024 * 1536 * tick} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        texts = {} if tick else {"perfkit/host": json.dumps(facts)}
        for name, text in {**texts, "/proc/net/dev": net}.items():
            line = {"timestamp": start + second, "subsystem": name, "measurement": text, "ns": ns}
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"


def test_a_range_knows_the_period_of_its_run(ctl, tmp_path):
    """Said in the run's first line only, which is not in the range."""
    capture = [*at_1_5_s(FIRST + DAY - 60, 80)]
    ctl.good("upload", written(tmp_path / "a.json", capture), "--machine", "web1")
    words = ("export", "--format", "csv", "--file", "proc/net/dev", "--intervals", "all")
    whole = ctl.good(*words).out.splitlines()
    part = ctl.good(*words, "--start-date", "2023-11-16").out.splitlines()
    assert part[0] == whole[0]
    assert part[1:] == [row for row in whole if row[:13] > f"{FIRST + DAY}.00"]
    assert len(part) == 40
    assert {row.split(",")[4] for row in part[1:]} == {"1024"}
    raw = ctl.good("export", "--format", "capture", "--start-date", "2023-11-16").out
    assert raw.encode() == b"".join(capture[41:])


def test_a_machine_without_the_figures_of_the_portal(stored, tmp_path):
    stored.good("upload", written(tmp_path / "b.json", plain()), "--machine", "odd")
    done = stored("export", "--collector", "odd")
    assert (done.code, done.out) == (8, "")
    assert "machine 2 ('odd') has no CPU and memory figures" in done.err
    stored.good("export", "--collector", "odd", "--format", "capture")


def test_nothing_in_a_range_is_not_enough(stored, tmp_path):
    for form in ("portal", "csv", "capture"):
        target = tmp_path / "none"
        done = stored("export", "--format", form, "--start-date", "2001-01-01", "--end-date",
                      "2001-01-02", "-o", target)  # fmt: skip
        assert done.code == 8, done
        assert "has nothing in that range" in done.err
        assert not target.exists()


def test_a_file_that_is_there_stays_unless_forced(stored, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("mine")
    done = stored("export", "-o", target)
    assert (done.code, target.read_text()) == (2, "mine")
    assert "--force replaces it" in done.err
    stored.good("export", "-o", target, "--force")
    assert target.read_text().startswith("timestamp")
    assert stored("export", "-o", tmp_path).code == 2
    assert stored("export", "-o", tmp_path / "no" / "out.csv").code == 7
    assert stored("export", "--json").code == 2


class Pieces:
    """A server whose export does something in the middle."""

    def __init__(self, then: BaseException | None, before=lambda: None):
        self.then = then
        self.before = before

    def stream(self, _path: str, **_query: object) -> Iterator[bytes]:
        yield b"some"
        self.before()
        if self.then is not None:
            raise self.then
        yield b"more"


MACHINE = Machine(id="00000000-0000-4000-8000-000000000001", number=1, identifier="web1")


def test_a_pipe_is_written_and_never_replaced(stored, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        stored.good("export", "--format", "capture", "--output", pipe, "--force")
        assert pipe.is_fifo()
        assert reader.stdout.read() == b"".join(days())


def test_a_link_keeps_leading_to_its_file(stored, tmp_path):
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_text("before")
    stored.good("export", "--format", "capture", "--output", tmp_path / "link", "--force")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"".join(days())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NetworkError("cut"), OSError(28, "full")])
def test_half_made_output_is_removed(tmp_path, error):
    seen = []
    server = Pieces(error, lambda: seen.append([each.name for each in tmp_path.iterdir()]))
    with pytest.raises(BaseException):  # noqa: B017, PT011 - each its own
        export(server, MACHINE, str(tmp_path / "out"), {})
    assert len(seen[0]) == 1
    assert seen[0][0].startswith(".out.")
    assert [each.name for each in tmp_path.iterdir()] == []


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out"
    server = Pieces(None, lambda: target.write_text("mine"))
    with pytest.raises(UsageError, match="is there already"):
        export(server, MACHINE, str(target), {})
    assert target.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_server_that_is_not_there(tmp_path):
    server = Server("http://127.0.0.1:9", "key")
    with pytest.raises(NetworkError):
        export(server, MACHINE, str(tmp_path / "out"), {})
    assert [each.name for each in tmp_path.iterdir()] == []
