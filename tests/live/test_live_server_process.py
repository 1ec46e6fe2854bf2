"""The process of LiveServer: forks, the end of the process that started it, its environment and its files."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .test_live_server import await_end, is_alive, needs_proc, script, temporary

__all__ = ["temporary"]  # a fixture

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program whose temporary folders lie in `folder`."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)


# Each child forks in turn from the same program: what it does, and its exit code.
_CHILDREN = """
import gc, os, signal, sys
from bosbase_wrapper.server import LiveServer

def make_record():
    made.append(server.create_record("users", email=f"{os.getpid()}.{len(made)}@example.com", password="password1234"))

CHILDREN = [
    ("sys.exit(0)", 0),
    ("sys.exit(3)", 3),
    ("os.kill(os.getpid(), signal.SIGKILL)", -9),
    ("server.stop(); os._exit(0)", 0),
    ("server.kill(); os._exit(0)", 0),
    ("server.start(); server.stop(); os._exit(0)", 0),
    ("server.require_running(); assert server.pid == pid; os._exit(0)", 0),
    ("server.__exit__(); del server; gc.collect(); sys.exit(0)", 0),
    ("make_record(); sys.exit(0)", 0),
]
made = []
with LiveServer() as server:
    pid = server.pid
    make_record()
    for code, expected in CHILDREN:
        child = os.fork()
        if not child:
            exec(code)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert exit_code == expected, (code, exit_code)
        assert server.pid == pid, code
        make_record()
    assert server.api("GET", "/api/collections/users/records")["totalItems"] == len(made) + 1
print("unharmed")
"""


@needs_fork
def test_a_forked_child_changes_nothing(tmp_path: Path) -> None:
    """However it ends and whatever it calls, the server and its folder stay; a call of the child's own works."""
    result = run_python(_CHILDREN, tmp_path)
    assert (result.stdout, result.stderr) == ("unharmed\n", "")
    assert list(tmp_path.iterdir()) == []


@needs_fork
def test_a_forked_child_knows_when_the_server_is_gone(tmp_path: Path) -> None:
    """Its `start` starts no second server on the folder of the first; a server that nobody started is its own."""
    code = """
import os, time
from bosbase_wrapper.server import LiveServer
server, unused = LiveServer(), LiveServer()
server.start()
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.close(writing)
    os.read(reading, 1)
    try:
        server.start()
    except RuntimeError as error:
        assert "does not run" in str(error), error
        unused.start()
        unused.create_record("users", email="a@example.com", password="password1234")
        unused.stop()
        os._exit(0)
    os._exit(1)
server.stop()
os.close(writing)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("done")
"""
    result = run_python(code, tmp_path)
    assert result.stdout == "done\n", result.stderr
    assert list(tmp_path.iterdir()) == []


_WORKER = """
import os, sys, time
from bosbase_wrapper.server import LiveServer
server = LiveServer()
server.start()
worker = os.fork()
if not worker:
    time.sleep(60)
    os._exit(0)
print(server.pid, worker, flush=True)
time.sleep(60)
"""


@needs_proc
@needs_fork
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_forked_worker_does_not_keep_the_server_alive(tmp_path: Path, sign: signal.Signals) -> None:
    """The server ends with the process that started it, also before anybody has waited for that process."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout
        server, worker = map(int, process.stdout.readline().split())
        try:
            os.kill(process.pid, sign)  # and no wait: the process stays a zombie for now
            assert await_end(server)
            assert is_alive(worker)
        finally:
            os.kill(worker, signal.SIGKILL)


@needs_proc
def test_the_watcher_ends_with_the_server(temporary: Path) -> None:
    """No second process is left when the server stopped, crashed or was killed."""
    with LiveServer() as server:
        assert server.pid is not None
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert len(children) == 1
    assert await_end(int(children[0]))


# --- what the process is given, and what it writes ---


@needs_proc
def test_the_server_gets_no_variable_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the caller stay with the caller; the operator's settings of the extension are passed on."""
    for name in ("BOSBASE_PASSWORD", "BOSBASE_TOKEN", "BOSBASE_MFA_ID", "AWS_SECRET_ACCESS_KEY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "86400")
    with LiveServer() as server:
        [watcher] = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for pid in (server.pid, watcher):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"canary" not in environment
            assert b"BOSBASE_TOKENS_MAX_AGE=86400" in environment
            assert b"PATH=" in environment
        server.api("GET", "/api/settings")  # not over the proxy either


def test_its_files_are_its_owners_alone(tmp_path: Path) -> None:
    """A new data folder is 0700 and holds nothing that others can read: the JWT secrets are in it."""
    before = os.umask(0o022)
    try:
        with LiveServer(tmp_path / "new" / "data") as server:
            server.create_record("users", email="a@example.com", password="password1234")
            written = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in written}
    finally:
        os.umask(before)
    assert modes["data"] == 0o700
    assert "data.db" in modes
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


def test_without_a_temporary_folder_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where /tmp is full or read-only: RuntimeError with the place, and no bare OSError."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(RuntimeError, match=r"temporary folder.*missing"):
        LiveServer().start()


def missing(folder: Path) -> str:
    return str(folder / "pocketbase")


def not_executable(folder: Path) -> str:
    (folder / "pocketbase").write_text("no program")
    return str(folder / "pocketbase")


@pytest.mark.parametrize("named", [missing, not_executable, str], ids=["missing", "not executable", "a folder"])
def test_an_executable_that_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: object) -> None:
    """RuntimeError that names the file."""
    assert callable(named)
    path = named(tmp_path)
    monkeypatch.setenv("BOSBASE_POCKETBASE", path)
    with pytest.raises(RuntimeError, match=path):
        LiveServer().start()


def test_a_python_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded interpreter may not know its own program, or name one that is gone."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    server = LiveServer()
    with pytest.raises(RuntimeError, match="/nonexistent/python"):
        server.start()
    assert server.pid is None


def test_no_shell_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server starts where PATH leads nowhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with LiveServer() as server:
        server.require_running()


# --- who may speak to it ---


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "0.0.0.0"])
def test_a_foreign_host_gets_no_response(server: LiveServer, host: str) -> None:
    """A web page whose host name was pointed at 127.0.0.1 reads nothing (DNS rebinding)."""
    headers = {"Host": host.format(port=server.url.rpartition(":")[2])}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
        for path in ("/api/health", "/_/", "/", "/api/nothing", "/nothing"):
            for method in ("GET", "POST", "OPTIONS"):
                response = client.request(method, path)
                assert response.status_code == 403, (method, path, response.text)
                assert "pocketbase" not in response.text.lower()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1", "localhost:1"])
def test_this_machine_gets_a_response(server: LiveServer, host: str) -> None:
    """By each of its two names, and through a forwarded port."""
    named = host.format(port=server.url.rpartition(":")[2])
    response = httpx.get(server.url + "/api/health", headers={"Host": named}, trust_env=False)
    assert response.status_code == 200


def test_a_script_of_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BOSBASE_POCKETBASE may be a script that sets something and becomes PocketBase."""
    with LiveServer() as server:
        real = Path(f"/proc/{server.pid}/exe").resolve() if Path("/proc").exists() else None
    if real is None:
        pytest.skip("finds the executable in /proc")
    monkeypatch.setenv("BOSBASE_POCKETBASE", script(tmp_path / "pocketbase", f'exec {real} "$@"'))
    with LiveServer() as server:
        server.require_running()
