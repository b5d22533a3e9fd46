"""`perfkit ctl upload`: a capture to the server, only what it lacks, in batches it acknowledges."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from perfkit.answer import Receipt, receipt_of
from perfkit.control.ask import Machine, Run, asked_wrong, get, typed
from perfkit.control.intervals import Interval, without
from perfkit.control.lines import Lines, Stretch
from perfkit.errors import InputError, NetworkError, RefusedError, UsageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from perfkit.client import Server

BATCH_BYTES = 2 * 1024 * 1024
"""Text that is sent at once; half of what a server holds in memory."""

BATCH_LINES = 20_000

RETRIES = 6
LONGEST_WAIT = 60.0

_LEVEL = 3
_FIRST_WAIT = 0.5
_TRY_AGAIN = (408, 429, 500, 502, 503, 504, 507)
_TOO_LARGE = 413
_ANSWERED = (200, 422)


class Uploaded(msgspec.Struct, kw_only=True):
    """What became of a file."""

    file: str
    machines: list[str] = []
    runs: list[str] = []
    lines: int = 0
    """In the file; blank ones are none."""

    sent: int = 0
    stored: int = 0
    """Of them new."""

    known: int = 0
    """There already: not sent, or sent and found to be there."""

    conflicts: int = 0
    """Lines at a position where the server has another line."""

    skipped: int = 0
    """Lines, or stretches of damaged bytes, that could not be read, or that the server refused."""

    bytes_sent: int = 0
    """As packed."""


class Trouble(NamedTuple):
    """A line that was not stored."""

    line: int
    reason: str


class Sender:
    """Sends files to one server.

    Args:
        server: Where to.
        retries: How often a batch is sent again.
        sleep: Waits so many seconds.
        note: Takes a line for a person.
    """

    def __init__(
        self,
        server: "Server",
        *,
        retries: int = RETRIES,
        sleep: Callable[[float], None] = time.sleep,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._server = server
        self._retries = retries
        self._sleep = sleep
        self._note = note
        self._machines: dict[str, str | None] = {}
        self._held: dict[tuple[str, str], list[Interval]] = {}

    def send(
        self, lines: Lines, watch: Callable[[Lines], None] = lambda _: None
    ) -> tuple[Uploaded, list[Trouble]]:
        """Send what the server lacks of a capture.

        Args:
            lines: The capture.
            watch: Called now and then while it is read.

        Raises:
            InputError: it holds no line.
            NetworkError: the server is gone; what it has acknowledged it keeps.
            UsageError: the machine's name is none.
            RefusedError: the key is wrong, or may not.
        """
        done = Uploaded(file=lines.name)
        troubles: list[Trouble] = []
        for batch in batches(self._missing(lines, done, watch)):
            self._send(batch, done, troubles)
        if not lines.count:
            raise InputError(f"{lines.name}: holds no line of a capture")
        done.lines = lines.count
        done.skipped += lines.problems.count
        troubles += [Trouble(*problem) for problem in lines.problems.first]
        return done, sorted(troubles)

    def _missing(
        self, lines: Lines, done: Uploaded, watch: Callable[[Lines], None]
    ) -> Iterator[Stretch]:
        for stretch in lines:
            watch(lines)
            for name, names in ((stretch.machine, done.machines), (stretch.run, done.runs)):
                if name not in names[-1:] and name not in names:
                    names.append(name)
            held = self._held_of(stretch.machine, stretch.run)
            missing = without((stretch.first, stretch.end - 1), held)
            for first, last in missing:
                yield stretch.part(first, last + 1)
            done.known += len(stretch.lines) - sum(last + 1 - first for first, last in missing)

    def _held_of(self, machine: str, run: str) -> list[Interval]:
        """Return what the server has of a run; nothing where it tells this key nothing."""
        held = self._held.get((machine, run))
        if held is None:
            held = self._held[machine, run] = self._asked(machine, run)
        return held

    def _asked(self, machine: str, run: str) -> list[Interval]:
        server = self._server
        try:
            if machine not in self._machines:
                page = get(server, "/machines", identifier=machine)
                items = page.get("items") if isinstance(page, dict) else None
                known = typed(server, items, list[Machine])
                self._machines[machine] = str(known[0].id) if known else None
            number = self._machines[machine]
            if number is None:
                return []
            found = get(server, f"/machines/{number}/runs/{run}")
            return typed(server, found, Run).intervals
        except UsageError:
            return []  # it has nothing of this run, or no such list
        except RefusedError as error:
            if error.status != 403:
                raise
            self._note(f"{error}: sending all of it, the server stores each line once")
            self._machines[machine] = None
            return []

    def _send(self, batch: Stretch, done: Uploaded, troubles: list[Trouble]) -> None:
        body = b"".join(batch.lines)
        packed = zstd.compress(body, _LEVEL)
        receipt = self._acknowledged(batch, packed)
        if receipt is None:
            if len(batch.lines) == 1:
                done.skipped += 1
                troubles.append(Trouble(batch.numbers[0], "too large for the server"))
                return
            middle = batch.first + len(batch.lines) // 2
            self._send(batch.part(batch.first, middle), done, troubles)
            self._send(batch.part(middle, batch.end), done, troubles)
            return
        self._expect(receipt, batch)
        done.sent += len(batch.lines)
        done.bytes_sent += len(packed)
        done.stored += receipt.lines
        done.known += receipt.duplicates
        done.conflicts += receipt.conflicts
        done.skipped += len(receipt.rejected)
        for place, reason in receipt.rejected[: 20 - min(20, len(troubles))]:
            troubles.append(Trouble(batch.numbers[place - 1], reason))
        if receipt.conflicts and len(troubles) < 20:
            what = "the server has another line in its place"
            if receipt.conflicts > 1:
                what += f", and in those of {receipt.conflicts - 1} more to line "
                what += str(batch.numbers[-1])
            troubles.append(Trouble(self._first_conflict(batch), what))

    def _first_conflict(self, batch: Stretch) -> int:
        """Return the number of the first line that the server has otherwise.

        A receipt tells only how many there are; halves are sent again, which changes nothing.
        """
        while len(batch.lines) > 1:
            middle = batch.first + len(batch.lines) // 2
            half = batch.part(batch.first, middle)
            receipt = self._acknowledged(half, zstd.compress(b"".join(half.lines), _LEVEL))
            is_here = receipt is not None and receipt.conflicts
            batch = half if is_here else batch.part(middle, batch.end)
        return batch.numbers[0]

    def _acknowledged(self, batch: Stretch, packed: bytes) -> Receipt | None:
        """Return the receipt of a batch; None: it is too large."""
        server = self._server
        headers = {
            "Perfkit-Run": batch.run,
            "Perfkit-Position": str(batch.first),
            "Perfkit-Kind": "upload",
            "Content-Encoding": "zstd",
            "Content-Type": "application/x-ndjson",
        }
        query = {"machine_id": batch.machine}
        wait = _FIRST_WAIT
        for left in range(self._retries, -1, -1):
            try:
                answer = server.request(
                    "POST", "/v1/upload", query=query, body=packed, headers=headers
                )
                if answer.status == _TOO_LARGE:
                    return None
                if answer.status not in _ANSWERED:
                    server.check(answer)
                try:
                    return receipt_of(server.decoded(answer))
                except (KeyError, TypeError):
                    server.check(answer)
                    raise NetworkError(
                        f"server at {server.url}: expected a receipt: is it perfkit's?"
                    ) from None
            except NetworkError as error:
                is_worth_it = error.status is None or error.status in _TRY_AGAIN
                if not left or not is_worth_it:
                    raise asked_wrong(error) from None
                pause = min(LONGEST_WAIT, error.retry_after or wait)
                self._note(f"{error}: trying again in {pause:g} s")
                self._sleep(pause)
                wait *= 2
        raise AssertionError  # the last attempt returned or raised

    def _expect(self, receipt: Receipt, batch: Stretch) -> None:
        """Compare a receipt with what was sent.

        Raises:
            NetworkError: it is of something else.
        """
        rejected = {place - 1 for place, _ in receipt.rejected}
        taken = [line for place, line in enumerate(batch.lines) if place not in rejected]
        counted = receipt.lines + receipt.duplicates + receipt.conflicts + len(rejected)
        is_same = receipt.receipt == hashlib.sha256(b"".join(taken)).hexdigest()
        if not is_same or counted != len(batch.lines):
            raise NetworkError(
                f"server at {self._server.url}: its receipt is not of the {len(batch.lines)} lines"
                f" that were sent (run {batch.run}, position {batch.first})"
            )


def batches(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Yield them joined where they go on, cut where they are too much at once."""
    held: Stretch | None = None
    size = 0
    for stretch in stretches:
        machine, run = stretch.machine, stretch.run
        for position, (line, number) in enumerate(
            zip(stretch.lines, stretch.numbers, strict=True), stretch.first
        ):
            if held is not None and (
                size + len(line) > BATCH_BYTES
                or len(held.lines) >= BATCH_LINES
                or (held.machine, held.run, held.end) != (machine, run, position)
            ):
                yield held
                held = None
            if held is None:
                held, size = Stretch(machine, run, position, [], []), 0
            held.lines.append(line)
            held.numbers.append(number)
            size += len(line)
    if held is not None:
        yield held
