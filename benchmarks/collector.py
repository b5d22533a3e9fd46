"""`perfkit collect` against a C program that only reads, sadc and node_exporter, at the same time.

Every agent samples once a second, each in its own slot of the second, so that none finds the
kernel's caches warmed by the one before: an agent on a real host always wakes to cold caches, and
cold costs 2 to 3 times warm.  Perfkit's own ticks lie on whole seconds; so its variants go to
different cores, each beside its own set of peers, or one after the other where there is one core.

CPU is time on a CPU by schedstat, all threads and children, from the third tick on: `starting.py`
measures the start.  A ratio is the median over windows of five ticks.
"""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import agents
import host
from figures import MIB, Bar, Figure, at_most, compared, ratios, unmeasured

SECTION = "collector"
WARM_UP_TICKS = 3
TICKS = 60
FLOOR_SLOT, SADC_SLOT, SCRAPE_SLOT, READING_SLOT = 0.5, 0.25, 0.7, 0.9
"""Seconds after the whole one, which is perfkit's."""

SADC_BAR = at_most(0.6)
EXPORTER_BAR = at_most(0.11)
RSS_BAR_MIB = 10.5
RSS_ABOVE_BARE_MIB = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A way to run the recorder, and what it has to reach."""

    name: str
    suffix: str
    cpuinfo: str
    """How often: `every` tick, as the original and the floor do, or `once` a run."""

    floor: Bar
    disk: Bar | None = None
    """Bytes a sample."""


VARIANTS = (
    Variant(name="six sources, plain", suffix="", cpuinfo="every", floor=at_most(2.3)),
    Variant(
        name="six sources, .gz",
        suffix=".gz",
        cpuinfo="every",
        floor=at_most(3.5),
        disk=at_most(450),
    ),
)


@dataclass(kw_only=True, slots=True)
class Group:
    """One variant and its peers, on one core."""

    variant: Variant
    perfkit: agents.Agent
    peers: dict[str, agents.Agent] = field(default_factory=dict)
    exporter: agents.Exporter | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Why a peer is not there."""

    def all(self) -> list[agents.Agent]:
        """Return every agent."""
        return [self.perfkit, *self.peers.values()]


def start_group(variant: Variant, folder: Path, core: int, stack: ExitStack) -> Group:
    """Start a variant and the peers that are on this machine."""
    folder.mkdir()
    mounts = agents.asked_mounts(folder)
    perfkit = agents.start_perfkit(
        folder, core=core, suffix=variant.suffix, cpuinfo=variant.cpuinfo
    )
    stack.callback(host.end, perfkit.child)
    group = Group(variant=variant, perfkit=perfkit)
    try:
        group.peers["floor"] = agents.start_floor(
            agents.build_floor(folder), folder, core=core, slot=FLOOR_SLOT, mounts=mounts
        )
        stack.callback(host.end, group.peers["floor"].child)
    except host.PeerMissingError as missing:
        group.missing["floor"] = str(missing)
    try:
        group.exporter = agents.Exporter(folder, core=core)
        group.peers["node_exporter"] = group.exporter.agent
        stack.callback(host.end, group.exporter.agent.child)
        group.exporter.wait()
    except host.PeerMissingError as missing:
        group.missing["node_exporter"] = str(missing)
    try:
        group.peers["sadc"] = agents.start_sadc(folder, core=core, slot=SADC_SLOT)
        stack.callback(host.end, group.peers["sadc"].child)
    except host.PeerMissingError as missing:
        group.missing["sadc"] = str(missing)
    return group


def follow(groups: Sequence[Group], ticks: int) -> None:
    """Scrape the exporters and read every agent's counters, once a second."""
    base = int(time.time()) + 1
    for tick in range(WARM_UP_TICKS + ticks + 1):
        agents.sleep_until(base + tick + SCRAPE_SLOT)
        for group in groups:
            if group.exporter:
                group.exporter.scrape()
        agents.sleep_until(base + tick + READING_SLOT)
        for agent in (agent for group in groups for agent in group.all()):
            agent.check()
            if tick >= WARM_UP_TICKS:
                agent.read()


def figures_of(group: Group, bare: host.Memory) -> list[Figure]:
    """Return the figures of one variant; its agents still run."""
    variant, perfkit = group.variant, group.perfkit
    bars = {"floor": variant.floor, "sadc": SADC_BAR, "node_exporter": EXPORTER_BAR}
    against = {
        "floor": "C program, reads only",
        "sadc": "sadc -S XDISK",
        "node_exporter": "node_exporter, same five",
    }
    found: list[Figure] = []
    for name, bar in bars.items():
        if peer := group.peers.get(name):
            figure = compared(
                SECTION,
                f"{variant.name}: CPU",
                against[name],
                ratios(perfkit.per_window(), peer.per_window()),
                bar=bar,
                note=f"{perfkit.microseconds():.0f} against {peer.microseconds():.0f} us a sample",
            )
        else:
            figure = unmeasured(
                SECTION, f"{variant.name}: CPU", against[name], bar, group.missing[name]
            )
        found.append(figure)
    return [*found, rss(group, bare), disk(group)]


def rss(group: Group, bare: host.Memory) -> Figure:
    """Return the memory of the recorder, the peers' in the note."""
    memory = host.memory(group.perfkit.child.pid)
    peers = ", ".join(
        f"{name} {host.memory(peer.child.pid).rss / MIB:.1f}" for name, peer in group.peers.items()
    )
    is_3_11 = sys.version_info[:2] == (3, 11)
    return Figure(
        section=SECTION,
        subject=f"{group.variant.name}: RSS",
        against="a fixed size" if is_3_11 else f"bare interpreter + {RSS_ABOVE_BARE_MIB}",
        value=memory.rss / MIB,
        unit="MiB",
        bar=at_most(RSS_BAR_MIB if is_3_11 else bare.rss / MIB + RSS_ABOVE_BARE_MIB),
        note=f"its own (USS) {memory.uss / MIB:.1f}; bare {bare.rss / MIB:.1f}, {peers}",
    )


def disk(group: Group) -> Figure:
    """Return the bytes that a sample takes on disk."""
    sadc = group.peers.get("sadc")
    return Figure(
        section=SECTION,
        subject=f"{group.variant.name}: disk",
        against="bytes a sample",
        value=group.perfkit.bytes_a_tick(),
        unit="B",
        bar=group.variant.disk,
        note=f"sadc {sadc.bytes_a_tick():.0f}" if sadc else "",
    )


def measure() -> list[Figure]:
    """Return the figures of every variant."""
    cores = sorted(os.sched_getaffinity(0))[: len(VARIANTS)]
    found: list[Figure] = []
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        bare = agents.bare_interpreter(folder)
        for first in range(0, len(VARIANTS), len(cores)):
            with ExitStack() as stack:
                groups = [
                    start_group(variant, folder / str(first + n), core, stack)
                    for n, (variant, core) in enumerate(zip(VARIANTS[first:], cores, strict=False))
                ]
                follow(groups, TICKS)
                for group in groups:
                    found += figures_of(group, bare)
    return found
