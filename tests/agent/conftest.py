"""Makes `scripted` importable: a host of files, and a clock that does what a test says."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
