"""Which lines of a plain capture's end are half a tick, and go."""

from pathlib import Path

import pytest

from perfkit.capture.write import CaptureWriter, Limits
from perfkit.record import Record, canonical_line

SECOND = 1_000_000_000
OWN = ("/proc/stat", "/proc/net/dev", "statfs[*]")


def own_tick(seconds: int, *names: str, ns: int | None = None) -> bytes:
    return b"".join(canonical_line(Record(seconds, name, b"1\n", ns)) for name in names)


NEW = own_tick(100, *OWN)


def written(path: Path) -> None:
    """Repair a capture and append NEW."""
    writer = CaptureWriter(str(path), Limits(fsync=-1), lambda _: None)
    writer.append(NEW, 100 * SECOND)
    writer.close()


@pytest.mark.parametrize("is_open", [False, True], ids=["line-end", "no-newline"])
@pytest.mark.parametrize("ns", [None, 77])
@pytest.mark.parametrize("first", ["perfkit/host", "/proc/cpuinfo"])
@pytest.mark.parametrize(
    ("last", "is_half"),
    [
        pytest.param(OWN, False, id="whole"),
        pytest.param(OWN[:2], True, id="cut-before-statfs"),
        pytest.param(OWN[:1], True, id="one-line"),
        pytest.param(("perfkit/missed",), True, id="our-own-line-alone"),
        pytest.param(("perfkit/missed", *OWN), False, id="whole-with-our-own"),
        pytest.param((OWN[0], OWN[2]), False, id="a-source-failed"),
        pytest.param(("perfkit/host", OWN[0]), False, id="a-run-begins"),
    ],
)
def test_a_tick_cut_between_two_lines_is_cut(
    tmp_path: Path,
    last: tuple[str, ...],
    first: str,
    ns: int | None,
    *,
    is_half: bool,
    is_open: bool,
):
    """Only in a capture of our own: others have their own order."""
    path = tmp_path / "c.json"
    before = own_tick(7, first, "/proc/cpuinfo", *OWN, ns=ns)
    end = own_tick(8, *last, ns=ns)
    path.write_bytes(before + (end[:-1] if is_open else end))
    written(path)
    is_cut = is_half and first == "perfkit/host"
    assert path.read_bytes() == before + (b"" if is_cut else end) + NEW


RUN = own_tick(7, "perfkit/host", "/proc/cpuinfo", *OWN, ns=1)
MANY = RUN + own_tick(8, *OWN, ns=1)
NEXT = own_tick(8, *OWN, ns=2)


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        pytest.param(MANY, b'{"timestamp":8,"subsystem":"/proc/stat","measurement":"1', id="first"),
        pytest.param(MANY, b'{"timestamp":8,"subsystem":"/pr', id="source-not-told"),
        pytest.param(MANY, NEXT[:-9], id="last"),
        pytest.param(MANY, NEXT[: NEXT.index(b"\n") + 20], id="second"),
        pytest.param(MANY, NEXT[: NEXT.index(b"\n") + 1] + bytes(9), id="zeros-after-a-line"),
        pytest.param(MANY, own_tick(8, "perfkit/missed", ns=2)[:-9], id="our-own"),
        pytest.param(MANY, own_tick(8, "/proc/cpuinfo", ns=2)[:-9], id="cpuinfo"),
        pytest.param(MANY, own_tick(9, "/proc/stat", ns=2)[:-9], id="next-second"),
        pytest.param(b"", RUN[:-9], id="first-tick"),
        pytest.param(b"", RUN[: RUN.index(b"/proc/stat")], id="first-tick-begins"),
        pytest.param(b"", RUN[: RUN.index(b"statfs") - 30] + bytes(9), id="first-tick-zeros"),
        pytest.param(RUN, b'{"tim', id="second-tick-begins"),
        pytest.param(MANY, own_tick(9, "perfkit/host", ns=3), id="run-without-a-source"),
        pytest.param(MANY, own_tick(9, "perfkit/host", "/proc/cpuinfo"), id="cpuinfo-alone"),
    ],
)
def test_of_several_ticks_a_second_only_the_torn_one_is_cut(
    tmp_path: Path, whole: bytes, part: bytes
):
    path = tmp_path / "c.json"
    path.write_bytes(whole + part)
    written(path)
    assert path.read_bytes() == whole + NEW


def test_ticks_longer_than_the_first_look_are_found(tmp_path: Path):
    path = tmp_path / "c.json"
    long = b"".join(canonical_line(Record(9, name, b"x" * 200_000)) for name in OWN)
    path.write_bytes(
        own_tick(7, "perfkit/host", *OWN) + own_tick(8, *OWN) + long + b'{"timestamp":9,'
    )
    written(path)
    assert path.read_bytes() == own_tick(7, "perfkit/host", *OWN) + own_tick(8, *OWN) + NEW
