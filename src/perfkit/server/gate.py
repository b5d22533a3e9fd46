"""How much is taken in at once, and whether the disk has room for it."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from perfkit.server.refusal import Refusal, busy

_LOOK_AGAIN = 0.05
"""Seconds that a look at the disk counts: a burst of small uploads takes one."""

_RETRY_SECONDS = 5

_TURN_SECONDS = 0.01
"""Of a turn of the loop in which uploads are begun."""


class Gate:
    """A number of places.

    Args:
        places: How many there are.
        what: Those who take them, for the message.
    """

    def __init__(self, places: int, what: str) -> None:
        self.taken = 0
        self._places = places
        self._what = what

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Refusal: none is free.
        """
        if self.taken >= self._places:
            raise busy(f"{self._places} {self._what} are under way: come again")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Turns:
    """Shares each turn of the event loop: who comes in a crowd waits for the next one.

    Else a thousand uploads that come at once are all begun in one turn, and whoever only asks
    whether the server is well waits for all of them.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._is_counting = False

    async def wait(self) -> None:
        """Return in a turn of the loop that has time left."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._is_counting:
                self._is_counting = True
                self._began = loop.time()
                loop.call_soon(self._next)
                return
            if loop.time() - self._began < _TURN_SECONDS:
                return
            await asyncio.sleep(0)

    def _next(self) -> None:
        self._is_counting = False


class Floor:
    """The free space below which nothing is taken in.

    Args:
        folder: On the disk in question.
        floor: Bytes that stay free.
    """

    def __init__(self, folder: Path, floor: int) -> None:
        self.floor = floor
        self._folder = folder
        self._free = 0
        self._looked = float("-inf")

    def free(self) -> int:
        """Return how many bytes are free."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN:
            status = os.statvfs(self._folder)
            self._free = status.f_bavail * status.f_frsize
            self._looked = now
        return self._free

    def check(self) -> None:
        """Refuse what would be stored.

        Raises:
            Refusal: there is too little room.
        """
        free = self.free()
        if free < self.floor:
            raise Refusal(
                HTTPStatus.INSUFFICIENT_STORAGE,
                f"the disk is full: {free} bytes are free, expected {self.floor} or more",
                {"Retry-After": str(_RETRY_SECONDS)},
            )
