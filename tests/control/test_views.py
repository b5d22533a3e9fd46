"""The figures of tables are those of the samples."""

import json

import pytest
from calling import written

from perfkit.control.ask import Machine
from perfkit.control.views import brief, series_table
from perfkit.figures import LatestRows, Line, Series, Stats

ID = "00000000-0000-4000-8000-000000000001"
START = 1_700_000_000


def capture(idle):
    """Return a capture whose CPU is idle for these percents, a sample each ten seconds."""
    lines, busy, free = [], 0, 0
    for number, part in enumerate([0, *idle]):
        busy, free = busy + (100 - part) * 10, free + part * 10
        text = f"cpu  {busy} 0 0 {free} 0 0 0 0 0 0\n"
        line = {"timestamp": START + number * 10, "subsystem": "/proc/stat", "measurement": text}
        lines.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return lines


def stats_of(name, mean):
    names = ["count", "min", "sd", "p50", "p75", "p90", "p95", "p97_5", "p99", "p100", "max"]
    return Stats(name=name, device="", unit="%", mean=mean, **dict.fromkeys(names, 1))


def test_the_mean_of_a_series_is_that_of_its_samples():
    line = Line(name="%idle", device="", unit="%", min=[1, 9], mean=[1, 9], max=[1, 9])
    found = Series(start=0, end=2, step_s=1, t=[0, 1], series=[line])
    rows = series_table(found, [stats_of("%usr", 7.0), stats_of("%idle", 2.0)])
    assert rows.told[0][rows_place(rows, "mean")] == "2.00"
    rows = series_table(found, [])
    assert rows.told[0][rows_place(rows, "mean")] == "-"


def rows_place(rows, name):
    return [column.name for column in rows.columns].index(name)


@pytest.mark.parametrize("points", [1, 2, 3, 7, 50])
def test_series_tells_the_mean_that_stats_tells_however_many_points(ctl, tmp_path, points):
    idle = [*[0] * 16, 100, 90, 80]
    ctl.good("upload", written(tmp_path / "a.json", capture(idle)), "--machine", "web1")
    wanted = ctl.settled("stats", "web1", "cpu", "--column", "%idle", "--json")[0]
    assert (wanted["count"], round(wanted["mean"], 2)) == (19, 14.21)
    out = ctl.good("series", "web1", "cpu", "--column", "%idle", "--points", points).out
    heading, row = (text.split() for text in out.splitlines()[1:3])
    assert row[heading.index("mean")] == "14.2"


def test_network_of_a_machine_is_that_of_all_interfaces_but_the_loopback():
    machine = Machine(id=ID, number=1, identifier="web1", name="web1", last_seen=1.0)
    net = [
        {"device": "lo", "rxkB/s": 900.0, "txkB/s": 900.0},
        {"device": "eth0", "rxkB/s": 3.0, "txkB/s": 1.0},
        {"device": "eth1", "rxkB/s": 4.0, "txkB/s": None},
    ]
    fs = [{"device": "/", "%ufsused": 40.0}, {"device": "/home", "%ufsused": 70.0}]
    disk = [{"device": "sda", "%util": 5.0}, {"device": "sdb", "%util": 9.0}]
    found = {
        "cpu": LatestRows(timestamp=1, rows=[{"device": "", "%idle": 75.0}]),
        "net": LatestRows(timestamp=1, rows=net),
        "fs": LatestRows(timestamp=1, rows=fs),
        "disk": LatestRows(timestamp=1, rows=disk),
    }
    rows = brief([(machine, found), (machine, {})], now=2.0)
    named = dict(zip((column.name for column in rows.columns), rows.rows[0], strict=True))
    assert named == {
        "number": 1,
        "name": "web1",
        "cpu_percent": 25.0,
        "memory_percent": None,
        "rx_kb_per_second": 7.0,
        "tx_kb_per_second": 1.0,
        "disk_percent": 9.0,
        "fs_percent": 70.0,
        "last_seen": 1.0,
    }
    assert rows.rows[1][2:8] == [None] * 6


def test_text_that_gives_no_figures_is_told(ctl, tmp_path):
    lines = []
    for tick in range(8):
        texts = {"/proc/stat": f"cpu  {tick * 250} 0 0 {tick * 750} 0 0 0 0 0 0\n"}
        texts["/proc/meminfo"] = f"MemTotal: {'a' * (tick + 1)} kB\n"
        for name, text in texts.items():
            line = {"timestamp": 1_700_000_000 + 10 * tick, "subsystem": name, "measurement": text}
            lines.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    ctl.good("upload", written(tmp_path / "a.json", lines), "--machine", "bad1")
    ctl.settled("stats", "bad1", "cpu", "--json", count=7)
    told = "perfkit: warning: 1 line of /proc/meminfo gave no figures: "
    for words, code in ((["series", "bad1", "memory"], 8), (["stats", "bad1", "memory"], 8),
                        (["latest", "bad1"], 0)):  # fmt: skip
        done = ctl(*words)
        assert done.code == code
        assert done.err.count(told) == 5
        assert "other lines neither, for 3 more reasons" in done.err
    assert ctl.good("stats", "bad1", "cpu").err == ""
    assert ctl("series", "bad1", "cpu", "--points", 0).code == 2


def test_latest_names_sources_that_are_idle_as_a_whole(ctl, tmp_path):
    lines = []
    for tick in range(3):
        texts = {
            "/proc/stat": f"cpu  {tick * 250} 0 0 {tick * 750} 0 0 0 0 0 0\n",
            "/proc/net/dev": "Inter-|\n face |\n eth0: 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        }
        for name, text in texts.items():
            line = {"timestamp": 1_700_000_000 + 10 * tick, "subsystem": name, "measurement": text}
            lines.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    ctl.good("upload", written(tmp_path / "a.json", lines), "--machine", "idle1")
    out = ctl.good("latest", "idle1").out
    assert "net  2023-11-14 22:13:40  (1 idle: --all)" in out
    assert "eth0" not in out
