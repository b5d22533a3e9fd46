"""The picture at every size: what is there, what goes first, and that nothing is too wide."""

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console, Group

from perfkit.derive import Gap, Reason
from perfkit.live.screen import HINT, WAITING, picture
from perfkit.live.view import ASCII, UNICODE, View

Make = Callable[..., View]
SIZES = [(40, 24), (80, 24), (120, 40), (20, 8), (8, 3), (1, 1), (200, 60)]


def text(view: View, width: int, height: int) -> list[str]:
    return [line.plain for line in picture(view, width, height, UNICODE)]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("counts", [(2, 2, 2, 1), (256, 200, 300, 20), (1, 0, 0, 0)], ids=str)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_never_wider_or_higher_than_the_terminal(a_view: Make, width, height, counts, glyphs):
    cpus, disks, nets, mounts = counts
    view = a_view(cpus=cpus, disks=disks, nets=nets, mounts=mounts)
    lines = picture(view, width, height, glyphs)
    assert len(lines) <= height
    assert max(line.cell_len for line in lines) <= width
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(Group(*lines))
    assert len(capture.get().splitlines()) == len(lines)  # nothing wraps


@pytest.mark.parametrize(("width", "height"), SIZES[:4])
def test_waiting_for_the_second_sample(a_view: Make, width, height):
    view = a_view()
    view.interval = None
    lines = text(view, width, height)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith(WAITING[:width]) for line in lines) or width < len(WAITING)


def test_80_columns_have_every_part(a_view: Make):
    lines = text(a_view(), 80, 24)
    assert len(lines) == 24
    assert lines[0] == "web1 · 2 CPUs · Linux 6.1.0-18-amd64 · every 1 s"
    assert lines[1] == (
        "00:01:23 · 84 samples · 44.6K · /home/you/.local/state/perfkit/capture.json.gz"
    )
    assert [line.split()[0] for line in lines[2:] if line.strip()] == [
        "CPU", "cswch/s", "CPU", "all", "0", "1",
        "Memory", "available", "Swap",
        "DEV", "sda", "sdb",
        "IFACE", "eth0", "eth1",
        "mount", "/",
        "Ctrl-C",
    ]  # fmt: skip
    assert lines[-1] == HINT


def test_headings_are_the_names_of_the_columns(a_view: Make):
    lines = text(a_view(), 80, 24)
    heading = next(line for line in lines if line.startswith("DEV"))
    assert heading.split() == ["DEV", "tps", "rtps", "rkB/s", "wkB/s", "await", "aqu-sz", "%util"]


def test_40_columns_keep_the_most_important(a_view: Make):
    lines = text(a_view(), 40, 24)
    assert [line.split() for line in lines if line.startswith(("DEV", "IFACE"))] == [
        ["DEV", "tps", "rkB/s", "wkB/s", "%util"],
        ["IFACE", "rxpck/s", "txpck/s", "rxkB/s", "txkB/s"],
    ]


def test_a_wider_terminal_has_more_columns(a_view: Make):
    narrow, wide = (
        next(line for line in text(a_view(), width, 24) if line.startswith("IFACE"))
        for width in (80, 120)
    )
    assert set(narrow.split()) < set(wide.split())


def test_too_many_rows_leave_the_busiest_and_say_so(a_view: Make):
    lines = text(a_view(cpus=64, disks=30), 80, 24)
    heading = next(line for line in lines if line.startswith("CPU ") and "%usr" in line)
    count = int(heading.split()[1].split("/")[0])
    assert heading.startswith(f"CPU {count}/64")
    first = lines.index(heading) + 1
    assert [line.split()[0] for line in lines[first : first + count + 1]] == [
        "all",
        *(str(63 - n) for n in range(count)),  # CPU n is n percent busy
    ]
    disks = next(line for line in lines if line.startswith("DEV"))
    assert disks.split()[1].endswith("/30")


def test_a_lower_terminal_drops_whole_parts_from_the_end(a_view: Make):
    def parts(height: int) -> list[str]:
        first = {"CPU", "Memory", "DEV", "IFACE", "mount"}
        return [
            line.split()[0]
            for line in text(a_view(), 80, height)
            if line.split()[:1] and line.split()[0] in first and "█" not in line[:8]
        ]

    assert parts(24)[-1] == "mount"
    assert parts(16)[:3] == ["CPU", "CPU", "Memory"]
    assert "mount" not in parts(12)
    assert parts(8)[0] == "CPU"


def test_the_bar_and_the_graph_show_shares(a_view: Make):
    line = next(line for line in text(a_view(), 80, 24) if line.startswith("CPU"))
    bar = line.split()[1]
    assert bar.count("█") == round(len(bar) * 0.38)
    assert line.split()[2:4] == ["38.0", "%"]
    assert line.endswith("▁▅█")  # 0, 50 and 100 percent; four of eight steps is the fifth


def test_ascii_for_terminals_that_have_nothing_else(a_view: Make):
    for line in picture(a_view(cpus=64, mounts=4), 40, 24, ASCII):
        assert line.plain.isascii()


def test_what_is_absent_is_a_dash(a_view: Make):
    view = a_view(disks=1)
    row = view.interval.disks["sda"]
    view.interval.disks["sda"] = type(row)(
        **{name: None if name == "wait_ms" else 0.0 for name in row.__struct_fields__}
    )
    line = next(line for line in text(view, 80, 24) if line.startswith("sda"))
    assert line.split()[1:8] == ["0.0", "0.0", "0.0", "0.0", "-", "0.0", "0.0"]


def test_a_host_without_cpu_figures_or_memory(a_view: Make):
    view = a_view()
    view.interval.cpus.clear()
    lines = text(view, 80, 24)
    assert lines[0] == "web1 · Linux 6.1.0-18-amd64 · every 1 s"
    assert any(line.startswith("Memory") for line in lines)


def test_why_there_is_no_rate_stands_below(a_view: Make):
    partial = Gap(table="cpu", device="0", reason=Reason.WENT_BACK, is_partial=True)
    gone = Gap(table="disk", device="sdb", reason=Reason.VANISHED)
    assert text(a_view(gaps=(partial,)), 80, 24)[-1] == HINT
    assert text(a_view(gaps=(partial, gone)), 80, 24)[-1] == (
        "disk sdb: gone since the sample before"
    )


def test_a_message_of_the_recorder_stands_below(a_view: Make):
    view = a_view()
    view.message = "capture: 312 bytes cut"
    assert text(view, 80, 24)[-1] == view.message
    assert text(view, 10, 24)[-1] == "capture: …"


def test_names_cannot_steer_the_terminal(a_view: Make):
    view = a_view()
    view.interval.net["\x1b[31meth\n9"] = view.interval.net["eth0"]
    view.interval.filesystems["/mnt/\x1b]0;x\x07"] = view.interval.filesystems["/"]
    view.message = "\x1b[2J"
    everything = "".join(text(view, 120, 60))
    assert "\x1b" not in everything
    assert "?[31meth?9" in everything


def test_colours_are_the_terminals_own(a_view: Make):
    console = Console(width=80, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        console.print(Group(*picture(a_view(), 80, 24, UNICODE)))
    out = capture.get()
    assert "\x1b[32m" in out  # green of the palette
    assert "\x1b[38;2" not in out
    assert "\x1b[48" not in out  # no background: it may be light or dark


def test_no_color_is_respected(a_view: Make):
    console = Console(width=80, force_terminal=True, color_system="truecolor", no_color=True)
    with console.capture() as capture:
        console.print(Group(*picture(a_view(), 80, 24, UNICODE)))
    assert "\x1b[32m" not in capture.get()
