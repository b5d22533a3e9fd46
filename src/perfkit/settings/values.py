"""Text into values: durations as Go writes them, sizes, levels, choices.

Each function takes the text and raises ValueError with what was expected; who calls it adds the
setting's name and where the text came from.
"""

import os

from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3600 * NS_PER_SECOND,
    "d": 86400 * NS_PER_SECOND,
}
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")
_LONGEST = 2**63 - 1

EXAMPLE = "a duration such as 10s, 1h30m or 500ms"


def duration(text: str) -> int:
    """Return nanoseconds of a duration as Go writes it: `1h30m`, `1.5s`; `d` is a day too.

    Source: https://pkg.go.dev/time#ParseDuration.
    """
    total, rest = 0, text.strip()
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f"expected {EXAMPLE}")
    while rest:
        number = _leading(rest, "0123456789.")
        rest = rest[len(number) :]
        unit = next((rest[:length] for length in (2, 1) if rest[:length] in _UNIT_NS), None)
        if unit is None or number.count(".") > 1 or not number.strip("."):
            raise ValueError(f"expected {EXAMPLE}")
        whole, _, fraction = number.partition(".")
        factor = _UNIT_NS[unit]
        scale = int("1" + "0" * len(fraction))
        total += int(whole or "0") * factor + int(fraction or "0") * factor // scale
        rest = rest[len(unit) :]
    if total > _LONGEST:
        raise ValueError("expected less than 292 years")
    return total


def endless_duration(text: str) -> int | None:
    """Return nanoseconds, None for `0` and `infinity`: without end."""
    if text.strip().lower() in {"infinity", "infinite", "inf", "none"}:
        return None
    try:
        return duration(text) or None
    except ValueError as error:
        raise ValueError(f"{error}, or 0 or infinity for no end") from error


def period(text: str) -> int:
    """Return nanoseconds between two samples: from 10 ms to 30 days."""
    found = duration(text)
    if not 10_000_000 <= found <= 30 * _UNIT_NS["d"]:
        raise ValueError("expected 10ms to 30d")
    return found


def fsync(text: str) -> int:
    """Return nanoseconds between two fdatasync: 0 for `tick`, -1 for `never`; `5` is seconds."""
    word = text.strip().lower()
    if word == "tick":
        return 0
    if word == "never":
        return -1
    try:
        return duration(f"{word}s" if word[-1:].isdigit() else word)
    except ValueError as error:
        raise ValueError("expected tick, never or seconds") from error


def size(text: str) -> int:
    """Return bytes: `16M`, `1.5GiB`, `4096`; K, M, G and T are powers of 1024."""
    word = text.strip().lower()
    number = _leading(word, "0123456789.")
    unit = word[len(number) :].strip().removesuffix("b").removesuffix("i")
    if unit not in _SHIFTS or number.count(".") > 1 or not number.strip("."):
        raise ValueError("expected a size such as 16M or 1G")
    whole, _, fraction = number.partition(".")
    shift = _SHIFTS[unit]
    scale = int("1" + "0" * len(fraction))
    return (int(whole or "0") << shift) + (int(fraction or "0") << shift) // scale


def positive_size(text: str) -> int:
    """Return bytes, at least one."""
    return _positive(size(text), "a size such as 16M or 1G")


def positive_duration(text: str) -> int:
    """Return nanoseconds, at least one."""
    return _positive(duration(text), EXAMPLE)


def count(text: str) -> int:
    """Return a whole number from 0 on."""
    word = text.strip()
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise ValueError("expected a whole number")
    return int(word)


def flush(text: str) -> int:
    """Return samples of a batch, or the nanoseconds that it spans as a negative number."""
    word = text.strip()
    if word.isascii() and word.isdigit():
        found = count(word)
        if not 1 <= found <= 360:
            raise ValueError("expected 1 to 360 samples, or a duration such as 30s")
        return found
    try:
        return -positive_duration(word)
    except ValueError as error:
        raise ValueError("expected a number of samples, or a duration such as 30s") from error


def spool_size(text: str) -> int:
    """Return bytes, at least 64 KiB: a spool has to hold a few batches."""
    found = size(text)
    if found < 1 << 16:
        raise ValueError("expected 64K or more")
    return found


def url(text: str) -> str:
    """Return an address; without a scheme, as the original takes it, it is that of http."""
    word = text.strip()
    return word if "://" in word else f"http://{word}"


def level(text: str) -> str:
    """Return a level; `pcc=INFO;hoarder=DEBUG`, as the original takes it, gives that of pcc."""
    levels = ("trace", "debug", "info", "warn", "error")
    found = ""
    for part in text.replace(",", ";").split(";"):
        module, _, word = part.strip().lower().rpartition("=")
        if not found or module in {"", "pcc", "perfkit"}:
            found = {"warning": "warn"}.get(word, word)
    if found not in levels:
        raise ValueError(f"expected one of {', '.join(levels)}")
    return found


def is_true(text: str) -> bool:
    """Return whether a word says yes."""
    word = text.strip().lower()
    if word not in _YES + _NO:
        raise ValueError("expected true or false")
    return word in _YES


def words(*choices: str) -> "Callable[[str], str]":
    """Return a function that takes one of a few words."""

    def choose(text: str) -> str:
        word = text.strip().lower()
        if word not in choices:
            raise ValueError(f"expected {' or '.join(choices)}")
        return word

    return choose


def path(text: str) -> str:
    """Return a path; `~/` is the home folder, as no shell expands it in a file or a variable."""
    if "\0" in text:
        raise ValueError("expected a path")
    return os.path.expanduser(text)


def address(text: str) -> str:
    """Return HOST:PORT; a port alone, or after a colon alone, is that of every address."""
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8080")
    return f"{host}:{int(port)}"


def plain(text: str) -> str:
    """Return a text without blanks around it."""
    return text.strip()


def _leading(text: str, characters: str) -> str:
    return text[: len(text) - len(text.lstrip(characters))]


def _positive(number: int, expected: str) -> int:
    if number <= 0:
        raise ValueError(f"expected {expected}, more than 0")
    return number
