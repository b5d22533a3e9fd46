"""Flights of one turn of the loop, or of a few, are handed over together, and soon."""

import asyncio

from perfkit.store import gather
from perfkit.store.gather import Gatherer


def run(work) -> list[list[object]]:
    handed: list[list[object]] = []
    asyncio.run(work(Gatherer(handed.append)))
    return handed


def test_those_of_requests_in_a_row_go_together():
    async def work(gatherer):
        async def request(number):
            await asyncio.sleep(0)
            gatherer.add(number)

        await asyncio.gather(*map(request, range(20)))
        for _ in range(5):
            await asyncio.sleep(0)

    assert run(work) == [list(range(20))]


def test_one_alone_waits_for_a_few_turns_of_the_loop_only():
    async def work(gatherer):
        gatherer.add("alone")
        for _ in range(3):
            await asyncio.sleep(0)
        gatherer.add("later")
        gatherer.hand_over()
        gatherer.hand_over()
        await asyncio.sleep(0)

    assert run(work) == [["alone"], ["later"]]


def test_a_busy_loop_keeps_none_waiting_for_long(monkeypatch):
    monkeypatch.setattr(gather, "SECONDS", 0.0)

    async def work(gatherer):
        for number in range(4):
            gatherer.add(number)
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert run(work) == [[0], [1], [2], [3]]
