"""From the command line to the recorder's own process.

Options are parsed by argparse, made from the table of settings, because Typer costs three times as
much start-up; where argparse is at a loss, `parse` says so and Typer's command has the last word.
Settings cross to the recorder in a file without a name: an argument list can be seen by everybody.
"""

import argparse
import marshal
import os
import sys

from perfkit import __version__
from perfkit.agent.clock import block_signals
from perfkit.agent.voice import LEVELS, Voice
from perfkit.errors import PerfkitError, UsageError, shown
from perfkit.settings.resolve import Resolved, resolve
from perfkit.settings.table import capture_path, settings_of, spool_path
from perfkit.source.host import identifier
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from perfkit.agent.recorder import Options, ServerOptions

WATCH_PERIOD = NS_PER_SECOND
FLUSH_SAMPLES = 6
FLUSH_AGE = 60 * NS_PER_SECOND
MOST_SAMPLES = 360
DEFAULT_SERVER = "http://localhost:8080"
LONGEST_NAME = 100
"""Characters of an identifier: what a server takes (docs/protocol.md)."""

_STDOUT = "/dev/stdout"
_NAME_CHARACTERS = dict.fromkeys(
    map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
)

ETC = "/etc"
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_CHILD = """\
import sys
sys.path.append(sys.argv.pop(1))
from perfkit.__main__ import main
sys.exit(main())
"""


class _Unparsed(Exception):  # noqa: N818 - never shown: Typer words the error
    """argparse does not take the command line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> "NoReturn":
        raise _Unparsed(message)


def parse(arguments: list[str]) -> dict[str, str] | None:
    """Return the flags that were given, by name of the setting; None when Typer has to look."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for setting in settings_of("collect"):
        if setting.is_switch:
            parser.add_argument(
                *setting.flags, dest=setting.name, action="store_const", const="true"
            )
        elif setting.flags:
            parser.add_argument(*setting.flags, dest=setting.name)
    try:
        found = vars(parser.parse_args(arguments))
    except _Unparsed:
        return None
    return {name: text for name, text in found.items() if text is not None}


def main(arguments: list[str]) -> int | None:
    """Run `perfkit collect`; return None where Typer's command has to do it.

    That is a command line that argparse does not take, and the live view.
    """
    flags = parse(arguments)
    if flags is None or "watch" in flags:
        return None
    try:
        start(flags, os.environ)
    except PerfkitError as error:
        Voice().error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def start(flags: dict[str, str], environment: "Mapping[str, str]", *, etc: str = ETC) -> "NoReturn":
    """Turn this process into a recorder with these flags.

    Raises:
        UsageError: a setting is wrong.
    """
    fill_standard_files()
    found = resolve("collect", flags, environment, etc=etc)
    options = options_of(found, environment)
    voice = Voice(options["loglevel"])
    for warning in found.warnings:
        voice.warn(warning)
    voice.info(f"perfkit {__version__} collect")
    for line in found.lines():
        voice.info(f"  {line}")
    become_recorder(options)


def watched(
    flags: dict[str, str], environment: "Mapping[str, str]", *, etc: str = ETC
) -> tuple[list[str], str, float]:
    """Return what the live view needs: the recorder's command line, its capture, its period.

    Raises:
        UsageError: a setting is wrong.
    """
    options = options_of(resolve("collect", flags, environment, etc=etc), environment)
    period = options["period"]
    kept = {**flags, "frequency": f"{period}ns", "loglevel": "warn"}
    if options["server"]:
        kept["collection"] = options["collection"]
    command = [sys.executable, "-I", "-c", _CHILD, os.path.dirname(PACKAGE), "collect"]
    for setting in settings_of("collect"):
        if setting.name in kept and not setting.is_flag_only:
            text = kept[setting.name]
            command += [setting.flags[0]] if setting.is_switch else [f"{setting.flags[0]}={text}"]
    return command, options["collection"], period / NS_PER_SECOND


def options_of(found: Resolved, environment: "Mapping[str, str]") -> "Options":
    """Return what the recorder needs; what was left open in `found` is filled in.

    Raises:
        UsageError: settings do not go together, or ask for what is not built.
    """
    server = _server_of(found, environment)
    _check(found)
    if found.is_on("watch") and not found.is_set("frequency"):
        found.values["frequency"], found.texts["frequency"] = WATCH_PERIOD, "1s"
    root = found.text("root")
    path = found.text("collection")
    if not path and (server is None or found.is_on("watch")):
        path = capture_path(environment)
    name = found.text("identifier") or identifier(root.rstrip("/")) or os.uname().nodename
    if path == "-":
        path = _STDOUT
    if len(name) > LONGEST_NAME or name.translate(_NAME_CHARACTERS):
        raise UsageError(
            f"identifier ({found.origins['identifier']}): expected {LONGEST_NAME} characters at "
            f"most, of A-Z a-z 0-9 . _ : -, found {len(name)}: {shown(name)}"
        )
    found.texts["collection"], found.texts["identifier"] = path, name
    period, duration = found.number("frequency") or 0, found.number("duration")
    if found.is_on("once"):
        ticks: int | None = 1
    else:
        ticks = None if duration is None else duration // period + 1
    return {
        "collection": path,
        "server": server,
        "identifier": name,
        "period": period,
        "ticks": ticks,
        "is_once": found.is_on("once"),
        "is_original": found.is_on("original"),
        "is_cpuinfo_repeated": found.text("cpuinfo") == "every",
        "root": root,
        "loglevel": LEVELS[found.text("loglevel")],
        "fsync": found.number("fsync") or 0,
        "min_free": found.number("min_free") or 0,
        "max_bytes": found.number("max_bytes"),
        "max_age": found.number("max_age"),
        "keep": found.number("keep"),
    }


