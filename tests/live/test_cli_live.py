"""The installed command against the embedded server, as a script of a user's would call it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bosbase_wrapper import BosBase, FileAuthStore, generate_token
from bosbase_wrapper.cli import main
from bosbase_wrapper.server import LiveServer
from tests.faults.raw_server import RawServer
from tests.locks import ends_in_a_lock
from tests.passwords import FAST

COMMAND = str(Path(sys.executable).with_name("bosbase-tokens"))
PASSWORD = "password-canary"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C works in the commands, although the tests themselves may run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def email(server: LiveServer) -> str:
    """A new account of `users`."""
    email = f"{generate_token('a')}@example.com"
    server.create_record("users", email=email, password=PASSWORD)
    return email


def environment(**variables: str) -> dict[str, str]:
    """The environment of a command: no variable of the machine's own that the commands know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BOSBASE_")} | variables


def run(*args: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        [COMMAND, *args], input=stdin, env=environment(**variables), capture_output=True, text=True, timeout=60
    )


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The first lines that a process writes."""
    assert process.stdout
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@contextmanager
def serving(*args: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`bosbase-tokens serve`, which ends with the block at the latest."""
    process = subprocess.Popen(
        [COMMAND, "serve", *args],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], sign: signal.Signals) -> tuple[int, str]:
    """Send a signal. Return the exit code and what the process wrote to standard error."""
    process.send_signal(sign)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


# --- the life of a token ---


@pytest.mark.untraced
def test_the_life_of_a_token(server: LiveServer, email: str) -> None:
    """Bound, signed in with, rotated, signed in with again, unbound; the old values cannot sign in."""
    account = {"BOSBASE_URL": server.url, "BOSBASE_PASSWORD": PASSWORD}
    bound = run("bind", "--email", email, "--generate", **account)
    assert bound.returncode == 0
    token = bound.stdout.removesuffix("\n")
    signed_in = run("login", "--json", stdin=token, **account)
    assert signed_in.returncode == 0
    session = json.loads(signed_in.stdout)
    assert (session["collection"], "token" in session) == ("users", False)
    rotated = run("rotate", "--email", email, stdin=token, **account)
    assert rotated.returncode == 0
    new = rotated.stdout.removesuffix("\n")
    assert run("login", **account, BOSBASE_TOKEN=token).returncode == 1
    again = run("login", "--show-token", **account, BOSBASE_TOKEN=new)
    assert again.returncode == 0
    refreshed = httpx.post(
        f"{server.url}/api/collections/users/auth-refresh", headers={"Authorization": again.stdout.strip()}
    )
    assert refreshed.json()["record"]["id"] == session["record"]["id"]
    assert run("unbind", "--email", email, **account, BOSBASE_TOKEN=new).returncode == 0
    refused = run("login", **account, BOSBASE_TOKEN=new)
    assert (refused.returncode, refused.stderr) == (
        1,
        "Error: 400 Failed to authenticate. (wrong email, password or token)\n",
    )


