"""What a run that is sent adds to the recorder: two threads, and a queue between it and them.

    recorder ──queue──▶ spooler ──spool──▶ sender ──▶ server
        └── --collection FILE, written by the recorder itself, as without a server

The recorder puts a tick into the queue and is done: no disk and no server can hold it up.  A
spooler that is stuck lets the queue grow up to a bound; beyond it the oldest ticks are dropped, and
told.  Loaded only where there is a server.
"""

import _thread
import time

from perfkit.agent.handover import QUEUE_BYTES, Batches, Bell, Queue
from perfkit.agent.spool import Spool
from perfkit.agent.upload import Sender, random_part, size_text
from perfkit.agent.voice import bug_text
from perfkit.errors import DiskError, NetworkError, PerfkitError, RefusedError, UsageError
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from perfkit.agent.loop import Run
    from perfkit.agent.recorder import Options, ServerOptions
    from perfkit.agent.upload import Client
    from perfkit.agent.voice import Voice
    from perfkit.capture.write import CaptureWriter
    from perfkit.source.host import Fact

    Note = Callable[[str, dict[str, Fact]], None]
    Thread = Callable[[Callable[[], None], tuple[()]], object]

GAP = "perfkit/gap"

END_SECONDS = 5.0
END_ATTEMPTS = 3
"""What the end of a run takes at most to deliver what is left."""

END_RETRY = 0.2
"""Seconds between two attempts to write the spool at the end."""

BUG_WAIT = 60.0


