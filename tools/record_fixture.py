"""Record this host as fixtures/proc/HOST/0, 1, 2 ..., for the tests of the parsers.

    python tools/record_fixture.py linux-6.18-x86_64 --samples 3 --period 10

Name a host by kernel and architecture, never by who owns it, and read the files before you commit
them: interface, device and mount names go public.
"""

import argparse
import json
import os
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "proc"
FILES = ("stat", "meminfo", "net/dev", "diskstats", "cpuinfo")


def statfs() -> str:
    """Return the text of a capture's `statfs[*]`: one object for each disk that is mounted."""
    lines, seen = [], set()
    for mount in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        device, escaped, *_ = mount.split(" ")
        if not device.startswith("/dev/") or device in seen:
            continue
        seen.add(device)
        point = escaped.encode().decode("unicode_escape")
        room = os.statvfs(point)
        text = {
            "mount_point": point,
            "block_size": room.f_frsize,
            "blocks_total": room.f_blocks,
            "blocks_free": room.f_bfree,
            "blocks_available": room.f_bavail,
        }
        lines.append(json.dumps(text, separators=(",", ":")) + "\n")
    return "".join(lines)


def record(folder: Path) -> None:
    """Copy the kernel files into the folder, as they lie under /proc."""
    for name in FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path("/proc", name).read_bytes())
    (folder / "statfs").write_text(statfs(), encoding="utf-8")


def main() -> None:
    """Record as many samples as asked for, a period apart."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("host", help="name of the folder: kernel and architecture")
    options.add_argument("--samples", type=int, default=3)
    options.add_argument("--period", type=float, default=10.0, help="seconds")
    given = options.parse_args()
    for number in range(given.samples):
        if number:
            time.sleep(given.period)
        record(FOLDER / given.host / str(number))


if __name__ == "__main__":
    main()
