"""What the bare interpreter starts with: `python -I -S lean.py DESCRIPTOR`.

It has no site-packages and no working directory in its path, so perfkit's own folder is added:
behind the standard library, that nothing beside perfkit can pose as a part of it.
"""

import os
import sys
import time


def take_name(name: bytes) -> None:
    """Be `name` to top and ps, of which the kernel keeps 15 characters (man 5 proc_pid_comm)."""
    try:
        file = os.open("/proc/self/comm", os.O_WRONLY)
    except OSError:
        return
    os.write(file, name)
    os.close(file)


if __name__ == "__main__":
    take_name(b"perfkit-collect")
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

    from perfkit.agent.recorder import main

    main(int(sys.argv[1]))
    # This thread hung for so long that another one has its place, and ends the process.
    while True:
        time.sleep(3600)