class Trickle:
    """Takes a run's ticks as a capture file does, and sends them to a server.

    Args:
        run: The run.
        voice: What people are told by.
        note: Has the recorder write a line of its own at its next tick.
        local: The capture that is written beside, if one is.
        is_once: Whether the run is one sample, which has to arrive.
    """

    def __init__(
        self,
        run: "Run",
        voice: "Voice",
        note: "Note",
        local: "CaptureWriter | None" = None,
        *,
        is_once: bool = False,
    ) -> None:
        self._run = run
        self._voice = voice
        self._note = note
        self._local = local
        self._is_once = is_once
        self._queue = Queue()
        self._news, self._sealed = Bell(), Bell()
        self._spooled, self._sent = Bell(), Bell()
        self._end_by: float | None = None
        """When the end has to be over; None while the run goes on."""
        self._until: float | None = None
        """Likewise for the sender, once all is spooled."""
        self._was_away = False
        """Whether the server had not answered before the run came to its end."""
        self._is_fresh = True
        self._has_lost = False
        """Whether the line that says what the run is may be among those that were dropped."""
        self._gaps: dict[str, list[tuple[int, int]]] = {}
        self._told: dict[str, str] = {}
        self._missing = 0
        """Ticks that the local capture lacks."""
        self._bug: PerfkitError | None = None
        self.written = 0
        """Bytes of lines that were taken."""
        self.summary = ""
        """What became of them, once they are closed."""

    def start(
        self,
        spool: Spool,
        sender: Sender,
        batches: Batches,
        thread: "Thread" = _thread.start_new_thread,
    ) -> None:
        """Start both threads.

        Args:
            spool: Where ticks wait.
            sender: Sends them.
            batches: Where a batch ends.
            thread: Starts one.
        """
        self._spool, self._sender, self._batches = spool, sender, batches
        thread(self._spool_ticks, ())
        thread(self._send, ())

    # -- the thread that records

    def prepare(self, at: int) -> bool:
        """Make ready for the tick of the time `at`; return whether it opens a file or the run."""
        is_new = self._is_fresh or self._has_lost
        self._has_lost = False
        if self._local:
            try:
                is_new = self._local.prepare(at) or is_new
            except DiskError as error:
                self._say("local", f"{error}: samples are sent all the same")
        return is_new

    def append(self, text: bytes, at: int) -> None:
        """Add the lines of one tick."""
        lines = text.count(b"\n")
        self._is_fresh = False
        self.written += len(text)
        dropped = self._queue.put((self._run.position, lines, text, at))
        if dropped:
            first, last = dropped[0], dropped[-1]
            self.lost(self._run.name, first[0], last[0] + last[1] - 1, "spool stuck")
        self._news.ring()
        if self._local:
            try:
                self._local.append(text, at)
            except DiskError as error:
                self._missing += 1
                self._is_fresh = True  # a file with a hole says where it goes on
                self._say("local", f"{error}: samples are sent all the same")

    def close(self) -> None:
        """Deliver what can be delivered in a short time, and tell what stays.

        Raises:
            PerfkitError: samples are lost, or the one sample of the run was not delivered.
        """
        until = time.monotonic() + END_SECONDS
        self._end_by = until
        self._news.ring()
        failures: list[PerfkitError] = []
        if self._local:
            try:
                self._local.close()
            except PerfkitError as error:
                failures.append(error)
        self._spooled.wait(until - time.monotonic())
        self._was_away = self._sender.error is not None and not self._is_once
        self._until = until
        self._sender.hurry()
        self._sealed.ring()
        self._sent.wait(until - time.monotonic())
        failures += self._results()
        self._spool.close()
        for failure in failures[1:]:
            self._voice.error(str(failure))
        if failures:
            raise failures[0]

    # -- any thread

    def lost(self, run: str, first: int, last: int, why: str) -> None:
        """Have the recorder tell that nobody will send these lines.

        One range holds all that was dropped before and after it: the line that told of the earlier
        ones may be among those dropped.
        """
        rest = []
        for start, end in self._gaps.get(run, []):
            if start <= last + 1 and first <= end + 1:
                first, last = min(first, start), max(last, end)
            else:
                rest.append((start, end))
        self._gaps[run] = [*rest, (first, last)]
        self._has_lost = True
        self._note(GAP, {"run": run, "first": first, "last": last, "why": why})
        self._say("lost", f"samples are dropped: {why}")

    # -- the spooler

    def _spool_ticks(self) -> None:
        try:
            while self._end_by is None:
                self._news.wait()
                self._take_ticks()
            self._take_ticks()
            while self._queue.first() and time.monotonic() < self._end_by - END_RETRY:
                time.sleep(END_RETRY)
                self._take_ticks()
            self._spool.seal()
            self._spool.sync()
        except PerfkitError as error:
            self._say("spool", str(error))
        finally:
            self._spooled.ring()

    def _take_ticks(self) -> None:
        while tick := self._queue.first():
            position, lines, text, at = tick
            try:
                self._spool.append(text, position=position, lines=lines, at=at // NS_PER_SECOND)
                self._queue.remove(tick)
                is_due, is_full = self._batches.add(at)
                if is_full:
                    self._spool.seal()
                    self._sealed.ring()
                if is_due:
                    self._spool.sync()
            except PerfkitError as error:
                self._say(
                    "spool", f"{error}: samples are kept in memory, {QUEUE_BYTES} bytes of them"
                )
                return
            except Exception as error:  # noqa: BLE001 - the recording goes on
                self._note_bug(error)
                return
            self._told.pop("spool", None)

    # -- the sender

    def _send(self) -> None:
        while True:
            until = self._until
            try:
                wait = self._sender.step()
            except Exception as error:  # noqa: BLE001 - the recording goes on
                self._note_bug(error)
                wait = BUG_WAIT
            if until is not None:
                left = until - time.monotonic()
                if wait is None or left <= 0 or self._is_hopeless():
                    break
                wait = min(wait, left)
            self._sealed.wait(wait)
        self._sender.close()
        self._sent.ring()

    # -- inside

    def _is_hopeless(self) -> bool:
        """Return whether a further attempt at the end of the run would fail too."""
        sender = self._sender
        return (
            isinstance(sender.error, RefusedError)
            or sender.failures >= END_ATTEMPTS
            or (self._was_away and sender.error is not None)
        )

    def _results(self) -> list[PerfkitError]:
        """Tell what became of the run; return what it failed in."""
        spool, sender = self._spool, self._sender
        failures = [self._bug] if self._bug else []
        if self._queue.first():
            text = f"{spool.folder}: could not be written: the last samples are lost"
            failures.append(DiskError(text))
        if self._missing:
            count = "1 sample" if self._missing == 1 else f"{self._missing} samples"
            failures.append(DiskError(f"the local capture lacks {count}"))
        waiting = spool.waiting()
        sent = sender.delivered.get(self._run.name, 0)
        self.summary = f"{sent} of them delivered to {sender.url}"
        if sender.parked:
            self._voice.warn(f"{sender.parked} refused bodies are in {spool.folder}/parked")
        if not waiting:
            return failures
        if self._is_once and not sent:
            failures.append(self._undelivered())
        else:
            what = "nothing was delivered" if not sender.delivered else "not all is delivered"
            self._voice.warn(
                f"{what}: {size_text(waiting)} wait in {spool.folder}: "
                "the next `perfkit collect` with this spool sends them"
            )
        return failures

    def _undelivered(self) -> PerfkitError:
        error, stays = self._sender.error, f"the sample stays in {self._spool.folder}"
        if isinstance(error, RefusedError):
            return RefusedError(f"{error}: {stays}", status=error.status)
        said = error or f"server at {self._sender.url}: no answer within {END_SECONDS:g} s"
        return NetworkError(f"{said}: {stays}")

    def _say(self, subject: str, text: str) -> None:
        """Warn of what is not as it should be, once."""
        if self._told.get(subject) != text:
            self._told[subject] = text
            self._voice.warn(text)

    def _note_bug(self, error: Exception) -> None:
        text = bug_text(error)
        self._bug = PerfkitError(text)
        self._say("bug", text)


def begin(
    options: "Options",
    run: "Run",
    voice: "Voice",
    note: "Note",
    local: "CaptureWriter | None",
) -> Trickle:
    """Open the spool and begin to send.

    Raises:
        UsageError: another collector uses the spool.
        DiskError: it cannot be made.
    """
    server = options["server"]
    if server is None:
        raise UsageError("server: none is named")
    trickle = Trickle(run, voice, note, local, is_once=options["is_once"])
    spool = Spool(
        server["spool"],
        server["spool_max"],
        run.name,
        run.identifier,
        dropped=trickle.lost,
        warn=voice.warn,
        floor=options["min_free"],
    )

    def connect() -> "Client":
        # Loaded by the thread that needs it, while the first samples are taken.
        from perfkit.client import Server  # noqa: PLC0415

        return Server(server["url"], key_of(server), ca_file=server["ca_file"])

    sender = Sender(
        spool,
        connect,
        trickle.lost,
        voice,
        url=server["url"],
        now=time.monotonic,
        noise=random_part,
    )
    trickle.start(spool, sender, Batches(run.period, server["samples"], server["age"]))
    return trickle


def key_of(server: "ServerOptions") -> str:
    """Return the key: what its file says now, where it has one; the file may be replaced.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    path = server["key_file"]
    if not path:
        return server["key"]
    try:
        with open(path, encoding="utf-8") as file:
            key = file.readline().strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"api_key_file: cannot read {path!r}: {reason}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"api_key_file: {path!r} holds no key: it is no text") from error
    if not key:
        raise UsageError(f"api_key_file: {path!r} holds no key: its first line is empty")
    return key
