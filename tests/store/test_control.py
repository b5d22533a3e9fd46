"""Tenants, keys and machines: kept, found by their owner only, gone at once when revoked."""

import hashlib
import sqlite3
import stat
import threading
from uuid import UUID, uuid4

import pytest

from perfkit.errors import DiskError, UsageError
from perfkit.store import faults
from perfkit.store.control import ControlPlane, Credential
from perfkit.store.migrate import steps

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sqlite"


@pytest.fixture
def control(path):
    made = ControlPlane(path, now=lambda: NOW)
    yield made
    made.close()


@pytest.fixture
def tenant(control):
    return control.create_tenant("acme")


def test_a_first_start_makes_a_tenant_and_its_keys_once(control):
    first = control.first_run()
    assert first.tenant == "default"
    assert control.tenant(first.tenant_id) == control.tenants()[0]
    ingest, read, admin = (
        control.lookup(secret) for secret in (first.ingest_key, first.read_key, first.admin_key)
    )
    assert (ingest.scope, ingest.tenant, ingest.machine) == ("ingest", first.tenant_id, None)
    assert ingest.may_create
    assert (read.scope, read.tenant, read.may_create) == ("read", first.tenant_id, False)
    assert (admin.scope, admin.tenant, admin.may_create) == ("admin", None, False)
    assert control.first_run() is None


def test_all_is_there_after_a_restart(control, path, tenant):
    key, secret = control.create_key(tenant.id, "ingest", may_create=True, name="fleet")
    machine = control.machine(tenant.id, "web-1", create=True)
    control.lookup(secret)
    control.close()
    again = ControlPlane(path, now=lambda: NOW)
    assert again.tenants() == [tenant]
    assert again.lookup(secret).key_id == key.id
    assert again.known_machine(tenant.id, "web-1") == machine
    assert again.machine_by_id(tenant.id, machine.id) == machine
    (shown,) = again.keys(tenant.id)
    assert (shown.name, shown.last_used, shown.created) == ("fleet", NOW, NOW)
    again.close()


def test_a_secret_is_nowhere_in_the_files(control, path, tenant):
    _, secret = control.create_key(tenant.id, "read")
    control.close()
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert secret.encode() not in files
    assert secret.rpartition("_")[2].encode() not in files
    assert hashlib.sha256(secret.encode()).digest() in files
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_has_256_bits_and_a_prefix(control, tenant):
    key, secret = control.create_key(tenant.id, "read")
    start, prefix, random = secret.split("_", 2)
    assert (start, prefix) == ("pk", key.prefix)
    assert len(random) == 43  # 32 bytes, six bits a character


