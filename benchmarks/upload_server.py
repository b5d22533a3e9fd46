"""`perfkit serve` without its loader: rows come after the answer, and are another figure's cost."""

import sys

from perfkit.__main__ import main
from perfkit.store.loader import Loader


class _Idle(Loader):
    """A loader that takes frames and does nothing with them."""

    def start(self) -> None:
        """Begin nothing."""


if __name__ == "__main__":
    from perfkit.server import run

    run.Loader = _Idle
    sys.exit(main())
