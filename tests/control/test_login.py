"""Where server and key come from, and what is kept of them."""

import io
import json
import stat

import pytest
from scripted_server import scripted

from perfkit.control.login import key_for, keys_in
from perfkit.errors import RefusedError


def kept(call):
    return call.home / ".config" / "perfkit" / "login.json"


@pytest.fixture
def bare(call, server):
    """A server named by nothing but a flag."""
    call.server = server.url
    return call


def test_a_first_run_is_kept_with_all_its_keys(bare, server):
    file = server.folder / "first-run.json"
    done = bare.good("login", "--server", bare.server, "--key-file", file, "--json")
    assert done.json["scopes"] == ["ingest", "read", "admin"]
    assert not any(key in done.out + done.err for key in server.keys.values() if "pk_" in key)
    path = kept(bare)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["server"] == server.url
    assert [other.name for other in path.parent.iterdir()] == ["login.json"]
    for words in (["machines"], ["tenants", "list"], ["keys", "list", "--tenant", "default"]):
        bare.good(*words)


@pytest.mark.parametrize("scope", ["ingest", "read", "admin"])
def test_one_key_is_kept_by_the_scope_that_the_server_says(bare, server, scope, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\n{server.keys[scope + '_key']}\n"))
    done = bare.good("login", "--server", bare.server, "--json")
    assert done.json["scopes"] == [scope]
    codes = {"read": "machines", "admin": "tenants list"}
    for needed, words in codes.items():
        assert bare(*words.split()).code == (0 if needed == scope else 6)


def test_a_key_is_asked_for_without_echo(bare, server, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: server.keys["read_key"])
    bare.good("login", "--server", bare.server)
    bare.good("machines")


def test_a_key_that_the_server_does_not_know_is_not_kept(bare, monkeypatch):
    monkeypatch.setenv("PERFKIT_KEY", "pk_wrong")
    done = bare("login", "--server", bare.server)
    assert done.code == 6
    assert "unknown or revoked" in done.err
    assert not kept(bare).exists()
    assert bare("login", "--server", "http://127.0.0.1:9").code == 5


def test_a_kept_key_goes_to_its_own_server_alone(bare, server):
    bare.good("login", "--server", bare.server, "--key-file", server.folder / "first-run.json")
    asked = []

    def answer(_method, path, _body):
        asked.append(path)
        return 200, {"items": [], "next": None}, {}

    with scripted(answer) as other:
        done = bare("machines", "--server", other)
    assert (done.code, asked) == (2, [])
    assert "no key for" in done.err


def test_a_flag_wins_over_a_variable_over_what_is_kept(bare, server, tmp_path, monkeypatch):
    bare.good("login", "--server", bare.server, "--key-file", server.folder / "first-run.json")
    wrong = tmp_path / "wrong"
    wrong.write_text("pk_wrong\n")
    assert bare("machines", "--key-file", wrong).code == 6
    monkeypatch.setenv("PERFKIT_KEY", "pk_wrong")
    assert bare("machines").code == 6
    bare.good("machines", "--key-file", server.folder / "first-run.json")
    monkeypatch.delenv("PERFKIT_KEY")
    config = tmp_path / "ctl.toml"
    config.write_text(f'server = "{bare.server}"\nkey = "{server.keys["read_key"]}"\n')
    kept(bare).unlink()
    bare.good("machines", "--config", config)


def test_what_cannot_be_a_key(bare, tmp_path):
    file = tmp_path / "key"
    assert bare("machines", "--key-file", file).code == 2
    for text in ("", "# only a remark\n", "one\ntwo\n", "{", '{"ingest_key": 3}', "a b"):
        file.write_text(text)
        done = bare("machines", "--server", bare.server, "--key-file", file)
        assert done.code == 2, (text, done)
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "{}", "[]", "null", "{bad", "\xff", "[" * 9000, '{"server":5}'),
        '{"read_key": "x"}',
        '{"server":"http://h","read_key":5}',
        '{"server":"ftp://h","read_key":"x"}',
        '{"server":"http://h","read_key":"x y"}',
    ],
)
def test_a_damaged_login_is_told_and_replaced(bare, server, monkeypatch, text):
    kept(bare).parent.mkdir(parents=True)
    kept(bare).write_bytes(text.encode("latin-1"))
    file = server.folder / "first-run.json"
    for words in (["ping"], ["machines"], ["machines", "--server", bare.server]):
        done = bare(*words)
        assert (done.code, done.out) == (2, ""), done
        assert f"{kept(bare)}: is damaged: log in again" in done.err
    bare.good("ping", "--server", bare.server)
    bare.good("status", "--server", bare.server)
    bare.good("machines", "--server", bare.server, "--key-file", file)
    monkeypatch.setenv("PERFKIT_KEY", server.keys["read_key"])
    assert bare("machines").code == 2
    bare.good("machines", "--server", bare.server)
    bare.good("login", "--server", bare.server)
    monkeypatch.delenv("PERFKIT_KEY")
    bare.good("machines")


def test_each_verb_takes_the_key_for_it():
    keys = keys_in('{"tenant":"t","ingest_key":"i","read_key":"r","admin_key":"a"}', "f")
    assert [key_for(scope, keys) for scope in ("ingest", "read", "admin", None)] == [
        *"ira",
        None,
    ]
    assert key_for("read", keys_in("k\n", "f")) == "k"
    with pytest.raises(RefusedError, match="a key of scope read, and there is one for ingest only"):
        key_for("read", {"ingest": "i"})
