"""A disk without room: the oldest goes for the newest, and what is there stays whole."""

import sys
from pathlib import Path

from spools import LINES, RUN, Spools, drained

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from uploads import mounted

MIB = 1024 * 1024


def test_a_full_disk_costs_the_oldest(tmp_path: Path):
    with mounted(tmp_path, 1) as disk:
        spools = Spools(disk / "spool")
        spool = spools.open(most=MIB)
        (disk / "ballast").write_bytes(bytes(MIB // 2))
        while not spools.dropped:
            spools.add(6, size=200)
        for _ in range(20):
            spools.add(6, size=200)
        found = drained(spool)
        first = spools.dropped[-1][2] + 1
        assert spools.dropped[0][:2] == (RUN, 0)
        assert sorted(position for _, position in found) == list(range(first, spools.put * LINES))
        spool.close()
