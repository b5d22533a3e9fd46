"""Flights of many requests on their way to the writer together.

Woken for each, the writer would take the CPU from the event loop in the midst of every request, and
sync for each.
"""

import asyncio
from collections.abc import Callable

from perfkit.store.log import Flight

SECONDS = 0.005
"""How long a flight waits for others at most, while the loop is busy."""

_TURNS = 2
"""Turns of the loop without another flight, after which none is waited for: a request takes two."""


class Gatherer:
    """Holds flights while the loop has work to do.

    Args:
        submit: Takes all of them.
    """

    def __init__(self, submit: Callable[[list[Flight]], None]) -> None:
        self._submit = submit
        self._flights: list[Flight] = []

    def add(self, flight: Flight) -> None:
        """Take a flight; called on the event loop."""
        self._flights.append(flight)
        if len(self._flights) == 1:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._look, loop, 0, _TURNS, loop.time() + SECONDS)

    def hand_over(self) -> None:
        """Wait for no other."""
        flights, self._flights = self._flights, []
        if flights:
            self._submit(flights)

    def _look(self, loop: asyncio.AbstractEventLoop, had: int, turns: int, end: float) -> None:
        """Hand over once so many turns of the loop brought nothing, or it is time."""
        count = len(self._flights)
        turns = turns - 1 if count == had else _TURNS
        if turns and loop.time() < end:
            loop.call_soon(self._look, loop, count, turns, end)
        else:
            self.hand_over()
