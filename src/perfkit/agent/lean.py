"""What the bare interpreter starts with: `python -I -S lean.py DESCRIPTOR`.

It has no site-packages and no working directory in its path, so perfkit's own folder is added:
behind the standard library, that nothing beside perfkit can pose as a part of it.
"""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

    from perfkit.agent.recorder import main

    # At once: a statfs that hangs must not hold up the end.
    os._exit(main(int(sys.argv[1])))
