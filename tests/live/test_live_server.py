"""LiveServer: starts, stops, dies with its Python process, and shows no secret."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer, hooks_dir
from bosbase_wrapper.server._process import Process

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads processes from /proc")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the temporary folders of servers lie in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def can_sign_in(server: LiveServer) -> bool:
    """Whether its superuser's password is the one that it tells."""
    login = {"identity": server.admin_email, "password": server.admin_password}
    url = f"{server.url}/api/collections/_superusers/auth-with-password"
    return httpx.post(url, json=login, trust_env=False).is_success


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def await_end(pid: int) -> bool:
    """Whether a process ends within 20 s."""
    ends = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < ends:
        time.sleep(0.02)
    return not is_alive(pid)


def processes_with(text: str) -> list[int]:
    """The processes whose command line holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if text.encode() in command:
            found.append(int(folder.name))
    return found


def script(path: Path, lines: str) -> str:
    """An executable shell script; returns its path."""
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_proc
def test_start_and_stop_may_be_called_more_than_once_and_leave_nothing(temporary: Path) -> None:
    """No process, no folder, and a number only while it runs."""
    server = LiveServer()
    assert server.pid is None
    with pytest.raises(RuntimeError, match="does not run"):
        server.require_running()
    server.stop()
    server.start()
    first = server.pid
    server.start()
    assert first is not None
    assert server.pid == first
    assert httpx.get(f"{server.url}/api/health", trust_env=False).status_code == 200
    assert repr(server) == f"LiveServer('{server.url}')"
    server.stop()
    server.stop()
    assert server.pid is None
    assert await_end(first)
    assert list(temporary.iterdir()) == []
    ends = time.monotonic() + 20
    while processes_with(str(temporary)) and time.monotonic() < ends:
        time.sleep(0.02)  # the watcher ends a moment after the server
    assert processes_with(str(temporary)) == []


def test_a_data_dir_keeps_its_data_and_the_superuser_is_made_anew(temporary: Path) -> None:
    """A second server on the same data knows the accounts and bindings of the first, and another password."""
    data = temporary / "data"
    with LiveServer(data) as first:
        made = first.create_record("users", email="a@example.com", password="password1234")
        with BosBase(first.url) as client:
            client.collection("users").bind_custom_token("a@example.com", "password1234", "kept")
        old = first.admin_password
        assert can_sign_in(first)
    assert [path.name for path in temporary.iterdir()] == ["data"]
    with LiveServer(data) as second, BosBase(second.url) as client:
        assert client.collection("users").auth_with_token("kept").record.id == made["id"]
        assert can_sign_in(second)
        assert second.admin_password != old


@pytest.mark.parametrize("data_dir", ["data", Path("data"), None], ids=["str", "Path", "temporary"])
def test_relative_folders_stay_where_they_were(
    data_dir: str | Path | None, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program changes its folder, and the server's data do not follow."""
    monkeypatch.setattr(tempfile, "tempdir", ".")
    (temporary / "elsewhere").mkdir()
    monkeypatch.chdir(temporary)
    server = LiveServer(data_dir)
    monkeypatch.chdir("elsewhere")
    with server:
        server.create_record("users", email="a@example.com", password="password1234")
        monkeypatch.chdir(temporary)
        server.kill()
        server.start()
        with BosBase(server.url) as client:
            client.collection("users").bind_custom_token("a@example.com", "password1234", generate_token())
        monkeypatch.chdir("elsewhere")
        (binding,) = server.tokens("users", "a@example.com")
        server.revoke(binding.id)
    assert list((temporary / "elsewhere").iterdir()) == []
    assert {path.name for path in temporary.iterdir()} == {"elsewhere", str(data_dir or "elsewhere")}


def test_killed_it_starts_again_with_the_data_that_it_had() -> None:
    """kill is a crash: the process is gone at once, and the next start finds the data."""
    with LiveServer() as server:
        made = server.create_record("users", email="a@example.com", password="password1234")
        server.kill()
        server.kill()
        assert server.pid is None
        with pytest.raises(RuntimeError, match=r"does not run:\n(.*\n)*.*Server started"):
            server.require_running()
        server.start()
        server.require_running()
        assert server.api("GET", f"/api/collections/users/records/{made['id']}")["id"] == made["id"]


def test_one_that_ended_by_itself_can_be_started_again() -> None:
    """As after a crash: no number any more, and start brings it back."""
    with LiveServer() as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        ends = time.monotonic() + 20
        while server.pid is not None and time.monotonic() < ends:
            time.sleep(0.02)
        assert server.pid is None
        server.start()
        assert server.pid not in (None, pid)
        assert can_sign_in(server)


