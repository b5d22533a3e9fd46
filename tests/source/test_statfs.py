"""Free space of mounts; one that hangs is left out, and comes back."""

import errno
import json
import os
import threading
from pathlib import Path

import pytest

from perfkit.source.statfs import FileSystems, Left, line_of


class Space:
    """What statvfs answers."""

    f_frsize = 4096
    f_blocks = 1000
    f_bfree = 700
    f_bavail = 650


def test_keys_in_the_order_of_the_original():
    assert line_of(b"/", Space()) == (
        b'{"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,'
        b'"blocks_available":650}\n'
    )


@pytest.mark.parametrize(
    ("point", "want"),
    [(b'/my "disk"', '/my "disk"'), (b"/a\nb", "/a\nb"), (b"/\xff", "/\ufffd")],
)
def test_any_mount_point_reads_back(point: bytes, want: str):
    systems = FileSystems("", print, ask=lambda _path: Space())
    for _ in range(2):
        assert json.loads(systems.read([point]))["mount_point"] == want


def test_this_host_answers_as_df_counts(tmp_path: Path):
    found = FileSystems("", print).read([b"/"])
    space = os.statvfs("/")
    parsed = json.loads(found)
    assert parsed["mount_point"] == "/"
    assert parsed["block_size"] * parsed["blocks_total"] == space.f_frsize * space.f_blocks
    below = FileSystems(str(tmp_path), print)
    assert json.loads(below.read([b"/"]))["mount_point"] == "/"


def test_every_mount_is_asked_below_the_root():
    asked: list[bytes] = []

    def ask(path: bytes) -> Space:
        asked.append(path)
        return Space()

    systems = FileSystems("/host", print, ask=ask)
    assert systems.read([b"/", b"/boot"]).count(b"\n") == 2
    assert asked == [b"/host/", b"/host/boot"]
    assert systems.take_over() is None


def test_a_mount_that_refuses_is_left_out_and_said_once():
    said: list[str] = []

    def ask(path: bytes) -> Space:
        if path == b"/gone":
            raise OSError(errno.EIO, "Input/output error")
        return Space()

    systems = FileSystems("", said.append, ask=ask)
    for _ in range(2):
        assert systems.read([b"/", b"/gone", b"/x"]).count(b"mount_point") == 2
    assert said == ["statfs of /gone: input/output error: left out where it fails (said once)"]


def test_a_mount_that_hangs_is_left_out_until_it_comes_back():
    said: list[str] = []
    let_go, is_stuck = threading.Event(), threading.Event()
    hanging = [True]

    def ask(path: bytes) -> Space:
        if path == b"/dead" and hanging[0]:
            is_stuck.set()
            let_go.wait(30)
        return Space()

    points = [b"/", b"/dead", b"/x"]
    made: list[FileSystems] = []
    ends: list[str] = []

    def record() -> None:
        made.append(FileSystems("", said.append, ask=ask))
        try:
            made[0].read(points)
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
    assert systems.read(points).count(b"mount_point") == 2
    hanging[0] = False
    let_go.set()
    thread.join(30)
    assert ends == ["left"]
    assert said[1:] == ["statfs of /dead came back: it is asked again"]
    assert systems.read(points).count(b"mount_point") == 3


def test_an_alarm_that_comes_late_changes_nothing():
    systems = FileSystems("", print, ask=lambda _: Space())
    systems.read([b"/"])
    assert systems.take_over() is None
    assert systems.read([b"/"])
