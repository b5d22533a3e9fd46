"""The picture: header, CPU, memory, disks, networks, file systems, as many lines as there are.

A pure function of what is known and of the terminal's size.  A small terminal loses rows first
(the busiest stay), then whole parts from the bottom up, then columns; no line is ever longer than
the terminal is wide.
"""

from rich.text import Text

from perfkit import columns
from perfkit.derive import ALL_CPUS, FileSystemUse, Interval, Memory
from perfkit.live import devices
from perfkit.live.figures import duration, figure, fit, kilobytes, period, printable, size
from perfkit.live.table import (
    BARS_FROM,
    GUTTER,
    HEADING,
    QUIET,
    Frame,
    Row,
    Section,
    bar,
    facts,
    graph,
    line,
    number,
    table_section,
)
from perfkit.live.view import Glyphs, View

LABEL = 8
"""Cells that the name of a part takes in front of its bar."""

PERCENT = 8
MAX_BAR = 40
FIRST_ROWS = 5
"""Lines that each table gets before empty lines between the parts, and the rest of the rows."""

CPU_COLUMNS = ("%usr", "%system", "%idle", "%iowait", "%steal", "%soft", "%nice", "%irq", "%guest")
SYSTEM_COLUMNS = ("cswch/s", "runq-sz", "blocked", "proc/s", "intr/s")
DISK_COLUMNS = (
    "%util", "rkB/s", "wkB/s", "tps", "await", "aqu-sz", "rtps", "wtps", "areq-sz", "dtps", "f/s",
)  # fmt: skip
NET_COLUMNS = (
    "rxkB/s", "txkB/s", "rxpck/s", "txpck/s", "rxdrop/s", "rxerr/s", "txdrop/s", "txerr/s",
    "rxmcst/s", "coll/s",
)  # fmt: skip
FS_COLUMNS = ("%ufsused", "MBfsfree", "MBfsused")
INODE_COLUMNS = ("%Iused", "Ifree")

WAITING = "waiting for the second sample"
HINT = "Ctrl-C ends the view and the recording"


