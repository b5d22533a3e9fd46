"""The demo's keys: made once, made again when they hold no more."""

import pytest

from perfkit.errors import DiskError
from perfkit.server.demo import demo_keys
from perfkit.server.first_run import first_tenant
from perfkit.store.control import ControlPlane


@pytest.fixture
def control(tmp_path):
    plane = ControlPlane(tmp_path / "control.sqlite")
    yield plane
    plane.close()


def test_keys_are_kept_from_start_to_start(control, tmp_path):
    tenant, _ = first_tenant(control, tmp_path)
    keys = demo_keys(control, tenant, tmp_path)
    ingest = control.lookup(keys.ingest_file.read_text().strip())
    assert (ingest.scope, ingest.may_create, ingest.machine) == ("ingest", True, None)
    read = control.lookup(keys.read)
    assert (read.scope, read.tenant) == ("read", tenant.id)
    assert keys.ingest_file.stat().st_mode & 0o777 == 0o600
    assert keys.ingest_file.parent.stat().st_mode & 0o777 == 0o700
    count = len(control.keys(tenant.id))
    assert demo_keys(control, tenant, tmp_path) == keys
    assert len(control.keys(tenant.id)) == count


def test_a_key_that_was_revoked_or_spoilt_is_made_anew(control, tmp_path):
    tenant, _ = first_tenant(control, tmp_path)
    keys = demo_keys(control, tenant, tmp_path)
    before = keys.ingest_file.read_text()
    control.revoke(tenant.id, control.lookup(keys.read).key_id)
    keys.ingest_file.write_bytes(b"\xff")
    again = demo_keys(control, tenant, tmp_path)
    assert again.read != keys.read
    assert control.lookup(again.read).scope == "read"
    assert again.ingest_file.read_text() not in {before, ""}


def test_a_folder_that_cannot_be_made_is_an_error(control, tmp_path):
    tenant, _ = first_tenant(control, tmp_path)
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(DiskError, match="demo: file exists"):
        demo_keys(control, tenant, tmp_path)
