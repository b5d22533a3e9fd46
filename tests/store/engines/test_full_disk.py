"""A file system without room: what was stored stays, and loading goes on once there is room."""

import contextlib
import os
import subprocess

import pytest
from made import MACHINE, TENANT, frame, line

from perfkit.store.engines import StoreError
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.log.frame import Place

START = 1_700_000_000
MIB = 1024 * 1024


@pytest.fixture
def small(tmp_path):
    """Return a folder on a file system of its own, of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=False)
    if made.returncode:
        pytest.skip("a file system cannot be mounted here: it takes root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def noisy(number: int):
    """Return a frame whose rows take room: numbers without any order."""

    def numbers() -> str:
        return " ".join(str(int.from_bytes(os.urandom(8)) >> 1) for _ in range(17))

    lines = [
        line(
            START + 50 * number + tick,
            "/proc/diskstats",
            f"8 0 sda {numbers()}\n8 1 sdb {numbers()}\n",
        )
        for tick in range(50)
    ]
    return frame(lines, number)


def test_a_full_disk_stops_loading_only_as_long_as_it_is_full(small, monkeypatch):
    monkeypatch.setattr("perfkit.store.engines.duckdb.instance.CHECKPOINT_THRESHOLD", "1MB")
    engine = DuckEngine(small)
    ballast = small / "ballast"
    ballast.write_bytes(bytes(12 * MIB))
    number, failures = 0, 0
    frames = []
    while failures < 3:
        assert number < 3000
        number += 1
        frames.append(noisy(number))
        try:
            at = engine.loaded(TENANT)
            rest = [each for each in frames if at is None or each.place > at]
            engine.apply(TENANT, rest, after=at)
        except StoreError:
            failures += 1
            with contextlib.suppress(StoreError):
                engine.series(TENANT, MACHINE, "disk")
    assert not list(small.glob("**/*.bad-*"))
    assert engine.loaded(TENANT) >= Place(1, number - 3)
    ballast.unlink()
    at = engine.loaded(TENANT)
    engine.apply(TENANT, [each for each in frames if each.place > at], after=at)
    assert engine.usage(TENANT).rows == 100 * number
    engine.close()
    again = DuckEngine(small)
    assert again.loaded(TENANT) == Place(1, number)
    assert again.usage(TENANT).rows == 100 * number
    again.close()