def test_records_and_collections() -> None:
    """Made, changed and deleted as a superuser; what the server refuses raises."""
    with LiveServer() as server:
        server.create_collection({"name": "members", "type": "auth", "fields": [{"name": "nick", "type": "text"}]})
        made = server.create_record("members", email="a@example.com", password="password1234", nick="A")
        assert made["nick"] == "A"
        assert server.update_record("members", made["id"], nick="B")["nick"] == "B"
        server.update_record("members", made["id"], password="changed12345")
        with BosBase(server.url) as client:
            client.collection("members").bind_custom_token("a@example.com", "changed12345", "t")
        server.delete_record("members", made["id"])
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            server.update_record("members", made["id"], nick="C")


def test_what_the_server_refuses_is_told_in_its_words(server: LiveServer) -> None:
    """The status, the message and each invalid field, at whatever depth; no password is repeated."""
    account = {"email": f"{generate_token('a')}@example.com", "password": "password-canary"}
    made = server.create_record("users", **account)
    unique = r"^400 Failed to create record\.\n  email: Value must be unique\. \(validation_not_unique\)$"
    with pytest.raises(httpx.HTTPStatusError, match=unique) as caught:
        server.create_record("users", **account)
    assert caught.value.response.json()["data"]["email"]["code"] == "validation_not_unique"
    assert "canary" not in repr(caught.value)
    with pytest.raises(httpx.HTTPStatusError, match=r"^400 .*\n  email: .*\n  password: .*8 character"):
        server.update_record("users", made["id"], email="none", password="short")
    with pytest.raises(httpx.HTTPStatusError, match=r"\n  fields\.\d+\.name: .* \(validation_"):
        server.create_collection({"name": generate_token("c"), "fields": [{"name": "a b", "type": "text"}]})
    with pytest.raises(httpx.HTTPStatusError, match=r"^404 "):
        server.api("HEAD", "/api/nothing")


@pytest.mark.timeout(60)
def test_the_superusers_session_is_renewed(tmp_path: Path) -> None:
    """Its end turns no call into a guest's: `users` takes records from guests, who cannot set `verified`."""
    with LiveServer() as server:
        collection = server.api("GET", "/api/collections/_superusers")
        session = {"authToken": {**collection["authToken"], "duration": 10}}
        server.api("PATCH", "/api/collections/_superusers", session)
        server.api("PATCH", "/api/collections/_superusers", {"authToken": {"secret": "s" * 50}})  # ends all sessions
        server.create_collection({"name": "first", "type": "auth"})
        time.sleep(11)
        made = server.create_record("users", email="a@example.com", password="password1234", verified=True)
        assert made["verified"] is True
        server.create_collection({"name": "second", "type": "auth"})


def test_a_revoked_session_turns_no_call_into_a_guests() -> None:
    """PocketBase reads a revoked session as a guest's: `users` takes records from guests, without a 401."""
    with LiveServer() as server:
        server.api("PATCH", "/api/collections/_superusers", {"authToken": {"secret": "s" * 50}})
        made = server.create_record("users", email="a@example.com", password="password1234", verified=True)
        assert made["verified"] is True


@needs_proc
def test_calls_share_a_connection(temporary: Path) -> None:
    """It is kept from call to call, and closed when the server stops."""
    with LiveServer() as server:
        port = int(server.url.rpartition(":")[2])
        for _ in range(5):
            server.api("GET", "/api/settings")
        assert connections_to(port) == 1
    assert connections_to(port) == 0


