"""What a power cut may leave of a spool: every image opens, and has all that was synced."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from spools import LATER, RUN, Spools, drained, files, wanted

from perfkit.agent.parcel import parcel_of

IMAGES = 2_000 if os.environ.get("PERFKIT_PROOF") else 200


class Recording:
    """A spool that was written to, with its files as they were after each step."""

    def __init__(self, folder: Path, noise: random.Random) -> None:
        self.folder = folder
        self.noise = noise
        self.synced = 0
        self.sizes: list[dict[str, int]] = []
        """Of each file, after each sync."""
        self.ticks: list[int] = []
        """Appended up to each sync."""
        self.delivered: list[set[tuple[str, int]]] = []

    def record(self) -> None:
        spools = Spools(self.folder)
        spool = spools.open(most=1 << 17)
        done: set[tuple[str, int]] = set()
        for _ in range(12):
            spools.add(self.noise.randint(1, 6))
            spool.sync()
            if self.noise.random() < 0.3:
                place = spool.next_place()
                assert place
                parcel = parcel_of(place, 1, 1)
                assert parcel
                done |= {(RUN, parcel.position + at) for at in range(parcel.lines)}
                spool.done(place)
            self.sizes.append({path.name: path.stat().st_size for path in self.folder.iterdir()})
            self.ticks.append(spools.put)
            self.delivered.append(set(done))
        shutil.copytree(self.folder, self.folder.with_name("kept"))
        spool.close()

    def image(self, target: Path, moment: int, damage: Callable[[bytes, int], bytes]) -> None:
        """Make the folder as it may be after a power cut: synced to a moment, the rest in part."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        names = sorted(self.sizes[-1])
        for name in names:
            content = (self.folder.with_name("kept") / name).read_bytes()
            safe = self.sizes[moment].get(name, 0)
            if name.endswith(".sent"):
                safe = 0  # nothing syncs these
            kept = damage(content, safe)
            if name in self.sizes[moment] or kept:
                (target / name).write_bytes(kept)


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_whatever_a_crash_leaves_opens_and_has_what_was_synced(tmp_path: Path):
    noise = random.Random(4)  # noqa: S311
    images = 0
    while images < IMAGES:
        folder = tmp_path / f"r{images}"
        recording = Recording(folder / "spool", noise)
        recording.record()
        for _ in range(40):
            moment = noise.randrange(len(recording.sizes))

            def damaged(content: bytes, safe: int) -> bytes:
                end = noise.randint(min(safe, len(content)), len(content))
                zeros = noise.choice([0, noise.randint(0, len(content) - end)])
                return content[:end] + bytes(zeros)

            target = tmp_path / "image"
            recording.image(target, moment, damaged)
            spools = Spools(target)
            found = drained(spools.open(LATER), most=noise.choice([1, 10, 10**9]))
            assert spools.spool
            spools.spool.close()
            assert spools.said == []
            whole = wanted(recording.ticks[-1])
            needed = wanted(recording.ticks[moment]).keys() - recording.delivered[-1]
            assert needed <= found.keys(), (images, moment)
            assert found.items() <= whole.items()
            assert files(target) == []
            images += 1
        shutil.rmtree(folder)
