"""What a data folder begins with: a first tenant, its keys, and the file that tells them."""

import os
from pathlib import Path

import msgspec

from perfkit.errors import DiskError
from perfkit.store.control import ControlPlane, Tenant

NAME = "first-run.json"
_BEGUN = "first-run.begun"


def first_tenant(control: ControlPlane, folder: Path) -> tuple[Tenant, Path | None]:
    """Return the first tenant, and the file with its keys if they have just been made.

    A start that was killed between the keys and the file leaves a mark; the next one makes
    further keys, as those of the first are nowhere.

    Raises:
        DiskError: the file cannot be written.
    """
    path, mark = folder / NAME, folder / _BEGUN
    try:
        tenants = control.tenants()
        if tenants and not mark.exists():
            return tenants[0], None
        mark.touch(mode=0o600)
        told = control.first_run()
        if told is None:
            tenant = tenants[0]
            make = control.create_key
            content = {
                "tenant": tenant.name,
                "tenant_id": tenant.id,
                "ingest_key": make(tenant.id, "ingest", may_create=True, name="first run")[1],
                "read_key": make(tenant.id, "read", name="first run")[1],
                "admin_key": make(None, "admin", name="first run")[1],
            }
        else:
            content = msgspec.structs.asdict(told)
        write_private(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        mark.unlink()
    except OSError as error:
        raise DiskError(f"{path}: not written: {(error.strerror or str(error)).lower()}") from error
    return control.tenants()[0], path


def write_private(path: Path, text: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, text)
        os.fsync(file)
    finally:
        os.close(file)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
