"""What `serve --demo` needs of its own server: two keys, kept in the data folder."""

from pathlib import Path

import msgspec

from perfkit.errors import DiskError
from perfkit.server.first_run import write_private
from perfkit.store.control import ControlPlane, Tenant

_FOLDER = "demo"
_INGEST, _READ = "ingest", "read"


class DemoKeys(msgspec.Struct, frozen=True):
    """The keys of the demo's collector and of its table."""

    ingest_file: Path
    """Holds the key: a secret is never an argument."""

    read: str


def demo_keys(control: ControlPlane, tenant: Tenant, folder: Path) -> DemoKeys:
    """Return the demo's keys, those of the start before where they still hold.

    Args:
        control: Makes them.
        tenant: Whose data they are for.
        folder: The data folder.

    Raises:
        DiskError: they cannot be kept.
    """
    place = folder / _FOLDER
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        for scope in (_INGEST, _READ):
            if not _holds(control, tenant, place / scope):
                made = control.create_key(
                    tenant.id, scope, may_create=scope == _INGEST, name="demo"
                )
                write_private(place / scope, made[1].encode() + b"\n")
        return DemoKeys(place / _INGEST, (place / _READ).read_text("ascii").strip())
    except OSError as error:
        raise DiskError(f"{place}: {(error.strerror or str(error)).lower()}") from error


def _holds(control: ControlPlane, tenant: Tenant, path: Path) -> bool:
    """Return whether the file holds a key of the tenant for what it is named after."""
    try:
        secret = path.read_text("ascii").strip()
    except (FileNotFoundError, UnicodeError):
        return False
    credential = control.lookup(secret)
    return (
        credential is not None
        and credential.tenant == tenant.id
        and credential.scope == path.name
        and credential.machine is None
    )
