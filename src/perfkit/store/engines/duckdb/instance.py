"""The one DuckDB instance of the process: in memory, locked down, with time limits on queries.

An attached file costs 0.6 ms and less than 1 MiB, a connection of its own 31 ms and 5 MiB.
Nothing but the data folder can be read or written, whatever a statement says, and no setting can
be changed once it runs.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from pathlib import Path

import duckdb

from perfkit.store.engines import QueryTimeout

MEMORY_LIMIT = "256MB"
CHECKPOINT_THRESHOLD = "64MB"
"""Of write-ahead log, then it is folded into the file: opening after a kill replays at most that,
in 0.3 s."""

_AGAIN_SECONDS = 0.1
"""Until a query that does not stop is interrupted again."""


def quoted(text: str) -> str:
    """Return text as SQL writes it: paths and settings, which cannot be bound."""
    return "'" + text.replace("'", "''") + "'"


class Instance:
    """One instance; can be made anew when a fatal error has ended it.

    Args:
        data: The data folder, the only one that statements reach.
        threads: Threads of DuckDB's own.
        memory_limit: What it may hold before it spills to `data/tmp`.
    """

    def __init__(self, data: Path, *, threads: int, memory_limit: str = MEMORY_LIMIT) -> None:
        self._data = data
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(data / "tmp"),
        }
        self._deadlines = Deadlines()
        self._connection = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        (self._data / "tmp").mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(":memory:", config=self._config)
        for statement in (
            f"SET checkpoint_threshold={quoted(CHECKPOINT_THRESHOLD)}",
            # What a load or a settling took goes back to the system once it is done.
            "SET allocator_background_threads=true",
            "SET allocator_flush_threshold='16MB'",
            "SET allocator_bulk_deallocation_flush_threshold='16MB'",
            "SET autoinstall_known_extensions=false",
            "SET autoload_known_extensions=false",
            f"SET allowed_directories=[{quoted(f'{self._data}/')}]",
            "SET enable_external_access=false",
            "SET lock_configuration=true",
        ):
            connection.execute(statement)
        return connection

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own: one thread's, one transaction's."""
        return self._connection.cursor()

    def attach(self, path: Path, name: str) -> None:
        """Attach a file, made where it is absent.

        Raises:
            duckdb.Error: it is no such file, is locked, or there is no room.
        """
        with contextlib.closing(self.cursor()) as cursor:
            cursor.execute(f"ATTACH {quoted(str(path))} AS {name}")

    def detach(self, name: str) -> None:
        """Let go of a file: its write-ahead log is folded in first, where that is possible."""
        with contextlib.closing(self.cursor()) as cursor:
            with contextlib.suppress(duckdb.Error):
                cursor.execute(f"CHECKPOINT {name}")
            cursor.execute(f"DETACH {name}")

    @contextlib.contextmanager
    def query(self, seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor that is interrupted when time is up.

        Raises:
            QueryTimeout: it was.
        """
        cursor = self.cursor()
        ticket = self._deadlines.add(cursor, time.monotonic() + seconds)
        try:
            yield cursor
        except duckdb.InterruptException:
            raise QueryTimeout(f"stopped after {seconds:g} s: ask for a shorter range") from None
        finally:
            self._deadlines.done(ticket)
            cursor.close()

    def reopen(self) -> None:
        """Start anew: every attached file is let go of without a word to it."""
        with contextlib.suppress(duckdb.Error):
            self._connection.close()
        self._connection = self._connect()

    def close(self) -> None:
        """End the instance."""
        self._deadlines.close()
        self._connection.close()


class Deadlines:
    """One thread that interrupts what takes too long; asleep while nothing is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = count()
        self._due: list[tuple[float, int]] = []
        self._running: dict[int, duckdb.DuckDBPyConnection] = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name="query-deadlines", daemon=True)
        self._thread.start()

    def add(self, cursor: duckdb.DuckDBPyConnection, due: float) -> int:
        """Interrupt the cursor at `due`, as `time.monotonic` counts, unless done by then."""
        with self._changed:
            number = next(self._numbers)
            self._running[number] = cursor
            heappush(self._due, (due, number))
            if self._due[0][1] == number:
                self._changed.notify()
        return number

    def done(self, number: int) -> None:
        """Forget a cursor."""
        with self._changed:
            self._running.pop(number, None)
            while self._due and self._due[0][1] not in self._running:
                heappop(self._due)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    number = heappop(self._due)[1]
                    cursor = self._running.get(number)
                    if cursor is not None:
                        cursor.interrupt()
                        # Between two statements an interrupt is lost.
                        heappush(self._due, (now + _AGAIN_SECONDS, number))
                self._changed.wait(self._due[0][0] - now if self._due else None)
