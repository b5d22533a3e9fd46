"""What all tests find: signals, a terminal, 200 examples of a property (10,000: `make proof`)."""

import os
import signal

import pytest
from hypothesis import is_hypothesis_test, settings

settings.register_profile("ci", max_examples=200, deadline=None)
settings.register_profile("proof", max_examples=10_000, deadline=None)
settings.load_profile("proof" if os.environ.get("PERFKIT_PROOF") else "ci")


def pytest_configure() -> None:
    """Let what tests start be interrupted: a run in the background has inherited that it is not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test find the same terminal, whatever this one is."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def unmeasured() -> dict[str, str]:
    """Return an environment whose processes measure no coverage, which doubles their time."""
    return {name: text for name, text in os.environ.items() if "COVERAGE" not in name}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every property test as one that `make proof` runs in full, and that proves no coverage.

    A line that a fixed example reaches is reached in each run, and tracing doubles their time.
    """
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker("proof")
            item.add_marker("no_cover")
