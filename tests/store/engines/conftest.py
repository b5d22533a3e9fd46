import pytest

from perfkit.store.engines.duckdb.engine import DuckEngine


@pytest.fixture
def engine(tmp_path):
    made = DuckEngine(tmp_path, threads=2)
    yield made
    made.close()
