"""Starts servers for tests that kill them: each a process of its own, forked from a warm one.

Run as a program it loads the server once, then forks for each line on stdin, which is folder, port,
floor of free bytes and fault between tabs, and answers with the pid.

Segments are small and the loader is quick, so that both are amid their work when they are killed.
"""

import os
import sys
from functools import partial
from pathlib import Path

SEGMENT_BYTES = 20_000
LOAD_SECONDS = 0.2


def main() -> None:
    """Fork a server for each line of stdin."""
    from perfkit.store.log import tenant  # noqa: PLC0415 - before what takes it as its default

    tenant.SEGMENT_BYTES = SEGMENT_BYTES
    from perfkit.store import loader  # noqa: PLC0415 - before it is made

    loader.Times = partial(loader.Times, load_seconds=LOAD_SECONDS)
    from perfkit.server.limits import Limits  # noqa: PLC0415 - after that
    from perfkit.server.run import Options, run  # noqa: PLC0415 - after that
    from perfkit.store import faults  # noqa: PLC0415 - after that

    for line in sys.stdin:
        folder, port, min_free, fault = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            os.waitpid(pid, 0)
            print("ended", flush=True)
            continue
        sys.stdin.close()
        faults.arm(fault or None)
        options = Options(
            host="127.0.0.1",
            port=int(port),
            folder=Path(folder),
            keys_file=Path(folder) / "apikeys",
            limits=Limits(min_free_bytes=int(min_free)),
        )
        run(options, lambda text: print(text, file=sys.stderr, flush=True))
        os._exit(0)


if __name__ == "__main__":
    main()
