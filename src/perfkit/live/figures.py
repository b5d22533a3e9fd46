"""Numbers and names in few characters, as the live view shows them."""

from rich.cells import cell_len

ABSENT = "-"
"""What stands for a value that is not known: never 0."""

_THOUSANDS = ("", "k", "M", "G", "T", "P")
_SIZES = ("B", "K", "M", "G", "T", "P", "E")
_KIB = 1024


def figure(value: float | None) -> str:
    """Return a number in at most six characters: 0.0, 999.9, 123456, 1235k, 99M."""
    if value is None:
        return ABSENT
    if value < 999.95:
        return f"{value:.1f}"
    if value < 999999.5:
        return f"{value:.0f}"
    scaled = value
    for prefix in _THOUSANDS:
        if scaled < 9999.5 or prefix == _THOUSANDS[-1]:
            return f"{scaled:.0f}{prefix}"
        scaled /= 1000
    raise AssertionError  # pragma: no cover - the last prefix always returns


def size(octets: float | None) -> str:
    """Return an amount of bytes in at most five characters: 999B, 1.5K, 15G; powers of 1024."""
    if octets is None:
        return ABSENT
    scaled = octets
    for prefix in _SIZES:
        if scaled < 999.5 or prefix == _SIZES[-1]:
            is_exact = prefix == "B" or scaled >= 99.95
            return f"{scaled:.0f}{prefix}" if is_exact else f"{scaled:.1f}{prefix}"
        scaled /= _KIB
    raise AssertionError  # pragma: no cover - the last prefix always returns


def kilobytes(kb: int | None) -> str:
    """Return the same for an amount in kB, as /proc/meminfo has it."""
    return size(None if kb is None else kb * _KIB)


def duration(seconds: float) -> str:
    """Return a span of time as 00:01:23, from a day on as 1d 02:03:04."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}d {clock}" if days else clock


def period(seconds: float) -> str:
    """Return a sampling period as 1 s, 0.1 s, 60 s."""
    return f"{seconds:g} s"


def printable(text: str) -> str:
    """Return the text with every character that could steer a terminal shown as `?`.

    Names of interfaces, devices and mount points are almost any bytes.
    """
    return "".join(char if char.isprintable() else "?" for char in text)


def fit(text: str, width: int, mark: str, *, keep_end: bool = False) -> str:
    """Return the text in at most `width` cells, with `mark` where it was cut."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    room = max(0, width - cell_len(mark))
    while cell_len(text) > room:
        text = text[1:] if keep_end else text[:-1]
    return (mark + text if keep_end else text + mark) if width >= cell_len(mark) else ""
