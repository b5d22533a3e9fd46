"""Makes `uploads` importable, and leaves no fault behind."""

import sys
from pathlib import Path

import pytest

from perfkit.store import faults

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_fault_is_left():
    yield
    faults.arm(None)
