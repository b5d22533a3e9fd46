"""Free space of mounts; one that hangs is left out, and comes back."""

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from perfkit.source.statfs import FileSystems, Left


class Space:
    """What statvfs answers."""

    f_frsize = 4096
    f_blocks = 1000
    f_bfree = 700
    f_bavail = 650


def watched(
    points: list[bytes],
    ask: Callable[[bytes], object],
    said: Callable[[str], object] = print,
    root: str = "",
) -> FileSystems:
    systems = FileSystems(root, said, ask=ask)
    systems.watch(dict.fromkeys(points))
    return systems


def test_keys_in_the_order_of_the_original():
    assert watched([b"/"], lambda _path: Space()).read() == (
        b'{"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,'
        b'"blocks_available":650}\n'
    )


@pytest.mark.parametrize(
    ("point", "want"),
    [(b'/my "disk"', '/my "disk"'), (b"/a\nb", "/a\nb"), (b"/\xff", "/\ufffd")],
)
def test_any_mount_point_reads_back(point: bytes, want: str):
    systems = watched([point], lambda _path: Space())
    for _ in range(2):
        assert json.loads(systems.read())["mount_point"] == want


def test_this_host_answers_as_df_counts(tmp_path: Path):
    found = watched([b"/"], os.statvfs).read()
    space = os.statvfs("/")
    parsed = json.loads(found)
    assert parsed["mount_point"] == "/"
    assert parsed["block_size"] * parsed["blocks_total"] == space.f_frsize * space.f_blocks
    below = watched([b"/"], os.statvfs, root=str(tmp_path))
    assert json.loads(below.read())["mount_point"] == "/"


def test_every_mount_is_asked_below_the_root():
    asked: list[bytes] = []

    def ask(path: bytes) -> Space:
        asked.append(path)
        return Space()

    systems = watched([b"/", b"/boot"], ask, root="/host")
    assert systems.read().count(b"\n") == 2
    assert asked == [b"/host/", b"/host/boot"]
    assert systems.take_over() is None


def test_a_mount_that_refuses_is_left_out_and_said_once():
    said: list[str] = []

    def ask(path: bytes) -> Space:
        if path == b"/gone":
            raise OSError(errno.EIO, "Input/output error")
        return Space()

    systems = watched([b"/", b"/gone", b"/x"], ask, said.append)
    for _ in range(2):
        assert systems.read().count(b"mount_point") == 2
    assert said == ["statfs of /gone: input/output error: left out where it fails (said once)"]


def test_a_path_that_leads_to_another_device_is_not_asked(tmp_path: Path):
    asked: list[bytes] = []

    def ask(path: bytes) -> Space:
        asked.append(path)
        return Space()

    here = tmp_path.stat().st_dev
    (tmp_path / "data").mkdir()
    systems = FileSystems(str(tmp_path), print, ask=ask)
    systems.watch({b"/": here, b"/data": here + 1, b"/pool": None})
    for _ in range(2):
        assert systems.read().count(b"mount_point") == 2
    assert asked == [os.fsencode(tmp_path) + point for point in (b"/", b"/pool")] * 2
    systems.watch({b"/data": here})
    assert b"/data" in systems.read()


def test_a_mount_that_hangs_is_left_out_until_it_comes_back():
    said: list[str] = []
    let_go, is_stuck = threading.Event(), threading.Event()
    hanging = [True]

    def ask(path: bytes) -> Space:
        if path == b"/dead" and hanging[0]:
            is_stuck.set()
            let_go.wait(30)
        return Space()

    made: list[FileSystems] = []
    ends: list[str] = []

    def record() -> None:
        made.append(watched([b"/", b"/dead", b"/x"], ask, said.append))
        try:
            made[0].read()
        except Left:
            ends.append("left")

    thread = threading.Thread(target=record)
    thread.start()
    assert is_stuck.wait(30)
    systems = made[0]
    answered = systems.take_over()
    assert answered is not None
    assert answered.count(b"mount_point") == 1
    assert said == ["statfs of /dead hangs: left out until it comes back"]
    assert systems.read().count(b"mount_point") == 2
    hanging[0] = False
    let_go.set()
    thread.join(30)
    assert ends == ["left"]
    assert said[1:] == ["statfs of /dead came back: it is asked again"]
    assert systems.read().count(b"mount_point") == 3


def test_an_alarm_that_comes_late_changes_nothing():
    systems = watched([b"/"], lambda _path: Space())
    systems.read()
    assert systems.take_over() is None
    assert systems.read()
