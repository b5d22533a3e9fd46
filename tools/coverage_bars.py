"""Hold the last test run against the bars of coverage: 95 % overall, 100 % for what makes numbers.

python tools/coverage_bars.py        after `pytest --cov`
"""

import io
import sys

from coverage import Coverage

OVERALL = 95.0
WHOLE = (
    "src/perfkit/parsers/*",
    "src/perfkit/samples.py",
    "src/perfkit/derive/*",
    "src/perfkit/columns/*",
)
"""Where a line that no test runs could be a wrong number: these are covered wholly."""


def main() -> int:
    """Print what is uncovered and return 1 where a bar is missed."""
    data = Coverage()
    data.load()
    table = io.StringIO()
    total = data.report(file=table, show_missing=True, skip_covered=True)
    strict = data.report(include=list(WHOLE), file=io.StringIO())
    missed = total < OVERALL or strict < 100
    if missed:
        print(table.getvalue())
    print(
        f"coverage {total:.1f} % (bar {OVERALL:.0f}); "
        f"parsers, samples and derive {strict:.1f} % (bar 100)"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
