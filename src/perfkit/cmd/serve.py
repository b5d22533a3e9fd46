"""`perfkit serve`: its help, its settings, what it says at the start; the work is in `server`."""

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perfkit.cmd._output import Terminated, say
from perfkit.cmd.collect import parameter_of
from perfkit.settings.table import settings_of

if TYPE_CHECKING:
    from perfkit.server.run import End, Options, Started
    from perfkit.settings.resolve import Resolved

_HELP = """Take in what collectors send, store it, answer.

With no configuration it listens on 127.0.0.1:8080, keeps everything in one data folder, and makes a
first tenant; its keys are shown once and written to first-run.json there.  Whatever was
acknowledged is on disk, stored once, however often it is sent.  SIGINT and SIGTERM end it when
requests under way have been answered.

With --demo it collects from this host, too, and shows the latest figures of all machines.

\b
Examples:
  perfkit serve --demo
  perfkit serve
  perfkit serve --listen 0.0.0.0:8080 --data-dir /var/lib/perfkit
"""

_EPILOG = (
    "A setting comes from its flag, else its variable, --config FILE, /etc/perfkit/serve.toml, "
    "/etc/pcc.env, its default: docs/settings.md."
)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    def serve(**options: str | bool | None) -> None:
        from perfkit.settings.resolve import resolve

        flags = {
            name: "true" if given is True else str(given)
            for name, given in options.items()
            if given is not None and given is not False
        }
        found = resolve("serve", flags, os.environ)
        for warning in found.warnings:
            say(warning)
        try:
            _serve(_options(found))
        except (KeyboardInterrupt, Terminated):
            # It comes while modules are loaded; nothing has been acknowledged then.
            say("ended before it served")

    parameters = [parameter_of(setting) for setting in settings_of("serve")]
    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app.command("serve", help=_HELP, epilog=_EPILOG)(serve)


def _options(found: "Resolved") -> "Options":
    import platformdirs

    from perfkit.server.limits import Limits
    from perfkit.server.run import Options

    host, _, port = found.text("listen").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    folder = Path(found.text("data_dir") or platformdirs.user_state_path("perfkit") / "server")
    return Options(
        host=host,
        port=int(port),
        folder=folder.absolute(),
        keys_file=Path(found.text("apikeys_file") or folder / "apikeys"),
        limits=Limits(min_free_bytes=found.number("min_free") or 0),
        is_demo=found.is_on("demo"),
    )


def _serve(options: "Options") -> None:
    from perfkit.server.run import run

    run(options, say, _demo if options.is_demo else _started)


def _demo(server: "Started", end: "End") -> "End":
    """Collect from this host beside the server, and show all machines, until it ends."""
    import sys

    from perfkit.client import Server
    from perfkit.live.child import Recorder
    from perfkit.live.demo import Demo, collector_command, table_for
    from perfkit.live.fleet import Fleet, FleetView
    from perfkit.server.demo import demo_keys

    _started(server, end)
    folder = server.services.folder
    keys = demo_keys(server.services.control, server.tenant, folder)
    command = collector_command(
        url=server.local_url,
        key_file=keys.ingest_file,
        spool=folder / "demo" / "spool",
        hostname=os.uname().nodename,
    )
    demo = Demo(
        Fleet(Server(server.local_url, keys.read)),
        FleetView(server.url, _short(folder)),
        table_for(sys.stdout, sys.stderr),
        lambda: Recorder(command),
        end,
    )
    demo.begin()
    return demo.end


def _short(folder: Path) -> str:
    """Return the folder as a shell takes it in the user's home, where that is plain to type."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _started(server: "Started", _end: "End") -> None:
    """Say where it listens, and the keys of a first start."""
    if server.first_run is not None:
        import json

        told = json.loads(server.first_run.read_bytes())
        say(f"first start: tenant {told['tenant']!r}; these keys are shown once, and are kept in")
        say(f"  {server.first_run}")
        for name in ("ingest_key", "read_key", "admin_key"):
            say(f"  {name:10}  {told[name]}")
    say(f"serving on {server.url}, data in {server.services.folder}; Ctrl-C ends")
