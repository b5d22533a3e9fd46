"""Ask pip-audit whether a locked package has a known weakness.

    python tools/audit.py

Needs a package registry that also answers for vulnerabilities: where none is reachable it says so
and ends with 0, since nothing was found out.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv" / "audit"
UNREACHABLE = (
    "could not be audited",
    "ConnectionError",
    "ServiceError",
    "Max retries",
    "Could not connect",
    "HTTPError",
)


def vulnerable(text: str) -> bool:
    """Return whether pip-audit's table names a weakness by its identifier."""
    return any(word in text for word in ("PYSEC-", "GHSA-", "CVE-"))


def main() -> int:
    """Audit both lock files; 1 when a weakness is known, 0 when none is or nobody could tell."""
    program = HOME / "bin" / "pip-audit"
    if not program.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([HOME / "bin" / "pip", "install", "--quiet", "pip-audit"], check=True)
    worst = 0
    for lock in sorted((ROOT / "locks").glob("*.txt")):
        command = [
            program,
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner=off",
            "-r",
            lock,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if any(word in done.stdout + done.stderr for word in UNREACHABLE) and not vulnerable(
            done.stdout
        ):
            print(f"audit: {lock.name}: no feed of weaknesses reachable, nothing was checked")
            continue
        print(f"audit: {lock.name}: {(done.stdout + done.stderr).strip()}")
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
