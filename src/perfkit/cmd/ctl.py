"""`perfkit ctl`: its verbs and their options; the work is in `control`, over HTTP alone."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from perfkit.cmd import _ctl_data, _ctl_manage, _ctl_transfer
from perfkit.cmd._verb import Asked, group_of, verb
from perfkit.errors import EXIT_DONE, EXIT_NO, NetworkError, RefusedError

if TYPE_CHECKING:
    from perfkit.control.ask import Machine
    from perfkit.control.table import Cell

_HELP = """Manage and query a server over HTTP: what `perfkit serve` has.

Each verb prints a table, or JSON with --json, or CSV with --csv where there are rows; all but that
goes to stderr.  The key comes from --key-file, PERFKIT_KEY, --config or the last `ctl login`; a key
file may be the first-run.json that the server wrote: then each verb takes the key that it needs.

\b
Examples:
  perfkit ctl login --key-file ~/.local/state/perfkit/server/first-run.json
  perfkit ctl machines
  perfkit ctl upload web1.json.gz
  perfkit ctl verify web1.json.gz
  perfkit ctl series web1 cpu --column %idle
  perfkit ctl export --collector web1 --start-date 2026-01-01 --output web1.csv
"""

_LOGIN = """Keep server and key for later calls.

They are kept in the user's configuration folder, for its owner alone (mode 0600).  The key comes
from --key-file, from PERFKIT_KEY, from a prompt without echo, or from standard input; the server is
asked whether it knows it before it is kept.
"""

group = group_of(_HELP)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.add_typer(group, name="ctl", short_help="Manage and query a server over HTTP.")


@verb(group, "ping", "Ask whether the server is there, and how far its clock is.", has_rows=False)
def _ping(asked: Asked) -> None:
    import msgspec

    from perfkit.control.table import Column, Rows

    server = asked.server(None)
    start = time.time()
    answer = server.request("POST", "/v1/ping", body=msgspec.json.encode({"timestamp": start}))
    server.check(answer)
    found = server.decoded(answer)
    at = found.get("timestamp") if isinstance(found, dict) else None
    if not isinstance(at, int | float):
        raise NetworkError(f"server at {server.url}: expected a pong: is it perfkit's?")
    took = round((time.time() - start) * 1000, 1)
    told = {"server": server.url, "answer": "pong", "ms": took, "server_time": at}
    rows: list[list[str | int | float | bool | None]] = [[server.url, "pong", took]]
    names = [Column("server"), Column("answer"), Column("ms", is_number=True)]
    asked.put(Rows(names, rows), told)


@verb(group, "version", "Show the versions of client and server.", has_rows=False)
def _version(asked: Asked) -> None:
    from perfkit import __version__
    from perfkit.control.ask import text_of
    from perfkit.control.table import Column, Rows

    server = asked.server(None)
    theirs = text_of(server, "/v1/version")
    rows = Rows([Column("client"), Column("server")], [[__version__, theirs]])
    asked.put(rows, {"client": __version__, "server": theirs})


@verb(
    group,
    "status",
    "Show whether the server is ready, and what the key sees.\n\nExit code 1 where it takes no "
    "uploads in.",
    has_rows=False,
)
def _status(asked: Asked) -> int:
    from perfkit.control import ask, views
    from perfkit.control.table import Column, Rows

    connection = asked.connection()
    server = connection.server(None)
    ready = server.request("GET", "/readyz")
    if ready.status not in (200, 503):
        server.check(ready)
    found: dict[str, Cell] = {
        "server": server.url,
        "version": ask.text_of(server, "/v1/version"),
        "ready": ready.status == 200,
        "reason": ready.body.decode("utf-8", "replace").strip(),
        "machines": None,
        "newest": None,
    }
    seen = _machines(asked) if connection.keys else None
    if seen is not None:
        found["machines"] = len(seen)
        found["newest"] = max((one.last_seen or 0 for one in seen), default=0) or None
    told = {name: _told(value) for name, value in found.items()}
    if found["newest"] is not None:
        told["newest"] = views.moment(float(found["newest"]))
    rows = [[name, value] for name, value in told.items() if value]
    asked.put(Rows([Column("what"), Column("is")], rows, rows), found)
    return EXIT_DONE if found["ready"] else EXIT_NO


def _told(value: "Cell") -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _machines(asked: Asked) -> "list[Machine] | None":
    """Return the machines; None where the key may not list them."""
    from perfkit.control import ask
    from perfkit.control.machines import listed
    from perfkit.errors import UsageError

    try:
        server = asked.server("read")
        return [ask.typed(server, one, ask.Machine) for one in listed(server)]
    except RefusedError as error:
        if error.status == 401:
            raise
        return None
    except UsageError:
        return None


@verb(
    group,
    "login",
    _LOGIN,
    has_rows=False,
)
def _login(
    asked: Asked,
    *,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the key from standard input.")
    ] = False,
) -> None:
    from perfkit.cmd._verb import login_file
    from perfkit.control import login
    from perfkit.control.table import Column, Rows

    connection = asked.connection()
    keys = connection.given
    if stdin or not keys:
        if stdin or not sys.stdin.isatty():
            keys = login.keys_in(sys.stdin.read(65536), "standard input")
        else:
            import getpass

            keys = login.keys_in(getpass.getpass("key: "), "the key")
    found = login.checked(connection.url, keys, connection.ca_file)
    login.keep(login_file(), connection.url, found)
    scopes = " ".join(found)
    told = {"server": connection.url, "scopes": list(found), "file": str(login_file())}
    rows = Rows(
        [Column("server"), Column("scopes"), Column("kept in")],
        [[connection.url, scopes, str(login_file())]],
    )
    asked.put(rows, told)


_ctl_data.add(group)
_ctl_transfer.add(group)
_ctl_manage.add(group)