def picture(view: View, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the lines of the picture: at most `height`, none wider than `width` cells."""
    frame = Frame(width=width, height=height, glyphs=glyphs)
    head = _header(view, frame)
    foot = _footer(view, frame)
    if view.interval is None:
        body = [Text(""), facts([WAITING, f"one every {period(view.period_seconds)}"], frame)]
    else:
        body = _stacked(_sections(view, view.interval, frame), height - len(head) - len(foot))
    lines = [*head, *body]
    lines = lines[: max(1, height - len(foot))]
    return [*lines, *foot] if height > len(lines) else lines


def _header(view: View, frame: Frame) -> list[Text]:
    cpus = len(view.interval.cpus) - 1 if view.interval else 0
    who = [printable(view.host.name)]
    if cpus > 0:
        who.append(f"{cpus} CPU{'s' if cpus > 1 else ''}")
    who += [printable(view.host.kernel), f"every {period(view.period_seconds)}"]
    what = [
        duration(view.running_seconds),
        f"{view.samples} sample{'s' if view.samples != 1 else ''}",
        size(view.capture_bytes),
    ]
    run = facts(what, frame, style=QUIET)
    room = frame.width - run.cell_len - len(frame.glyphs.dot)
    if room >= LABEL:
        path = fit(view.capture, room, frame.glyphs.cut, keep_end=True)
        run = facts([*what, path], frame, style=QUIET)
    return [facts(who, frame, style=HEADING), run]


def _footer(view: View, frame: Frame) -> list[Text]:
    gaps = view.interval.gaps if view.interval else ()
    lost = [str(gap) for gap in gaps if not gap.is_partial]
    text = view.message or (lost[0] if lost else "")
    if text:
        return [line((fit(text, frame.width, frame.glyphs.cut), HEADING), width=frame.width)]
    return [line((fit(HINT, frame.width, frame.glyphs.cut), QUIET), width=frame.width)]


def _sections(view: View, interval: Interval, frame: Frame) -> list[Section]:
    """Return the parts, the most important first."""
    made = [
        _cpu(view, interval, frame),
        _memory(interval.memory, frame),
        _disks(interval, frame),
        _networks(interval, frame),
        _file_systems(interval, frame),
    ]
    return [section for section in made if section.head or section.wanted]


def _cpu(view: View, interval: Interval, frame: Frame) -> Section:
    rows = [
        Row(
            key="all" if number_of == ALL_CPUS else str(number_of),
            values=shares,
            load=devices.busy(shares),
            share=devices.busy(shares),
        )
        for number_of, shares in interval.cpus.items()
    ]
    head = []
    if rows and rows[0].key == "all":
        head.append(_bar_line("CPU", rows[0].load, frame, graph_of=view))
    table = table_section(columns.CPU, rows, CPU_COLUMNS, frame, pinned=1)
    system = interval.system
    if system is not None:
        parts = [
            f"{name} {number(columns.SYSTEM.column(name).value(system))}" for name in SYSTEM_COLUMNS
        ]
        head.append(facts(parts, frame, label=_indent(frame)))
    return Section(head=head, rows=table.rows, wanted=table.wanted, least=table.least)


def _indent(frame: Frame) -> str:
    return " " * LABEL if frame.width >= BARS_FROM else ""


def _bar_line(
    name: str, percent: float, frame: Frame, *, after: str = "", graph_of: View | None = None
) -> Text:
    """Return a name, a bar, the percentage, and a graph or a text in what room is left."""
    room = frame.width - LABEL - PERCENT
    width = min(MAX_BAR, room // 2 if room >= 2 * LABEL else room)
    parts: list[tuple[str, str] | str] = [
        (f"{name:<{LABEL}}", HEADING),
        bar(percent, max(0, width), frame.glyphs),
        f"{figure(percent) + ' %':>{PERCENT}}",
    ]
    left = room - width - GUTTER
    if graph_of is not None:
        parts += [" " * GUTTER, graph(graph_of.history, left, frame.glyphs)]
    elif len(after) <= left:
        parts += [" " * GUTTER, after]
    return line(*parts, width=frame.width)


def _memory(memory: Memory | None, frame: Frame) -> Section:
    if memory is None or memory.used_percent is None:
        return Section(head=[], rows=lambda _limit: [], wanted=0)
    used = f"{kilobytes(memory.used_kb)} of {kilobytes(memory.total_kb)}"
    head = [_bar_line("Memory", memory.used_percent, frame, after=used)]
    more = [
        facts(
            [
                f"available {kilobytes(memory.available_kb)}",
                f"cached {kilobytes(memory.cached_kb)}",
                f"buffers {kilobytes(memory.buffers_kb)}",
                f"dirty {kilobytes(memory.dirty_kb)}",
                f"free {kilobytes(memory.free_kb)}",
            ],
            frame,
            label=_indent(frame),
        )
    ]
    if memory.swap_used_percent is not None:
        swap = f"{kilobytes(memory.swap_used_kb)} of {kilobytes(memory.swap_total_kb)}"
        more.append(_bar_line("Swap", memory.swap_used_percent, frame, after=swap))
    return Section(head=head, rows=lambda limit: more[:limit], wanted=len(more), least=1)


def _disks(interval: Interval, frame: Frame) -> Section:
    rows = []
    for name in devices.worth_showing(interval.disks):
        rates = interval.disks[name]
        use, requests = devices.disk_load(rates)
        rows.append(
            # Use decides; requests only among those of equal use, however many there are.
            Row(key=name, values=rates, load=use + requests / (requests + 1), share=use)
        )
    return table_section(columns.DISK, rows, DISK_COLUMNS, frame)


def _networks(interval: Interval, frame: Frame) -> Section:
    rows = [
        Row(key=name, values=rates, load=devices.link_load(rates))
        for name, rates in interval.net.items()
    ]
    return table_section(columns.NET, rows, NET_COLUMNS, frame)


def _file_systems(interval: Interval, frame: Frame) -> Section:
    def row(mount: str, use: FileSystemUse) -> Row:
        used = use.user_used_percent
        return Row(key=mount, values=use, load=used or 0, share=used)

    rows = [row(mount, use) for mount, use in interval.filesystems.items()]
    has_inodes = any(use.inodes_used_percent is not None for use in interval.filesystems.values())
    names = FS_COLUMNS + INODE_COLUMNS if has_inodes else FS_COLUMNS
    return table_section(columns.FS, rows, names, frame)


def _stacked(sections: list[Section], height: int) -> list[Text]:
    """Return the parts one below the other, in no more lines than there are.

    First what each cannot be without, the first parts first; then rows up to FIRST_ROWS in turn;
    then empty lines between the parts; then the rest of the rows in turn.
    """
    shares = _shared(sections, height)
    left = height - sum(len(sections[at].head) + rows for at, rows in shares.items())
    has_blanks = left >= len(shares) - 1
    lines: list[Text] = []
    for at, rows in shares.items():
        if lines and has_blanks:
            lines.append(Text(""))
        lines += sections[at].head
        if rows:
            lines += sections[at].rows(rows)
    return lines[: max(0, height)]


def _shared(sections: list[Section], height: int) -> dict[int, int]:
    """Return by the number of each part that fits how many rows it may have."""
    rows: dict[int, int] = {}
    left = height
    for at, section in enumerate(sections):
        least = min(section.least, section.wanted)
        if len(section.head) + least > left:
            if section.head and len(section.head) <= left:
                rows[at] = 0
                left -= len(section.head)
            continue
        rows[at] = least
        left -= len(section.head) + least

    left = _dealt(sections, rows, left, FIRST_ROWS)
    blanks = len(rows) - 1
    if left >= blanks:
        left -= blanks
    _dealt(sections, rows, left, height)
    return rows


def _dealt(sections: list[Section], rows: dict[int, int], left: int, limit: int) -> int:
    """Give the parts a row each in turn, up to the limit, and return how many lines are left."""

    def is_growing(at: int) -> bool:
        return 0 < rows[at] < min(limit, sections[at].wanted)

    growing = [at for at in rows if is_growing(at)]
    while left > 0 and growing:
        given = growing[:left]
        for at in given:
            rows[at] += 1
        left -= len(given)
        growing = [at for at in growing if is_growing(at)]
    return left
