import subprocess
import sys

import pytest

from perfkit.store.engines.duckdb.engine import DuckEngine


@pytest.fixture
def engine(tmp_path):
    made = DuckEngine(tmp_path, threads=2)
    yield made
    made.close()


_HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE x(y INTEGER)")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding():
    """Return what lets another process hold a file until the test ends."""
    started = []

    def hold(path):
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout.readline() == b"held\n"

    yield hold
    for process in started:
        process.communicate(timeout=30)
