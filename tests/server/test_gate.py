"""Turns of the loop: a crowd is begun in many of them, so that others are not kept waiting."""

import asyncio
import time

from perfkit.server.gate import Turns

WORK_SECONDS = 0.004


def test_a_crowd_is_begun_over_many_turns_of_the_loop():
    turns_of_others = 0
    begun: list[int] = []

    async def one(turns, number):
        await turns.wait()
        end = time.monotonic() + WORK_SECONDS
        while time.monotonic() < end:  # work that the loop has to wait for
            pass
        begun.append(number)

    async def crowd():
        nonlocal turns_of_others
        turns = Turns()
        tasks = [asyncio.ensure_future(one(turns, number)) for number in range(24)]
        while len(begun) < len(tasks):
            await asyncio.sleep(0)
            turns_of_others += 1

    asyncio.run(crowd())
    assert sorted(begun) == list(range(24))
    # Ten milliseconds of each turn are for such work: three of them.
    assert turns_of_others >= 8


def test_one_alone_waits_for_nothing():
    async def alone():
        turns = Turns()
        waiting = turns.wait()
        try:
            waiting.send(None)
        except StopIteration:
            return True
        return False

    assert asyncio.run(alone())
