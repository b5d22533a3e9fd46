"""Makes `one_server` importable, and gives servers to tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from one_server import served


@pytest.fixture
def server(tmp_path):
    with served(tmp_path / "data") as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for many tests that do not disturb each other."""
    with served(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one
