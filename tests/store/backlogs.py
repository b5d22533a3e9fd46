"""A log's frames and an engine that has rows up to a place: for what is between the two."""

from made import MACHINE, frame, line

NOW = 1_700_000_000
DAY = 86_400
MOST = 10
"""Lines that a store may lack, having begun from nothing."""


def made(number, lines=4, *, at=(1000, 1010), kind="upload", ago=60, machine=MACHINE, segment=1):
    """Return a frame of so many lines from `at[0]` to `at[1]`, received so many seconds ago."""
    return frame(
        line(at[0], "/proc/x", "y") * lines,
        number,
        segment=segment,
        machine=machine,
        kind=kind,
        received=(NOW - ago) * 10**9,
        times=at,
    )


class Engine:
    """An engine that has rows up to a place."""

    def __init__(self):
        self.at = None
        self.stored = {}
        self.noted = {}
        self.meanwhile = lambda: None
        """What happens once, while it is asked where it is, before it answers."""

    def loaded(self, _):
        found, meanwhile = self.at, self.meanwhile
        self.meanwhile = lambda: None
        meanwhile()
        return found

    def last_stored(self, _, machine):
        return self.stored.get(machine)

    last_seen = last_stored

    def set_aside(self, _, why):
        self.aside = str(why)
        self.at = None

    def noticed(self, _, frame):
        self.noted[frame.machine] = frame.place

    def latest_noted(self, _, machine):
        return self.noted.get(machine)

    def latest(self, _, machine):
        return {"cpu": machine}
