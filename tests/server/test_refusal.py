"""What a client is told when something fails, and what only the log is told."""

import errno

import pytest
from aiohttp import web

from perfkit.errors import DiskError, InputError, NetworkError, UsageError
from perfkit.server.answers import refusal_of
from perfkit.server.refusal import busy
from perfkit.store.engines import BadRange, QueryTimeout, StoreError, UnknownSource


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (busy("later", 3), 503, "3"),
        (DiskError("/data: no space left"), 507, "5"),
        (OSError(errno.ENOSPC, "no space left on device"), 507, "5"),
        (OSError(errno.EDQUOT, "disk quota exceeded"), 507, "5"),
        (UsageError("no such option"), 400, None),
        (InputError("no capture"), 400, None),
        (BadRange("ends before it starts"), 400, None),
        (UnknownSource("no source"), 400, None),
        (QueryTimeout("took too long"), 503, "5"),
        (NetworkError("gone"), 503, "5"),
        (TimeoutError(), 503, "5"),
    ],
)
def test_a_failure_that_is_foreseen_has_a_status_of_its_own(error, status, retry_after, capsys):
    refusal = refusal_of(error)
    assert refusal.status == status
    assert refusal.headers.get("Retry-After") == retry_after
    assert str(refusal) == str(error)
    assert capsys.readouterr().err == ""


def test_a_client_is_not_told_where_a_store_lies(caplog):
    refusal = refusal_of(StoreError("the store /data/tenants/1 failed: IO Error"))
    assert (refusal.status, refusal.headers["Retry-After"]) == (503, "5")
    assert "/data" not in str(refusal)
    assert "/data/tenants/1" in caplog.text


def test_an_answer_of_the_router_keeps_what_it_allows():
    refusal = refusal_of(web.HTTPMethodNotAllowed("PUT", ["GET"]))
    assert (refusal.status, refusal.headers) == (405, {"Allow": "GET"})


def test_a_bug_is_told_in_the_log_and_only_its_kind_to_the_client(capsys):
    refusal = refusal_of(KeyError("a secret"))
    assert (refusal.status, str(refusal)) == (500, "a bug: KeyError")
    assert "KeyError: 'a secret'" in capsys.readouterr().err
