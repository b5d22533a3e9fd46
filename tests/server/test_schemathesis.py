"""Schemathesis against a server's own OpenAPI document: whatever it can think of, in HTTP.

`test_document.py` does the same by our own generator, with data behind it; here it is somebody
else's reading of the document that has to agree with what the server does.
"""

import os
import subprocess
import sys

import pytest
from one_server import served

EXAMPLES = "300" if os.environ.get("PERFKIT_PROOF") else "8"

LINES = b"".join(
    b'{"timestamp":%d,"subsystem":"/proc/stat","measurement":"cpu  %d 0 0 %d\\n"}\n'
    % (1_700_000_000 + at, 10 * at, 90 * at)
    for at in range(10)
)

PATHS = {
    "read_key": r"^/(api/v1/(machines|openapi)|healthz|readyz|metrics|$)",
    "ingest_key": r"^/v1/",
    # Last: what it finds to delete are the keys of the others.
    "admin_key": r"^/api/v1/tenants",
}


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("key", PATHS)
def test_the_server_does_what_its_document_says(unmeasured, tmp_path, key):
    with served(tmp_path / "data") as server:
        server.upload(LINES)
        found = subprocess.run(
            [
                *(
                    sys.executable,
                    "-c",
                    "from schemathesis.cli import schemathesis; schemathesis()",
                ),
                *("run", f"{server.url}/api/v1/openapi.json", "--no-color", "--seed", "1"),
                *("-H", f"Authorization: Bearer {server.keys[key]}"),
                *("--include-path-regex", PATHS[key], "--max-examples", EXAMPLES),
                *("--request-timeout", "20", "--checks", "all"),
                # An end before its start is refused, which no schema of one parameter can tell.
                *("--exclude-checks", "positive_data_acceptance"),
            ],
            cwd=tmp_path,
            env=unmeasured,
            capture_output=True,
            text=True,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
    assert "No operations" not in found.stdout
