"""When each machine was last seen: the newest timestamp that it sent.

The store is asked once for each machine; what comes after that is noted here.
"""

from uuid import UUID

from perfkit.errors import PerfkitError
from perfkit.store.engines import Newest


class Seen:
    """Newest timestamps by machine; may be used from any thread.

    Args:
        stored: Knows those of before the start.
    """

    def __init__(self, stored: Newest) -> None:
        self._stored = stored
        self._newest: dict[UUID, float] = {}
        self._asked: set[UUID] = set()

    def note(self, machine: UUID, timestamp: float) -> None:
        """Take note that a machine sent a line of this time."""
        if timestamp > self._newest.get(machine, float("-inf")):
            self._newest[machine] = timestamp

    def of(self, tenant: UUID, machine: UUID) -> float | None:
        """Return when a machine was last seen, None for never; not on an event loop."""
        if machine not in self._asked:
            try:
                found = self._stored.last_seen(tenant, machine)
            except PerfkitError:
                # A store that is being mended keeps nobody from the list of machines.
                return self._newest.get(machine)
            if found is not None:
                self.note(machine, found)
            self._asked.add(machine)
        return self._newest.get(machine)
