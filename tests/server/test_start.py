"""How a server begins: its folder, its first keys, the original's keys, its port, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.request import urlopen

import pytest
from one_server import served

from perfkit.cmd import app as cli
from perfkit.errors import DiskError, UsageError
from perfkit.server.first_run import first_tenant
from perfkit.server.keys_file import KeysFile
from perfkit.store.control import ControlPlane


def test_a_new_folder_gets_a_tenant_and_keys_that_only_its_owner_reads(tmp_path):
    folder = tmp_path / "new" / "data"
    with served(folder) as server:
        assert set(server.keys) == {"tenant", "tenant_id", "ingest_key", "read_key", "admin_key"}
        assert server.get("/api/v1/machines").status == 200
    assert (folder / "first-run.json").stat().st_mode & 0o777 == 0o600
    before = (folder / "first-run.json").read_bytes()
    with served(folder) as server:
        assert server.get("/api/v1/machines").status == 200
    assert (folder / "first-run.json").read_bytes() == before


def test_a_first_start_that_was_killed_makes_further_keys(tmp_path):
    control = ControlPlane(tmp_path / "control.sqlite")
    try:
        tenant, path = first_tenant(control, tmp_path)
        assert path == tmp_path / "first-run.json"
        first = json.loads(path.read_bytes())
        path.unlink()
        (tmp_path / "first-run.begun").touch()
        again, path = first_tenant(control, tmp_path)
        second = json.loads(path.read_bytes())
        assert again.id == tenant.id
        assert second["tenant_id"] == first["tenant_id"]
        assert second["read_key"] != first["read_key"]
        assert control.lookup(second["read_key"]).scope == "read"
        assert first_tenant(control, tmp_path)[1] is None
    finally:
        control.close()


def test_keys_that_cannot_be_written_down_are_an_error(tmp_path):
    control = ControlPlane(tmp_path / "control.sqlite")
    try:
        with pytest.raises(DiskError, match=r"first-run\.json: not written: no such file"):
            first_tenant(control, tmp_path / "gone")
    finally:
        control.close()


def test_what_was_acknowledged_is_there_after_the_next_start(tmp_path):
    body = b'{"timestamp":1700000000,"subsystem":"/s","measurement":"1"}\n'
    with served(tmp_path) as server:
        assert server.upload(body).status == 200
    with served(tmp_path) as server:
        assert server.get("/api/v1/machines/1/export").body == body
        assert server.upload(body).json["duplicates"] == 1


def test_a_folder_serves_once(tmp_path):
    with (
        served(tmp_path),
        pytest.raises(UsageError, match=f"process {os.getpid()} serves from it.*--data-dir"),
        served(tmp_path),
    ):
        pass


def test_keys_of_the_original_come_and_go(tmp_path):
    file, taken, said = tmp_path / "apikeys", [], []
    keys = KeysFile(file, taken.append, said.append)
    keys.look()
    file.write_text("a-key-of-mine\n\nshort\n  other-key-1  \n")
    keys.look()
    keys.look()
    assert taken[-1] == ["a-key-of-mine", "other-key-1"]
    seen = len(taken)
    file.unlink()
    keys.look()
    assert taken[seen:] == [[]]
    file.mkdir()
    keys.look()
    assert said
    assert all("a-key-of-mine" not in text for text in said)


def test_a_key_of_the_original_sends(tmp_path):
    tmp_path.joinpath("apikeys").write_text("legacy-key-0001\n")
    body = b'{"timestamp":1700000000,"subsystem":"/s","measurement":"1"}\n'
    with served(tmp_path) as server:
        deadline = time.monotonic() + 10
        while (answer := server.upload(body, key="legacy-key-0001")).status == 401:
            assert time.monotonic() < deadline, "the file is read within a second"
        assert answer.status == 200
        assert server.get("/api/v1/machines", key="legacy-key-0001").status in (400, 403)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Give a function: run `perfkit serve` in this process -> exit code, stderr."""
    monkeypatch.setenv("HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)

    def run(*argv):
        code = cli.main(["serve", *argv])
        return code, capsys.readouterr().err

    yield run
    signal.signal(signal.SIGTERM, before)


def test_a_port_in_use_says_what_to_do(command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        code, said = command("--listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "d"))
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--listen HOST:PORT" in said


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--listen", "nonsense"], ["listen", "HOST:PORT"]),
        (["--listen", "127.0.0.1:99999"], ["listen", "HOST:PORT"]),
        (["--min-free", "much"], ["min_free"]),
        (["--listen", "host.invalid.:1"], ["cannot listen on host.invalid."]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(command, tmp_path, argv, words):
    code, said = command("--data-dir", str(tmp_path / "d"), *argv)
    assert code == 2
    assert all(word in said for word in words)


def test_a_file_in_place_of_the_folder_is_an_error(command, tmp_path):
    (tmp_path / "d").write_text("")
    code, said = command("--data-dir", str(tmp_path / "d"), "--listen", "127.0.0.1:0")
    assert code in (2, 7)
    assert "d" in said


def test_the_command_serves_until_it_is_told_to_end(command, tmp_path, monkeypatch):
    """In this process, so that it is measured; the signal comes from a thread once it answers."""
    monkeypatch.setenv("PCD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PCD_NONSENSE", "1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def end() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urlopen(f"http://127.0.0.1:{port}/v1/ping", timeout=5).close()
            except OSError:
                continue
            os.kill(os.getpid(), signal.SIGTERM)
            return

    thread = threading.Thread(target=end)
    thread.start()
    code, said = command("--listen", f"127.0.0.1:{port}")
    thread.join()
    assert code == 0
    assert "PCD_NONSENSE" in said
    assert f"serving on http://127.0.0.1:{port}" in said
    keys = json.loads((tmp_path / "home" / "first-run.json").read_bytes())
    assert said.count(keys["read_key"]) == 1
    assert "ending" in said


def test_a_signal_while_it_starts_ends_it_well(command, tmp_path, monkeypatch):
    """As it may come while modules are loaded, before the server has handlers of its own."""
    from perfkit.server import run  # noqa: PLC0415 - as the command does

    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "run", interrupted)
    code, said = command("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"))
    assert (code, said) == (0, "perfkit: ended before it served\n")


def test_an_installed_server_ends_with_0_on_sigint(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "perfkit", "serve", "--listen", "127.0.0.1:0"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            for said in server.stderr:
                if "serving on" in said:
                    break
            server.send_signal(signal.SIGINT)
            server.stderr.read()
            assert server.wait(20) == 0
        finally:
            server.kill()
