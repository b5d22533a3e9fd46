"""All sources of one host, in their order; what fails is left out and counted."""

from pathlib import Path

import pytest

from perfkit.errors import InputError
from perfkit.record import Record, unmarked
from perfkit.source.host_sources import EACH_TICK, NEW_CPUS, NEW_MOUNTS, HostSources

MINUTE = 60 * 1_000_000_000
FILES = ("stat", "meminfo", "net/dev", "diskstats", "cpuinfo")
TABLE = b"27 1 0:51 / / rw - btrfs /dev/sda1 rw\n"


def make(root: Path, *names: str) -> Path:
    for name in names or FILES:
        path = root / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def sources_of(root: Path, said: list[str], **options: bool) -> HostSources:
    return HostSources(str(root), said.append, **options)


def read(sources: HostSources, *, has_cpuinfo: bool = False) -> list[Record]:
    parts: list[bytes] = []
    sources.read(parts, has_cpuinfo=has_cpuinfo)
    return [
        Record(7, unmarked(name), text) for name, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def statfs(sources: HostSources) -> bytes | None:
    texts = [record.measurement for record in read(sources) if record.subsystem == "statfs[*]"]
    return texts[0] if texts else None


def test_the_order_of_the_original(tmp_path: Path):
    sources = sources_of(make(tmp_path), [])
    found = read(sources, has_cpuinfo=True)
    assert [record.subsystem for record in found] == [
        "/proc/cpuinfo",
        "/proc/stat",
        "/proc/meminfo",
        "/proc/net/dev",
        "/proc/diskstats",
    ]
    assert [record.measurement for record in found[1:3]] == [b"stat", b"meminfo"]
    assert len(read(sources)) == 4


def test_this_host_is_read():
    sources = sources_of(Path("/"), [])
    sources.look(0)
    assert [record.subsystem for record in read(sources)][:4] == list(EACH_TICK)
    assert not sources.failures


def test_nothing_below_the_root(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected one of /proc/stat, .* below it, found none"):
        sources_of(tmp_path, [])


def test_failures_are_counted_and_said_once(tmp_path: Path):
    said: list[str] = []
    sources = sources_of(make(tmp_path, "stat"), said)
    for _ in range(3):
        assert [record.subsystem for record in read(sources)] == ["/proc/stat"]
    assert sources.failures == {"/proc/meminfo": 3, "/proc/net/dev": 3, "/proc/diskstats": 3}
    assert len(said) == 3


def test_statfs_of_a_recorded_tree_is_its_text(tmp_path: Path):
    make(tmp_path)
    (tmp_path / "statfs").write_bytes(b"{}\n")
    said: list[str] = []
    sources = sources_of(tmp_path, said)
    assert not sources.look(1) & NEW_MOUNTS
    assert statfs(sources) == b"{}\n"
    (tmp_path / "statfs").unlink()
    (tmp_path / "statfs").mkdir()
    sources._statfs_text.close()  # noqa: SLF001 - as a read that fails does
    assert statfs(sources) is None
    assert sources.failures == {"statfs[*]": 1}


@pytest.mark.parametrize("process", ["1", "self"])
def test_mounts_are_asked_below_the_root(tmp_path: Path, process: str):
    make(tmp_path)
    table = tmp_path / "proc" / process / "mountinfo"
    table.parent.mkdir()
    table.write_bytes(TABLE)
    sources = sources_of(tmp_path, [])
    assert sources.look(0) & NEW_MOUNTS
    assert not sources.look(1) & NEW_MOUNTS
    text = statfs(sources)
    assert text is not None
    assert text.startswith(b'{"mount_point":"/","block_size":')
    assert [mount["device"] for mount in sources.facts()["mounts"]] == ["/dev/sda1"]


def test_without_a_mount_table_there_is_no_statfs(tmp_path: Path):
    said: list[str] = []
    sources = sources_of(make(tmp_path), said)
    assert not sources.look(1) & NEW_MOUNTS
    assert not sources.look(1) & NEW_MOUNTS
    assert statfs(sources) is None
    assert sources.failures == {"mounts": 2}
    assert len(said) == 1


def test_cpus_are_looked_at_once_a_minute(tmp_path: Path):
    online = make(tmp_path) / "sys/devices/system/cpu/online"
    online.parent.mkdir(parents=True)
    online.write_bytes(b"0-1\n")
    sources = sources_of(tmp_path, [])
    assert sources.look(0) == NEW_CPUS
    online.write_bytes(b"0\n")
    assert not sources.look(MINUTE - 1)
    assert sources.look(MINUTE) == NEW_CPUS
    assert not sources.look(2 * MINUTE)
    online.write_bytes(b"0-7\n")
    assert sources.look(MINUTE) == NEW_CPUS, "the clock went back: look"


def test_cpuinfo_at_every_tick_where_wanted(tmp_path: Path):
    sources = sources_of(make(tmp_path), [], is_cpuinfo_repeated=True)
    assert read(sources)[0].subsystem == "/proc/cpuinfo"


def test_take_over_of_nobody(tmp_path: Path):
    assert sources_of(make(tmp_path), []).take_over() is None
