"""Bring a SQLite file to the newest numbered schema, one transaction a step."""

import re
import sqlite3
from importlib import resources
from pathlib import Path

from perfkit.errors import DiskError

_STEP = re.compile(r"(\d{4})_\w+\.sql")


def steps() -> list[tuple[int, str]]:
    """Return each step's number and SQL, in order; they are numbered from 1 without a hole."""
    found: list[tuple[int, str]] = []
    for entry in resources.files("perfkit.store").joinpath("schema").iterdir():
        match = _STEP.fullmatch(entry.name)
        if match is not None:
            found.append((int(match[1]), entry.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply the steps that the file at `path` lacks; its `user_version` says which it has.

    Raises:
        DiskError: the file is of a newer perfkit.
    """
    (has,) = connection.execute("PRAGMA user_version").fetchone()
    known = steps()
    if has > len(known):
        reason = f"expected schema {len(known)} or older, found {has}: made by a newer perfkit"
        raise DiskError(f"{path}: {reason}")
    for number, sql in known[has:]:
        # A script commits what stands open before it, so the transaction is part of the script.
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version={number};\nCOMMIT;")
