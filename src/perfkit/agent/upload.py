"""Sends what is in the spool: what was just sampled first, then what waits, the oldest first.

    no answer, 5xx, 401, 403, 404, 408, 429, a receipt that differs   kept, sent again
    413                                                               sent in halves
    400, 422                                                          put aside

A failure is waited out with full jitter, 1 to 60 s at most, and as long as the server asks for.
What changes is said, not each attempt.
"""

import hashlib
import os

from perfkit.agent.parcel import lines_of, packed_lines, parcel_of
from perfkit.errors import DiskError, NetworkError, PerfkitError, RefusedError
from perfkit.units import KIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from perfkit.agent.parcel import Parcel
    from perfkit.agent.spool import Dropped, Spool
    from perfkit.agent.voice import Voice
    from perfkit.answer import Receipt

    class Client(Protocol):
        """What of `perfkit.client.Server` is used."""

        def upload(
            self,
            body: bytes,
            *,
            machine: str,
            run: str,
            position: int,
            kind: str,
            encoding: str,
        ) -> Receipt:
            """Send lines."""

        def close(self) -> None:
            """Let go of the connection."""

    Connect = Callable[[], Client]

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
LONGEST_ASKED = 3600.0
"""Seconds that a server's Retry-After is followed."""

FIRST_SAMPLES = 60
MOST_SAMPLES = 360
MOST_TEXT = 2 * MIB
"""What of a backlog is sent at once."""

QUICK, SLOW = 1.0, 2.0
"""Seconds of a request, below which the next of the backlog may be bigger, above which it has to be
smaller: what is live waits for it."""

OF_A_MACHINE = (403, 404)
"""Statuses that may be about the machine whose samples wait, and not about the key."""

TOO_BIG = 413
UNUSABLE = (400, 422)


