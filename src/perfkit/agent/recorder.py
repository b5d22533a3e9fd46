"""The recorder's process: options in, a capture out, an exit code at the end.

It runs in an interpreter without site, third-party packages, argparse, json, re or threading:
10 MiB less, and its memory counts on every host that is measured.
"""

import marshal
import os

from perfkit.agent.clock import Clock
from perfkit.agent.loop import Recorder, Run, statfs_deadline, uuid4
from perfkit.agent.schedule import Schedule
from perfkit.agent.voice import Voice
from perfkit.capture.write import CaptureWriter, Limits
from perfkit.errors import EXIT_BUG, EXIT_DONE, PerfkitError
from perfkit.source.host_sources import HostSources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class Options(TypedDict):
        """What `launch` hands over: settings that were checked, durations in nanoseconds."""

        collection: str
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
    """Return the options that wait in a pipe, and close it."""
    with open(file, "rb") as pipe:
        options: Options = marshal.loads(pipe.read())  # noqa: S302 - our own process wrote it
    return options


def run(options: "Options", clock: Clock, voice: Voice) -> int:
    """Record until it is over or a signal comes; return the exit code.

    Raises:
        PerfkitError: it cannot be begun, or not be continued.
    """
    sources = HostSources(
        options["root"],
        voice.warn,
        is_cpuinfo_repeated=options["is_cpuinfo_repeated"],
        deadline=statfs_deadline(options["period"]),
    )
    path = options["collection"]
    limits = Limits(
        fsync=options["fsync"],
        min_free=options["min_free"],
        max_bytes=options["max_bytes"],
        max_age=options["max_age"],
        keep=options["keep"],
    )
    writer = CaptureWriter(path, limits, voice.warn)
    now = clock.now()
    recorder = Recorder(
        schedule=Schedule(now, options["period"], options["ticks"], is_at_once=options["is_once"]),
        clock=clock,
        sources=sources,
        writer=writer,
        voice=voice,
        run=None
        if options["is_original"]
        else Run(uuid4(os.urandom(16)), options["identifier"], options["period"], now),
    )
    try:
        recorder.record()
    finally:
        writer.close()
        for subsystem, count in sources.failures.items():
            voice.warn(f"{subsystem}: could not be read {count} times")
        missed = f", {recorder.missed} ticks missed" if recorder.missed else ""
        samples = "1 sample" if recorder.samples == 1 else f"{recorder.samples} samples"
        voice.info(f"{samples}, {writer.written} bytes, written to {path}{missed}")
    return EXIT_DONE


def main(file: int) -> int:
    """Run the recorder with the options that wait in the pipe `file`; return the exit code."""
    options = read_options(file)
    voice = Voice(options["loglevel"])
    try:
        return run(options, Clock(), voice)
    except BrokenPipeError:
        return EXIT_DONE
    except PerfkitError as error:
        voice.error(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - every end has a code
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
        voice.error(f"a bug at {where}: {type(error).__name__}: {error}")
        return EXIT_BUG
