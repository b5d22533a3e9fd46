"""What it costs to start: CPU of the whole command against `python -c pass`, same interpreter.

`collect --once` stands for "to its first read": it is the whole run, with the first sample read,
written and closed, so it lies above.  Both sides find their compiled files in place: a first,
uncounted run writes them.
"""

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import host
from figures import Bar, Figure, at_most, compared, ratios, unmeasured

SECTION = "start"
ROUNDS = 21
NOTHING = [sys.executable, "-c", "pass"]


CAPTURE = "once.json.gz"


def subjects() -> dict[str, tuple[list[str], Bar]]:
    """Return each command by its name, and its bar."""
    script = str(Path(sys.executable).with_name("perfkit"))
    once = ("collect", "--once", "--mode", "local", "--collection", CAPTURE)
    return {
        "python -m perfkit --version": (host.perfkit("--version"), at_most(1.6)),
        "perfkit --version": ([script, "--version"], at_most(2.0)),
        "perfkit collect --once": ([script, *once], at_most(4.5)),
        "perfkit --help": ([script, "--help"], at_most(20)),
    }


def warm_up(words: list[str], folder: Path) -> None:
    """Run a command once, and see that it does what it will be measured for.

    Raises:
        ChildFailedError: it failed, or it ended well without having done it.
    """
    output = folder / "output"
    with output.open("wb") as file:
        host.run(words, cwd=folder, stdout=file.fileno())
    done = folder / CAPTURE if "collect" in words else output
    if not done.exists() or done.stat().st_size == 0:
        raise host.ChildFailedError(f"{' '.join(words[1:])}: exit 0, but nothing was written")


def measure() -> list[Figure]:
    """Return the figures of every command, the rounds interleaved."""
    against = "python -c pass"
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        commands = subjects()
        found: list[Figure] = []
        for subject, (words, bar) in list(commands.items()):
            try:
                warm_up(words, folder)
            except (host.ChildFailedError, FileNotFoundError) as error:
                why = str(error)
                found.append(unmeasured(SECTION, subject, against, bar, why, is_failure=True))
                del commands[subject]
        nothing: list[float] = []
        costs: dict[str, list[float]] = {subject: [] for subject in commands}
        for _ in range(ROUNDS):
            nothing.append(host.run(NOTHING, cwd=folder).cpu_seconds)
            for subject, (words, _) in commands.items():
                costs[subject].append(host.run(words, cwd=folder).cpu_seconds)
    base = f"{median(nothing) * 1000:.1f} ms"
    for subject, (_, bar) in commands.items():
        note = f"{median(costs[subject]) * 1000:.1f} ms against {base}"
        paired = ratios(costs[subject], nothing)
        found.append(compared(SECTION, subject, against, paired, bar=bar, note=note))
    return found