class Sender:
    """Sends a spool to a server, a step at a time.

    Args:
        spool: What to send.
        connect: Returns the server, with the key as it is now.
        lost: Takes what was refused and could not be put aside: run, positions, why.
        voice: What people are told by.
        url: The server's, as it is told.
        now: A clock that nobody sets, in seconds.
        noise: Returns a number from 0 to 1, any as likely.
    """

    def __init__(
        self,
        spool: "Spool",
        connect: "Connect",
        lost: "Dropped",
        voice: "Voice",
        *,
        url: str,
        now: "Callable[[], float]",
        noise: "Callable[[], float]",
    ) -> None:
        self._spool = spool
        self._connect = connect
        self._lost = lost
        self._voice = voice
        self._now = now
        self._noise = noise
        self.url = url
        self._server: Client | None = None
        self.failures = 0
        """Attempts that failed since the last one that did not."""
        self._retry_at = 0.0
        self._old_failures = 0
        self._backlog_at = 0.0
        """When to try again what waits, where that alone is not taken."""
        self._samples, self._most = FIRST_SAMPLES, MOST_SAMPLES
        self._is_alone = False
        """Whether one batch is sent at a time, because one of several was refused."""
        self._has_backlog = False
        self._told = self._told_old = self._told_parked = ""
        self.delivered: dict[str, int] = {}
        """Samples that receipts cover, by run."""
        self.parked = 0
        """Bodies put aside."""
        self.error: PerfkitError | None = None
        """Why the last attempt failed; None where it did not."""

    def step(self) -> float | None:
        """Send one parcel, if it is time; return the seconds to the next, None for not before news.

        What cannot be sent stays in the spool.
        """
        wait = self._retry_at - self._now()
        if wait > 0:
            return wait
        backlog_wait = max(0.0, self._backlog_at - self._now())
        place = self._spool.next_place(has_backlog=not backlog_wait)
        if place is None:
            if backlog_wait:
                return backlog_wait
            self._say_empty()
            return None
        self._has_backlog = self._has_backlog or not place.is_live
        is_done = False
        try:
            is_done = self._take(parcel_of(place, *self._limits()), place.segment.path)
        except (NetworkError, RefusedError) as error:
            is_of_old = not place.is_live and not self.failures and error.status in OF_A_MACHINE
            self._failed(error, is_of_old=is_of_old)
        except OSError as cause:  # the segment
            reason = (cause.strerror or str(cause)).lower()
            failure = DiskError(f"{place.segment.path}: cannot be read: {reason}")
            self._failed(failure, is_of_old=True)
        finally:
            self._spool.done(place if is_done else None)
        return max(0.0, self._retry_at - self._now())

    def hurry(self) -> None:
        """Try at once, whatever is being waited for."""
        self._retry_at = self._backlog_at = 0.0

    def close(self) -> None:
        """Let go of the server; the next step connects again."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _limits(self) -> tuple[int, int]:
        return (1, 1) if self._is_alone else (self._samples, MOST_TEXT)

    def _take(self, parcel: "Parcel | None", path: str) -> bool:
        """Send a parcel; return whether it is done with, False where a smaller one has to be made.

        Raises:
            NetworkError, RefusedError: it was not taken, and may be later.
        """
        if parcel is None:
            self._voice.info(f"{path}: the last samples before a crash were not on disk yet")
            return True
        began = self._now()
        try:
            receipt = self._upload(parcel, parcel.position, parcel.body)
        except NetworkError as error:
            if error.status not in (TOO_BIG, *UNUSABLE):
                raise
            if parcel.batches > 1:
                if error.status == TOO_BIG:
                    self._samples = self._most = max(1, parcel.samples // 2)
                else:
                    self._is_alone = True
                return False
            self._send_halves(parcel, error)
        else:
            self._settle(parcel, receipt, parcel.digest, 0, parcel.lines)
        self._succeeded(parcel, self._now() - began)
        return True

    def _send_halves(self, parcel: "Parcel", error: NetworkError) -> None:
        """Send what was refused as a whole in halves, down to single lines; put aside the rest.

        Raises:
            NetworkError, RefusedError: a part was not taken, and may be later.
        """
        lines = lines_of(parcel.place)
        refused = [(0, len(lines), error)]
        while refused:
            first, last, why = refused.pop()
            if why.status in UNUSABLE or last - first == 1:
                self._park(parcel, first, lines[first:last], str(why))
                continue
            middle = (first + last) // 2
            for start, end in ((first, middle), (middle, last)):
                body, digest = packed_lines(lines[start:end])
                try:
                    receipt = self._upload(parcel, parcel.position + start, body)
                except NetworkError as again:
                    if again.status not in (TOO_BIG, *UNUSABLE):
                        raise
                    refused.append((start, end, again))
                else:
                    self._settle(parcel, receipt, digest, start, end)

    def _upload(self, parcel: "Parcel", position: int, body: bytes) -> "Receipt":
        if self._server is None:
            self._server = self._connect()
        segment = parcel.place.segment
        return self._server.upload(
            body,
            machine=segment.identifier,
            run=segment.run,
            position=position,
            kind="stream",
            encoding="gzip",
        )

    def _settle(
        self, parcel: "Parcel", receipt: "Receipt", digest: str, first: int, last: int
    ) -> None:
        """See that a receipt covers the lines from `first` to `last`; put aside those it does not.

        Raises:
            NetworkError: it is not theirs.
        """
        if receipt.receipt == digest and not receipt.rejected and not receipt.conflicts:
            return
        lines = lines_of(parcel.place)[first:last]
        reasons = {number - 1: reason for number, reason in receipt.rejected}
        taken = b"".join(line for at, line in enumerate(lines) if at not in reasons)
        if hashlib.sha256(taken).hexdigest() != receipt.receipt:
            raise NetworkError(
                f"server at {self.url}: its receipt is not that of what was sent: "
                f"expected {digest[:12]}…, found {receipt.receipt[:12]!r}"
            )
        if receipt.conflicts:
            # Which ones, it does not say.
            why = f"server at {self.url}: other lines are at {receipt.conflicts} of their positions"
            self._park(parcel, first, lines, why)
            return
        for at in sorted(reasons):
            why = f"server at {self.url} rejected a line: {reasons[at]}"
            self._park(parcel, first + at, lines[at : at + 1], why)

    def _park(self, parcel: "Parcel", first: int, lines: list[bytes], why: str) -> None:
        """Put lines aside that the server does not take, and say so."""
        run, position = parcel.place.segment.run, parcel.position + first
        count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        try:
            path = self._spool.park(f"{run}.{position}", packed_lines(lines)[0])
        except DiskError as error:
            self._lost(run, position, position + len(lines) - 1, f"refused: {why}")
            self._voice.warn(f"{why}: {count} from position {position} on are lost: {error}")
            return
        self.parked += 1
        if why != self._told_parked:
            self._told_parked = why
            self._voice.warn(f"{why}: {count} put aside in {path}, what is refused likewise too")

    def _succeeded(self, parcel: "Parcel", seconds: float) -> None:
        if self._told:
            waiting = self._spool.waiting()
            left = f", {size_text(waiting)} to send" if self.failures else ""
            self._voice.info(f"server at {self.url} takes samples again{left}")
        elif not self.delivered:
            self._voice.info(f"sending to {self.url}")
        self._told, self.failures, self.error = "", 0, None
        if not parcel.place.is_live:
            self._told_old, self._old_failures = "", 0
        run = parcel.place.segment.run
        self.delivered[run] = self.delivered.get(run, 0) + parcel.samples
        self._is_alone = False
        if seconds > SLOW:
            self._samples = max(1, self._samples // 2)
        elif seconds < QUICK and parcel.samples >= self._samples:
            self._samples = min(self._most, self._samples * 2)

    def _failed(self, error: PerfkitError, *, is_of_old: bool) -> None:
        """Say what went wrong, if it is news, and wait.

        Args:
            error: What.
            is_of_old: Whether it is about what waits, perhaps of another name, and may not hold
                for what is sampled now.
        """
        failures = self._old_failures if is_of_old else self.failures
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 10)) * self._noise()
        asked = getattr(error, "retry_after", None)
        if asked:
            wait += min(asked, LONGEST_ASKED)
        if isinstance(error, RefusedError):
            self.close()  # the key may have been replaced
        text = str(error)
        if is_of_old:
            self._old_failures += 1
            self._backlog_at = self._now() + wait
            if text != self._told_old:
                self._told_old = text
                self._voice.warn(f"{text}: what waits in {self._spool.folder} stays there")
            return
        self.failures += 1
        self._retry_at = self._now() + wait
        self.error = error
        if text != self._told:
            self._told = text
            self._voice.warn(f"{text}: samples are kept in {self._spool.folder} and sent later")

    def _say_empty(self) -> None:
        if self._has_backlog:
            self._has_backlog = False
            self._voice.info("what was waiting in the spool is delivered")


def random_part() -> float:
    """Return a number from 0 to 1, any as likely."""
    return int.from_bytes(os.urandom(4), "little") / 0xFFFFFFFF


def size_text(count: int) -> str:
    """Return a number of bytes for a person."""
    return f"{count / MIB:.1f} MiB" if count >= MIB else f"{count / KIB:.1f} KiB"
