"""The recorder's process: options in, a capture out, an exit code at the end.

It runs in an interpreter without site, third-party packages, argparse, json, re or threading:
10 MiB less, and its memory counts on every host that is measured.
"""

import _thread
import marshal
import os

from perfkit.agent.clock import REALTIME, Clock
from perfkit.agent.loop import Recorder, Run, uuid4
from perfkit.agent.schedule import Schedule
from perfkit.agent.voice import Voice, bug_text
from perfkit.capture.write import CaptureWriter, Limits
from perfkit.errors import EXIT_BUG, EXIT_DONE, PerfkitError
from perfkit.source.host_sources import HostSources
from perfkit.source.statfs import Left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypedDict

    from perfkit.agent.loop import Writer
    from perfkit.agent.trickle import Trickle
    from perfkit.source.host import Fact
    from perfkit.source.statfs import Ask

    class ServerOptions(TypedDict):
        """What a run needs that is sent."""

        url: str
        key: str
        key_file: str
        ca_file: str | None
        spool: str
        spool_max: int
        samples: int
        age: int

    class Options(TypedDict):
        """What `launch` hands over: settings that were checked, durations in nanoseconds."""

        collection: str
        """The capture; "" for none, where samples are sent."""

        server: ServerOptions | None
        """None where there is only the capture."""
        identifier: str
        period: int
        ticks: int | None
        is_once: bool
        is_original: bool
        is_cpuinfo_repeated: bool
        root: str
        loglevel: int
        fsync: int
        min_free: int
        max_bytes: int | None
        max_age: int | None
        keep: int | None


def read_options(file: int) -> "Options":
    """Return the options that an open file holds, and close it."""
    with open(file, "rb") as source:
        options: Options = marshal.loads(source.read())  # noqa: S302 - our own process wrote it
    return options


class Session:
    """One run, from opening its files to the exit code, whichever thread is at it.

    Args:
        options: The settings.
        clock: Clock, signals and alarm.
        voice: What people are told by.
        finish: Ends the process with an exit code.
        ask: statvfs, or what stands for it.

    Raises:
        PerfkitError: it cannot be begun.
    """

    def __init__(
        self,
        options: "Options",
        clock: Clock,
        voice: Voice,
        finish: "Callable[[int], object]",
        ask: "Ask" = os.statvfs,
    ) -> None:
        self._clock = clock
        self._voice = voice
        self._finish = finish
        self._path = options["collection"]
        self._trickle: Trickle | None = None
        period = options["period"]
        self._sources = HostSources(
            options["root"],
            voice.warn,
            is_cpuinfo_repeated=options["is_cpuinfo_repeated"],
            ask=ask,
        )
        now = clock.gettime(REALTIME)
        run = Run(uuid4(os.urandom(16)), options["identifier"], period, now)
        self._writer = self._opened(options, run)
        self._recorder = Recorder(
            schedule=Schedule(now, period, options["ticks"], is_at_once=options["is_once"]),
            clock=clock,
            sources=self._sources,
            writer=self._writer,
            voice=voice,
            run=None if options["is_original"] else run,
        )

    def _opened(self, options: "Options", run: Run) -> "Writer":
        """Return what the samples go to."""
        limits = Limits(
            fsync=options["fsync"],
            min_free=options["min_free"],
            max_bytes=options["max_bytes"],
            max_age=options["max_age"],
            keep=options["keep"],
        )
        local = None
        if self._path:
            is_ending = self._clock.is_ending
            local = CaptureWriter(self._path, limits, self._voice.warn, is_ending=is_ending)
            if options["server"] is None:
                return local
        # Whoever only records does not pay for what sends.
        from perfkit.agent.trickle import begin  # noqa: PLC0415

        try:
            self._trickle = begin(options, run, self._voice, self._note, local)
        except PerfkitError:
            if local:
                local.close()
            raise
        return self._trickle

    def _note(self, subsystem: str, facts: "dict[str, Fact]") -> None:
        self._recorder.note(subsystem, facts)

    def run(self) -> None:
        """Record to the end in this thread, while a second one waits for it to get stuck."""
        _thread.start_new_thread(self._guard, ())
        self._run(self._recorder.record)

    def _guard(self) -> None:
        """Wait until the recording thread is stuck, then record in its place."""
        lines = None
        while lines is None:
            self._clock.wait_for_alarm()
            lines = self._sources.take_over()
        answered = lines
        _thread.start_new_thread(self._guard, ())
        self._run(lambda: self._recorder.resume(answered))

    def _run(self, work: "Callable[[], object]") -> None:
        code = EXIT_DONE
        try:
            work()
        except Left:
            return
        except Exception as error:  # noqa: BLE001 - every end has a code
            code = code_of(error, self._voice)
        try:
            self._writer.close()
        except PerfkitError as error:
            code = code or code_of(error, self._voice)
        self._tell()
        self._finish(code)

    def _tell(self) -> None:
        for subsystem, count in self._sources.failures.items():
            self._voice.warn(f"{subsystem}: could not be read {count} times")
        count = self._recorder.samples
        samples = "1 sample" if count == 1 else f"{count} samples"
        missed = f", {self._recorder.missed} ticks missed" if self._recorder.missed else ""
        written = f"{self._writer.written} bytes, written to {self._path}"
        if self._trickle:
            written = self._trickle.summary
        self._voice.info(f"{samples}, {written}{missed}")


def code_of(error: Exception, voice: Voice) -> int:
    """Say what ended the run and return its exit code."""
    if isinstance(error, BrokenPipeError):
        return EXIT_DONE
    if isinstance(error, PerfkitError):
        voice.error(str(error))
        return error.exit_code
    voice.error(bug_text(error))
    return EXIT_BUG


def main(
    file: int,
    finish: "Callable[[int], object]" = os._exit,
    make_clock: "Callable[[], Clock]" = Clock,
) -> None:
    """Record with the options that the open `file` holds, then end the process.

    At once, because a thread that hangs in a statfs must not hold up the end.  It returns only
    where another thread has taken over.
    """
    options = read_options(file)
    voice = Voice(options["loglevel"])
    try:
        session = Session(options, make_clock(), voice, finish)
    except PerfkitError as error:
        finish(code_of(error, voice))
    else:
        session.run()
