"""Six hours without a server, made up for: all is delivered, and what is live comes in time."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

from spools import LINES, tick
from worlds import World, refusal

from perfkit.agent.handover import Batches
from perfkit.answer import Receipt

SECOND = 1_000_000_000


class Day(World):
    """Ticks come every second, whatever the sender does; a request takes its time."""

    LATENCY = 0.3

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.start = self.now
        self.is_away = True
        self.batches = Batches(SECOND, 6, 60 * SECOND)
        self.arrived: dict[int, float] = {}
        self.attempts = 0

    def run_to(self, moment: float) -> None:
        """Let time go on, and sample meanwhile."""
        while self.start + self.spools.put <= moment:
            number = self.spools.put
            self.now = max(self.now, self.start + number)
            text = tick(number, 10)
            self.spool.append(text, position=number * LINES, lines=LINES, at=number)
            self.spools.put += 1
            _, is_full = self.batches.add(number * SECOND)
            if is_full:
                self.spool.seal()
        self.now = max(self.now, moment)

    def upload(self, body: bytes, **place: object) -> Receipt:
        self.attempts += 1
        if self.is_away:
            raise refusal(None)
        self.run_to(self.now + self.LATENCY)
        text = gzip.decompress(body)
        first = place["position"]
        assert isinstance(first, int)
        for number in range(first // LINES, (first + text.count(b"\n")) // LINES):
            self.arrived.setdefault(number, self.now)
        return Receipt(hashlib.sha256(text).hexdigest())

    def go_on(self, until: Callable[[], bool]) -> None:
        while not until():
            wait = self.sender.step()
            if wait != 0.0:
                self.run_to(self.now + min(1.0, 1.0 if wait is None else wait))


def test_a_server_that_was_away_for_21600_ticks_gets_all_of_them_and_live_ones_in_time(
    tmp_path: Path,
):
    ticks = 21_600
    day = Day(tmp_path / "spool")
    day.spools.spool.close()
    day.spool = day.sender._spool = day.spools.open(most=256 << 20)  # noqa: SLF001
    day.go_on(lambda: day.spools.put >= ticks)
    assert day.attempts < ticks / 30, "a minute between two attempts, as a rule"
    assert day.arrived == {}
    day.is_away = False
    day.go_on(lambda: bool(day.arrived))
    back, first_live = day.now, day.spools.put
    day.go_on(lambda: len(day.arrived) == day.spools.put or day.now > back + ticks)
    day.go_on(lambda: day.arrived.keys() >= set(range(first_live)))
    took = day.now - back
    assert ticks / took >= 50, took
    day.go_on(lambda: day.spools.put >= first_live + 60)
    late = [day.arrived[n] - (day.start + n) for n in range(first_live, first_live + 40)]
    assert max(late) <= 6 + 3
    assert day.spools.dropped == []
    day.spool.close()