def test_a_wrong_password_is_refused(
    server: LiveServer, email: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and neither the password nor the token in what is shown."""
    monkeypatch.setenv("BOSBASE_PASSWORD", "wrong-canary")
    monkeypatch.setenv("BOSBASE_TOKEN", "token-canary")
    assert main(["bind", "--url", server.url, "--email", email]) == 1
    assert capsys.readouterr() == ("", "Error: 400 Failed to bind token. (wrong email, password or token)\n")


def test_login_keeps_the_session(server: LiveServer, email: str, tmp_path: Path) -> None:
    """The file is its owner's alone, and FileAuthStore reads it; the JWT is not shown."""
    token = generate_token()
    with BosBase(server.url) as client:
        client.collection("users").bind_custom_token(email, PASSWORD, token)
    file = tmp_path / "session.json"
    result = run("login", "--url", server.url, "--store", str(file), BOSBASE_TOKEN=token)
    assert result.returncode == 0, result.stderr
    kept = FileAuthStore(file).load()
    assert kept is not None
    assert kept.record.collection_name == "users"
    assert kept.token not in result.stdout + result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_factor(
    server: LiveServer, email: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token completes a sign-in that another method began, with the mfaId from the environment."""
    name, token = generate_token("mfa"), generate_token()
    mfa = {"mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}
    server.create_collection({"name": name, "type": "auth", "fields": [FAST], **mfa})
    server.create_record(name, email=email, password=PASSWORD)
    with BosBase(server.url) as client:
        client.collection(name).bind_custom_token(email, PASSWORD, token)
    login = ["login", "--url", server.url, "--collection", name, "--json"]
    monkeypatch.setenv("BOSBASE_TOKEN", token)
    assert main(login) == 1
    path = f"/api/collections/{name}/auth-with-password"
    first = httpx.post(server.url + path, json={"identity": email, "password": PASSWORD})
    monkeypatch.setenv("BOSBASE_MFA_ID", first.json()["mfaId"])
    capsys.readouterr()
    assert main(login) == 0
    assert json.loads(capsys.readouterr().out)["collection"] == name


def test_check(
    server: LiveServer,
    email: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An account that the server refuses is exit code 1; the report is written where it was asked for."""
    options = ["--email", email, "--json", "--report", str(tmp_path / "report.html")]
    monkeypatch.setenv("BOSBASE_PASSWORD", "wrong-canary")
    assert main(["check", server.url, *options]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["ok"] is False
    report = (tmp_path / "report.html").read_text()
    assert server.url in report
    assert "wrong-canary" not in out + err + report


@linux
def test_no_secret_stands_in_a_command_line() -> None:
    """While a command waits for a slow server, any process of the machine may read its arguments."""
    arrived = threading.Event()

    def wait(connection: Any) -> None:
        arrived.set()
        connection.over.wait(30)

    with RawServer(wait) as slow:
        process = subprocess.Popen(
            [COMMAND, "bind", "--url", slow.url, "--email", "user@example.com"],
            env=environment(BOSBASE_TOKEN="token-canary"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdin
            process.stdin.write("password-canary\n")
            process.stdin.close()
            assert arrived.wait(30)
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stderr
            told = process.stderr.read()
    assert b"user@example.com" in shown
    assert b"canary" not in shown
    assert "canary" not in told
    assert "Traceback" not in told


# --- serve ---


@pytest.mark.untraced
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_stops_cleanly(sign: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and SIGHUP are its regular end, also in the background: exit code 0, and nothing is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `bosbase-tokens serve &`
    with serving("--json", "--show-password", TMPDIR=str(tmp_path)) as process:
        facts = json.loads(lines(process, 1)[0])
        account = {"identity": facts["email"], "password": facts["password"]}
        signed_in = httpx.post(f"{facts['url']}/api/collections/_superusers/auth-with-password", json=account)
        assert signed_in.status_code == 200
        assert httpx.get(facts["admin_url"], follow_redirects=True).status_code == 200
        assert len(list(tmp_path.iterdir())) == 1
        assert ended(process, sign) == (0, "Stopped.\n")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(facts["url"])


@pytest.mark.untraced
def test_serve_under_nohup() -> None:
    """The end of the terminal does not stop a server that runs under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serving("--json") as process:
            url = json.loads(lines(process, 1)[0])["url"]
            process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            assert httpx.get(f"{url}/api/health").status_code == 200
            assert ended(process, signal.SIGTERM)[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
def test_serve_makes_an_account(tmp_path: Path) -> None:
    """The commands that it prints sign the account in, as they stand; the password is there once."""
    email = "o'neil@example.com"
    options = ("--user", email, "--data", str(tmp_path / "data"))
    with serving(*options) as process:
        shown = lines(process, 11)
        assert "# The account o'neil@example.com gets a new password at each start." in shown[6]
        commands = "\n".join(shown[7:])
        pasted = subprocess.run(
            ["sh", "-c", commands],
            env=environment(PATH=f"{Path(COMMAND).parent}:{os.environ['PATH']}"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Signed in to users as " in pasted.stderr, pasted.stderr
        password = shown[8].removeprefix("export BOSBASE_PASSWORD=")
        assert "\n".join(shown).count(password) == 1
        assert ended(process, signal.SIGTERM)[0] == 0
    with serving(*options, "--json") as process:  # the second start finds the account
        facts = json.loads(lines(process, 1)[0])
        user = facts["user"]
        assert (user["collection"], user["email"]) == ("users", email)
        login = {"identity": email, "password": user["password"]}
        path = "/api/collections/users/auth-with-password"
        assert httpx.post(facts["url"] + path, json=login).status_code == 200
        assert facts["password"] is None
        assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("email", "code", "told"),
    [
        ("no email", 1, "email: Must be a valid email address."),
        ("caf\udce9@example.com", 2, "it has characters that cannot be printed"),
    ],
)
def test_serve_with_an_account_that_cannot_be(
    email: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is the server's message, and no server keeps running."""
    assert main(["serve", "--user", email]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Stopped" not in err


@pytest.mark.untraced
def test_served_data_are_their_owners_alone(tmp_path: Path) -> None:
    """Another user of the machine could make superuser sessions with the secrets in there."""
    before = os.umask(0o022)
    try:
        with serving("--json", "--data", str(tmp_path / "data")) as process:
            lines(process, 1)
            assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / "data" / "data.db").stat().st_mode) == 0o600
            ended(process, signal.SIGTERM)
    finally:
        os.umask(before)


@pytest.mark.untraced
def test_a_check_that_is_ended_leaves_no_token(tmp_path: Path) -> None:
    """As by a CI system that cancels the job."""
    with LiveServer(tmp_path) as server:
        server.create_collection({"name": "quick", "type": "auth", "fields": [FAST]})
        server.create_record("quick", email="user@example.com", password=PASSWORD)
        command = [COMMAND, "check", server.url, "--collection", "quick", "--email", "user@example.com"]
        with subprocess.Popen(
            command,
            env=environment(BOSBASE_PASSWORD=PASSWORD),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            ends = time.monotonic() + 30
            while not bindings(tmp_path):
                assert time.monotonic() < ends
                time.sleep(0.005)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGTERM
        assert err.endswith("Interrupted.\n")
        assert bindings(tmp_path) == 0


@pytest.mark.untraced
def test_a_signal_inside_a_lock_of_the_http_library(server: LiveServer, email: str) -> None:
    """The command ends, and shows the token that it may have bound."""
    code = f"{ends_in_a_lock(1)}\nfrom bosbase_wrapper.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "bind", "--url", server.url, "--email", email, "--generate"]
    ended = subprocess.run(
        command, env=environment(BOSBASE_PASSWORD=PASSWORD), capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert ended.stdout.startswith("bbt_")


def bindings(data: Path) -> int:
    """How many bindings a server has."""
    with contextlib.closing(sqlite3.connect(data / "data.db", timeout=30)) as database:
        try:
            (count,) = database.execute("SELECT count(*) FROM _token_bindings").fetchone()
        except sqlite3.OperationalError:  # before the first bind
            return 0
    return int(count)


def test_it_is_a_module_too() -> None:
    """`python -m bosbase_wrapper` needs no script on the PATH."""
    result = subprocess.run(
        [sys.executable, "-m", "bosbase_wrapper", "generate", "--prefix", "!"], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: prefix ")


@pytest.mark.untraced
def test_a_log_of_serve_keeps_no_password(tmp_path: Path) -> None:
    """Where standard output is no terminal, the password is shown only if asked for, and nothing says that it was."""
    with serving("--json") as process:
        assert json.loads(lines(process, 1)[0])["password"] is None
        ended(process, signal.SIGTERM)
    data = tmp_path / "d\u00e4ta"
    with serving("--data", str(data), PYTHONIOENCODING="ascii") as process:
        table = dict(line.split(":", 1) for line in lines(process, 5))
        assert table["Server"].strip().startswith("http://127.0.0.1:")
        assert table["Password"].strip().startswith("not shown")
        assert table["Data"].strip().endswith("d\\xe4ta")
        code, told = ended(process, signal.SIGTERM)
        assert code == 0
        assert "shown" not in told


@pytest.mark.untraced
def test_served_data_stay(tmp_path: Path) -> None:
    """A token that was bound yesterday signs in today, although the account has a new password."""
    options = ("--json", "--user", "user@example.com", "--data", str(tmp_path / "data"))
    with serving(*options) as process:
        facts = json.loads(lines(process, 1)[0])
        given = {"BOSBASE_URL": facts["url"], "BOSBASE_PASSWORD": facts["user"]["password"]}
        bound = run("bind", "--email", "user@example.com", "--generate", **given)
        assert bound.returncode == 0, bound.stderr
        assert ended(process, signal.SIGINT)[0] == 0
    with serving(*options) as process:
        url = json.loads(lines(process, 1)[0])["url"]
        assert run("login", "--url", url, BOSBASE_TOKEN=bound.stdout.strip()).returncode == 0


def test_serve_on_a_port_that_is_taken(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the server's own words."""
    assert main(["serve", "--port", server.url.rpartition(":")[2]]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "address already in use" in err


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def process_of(port: int) -> int:
    """The number of the embedded server's process, once it answers."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
        client.get(f"http://127.0.0.1:{port}/api/health")
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process that ended meanwhile
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if command[0].endswith(b"pocketbase") and f"--http=127.0.0.1:{port}".encode() in command:
                return int(folder.name)
    raise AssertionError("the server does not run")


@linux
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("victim", "code"), [("command", 0), ("server", 3)])
def test_serve_in_this_process(victim: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends at SIGTERM with 0; where the server dies of itself, with 3 and the end of its log."""
    port = free_port()
    before = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        server = process_of(port)
        time.sleep(1)  # it looks after the server every half a second
        os.kill(os.getpid() if victim == "command" else server, signal.SIGTERM)

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    assert main(["serve", "--port", str(port)]) == code
    ending.join()
    out, err = capsys.readouterr()
    assert f"http://127.0.0.1:{port}" in out
    assert ("Stopped." in err, "the server does not run" in err) == (code == 0, code == 3)
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}")


# --- help and completion ---


def test_help_is_quick_to_import() -> None:
    """`--help`, `generate` and completion wait for no HTTP client and no schema."""
    code = (
        "import sys; from bosbase_wrapper.cli import main; main(['--help'])\n"
        "print(sorted({'httpx', 'bosbase_client', 'jsonschema', 'schemathesis', 'pocketbase'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.endswith("\n[]\n")


@pytest.mark.untraced
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_and_options() -> None:
    """With the script that `completion bash` prints, Tab offers what fits."""
    code = """
        source <("$1" completion bash)
        offer() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _bosbase_tokens_completion "$1"
            echo "${COMPREPLY[@]}"
        }
        offer "$1" lo
        offer "$1" bind --password-
        offer "$1" bind stray-argument --gen
    """
    result = subprocess.run(
        ["bash", "-c", code, "bash", COMMAND], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert result.stdout.splitlines() == ["login", "--password-stdin --password-file", "--generate"]
