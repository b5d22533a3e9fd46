"""What tests of the way in share: lines, batches, an intake on a folder of the test's own."""

import asyncio
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from perfkit.store.intake import Batch, Intake, Limits, Piece

TENANT = UUID(int=1)
MACHINE = UUID(int=2)
RUN = UUID(int=3)


def line(number, timestamp=None, text=""):
    """Return the canonical line at a position; five of them share a second."""
    second = 1_700_000_000 + number // 5 if timestamp is None else timestamp
    return b'{"timestamp":%d,"subsystem":"/proc/stat","measurement":"cpu  %d%b"}\n' % (
        second,
        number,
        text.encode(),
    )


def lines(first, end):
    return [line(number) for number in range(first, end)]


def batch(first, sent, *, run=RUN, machine=MACHINE, tenant=TENANT, kind="stream"):
    pieces = [Piece(run=run, first=first, lines=sent)]
    return Batch(tenant=tenant, machine=machine, kind=kind, pieces=pieces)


def opened(folder, **limits):
    return Intake(folder, limits=Limits(**{"min_free": 0, **limits}))


@contextmanager
def folder_in_memory():
    """A folder that is fast to sync: for many short runs of one test."""
    memory = "/dev/shm"  # noqa: S108 - a file system, where there is one; the folder is private
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        yield Path(name)


@contextmanager
def mounted(parent, mebibytes):
    """A disk of its own of so many MiB; the test is skipped where this user may not mount one."""
    folder = parent / "disk"
    folder.mkdir()
    options = f"size={mebibytes}m,mode=700"
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def accepted(intake, *batches):
    """Hand in batches at once, and return what became of each."""

    async def hand_in():
        for one in batches:  # opens the log, so that the others keep their order
            await intake.accept(batch(0, [], tenant=one.tenant))
        return await asyncio.gather(*map(intake.accept, batches))

    return asyncio.run(hand_in())
