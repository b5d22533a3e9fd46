"""The process: data folder, lock, socket, stores, signals; from the start to the last answer."""

import asyncio
import contextlib
import gc
import resource
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from perfkit.capture.lock import holder
from perfkit.errors import DiskError, UsageError
from perfkit.server.app import Services, application
from perfkit.server.connection import connections
from perfkit.server.first_run import first_tenant
from perfkit.server.keys_file import KeysFile
from perfkit.server.limits import Limits
from perfkit.store.control import ControlPlane, Tenant
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.intake import Intake
from perfkit.store.intake import Limits as IntakeLimits
from perfkit.store.loader import Loader

_BACKLOG = 4096
_ACCEPTED_AT_ONCE = 32
"""A thousand new connections must not hold up the requests of those that are there."""

_GARBAGE = 10_000, 20, 20
"""Objects after which young garbage is looked for, and how much rarer old."""

_TURN_SECONDS = 0.0005
"""How long a thread that works keeps another waiting: at each packet the loop lets others in, and
the loader would have it wait ten times as long by default."""

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 15.0
"""How long requests under way may take once the server is told to end."""

Say = Callable[[str], None]
End = Callable[[], None]
"""Ends what was started beside the server, while it still answers; called in a thread."""


class Options(msgspec.Struct, kw_only=True, frozen=True):
    """How the server is started."""

    host: str
    port: int
    """0: any free one."""

    folder: Path
    """The data folder, made if absent."""

    keys_file: Path
    """The original's `apikeys`."""

    limits: Limits
    is_demo: bool = False
    """Whether its page shows the first tenant's machines to who is on this machine."""


class Started(msgspec.Struct, frozen=True):
    """A server that answers."""

    url: str
    local_url: str
    """Where it is reached from this machine, whatever it listens on."""

    tenant: Tenant
    services: Services
    first_run: Path | None
    """The file with the first keys, if this start made them."""


def run(
    options: Options, say: Say, started: Callable[[Started, End], End | None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; what was acknowledged by then is on disk.

    Args:
        options: How.
        say: Takes a line for a person.
        started: Called once requests are answered, with what ends the server from any thread; may
            return what is to be done before it ends.

    Raises:
        UsageError: the folder or the port is taken, or the address is none.
        DiskError: the folder cannot be used.
    """
    asyncio.run(_run(options, say, started))


async def _run(
    options: Options, say: Say, started: Callable[[Started, End], End | None] | None
) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, end.set)
    async with serving(options, say) as server:
        # What is there now stays: it need not be looked through again and again.  A request makes
        # some hundred objects and no cycles to speak of.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        sys.setswitchinterval(_TURN_SECONDS)
        finish = started(server, lambda: _told(loop, end)) if started else None
        await end.wait()
        if finish:
            await asyncio.to_thread(finish)
        say("ending: requests under way are answered first")


def _told(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
        loop.call_soon_threadsafe(end.set)


@asynccontextmanager
async def serving(options: Options, say: Say) -> AsyncIterator[Started]:
    """Give a server that answers, and end it."""
    _raise_open_files(options.limits.connections)
    with _stores(options) as services:
        listener = _listener(options.host, options.port)
        try:
            tenant, first_run = first_tenant(services.control, options.folder)
            services.shown = tenant.id if options.is_demo else None
            runner = web.AppRunner(application(services), shutdown_timeout=_GRACE_SECONDS)
            await runner.setup()
            loop = asyncio.get_running_loop()
            if runner.server is None:
                raise RuntimeError("aiohttp made no server")
            made = connections(runner.server, options.limits, loop)
            watch = asyncio.create_task(_watch(services, tenant, options.keys_file, say))
            # For asyncio `backlog` is also how many it accepts in a row.
            server = await loop.create_server(made, sock=listener, backlog=_ACCEPTED_AT_ONCE)
            listener.listen(_BACKLOG)
            try:
                yield Started(_url(listener), _local_url(listener), tenant, services, first_run)
            finally:
                server.close()
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch
                await runner.cleanup()
        finally:
            listener.close()


@contextmanager
def _stores(options: Options) -> Iterator[Services]:
    """Give the stores of a data folder, and close them."""
    folder, limits = options.folder, options.limits
    intake = _intake(folder, limits)
    try:
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        control = ControlPlane(folder / "control.sqlite")
        intake.control = control
        engine = DuckEngine(folder)
        loader = Loader(engine, intake, lambda: [each.id for each in control.tenants()])
        intake.loader_put = loader.put
        loader.start()
        try:
            yield Services(
                control=control,
                intake=intake,
                engine=engine,
                backlog=loader.backlog,
                limits=limits,
                folder=folder,
                lag=lambda: max((loader.lag(each.id) for each in control.tenants()), default=0.0),
            )
        finally:
            intake.close()
            loader.stop()
            engine.close()
            control.close()
    finally:
        intake.close()


def _intake(folder: Path, limits: Limits) -> Intake:
    try:
        return Intake(folder, limits=IntakeLimits(min_free=limits.min_free_bytes))
    except UsageError:
        with (folder / "lock").open("rb") as file:
            pid = holder(file.fileno())
        who = f"process {pid}" if pid else "another process"
        raise UsageError(
            f"{folder}: {who} serves from it: stop that one, or name another --data-dir"
        ) from None


def _listener(host: str, port: int) -> socket.socket:
    """Return the socket that listens, bound but not accepting yet."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except socket.gaierror as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}: name an"
            " address of this machine by --listen HOST:PORT"
        ) from None
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(
            f"cannot listen on {host}:{port}: {reason}: stop what listens there, or name another"
            " --listen HOST:PORT"
        ) from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _local_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    any_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
    host = any_host.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _watch(services: Services, tenant: Tenant, path: Path, say: Say) -> None:
    """Look at the keys file each second, and write down now and then when keys were used."""
    control = services.control
    keys = KeysFile(path, lambda secrets: control.set_file_keys(tenant.id, secrets), say)
    looks = 0
    while True:
        await asyncio.to_thread(keys.look)
        looks += 1
        if looks % 60 == 0:
            with contextlib.suppress(DiskError):  # a full disk: the next time, or never
                await asyncio.to_thread(control.flush_used)
        await asyncio.sleep(_LOOK_SECONDS)


def _raise_open_files(connections_: int) -> None:
    """Let the process have as many files open as it may have connections, if it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_ + 1024
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
