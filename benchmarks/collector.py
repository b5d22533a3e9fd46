"""`perfkit collect` against a C program that only reads, sadc and node_exporter, all at once.

Every agent samples once a second, on the whole second, on one core.  When matters: an agent that
wakes alone finds cold caches and costs up to 2.4 times what it costs right after another one has
read the same kernel files, so all wake together and share that alike.

CPU is time on a CPU by schedstat, all threads and children, from the third tick on: `starting.py`
measures the start.  A ratio is the median over windows of five ticks.
"""

import os
import sys
import time
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
READING_SLOT = 0.9
"""When the counters are read, seconds after the whole one."""

SADC_BAR = at_most(0.6)
EXPORTER_BAR = at_most(0.11)
BYTES_BAR = at_most(450)
RSS_BAR_MIB = 10.5
RSS_ABOVE_BARE_MIB = 2.0
PEERS = {
    "floor": "C program, reads only",
    "sadc": "sadc -S XDISK",
    "node_exporter": "node_exporter, scraped",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A way to run the recorder, and what it has to reach."""

    name: str
    suffix: str
    cpuinfo: str
    """How often: `every` tick, as the original and the floor do, or `once` a run."""

    floor: Bar | None = None
    disk: Bar | None = None
    """Bytes a sample."""


VARIANTS = (
    Variant(name="six sources, plain", suffix="", cpuinfo="every", floor=at_most(2.3)),
    Variant(
        name="six sources, .gz",
        suffix=".gz",
        cpuinfo="every",
        floor=at_most(3.5),
        disk=BYTES_BAR,
    ),
    Variant(name="default (.gz, cpuinfo once)", suffix=".gz", cpuinfo="once", disk=BYTES_BAR),
)


@dataclass(kw_only=True, slots=True)
class Fleet:
    """All agents, on one core."""

    variants: dict[str, agents.Agent] = field(default_factory=dict)
    peers: dict[str, agents.Agent] = field(default_factory=dict)
    exporter: agents.Exporter | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Why a peer is not there."""

    def all(self) -> list[agents.Agent]:
        """Return every agent."""
        return [*self.variants.values(), *self.peers.values()]


def start_peer(fleet: Fleet, name: str, folder: Path, core: int) -> None:
    """Start one of the programs compared with.

    Raises:
        PeerMissingError: it is not on this machine.
    """
    if name == "floor":
        mounts = agents.asked_mounts(folder)
        program = agents.build_floor(folder)
        fleet.peers[name] = agents.start_floor(program, folder, core=core, mounts=mounts)
    elif name == "sadc":
        fleet.peers[name] = agents.start_sadc(folder, core=core)
    else:
        fleet.exporter = agents.Exporter(folder, core=core)
        fleet.peers[name] = fleet.exporter.agent


def start_all(fleet: Fleet, folder: Path, core: int) -> None:
    """Start every variant, and the peers that are on this machine."""
    for variant in VARIANTS:
        fleet.variants[variant.name] = agents.start_perfkit(
            folder, core=core, suffix=variant.suffix, cpuinfo=variant.cpuinfo, name=variant.name
        )
    for name in PEERS:
        try:
            start_peer(fleet, name, folder, core)
        except host.PeerMissingError as missing:
            fleet.missing[name] = str(missing)
    if fleet.exporter:
        fleet.exporter.wait()


def end_all(fleet: Fleet) -> None:
    """End every agent that was started."""
    for agent in fleet.all():
        host.end(agent.child)


def follow(fleet: Fleet, ticks: int) -> None:
    """Scrape the exporter and read every agent's counters, once a second."""
    base = int(time.time()) + 1
    for tick in range(WARM_UP_TICKS + ticks + 1):
        agents.sleep_until(base + tick)
        if fleet.exporter:
            fleet.exporter.scrape()
        agents.sleep_until(base + tick + READING_SLOT)
        for agent in fleet.all():
            agent.check()
            if tick >= WARM_UP_TICKS:
                agent.read()


def figures_of(variant: Variant, fleet: Fleet, bare: host.Memory) -> list[Figure]:
    """Return the figures of one variant; its agents still run."""
    perfkit = fleet.variants[variant.name]
    is_original = variant.cpuinfo == "every"
    bars = {
        "floor": variant.floor,
        "sadc": SADC_BAR if is_original else None,
        "node_exporter": EXPORTER_BAR if is_original else None,
    }
    subject = f"{variant.name}: CPU"
    found: list[Figure] = []
    for name, bar in bars.items():
        if peer := fleet.peers.get(name):
            paired = ratios(perfkit.per_window(), peer.per_window())
            note = f"{perfkit.microseconds():.0f} against {peer.microseconds():.0f} us a sample"
            found.append(compared(SECTION, subject, PEERS[name], paired, bar=bar, note=note))
        else:
            found.append(unmeasured(SECTION, subject, PEERS[name], bar, fleet.missing[name]))
    return [*found, rss(variant, fleet, bare), disk(variant, fleet)]


def rss(variant: Variant, fleet: Fleet, bare: host.Memory) -> Figure:
    """Return the memory of the recorder, the peers' in the note."""
    memory = host.memory(fleet.variants[variant.name].child.pid)
    peers = "".join(
        f", {name} {host.memory(peer.child.pid).rss / MIB:.1f}"
        for name, peer in fleet.peers.items()
    )
    is_3_11 = sys.version_info[:2] == (3, 11)
    return Figure(
        section=SECTION,
        subject=f"{variant.name}: RSS",
        against="a fixed size" if is_3_11 else f"bare interpreter + {RSS_ABOVE_BARE_MIB}",
        value=memory.rss / MIB,
        unit="MiB",
        bar=at_most(RSS_BAR_MIB if is_3_11 else bare.rss / MIB + RSS_ABOVE_BARE_MIB),
        note=f"its own (USS) {memory.uss / MIB:.1f}; bare {bare.rss / MIB:.1f}{peers}",
    )


def disk(variant: Variant, fleet: Fleet) -> Figure:
    """Return the bytes that a sample takes on disk."""
    sadc = fleet.peers.get("sadc")
    return Figure(
        section=SECTION,
        subject=f"{variant.name}: disk",
        against="bytes a sample",
        value=fleet.variants[variant.name].bytes_a_tick(),
        unit="B",
        bar=variant.disk,
        note=f"sadc {sadc.bytes_a_tick():.0f}" if sadc else "",
    )


def measure() -> list[Figure]:
    """Return the figures of every variant."""
    core = min(os.sched_getaffinity(0))
    fleet = Fleet()
    with TemporaryDirectory(prefix="perfkit-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        stack.callback(end_all, fleet)
        bare = agents.bare_interpreter(folder)
        start_all(fleet, folder, core)
        follow(fleet, TICKS)
        return [figure for variant in VARIANTS for figure in figures_of(variant, fleet, bare)]
