"""One conversion from its capture to its folder, or nothing."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from perfkit.capture.problems import Problems
from perfkit.capture.read import STDIN, Capture, open_capture
from perfkit.errors import DiskError, InputError, UsageError
from perfkit.process.convert import FILES, PORTAL, Conversion
from perfkit.process.cut import Cutter
from perfkit.process.summary import Summary
from perfkit.process.tree import OutputTree

Watch = Callable[[Capture], None]
"""Called with the capture each time more of it has been read."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to convert, and how."""

    capture: str
    """Its path, `-` for standard input."""

    output: Path
    """Folder for the files, made if absent."""

    every_interval: bool = False
    """Begin with the first interval, and keep no rule that hides a reset."""

    force: bool = False
    """Replace files that are there."""

    portal: Path | None = None
    """Where portal.csv goes; None: to `output` as the others."""

    disk: str | None = None
    """The disk of portal.csv; None: the main one."""

    interface: str | None = None
    """The interface of portal.csv; None: the main one."""

    container_names: Path | None = None
    """A file of names, `{"<id>": "name"}`."""


def process(options: Options, watch: Watch | None = None) -> Summary:
    """Turn a capture into the CSV tree of the original.

    Args:
        options: What to convert, and how.
        watch: Told of progress.

    Raises:
        UsageError: a file is there that may not be replaced, or the names cannot be read.
        InputError: the capture cannot be read, or is none.
        DiskError: the files cannot be written.
    """
    names = _names(options.container_names)
    elsewhere = {PORTAL: options.portal} if options.portal else None
    tree = OutputTree(options.output, force=options.force, elsewhere=elsewhere)
    tree.check(FILES, _sources(options))
    problems = Problems()
    with open_capture(options.capture, problems) as source:
        summary = Summary(source.name, problems)
        try:
            with tree, _no_collection():
                conversion = Conversion(
                    tree,
                    summary,
                    every_interval=options.every_interval,
                    disk=options.disk,
                    interface=options.interface,
                    container_names=names,
                )
                cutter = Cutter(conversion, problems)
                cutter.read(source, watch)
                if not cutter.has_records:
                    raise InputError(f"{source.name}: not a capture: {_why(source, problems)}")
                conversion.finish()
                stale = tree.publish()
                if stale:
                    problems.note(f"removed, as this capture has no such: {', '.join(stale)}")
        except OSError as error:
            # Those of the capture are problems of it: what is left is about the output.
            place = error.filename or options.output
            reason = (error.strerror or str(error)).lower()
            raise DiskError(f"{place}: not written: {reason}") from error
    return summary


def _sources(options: Options) -> dict[str, os.stat_result]:
    """Return the files that are read, by what messages call them."""
    files: dict[str, str | int | Path] = {
        "the capture": 0 if options.capture == STDIN else options.capture
    }
    if options.container_names is not None:
        files["the file of --container-names"] = options.container_names
    found = {}
    for name, file in files.items():
        # What is not there is said when it is opened.
        with suppress(OSError, ValueError):
            found[name] = os.stat(file)  # noqa: PTH116 - one may be a descriptor
    return found


def _why(source: Capture, problems: Problems) -> str:
    if problems.first:
        return str(problems.first[0])
    return "it is empty" if not source.position else "it has no line"


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through rows that hold no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _names(path: Path | None) -> Mapping[str, str]:
    """Return the names of containers by their id."""
    if path is None:
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--container-names {path}: {reason}") from None
    except (ValueError, RecursionError) as error:
        reason = 'expected a JSON object {"<id>": "name"}'
        raise UsageError(f"--container-names {path}: {reason}: {error}") from None
