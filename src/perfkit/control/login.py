"""Where server and key come from, and `perfkit ctl login`, which keeps them.

A key file holds a key, or what `perfkit serve` wrote at its first start: then each verb takes the
key that may do it.  What is kept goes to the server that it was kept for and to no other.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.client import Server, parts_of
from perfkit.control.ask import V1
from perfkit.errors import InputError, RefusedError, UsageError

if TYPE_CHECKING:
    from perfkit.answer import Json

SCOPES = ("ingest", "read", "admin")

_OWN_MODE = 0o600
_MOST_BYTES = 64 * 1024
_ANY = "any"

Keys = dict[str, str]
"""Keys by scope; `any` where only the server knows its scope."""


def keys_in(text: str, name: str) -> Keys:
    """Return the keys that a file's text holds.

    Raises:
        UsageError: it holds none; the text is not shown.
    """
    if text.lstrip().startswith("{"):
        try:
            found: Json = json.loads(text)
        except ValueError:
            raise UsageError(f"{name}: expected a key, or the JSON of first-run.json") from None
        keys = _by_scope(found)
    else:
        lines = [line.strip() for line in text.splitlines()]
        words = [line for line in lines if line and not line.startswith("#")]
        if len(words) > 1:
            raise UsageError(f"{name}: expected one key, found {len(words)} lines")
        keys = {_ANY: words[0]} if words else {}
    if not keys:
        raise UsageError(f"{name}: holds no key")
    return keys


def _by_scope(found: "Json") -> Keys:
    if not isinstance(found, dict):
        return {}
    return {
        scope: key
        for scope in (*SCOPES, _ANY)
        if isinstance(key := found.get(f"{scope}_key"), str) and key.strip()
    }


def keys_of_file(path: str) -> Keys:
    """Return the keys in a file.

    Raises:
        UsageError: it holds none, or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: the key file cannot be read: {reason}") from None
    return keys_in(data.decode("utf-8", "replace"), path)


def key_for(scope: str | None, keys: Keys) -> str | None:
    """Return the key for a scope: that one, or the one whose scope nobody knows.

    Raises:
        RefusedError: there are keys, and none is for it.
    """
    if scope is None or not keys:
        return None
    found = keys.get(scope) or keys.get(_ANY)
    if found is None:
        raise RefusedError(
            f"this needs a key of scope {scope}, and there is one for {' and '.join(keys)} only: "
            "name one by --key-file"
        )
    return found


def kept(path: Path) -> tuple[str, Keys]:
    """Return server and keys of the last login; nothing where there was none.

    Raises:
        InputError: the file cannot be read.
        UsageError: it holds something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return "", {}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: cannot be read: {reason}") from None
    try:
        found: Json = json.loads(data)
        server, keys = (found.get("server") if isinstance(found, dict) else None), _by_scope(found)
        if isinstance(server, str) and keys and all(map(_is_key, keys.values())):
            parts_of(server)
            return server, keys
    except (ValueError, RecursionError, UsageError):
        pass  # said below, as of all else that it may hold
    raise UsageError(f"{path}: is damaged: log in again by perfkit ctl login")


def _is_key(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def keep(path: Path, server: str, keys: Keys) -> None:
    """Write what a login keeps, for its owner alone, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    content = {"server": server, **{f"{scope}_key": key for scope, key in keys.items()}}
    with suppress(FileNotFoundError):
        new.unlink()
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN_MODE)
    with os.fdopen(file, "w", encoding="utf-8") as target:
        target.write(json.dumps(content, indent=2) + "\n")
        target.flush()
        os.fsync(file)
    new.replace(path)


def expect_new(path: str) -> None:
    """Look whether a key can be kept in a file that is not there yet.

    Raises:
        UsageError: it is there, or its folder is not.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path}: is there already: name a new file")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no such folder")


def save(path: str, key: str) -> None:
    """Write a key to a new file, for its owner alone."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN_MODE)
    with os.fdopen(file, "w", encoding="utf-8") as target:
        target.write(key + "\n")


def checked(url: str, keys: Keys, ca_file: str | None) -> Keys:
    """Return the keys by the scope that the server says they have.

    Raises:
        RefusedError: it does not know one.
        NetworkError: it does not answer.
    """
    found: Keys = {}
    for key in keys.values():
        server = Server(url, key, ca_file=ca_file)
        try:
            found[_scope_of(server)] = key
        finally:
            server.close()
    return found


def _scope_of(server: Server) -> str:
    """Return the scope of a server's key: by what it may ask."""
    for scope, path, query in (
        ("read", "/machines", {"limit": "1"}),
        ("ingest", "/machines", {"limit": "1", "identifier": "-"}),
        ("admin", "/tenants", {"limit": "1"}),
    ):
        answer = server.request("GET", V1 + path, query=query)
        if answer.status not in (400, 403):
            server.check(answer)
            return scope
    raise RefusedError(f"server at {server.url}: the key may do nothing that ctl does", status=403)