def _server_of(found: Resolved, environment: "Mapping[str, str]") -> "ServerOptions | None":
    """Return what is needed to send, None in mode local; what was left open is filled in.

    Raises:
        UsageError: there is no key, or it cannot be sent to such a server.
    """
    key_file = found.text("api_key_file")
    if key_file and not os.access(key_file, os.R_OK):
        origin = found.origins["api_key_file"]
        raise UsageError(f"api_key_file ({origin}): cannot read {key_file!r}")
    url = found.text("server")
    if url and not found.is_set("mode"):
        found.texts["mode"] = found.values["mode"] = "trickle"
        found.origins["mode"] = "a server is named"
    if found.text("mode") != "trickle":
        if url:
            found.warnings.append(f"server ({found.origins['server']}): no effect: mode is local")
        return None
    # Only who sends pays for these.
    from perfkit.agent.trickle import key_of  # noqa: PLC0415
    from perfkit.client import Server  # noqa: PLC0415

    flush = found.number("flush")
    spool = found.text("spool_dir") or spool_path(environment)
    server: ServerOptions = {
        "url": url or DEFAULT_SERVER,
        "key": found.text("api_key"),
        "key_file": "" if _is_stronger(found, "api_key", "api_key_file") else key_file,
        "ca_file": found.text("ca_file") or None,
        "spool": spool,
        "spool_max": found.number("spool_max") or 0,
        "samples": FLUSH_SAMPLES if flush is None else flush if flush > 0 else MOST_SAMPLES,
        "age": FLUSH_AGE if flush is None or flush > 0 else -flush,
    }
    found.texts["server"], found.texts["spool_dir"] = server["url"], spool
    found.texts["flush"] = found.texts["flush"] or "6 samples or 60s"
    key = key_of(server)
    if not key:
        raise UsageError("no API key: set PCC_APIKEY or --api-key-file (mode trickle needs one)")
    Server(server["url"], key, ca_file=server["ca_file"])
    if found.is_on("original"):
        raise UsageError(
            f"original ({found.origins['original']}): what is sent tells its run: leave it out, or "
            "set mode local"
        )
    return server


def _is_stronger(found: Resolved, one: str, other: str) -> bool:
    """Return whether a setting comes from a stronger place than another one."""
    places = ("flag ", "variable ", "")
    ranks = [
        next(rank for rank, begin in enumerate(places) if found.origins[name].startswith(begin))
        if found.is_set(name)
        else len(places)
        for name in (one, other)
    ]
    return ranks[0] < ranks[1]


def _check(found: Resolved) -> None:
    """Refuse what does not go together."""
    origin = found.origins
    if found.is_on("original") and (found.number("frequency") or 0) % NS_PER_SECOND:
        raise UsageError(
            f"frequency ({origin['frequency']}): the original's format has whole seconds only, "
            f"found {found.texts['frequency']!r}"
        )
    if found.is_on("watch") and found.is_on("once"):
        raise UsageError("once (flag --once): one sample has no interval to watch: leave one out")
    if found.is_on("watch") and found.text("collection") in ("-", _STDOUT):
        raise UsageError(
            f"collection ({origin['collection']}): the view reads what is recorded: name a file"
        )


def fill_standard_files() -> None:
    """Open /dev/null where stdin, stdout or stderr is closed.

    Else the capture would get the number of stderr, and what is said would go into it.
    """
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(file, True)  # the recorder needs them too
    os.close(file)


def become_recorder(options: "Options") -> "NoReturn":
    """Replace this process by a bare interpreter that records."""
    # No pipe: nobody reads it yet, and a path may be longer than a pipe takes.
    file = os.memfd_create("perfkit-options", 0)
    os.write(file, marshal.dumps(dict(options)))
    os.lseek(file, 0, os.SEEK_SET)
    # From here to its first wait a signal stays pending: no half-started end, no traceback.
    block_signals()
    script = os.path.join(PACKAGE, "agent", "lean.py")
    try:
        os.execv(sys.executable, [sys.executable, "-I", "-S", script, str(file)])  # noqa: S606
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PerfkitError(f"python: cannot start {sys.executable!r} again: {reason}") from error
