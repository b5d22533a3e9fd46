"""Start a recorder, follow its capture, show what it measures, end both together."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TextIO

from perfkit.capture.follow import Follower
from perfkit.capture.repair import find_tail
from perfkit.derive import ALL_CPUS, Interval
from perfkit.errors import EXIT_DONE, DiskError, InputError
from perfkit.live.child import Recorder
from perfkit.live.devices import busy
from perfkit.live.figures import size
from perfkit.live.output import output_for
from perfkit.live.signals import ENDING, Wakeups
from perfkit.live.tracker import Tracker
from perfkit.live.view import Host, View
from perfkit.record import Record

SIGNALLED = 128
"""An exit code above it tells the signal that ended the process, as in a shell."""

LOOK_SECONDS = 0.1
"""Longest time between two looks at the capture: a tick is shown two looks later at most."""

LOOKS_A_PERIOD = 4

MESSAGE_SECONDS = 10.0
"""How long a message of the recorder stays below the picture."""

UNREADABLE_SECONDS = 3.0
"""How long the capture may be unreadable before the view gives up."""


def run(
    command: list[str],
    path: Path,
    period: float,
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Start the recorder and show its figures until it ends or somebody ends the view.

    On a terminal a picture that is redrawn, else one line an interval.  What an existing capture
    holds already is not shown.  SIGINT, SIGTERM and SIGHUP end both: the recorder first, with its
    last line whole.

    Args:
        command: The recorder's command line.
        path: The capture that it writes.
        period: Seconds between its samples.
        stdout: Where figures go.
        stderr: Where everything else goes.
        clock: Seconds on a clock that is never set.

    Returns:
        The recorder's exit code: 0 when it was asked to end, and when nobody reads the output any
        more.

    Raises:
        InputError: the capture cannot be read; the recorder was ended.
        DiskError: the output cannot be written; the same.
    """
    stdout, stderr = stdout or sys.stdout, stderr or sys.stderr
    try:
        return _run(command, path, period, stdout, stderr, clock)
    except BrokenPipeError:
        _drop(stdout)
        return EXIT_DONE
    except DiskError:
        _drop(stdout)
        raise


def _run(
    command: list[str],
    path: Path,
    period: float,
    stdout: TextIO,
    stderr: TextIO,
    clock: Callable[[], float],
) -> int:
    output = output_for(stdout, stderr)
    with ExitStack() as stack:
        wakeups = stack.enter_context(Wakeups(stdout))
        follower = Follower(path, offset=end_of(path))
        stack.callback(follower.close)
        recorder = Recorder(command)
        stack.callback(recorder.close)
        watch = Watch(path, period, follower, recorder, clock)
        output.start()
        stack.callback(output.stop)
        is_first = True
        while True:
            code = recorder.code
            came = wakeups.taken()
            for number in came:
                if number in ENDING:
                    recorder.end()
                elif number == signal.SIGTSTP:
                    output.suspend()
            intervals = watch.look()
            output.tell(watch.said)
            if watch.is_changed or intervals or came or is_first:
                output.show(watch.view, intervals)
            is_first = False
            if code is not None and not watch.is_reading:
                break
            if not wakeups.wait(min(LOOK_SECONDS, period / LOOKS_A_PERIOD)):
                raise BrokenPipeError
    for text in [*output.held, *_last_words(watch, code)]:
        with suppress(OSError):
            print(text, file=stderr, flush=True)
    return code