def connections_to(port: int) -> int:
    """How many established connections lead to a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] == "01" for row in rows)


def test_a_call_of_a_server_that_is_gone(temporary: Path) -> None:
    """RuntimeError with the end of its log: before the start, after a crash, after the end."""
    server = LiveServer()
    with pytest.raises(RuntimeError, match="does not run"):
        server.api("GET", "/api/settings")
    with server:
        assert server.pid is not None
        with pytest.raises(httpx.UnsupportedProtocol):  # the caller's fault, not the server's
            server.api("GET", "ftp://127.0.0.1/")
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises((RuntimeError, httpx.TransportError)):
            server.api("GET", "/api/settings")
        while server.pid is not None:
            time.sleep(0.02)
        with pytest.raises(RuntimeError, match=r"does not run:\n(.*\n)*.*Server started"):
            server.api("GET", "/api/settings")
        server.kill()
        with pytest.raises(RuntimeError, match=r"does not run:\n(.*\n)*.*Server started"):
            server.create_record("users")


def test_a_port_of_ones_own(temporary: Path) -> None:
    """The server listens there; a second one on it raises with the log's words and leaves nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LiveServer(port=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        other = LiveServer(port=port)
        with pytest.raises(RuntimeError, match=r"did not come up:\n(.*\n)*.*address already in use"):
            other.start()
        assert other.pid is None
        assert len(list(temporary.iterdir())) == 1
        assert can_sign_in(server)


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the executable says that its port is taken; the third port serves."""
    with LiveServer() as server:
        real = Path(f"/proc/{server.pid}/exe").resolve() if Path("/proc").exists() else None
    if real is None:
        pytest.skip("finds the executable in /proc")
    taken = f'echo x >> {tmp_path}/tries; [ $(wc -l < {tmp_path}/tries) -gt 2 ] && exec {real} "$@"'
    named = script(tmp_path / "pocketbase", f"{taken}\necho 'listen tcp: bind: address already in use'; exit 1")
    monkeypatch.setenv("BOSBASE_POCKETBASE", named)
    with LiveServer() as server:
        assert can_sign_in(server)
    assert (tmp_path / "tries").read_text() == "x\n" * 3


@pytest.mark.parametrize(
    ("lines", "told"),
    [("echo 'a word of the log'; exit 3", "a word of the log"), ("echo address already in use", "already in use")],
    ids=["ends at once", "no port is free"],
)
def test_a_server_that_does_not_come_up_raises_with_its_log(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, lines: str, told: str
) -> None:
    """The error holds the last lines of the log, and no folder stays."""
    monkeypatch.setenv("BOSBASE_POCKETBASE", script(temporary / "pocketbase", lines))
    with pytest.raises(RuntimeError, match=told):
        LiveServer().start()
    assert [path.name for path in temporary.iterdir()] == ["pocketbase"]


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """An orderly end is waited for, and no longer than that."""
    deaf = script(tmp_path / "deaf", "trap '' TERM\necho ready\nwhile :; do sleep 0.1; done")
    process = Process([deaf], {}, tmp_path / "log")
    ends = time.monotonic() + 20
    while not (tmp_path / "log").read_text() and time.monotonic() < ends:
        time.sleep(0.02)
    process.end(signal.SIGTERM, seconds=0.2)
    assert not process.is_running()


def test_without_the_extra_it_says_what_to_install(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No executable: one sentence with the command, and nothing left behind."""
    monkeypatch.delenv("BOSBASE_POCKETBASE", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(RuntimeError, match=r'pip install "bosbase-wrapper\[server\]"'):
        LiveServer().start()
    assert list(temporary.iterdir()) == []


@needs_proc
def test_no_command_line_shows_the_password(server: LiveServer) -> None:
    """Neither the server's nor another process's."""
    assert server.pid is not None
    assert b"serve" in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert server.admin_password
    assert processes_with(server.admin_password) == []


@needs_proc
def test_the_end_of_the_thread_that_started_it_does_not_end_it() -> None:
    """A server started in a thread serves on when the thread is over."""
    server = LiveServer()
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    time.sleep(0.3)
    try:
        assert can_sign_in(server)
    finally:
        server.stop()


CHILD = """
import os, sys, time
from bosbase_wrapper.server import LiveServer
server = LiveServer()
server.start()
print(server.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def child(temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Another Python process with a server of its own."""
    command = [sys.executable, "-c", CHILD]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        yield process
        process.kill()


@needs_proc
@pytest.mark.parametrize(
    "end", [lambda child: child.kill(), lambda child: child.terminate(), lambda child: child.stdin.close()],
    ids=["SIGKILL", "SIGTERM", "its own end"],
)  # fmt: skip
def test_no_server_outlives_its_python_process(
    child: subprocess.Popen[str], temporary: Path, end: Callable[[subprocess.Popen[str]], None]
) -> None:
    """However the process ends; where it ends by itself, the folder goes too."""
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    assert is_alive(pid)
    end(child)
    code = child.wait(30)
    assert await_end(pid)
    if code == 0:
        assert list(temporary.iterdir()) == []


def test_hooks_dir_holds_the_extension_and_not_the_superuser() -> None:
    """What one copies into a PocketBase of one's own makes no superuser."""
    names = {path.name for path in hooks_dir().rglob("*.js")}
    assert "bosbase_tokens.pb.js" in names
    assert not any("superuser" in name for name in names)
    assert not any("BOSBASE_ADMIN" in path.read_text() for path in hooks_dir().rglob("*.js"))


def test_a_session_that_was_revoked_is_replaced() -> None:
    """PocketBase responds 401 where only a superuser may read."""
    with LiveServer() as server:
        server.api("GET", "/api/settings")
        signs = {"authToken": {"secret": "s" * 40, "duration": 600}}
        account = {"identity": server.admin_email, "password": server.admin_password}
        with httpx.Client(base_url=server.url) as http:
            session = http.post("/api/collections/_superusers/auth-with-password", json=account).json()
            headers = {"Authorization": session["token"]}
            http.patch("/api/collections/_superusers", json=signs, headers=headers).raise_for_status()
        assert "meta" in server.api("GET", "/api/settings")
