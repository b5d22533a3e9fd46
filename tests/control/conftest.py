"""A real server, and `perfkit ctl` called in this process against it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
sys.path.insert(0, str(Path(__file__).parents[1] / "process"))

from calling import Ctl
from one_server import served


@pytest.fixture
def server(tmp_path):
    with served(tmp_path / "data") as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for many tests, each with machines of its own."""
    with served(tmp_path_factory.mktemp("shared") / "data") as one:
        yield one


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """`perfkit ctl` without a server yet, in an empty home."""
    return Ctl(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def ctl(call, server):
    return call.on(server)


@pytest.fixture
def ctl_shared(call, shared):
    return call.on(shared)