class Watch:
    """Keeps the view in step with the capture.

    Args:
        path: The capture.
        period: Seconds between samples.
        follower: Reads the capture as it grows.
        recorder: Writes it.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        path: Path,
        period: float,
        follower: Follower,
        recorder: Recorder,
        clock: Callable[[], float],
    ) -> None:
        kernel = os.uname()
        host = Host(name=kernel.nodename, kernel=f"Linux {kernel.release}")
        self.view = View(host=host, period_seconds=period, capture=_short(path))
        self.said: list[str] = []
        """Lines that the recorder wrote since the look before."""

        self.has_said_where = False
        """Whether the recorder itself said where the samples are."""

        self.is_changed = False
        """Whether the last look changed the view, be it only the time."""

        self.is_reading = False
        """Whether the last look found new lines."""

        self.path = path
        self._follower = follower
        self._recorder = recorder
        self._clock = clock
        self._started = clock()
        self._message_until = 0.0
        self._unreadable_since: float | None = None
        self._tracker = Tracker()

    def look(self) -> list[Interval]:
        """Read what is new, bring the view up to date and return the new intervals."""
        records = self._new_records()
        self.is_reading = bool(records)
        intervals = self._tracker.feed(records)
        if not records:
            latest = self._tracker.settle()
            intervals += [latest] if latest else []
        for each in intervals:
            self._take(each)
        view = self.view
        before = (view.samples, view.running_seconds, view.message)
        view.samples = self._tracker.count
        now = self._clock()
        view.running_seconds = float(int(now - self._started))
        if self._tracker.hostname:
            view.host = Host(name=self._tracker.hostname, kernel=_linux(self._tracker.kernel))
        self.said = self._recorder.messages()
        if self.said:
            self.has_said_where = any(view.samples and str(self.path) in text for text in self.said)
            view.message = self.said[-1].removeprefix("perfkit: ")
            self._message_until = now + MESSAGE_SECONDS
        elif now >= self._message_until:
            view.message = ""
        with suppress(OSError):
            view.capture_bytes = self.path.stat().st_size
        self.is_changed = before != (view.samples, view.running_seconds, view.message)
        return intervals

    def _new_records(self) -> list[Record]:
        """Return what is new.

        What cannot be read most often cannot be written either: the recorder gets the time to say
        so itself, and better.
        """
        try:
            found = self._follower.read()
        except OSError as error:
            now = self._clock()
            self._unreadable_since = self._unreadable_since or now
            if now - self._unreadable_since < UNREADABLE_SECONDS:
                return []
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"{self.path}: cannot be read: {reason}") from error
        self._unreadable_since = None
        return found

    def _take(self, each: Interval) -> None:
        view, last = self.view, self.view.interval
        is_again = last is not None and (last.timestamp, last.ns) == (each.timestamp, each.ns)
        view.interval = each
        row = each.cpus.get(ALL_CPUS)
        if row is None:
            return
        if is_again and view.history:
            view.history.pop()
        view.history.append(busy(row))


def _short(path: Path) -> str:
    """Return the path as a shell would take it in the user's home."""
    with suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)


def _linux(kernel: str) -> str:
    return kernel if kernel.startswith("Linux") else f"Linux {kernel}"


def end_of(path: Path) -> int:
    """Return where the recorder will go on: what stands before is not this view's.

    The recorder cuts a torn tail off and closes what it keeps; both move the place.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0  # not there yet, or the recorder will say what is wrong with it
    try:
        tail = find_tail(descriptor, str(path), packed=path.suffix == ".gz")
    except (InputError, OSError):
        return 0
    finally:
        os.close(descriptor)
    return tail.keep + len(tail.closing)


def _drop(stream: TextIO) -> None:
    """Point the stream at nothing: what it still holds cannot be written, at exit either."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, stream.fileno())
    os.close(null)


def _last_words(watch: Watch, code: int) -> list[str]:
    """Return where the capture is and how many samples it got, if the recorder did not say."""
    view = watch.view
    killed = []
    if code > SIGNALLED:
        number = code - SIGNALLED
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        killed = [f"perfkit: the recorder was killed ({name})"]
    return [*killed, *_where(watch, view, code)]


def _where(watch: Watch, view: View, code: int) -> list[str]:
    if watch.has_said_where or (code != EXIT_DONE and not view.samples):
        return []
    samples = f"{view.samples} sample{'s' if view.samples != 1 else ''}"
    return [f"perfkit: {samples} recorded in {watch.path} ({size(view.capture_bytes)})"]
