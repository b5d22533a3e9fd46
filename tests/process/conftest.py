"""Makes `conformance`, which finds the captures of the original, known to the tests here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