def test_keys_that_are_none(control, tenant):
    _, secret = control.create_key(tenant.id, "read")
    for wrong in ["", "x", secret[:-1], secret + "x", "ü" * 40, "\ud800" * 9, "x" * 10_000]:
        assert control.lookup(wrong) is None
    assert control.lookup(secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None


def test_a_revoked_key_is_refused_at_once_and_after_a_restart(control, path, tenant):
    key, secret = control.create_key(tenant.id, "read")
    _, other = control.create_key(tenant.id, "read")
    assert control.revoke(uuid4(), key.id) is None
    assert control.lookup(secret) is not None
    assert control.revoke(tenant.id, key.id).revoked == NOW
    assert control.lookup(secret) is None
    assert control.lookup(other) is not None
    control.close()
    again = ControlPlane(path)
    assert again.lookup(secret) is None
    assert again.revoke(tenant.id, key.id).revoked == NOW, "the first time stays"
    again.close()


def test_keys_of_the_originals_file(control, tenant):
    control.set_file_keys(tenant.id, ["12345678", "a key with spaces"])
    want = Credential(key_id=None, tenant=tenant.id, scope="ingest", machine=None, may_create=True)
    assert control.lookup("12345678") == want
    assert control.lookup("a key with spaces") == want
    control.set_file_keys(tenant.id, ["87654321"])
    assert control.lookup("12345678") is None
    assert control.lookup("87654321") == want


def test_a_key_may_be_bound_to_a_machine_of_its_tenant(control, tenant):
    machine = control.machine(tenant.id, "web-1", create=True)
    _, secret = control.create_key(tenant.id, "ingest", machine=machine.id, may_create=True)
    found = control.lookup(secret)
    assert (found.machine, found.may_create) == (machine.id, False)
    other = control.create_tenant("other")
    for wrong in [(other.id, machine.id), (tenant.id, uuid4())]:
        with pytest.raises(UsageError, match="there is none of that id"):
            control.create_key(wrong[0], "ingest", machine=wrong[1])


@pytest.mark.parametrize(
    ("scope", "has_tenant"), [("root", True), ("admin", True), ("ingest", False), ("", False)]
)
def test_a_scope_that_is_none_is_refused(control, tenant, scope, has_tenant):
    with pytest.raises(UsageError, match="expected ingest or read with a tenant, or admin"):
        control.create_key(tenant.id if has_tenant else None, scope)


def test_what_else_is_refused_of_a_key(control, tenant):
    with pytest.raises(UsageError, match="only an ingest key is bound to a machine, not 'read'"):
        control.create_key(tenant.id, "read", machine=uuid4())
    with pytest.raises(UsageError, match="expected at most 100 characters"):
        control.create_key(tenant.id, "read", name="x" * 101)
    with pytest.raises(UsageError, match="there is none of that id"):
        control.create_key(uuid4(), "read")


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_tenants_name_is_printable(control, name):
    with pytest.raises(UsageError, match="expected 1 to 100 printable characters"):
        control.create_tenant(name)


def test_a_tenant_is_found_by_id_or_name(control, tenant):
    named_as_id = control.create_tenant(str(tenant.id))
    assert control.tenant("acme") == tenant
    assert control.tenant(tenant.id) == tenant, "an id wins"
    assert control.tenant(str(named_as_id.id)) == named_as_id
    assert control.tenant("nobody") is None
    assert [each.number for each in control.tenants()] == [1, 2]
    with pytest.raises(UsageError, match="tenant 'acme': there is one of that name"):
        control.create_tenant("acme")


def test_machines_are_numbered_within_their_tenant(control, tenant):
    other = control.create_tenant("other")
    numbers = [control.machine(tenant.id, f"m{n}", create=True).number for n in range(3)]
    assert numbers == [1, 2, 3]
    assert control.machine(other.id, "m0", create=True).number == 1
    assert control.machine(tenant.id, "m1", create=True).number == 2, "made once"
    assert [m.identifier for m in control.machines(tenant.id, after=1)] == ["m1", "m2"]
    assert [m.identifier for m in control.machines(tenant.id, limit=1)] == ["m0"]


def test_another_tenants_machine_does_not_exist(control, tenant):
    other = control.create_tenant("other")
    machine = control.machine(tenant.id, "web-1", create=True)
    for id_ in (machine.id, str(machine.id), str(machine.id).upper(), machine.id.hex, "1"):
        assert control.machine_by_id(tenant.id, id_) == machine
        assert control.machine_by_id(other.id, id_) is None
    assert control.known_machine(other.id, "web-1") is None
    assert control.machine(tenant.id, "web-2", create=False) is None
    for none in ("", "0", "2", "-1", "9" * 15, "9" * 99, "²", "x", str(uuid4())):
        assert control.machine_by_id(tenant.id, none) is None


@pytest.mark.parametrize("identifier", ["a", "A-Z.a_z:09", "x" * 100])
def test_identifiers(control, tenant, identifier):
    assert control.machine(tenant.id, identifier, create=True).identifier == identifier


@pytest.mark.parametrize("identifier", ["", "x" * 101, "a b", "ü", "a/b", "a\n"])
def test_identifiers_that_are_none(control, tenant, identifier):
    with pytest.raises(UsageError, match=r"expected 1 to 100 of A-Z a-z 0-9 \. _ : -"):
        control.machine(tenant.id, identifier, create=True)


def test_a_machine_of_no_tenant(control):
    with pytest.raises(UsageError, match="there is none of that id"):
        control.machine(UUID(int=7), "web-1", create=True)


def test_one_machine_is_made_by_many_threads(control, tenant):
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(control.machine(tenant.id, "web-1", create=True))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({machine.id for machine in found}) == 1
    assert len(control.machines(tenant.id)) == 1


def test_a_full_disk_is_told_and_leaves_nothing(control, tenant, path):
    faults.arm("control.before-commit:1-2:enospc")
    with pytest.raises(DiskError, match="No space left on device"):
        control.machine(tenant.id, "web-1", create=True)
    with pytest.raises(DiskError):
        control.create_key(tenant.id, "read")
    assert control.known_machine(tenant.id, "web-1") is None
    assert control.keys(tenant.id) == []
    assert control.machine(tenant.id, "web-1", create=True).number == 1
    assert path.exists()


def test_a_file_of_a_newer_perfkit_is_left_alone(path):
    ControlPlane(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(DiskError, match=r"expected schema \d+ or older, found 99: made by a newer"):
        ControlPlane(path)


def test_a_file_that_is_none_is_told(path, tmp_path):
    path.write_bytes(b"not a database, whatever its name says" * 30)
    with pytest.raises(DiskError, match="file is not a database"):
        ControlPlane(path)
    with pytest.raises(DiskError, match="unable to open database file"):
        ControlPlane(tmp_path / "nowhere" / "control.sqlite")


def test_steps_are_numbered_without_a_hole():
    assert [number for number, _ in steps()] == list(range(1, len(steps()) + 1))


def test_every_commit_is_synced(control):
    pragmas = {
        name: control._db.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: SLF001 - no way around
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
