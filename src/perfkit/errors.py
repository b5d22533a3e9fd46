"""Every error that perfkit raises on purpose, and the exit code that a command turns it into.

    PerfkitError                    70  a bug, unless a subclass says better
    ├── UsageError                   2  an option, a setting or a configuration file is wrong
    ├── InputError                   4  the input cannot be read at all
    │   └── ParseError               4  a record's text is not what the kernel documents
    ├── SkippedInput                 3  done, but some input was skipped
    ├── NetworkError                 5  the server did not answer, or not as agreed
    ├── RefusedError                 6  a key or a right is missing
    ├── DiskError                    7  a file could not be written, or there is no room
    └── NotEnoughData                8  there is too little data for an answer

A message says where, what was expected and what was found, then what to do if we know; it is
lower case, has no full stop, and shows values through `!r`, long ones cut by `shown`.

Plain integers and no `enum`: the recorder, which must stay small, loads this module too.
"""

EXIT_DONE = 0
EXIT_NO = 1
EXIT_USAGE = 2
EXIT_SKIPPED = 3
EXIT_INPUT = 4
EXIT_NETWORK = 5
EXIT_REFUSED = 6
EXIT_DISK = 7
EXIT_NOT_ENOUGH = 8
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

SHOWN = 60
"""Characters of a value that a message shows before it cuts."""


def shown(value: object) -> str:
    """Return `repr(value)`, cut to SHOWN characters with a mark where it was cut."""
    if isinstance(value, bytes | str):
        cut = value[:SHOWN]
        return repr(cut) + ("…" if len(value) > SHOWN else "")
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


class PerfkitError(Exception):
    """The root: one line of text for a person, and an exit code."""

    exit_code = EXIT_BUG


class UsageError(PerfkitError):
    """An option, a setting or a configuration file is wrong."""

    exit_code = EXIT_USAGE


class InputError(PerfkitError):
    """The input cannot be read at all."""

    exit_code = EXIT_INPUT


class ParseError(InputError):
    """A record's text is not what the kernel documents.

    Args:
        source: Short name of the kernel file, such as `diskstats`.
        line: Line number inside the record, from 1; 0 when no one line is at fault.
        reason: What was expected and what was found.
        text: The offending bytes, shown cut.
    """

    def __init__(self, source: str, line: int, reason: str, text: bytes | str = b"") -> None:
        self.source = source
        self.line = line
        self.reason = reason
        where = f"{source}:{line}" if line else source
        tail = f": {shown(text)}" if text else ""
        super().__init__(f"{where}: {reason}{tail}")


class SkippedInput(PerfkitError):  # noqa: N818 - it reports a result, not a failure
    """The work was done, but some input was skipped; the summary said what."""

    exit_code = EXIT_SKIPPED


class _ServerError(PerfkitError):
    """What a request to a server came to.

    Args:
        text: What to tell.
        status: HTTP status; None where there was no answer.
        retry_after: Seconds after which the server wants to be asked again, if it said so.
    """

    def __init__(
        self, text: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class NetworkError(_ServerError):
    """The server did not answer, or not as agreed."""

    exit_code = EXIT_NETWORK


class RefusedError(_ServerError):
    """A key or a right is missing."""

    exit_code = EXIT_REFUSED


class DiskError(PerfkitError):
    """A file could not be written, or there is no room left."""

    exit_code = EXIT_DISK


class NotEnoughData(PerfkitError):  # noqa: N818 - an answer, not a failure
    """There is too little data for an answer."""

    exit_code = EXIT_NOT_ENOUGH
