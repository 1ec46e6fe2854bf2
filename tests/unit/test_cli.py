"""The command line, called in this process over a server of raw sockets: what is sent, shown, and exited with."""

import contextlib
import io
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest
from click.testing import CliRunner

from bosbase_wrapper import is_generated_token
from bosbase_wrapper.cli import main
from tests.faults.raw_server import Connection, RawServer, Script, answer

PASSWORD = "password-canary"
TOKEN = "token-canary"
DONE = answer(204)
RECORD = {"id": "r1", "collectionId": "c1", "collectionName": "users"}
SIGNED_IN = answer(
    200, json.dumps({"token": "a.jwt.canary", "record": RECORD}).encode(), "Content-Type: application/json"
)
ACCOUNT = ("--email", "user@example.com")
NEVER_AGAIN = "Retry-After: 60"  # longer than the client waits


def refusal(status: int, message: str = "No.", **data: object) -> Script:
    """Answers with the error envelope."""
    body = json.dumps({"status": status, "message": message, "data": data}).encode()
    return answer(status, body, "Content-Type: application/json", NEVER_AGAIN)


def in_turn(*scripts: Script) -> Script:
    """Answers each request with the next script. An interrupted command may send more: their connections close."""
    left = iter(scripts)
    return lambda connection: next(left, bool)(connection)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine's reaches the commands; standard input is empty."""
    for name in [name for name in os.environ if name.startswith("BOSBASE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "stdin", piped(b""))


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C works, although the tests may run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A server that carries out every bind and unbind, and is what BOSBASE_URL names."""
    with RawServer(DONE) as server:
        monkeypatch.setenv("BOSBASE_URL", server.url)
        yield server


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Password and token are in the environment."""
    monkeypatch.setenv("BOSBASE_PASSWORD", PASSWORD)
    monkeypatch.setenv("BOSBASE_TOKEN", TOKEN)


def piped(content: bytes) -> TextIO:
    """A standard input with something in it."""
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")


def sent(server: RawServer) -> list[dict[str, Any]]:
    """The bodies that a server got."""
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def error_of(text: str) -> dict[str, Any]:
    """The error in what `--json` wrote to standard error."""
    error: dict[str, Any] = json.loads(text)["error"]
    return error


# --- results ---


def test_generate_prints_a_token_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """What `$(bosbase-tokens generate)` gives can be bound as it is."""
    assert main(["generate", "--prefix", "billing"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("billing_")
    assert is_generated_token(out.removesuffix("\n"))
    assert err == ""


def test_generate_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets an object."""
    assert main(["generate", "--json"]) == 0
    assert is_generated_token(json.loads(capsys.readouterr().out)["token"])


def test_main_takes_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The installed script gives none."""
    monkeypatch.setattr(sys, "argv", ["bosbase-tokens", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("bosbase-tokens ")


@pytest.mark.usefixtures("secrets")
def test_bind_sends_what_it_was_given(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Email by option, password and token by the environment; nothing of them is shown."""
    assert main(["bind", *ACCOUNT, "--collection", "members", "--timeout", "5"]) == 0
    assert sent(server) == [{"email": "user@example.com", "password": PASSWORD, "token": TOKEN}]
    assert b"/collections/members/bind-token" in server.requests[0]
    out, err = capsys.readouterr()
    assert (out, err) == ("", "The token is bound to user@example.com in members.\n")


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["bind"], {"bound": True}),
        (["unbind"], {"bound": False}),
    ],
)
def test_json_of_bindings(
    server: RawServer, capsys: pytest.CaptureFixture[str], command: list[str], told: dict[str, Any]
) -> None:
    """A program learns which account it was; standard error stays empty."""
    assert main([*command, *ACCOUNT, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"collection": "users", "email": "user@example.com", **told}
    assert err == ""


@pytest.mark.usefixtures("secrets")
def test_login_shows_the_jwt_when_asked(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """`--show-token` prints it alone; without it, it is nowhere."""
    server.script = SIGNED_IN
    assert main(["login"]) == 0
    assert main(["login", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "jwt" not in out + err
    assert json.loads(out) == {"collection": "users", "record": RECORD, "expires_at": None}
    assert main(["login", "--show-token"]) == 0
    assert capsys.readouterr().out == "a.jwt.canary\n"
    assert main(["login", "--show-token", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["token"] == "a.jwt.canary"


# --- where secrets come from ---


def test_secrets_of_files_stand_above_the_environment(
    server: RawServer, tmp_path: Path, secrets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is named is read; of it one newline goes, and no more."""
    (tmp_path / "password").write_bytes(b" pass word \r\n")
    (tmp_path / "token").write_bytes(b"to\nken\n\n")
    files = ["--password-file", str(tmp_path / "password"), "--token-file", str(tmp_path / "token")]
    assert main(["bind", *ACCOUNT, *files]) == 0
    assert sent(server) == [{"email": "user@example.com", "password": " pass word ", "token": "to\nken\n"}]


@pytest.mark.parametrize(
    ("flags", "variables", "content", "password", "token"),
    [
        ([], {}, b"pw\ntk\n", "pw", "tk"),
        ([], {}, b" pw \r\ntk \r\n", " pw ", "tk "),
        ([], {}, b"pw\nt\nk", "pw", "t\nk"),
        ([], {"BOSBASE_PASSWORD": PASSWORD}, b"tk\r", PASSWORD, "tk\r"),
        ([], {"BOSBASE_PASSWORD": "", "BOSBASE_TOKEN": TOKEN}, b"pw", "pw", TOKEN),
        (["--password-stdin"], {"BOSBASE_PASSWORD": PASSWORD, "BOSBASE_TOKEN": TOKEN}, b"pw\n", "pw", TOKEN),
        (["--token-stdin"], {"BOSBASE_PASSWORD": PASSWORD, "BOSBASE_TOKEN": TOKEN}, b"tk\n", PASSWORD, "tk"),
        (["--token-stdin"], {"BOSBASE_TOKEN": TOKEN}, b"pw\ntk\n", "pw", "tk"),
        (
            ["--password-stdin", "--token-stdin"],
            {"BOSBASE_TOKEN": TOKEN},
            "pw\nt\u00f6ken".encode(),
            "pw",
            "t\u00f6ken",
        ),
    ],
)
def test_secrets_of_standard_input(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    variables: dict[str, str],
    content: bytes,
    password: str,
    token: str,
) -> None:
    """What neither a file nor the environment has comes from a pipe, the password on the first line."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", piped(content))
    assert main(["bind", *ACCOUNT, *flags]) == 0
    assert sent(server) == [{"email": "user@example.com", "password": password, "token": token}]


BOM = "\ufeff"


@pytest.mark.parametrize("content", ["tk\n", "tk\r\n", "tk", f"{BOM}tk", f"{BOM}tk\r\n"])
@pytest.mark.parametrize("source", ["environment", "file", "standard input"])
def test_a_newline_and_a_byte_order_mark_are_removed(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: str,
    source: str,
) -> None:
    """Editors, shells and secret managers add them, wherever the secret comes from."""
    server.script = SIGNED_IN
    (tmp_path / "token").write_text(content, newline="")
    if source == "environment":
        monkeypatch.setenv("BOSBASE_TOKEN", content)
    if source == "standard input":
        monkeypatch.setattr(sys, "stdin", piped(content.encode()))
    assert main(["login", *(["--token-file", str(tmp_path / "token")] if source == "file" else [])]) == 0
    assert sent(server) == [{"token": "tk"}]
    assert "Warning" not in capsys.readouterr().err


def test_an_mfa_id_with_a_newline(server: RawServer, monkeypatch: pytest.MonkeyPatch, secrets: None) -> None:
    """The same for the third variable."""
    server.script = SIGNED_IN
    monkeypatch.setenv("BOSBASE_MFA_ID", "m1\n")
    assert main(["login"]) == 0
    assert sent(server) == [{"token": TOKEN, "mfaId": "m1"}]


@pytest.mark.parametrize("value", ["tk ", "\ttk", "tk\n\n", "tk\u00a0", "t\u200bk", "t\nk"])
def test_white_space_that_is_left_is_told(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """It may be meant, so it is sent; the hint does not repeat it."""
    server.script = SIGNED_IN
    monkeypatch.setenv("BOSBASE_TOKEN", value)
    assert main(["login"]) == 0
    assert sent(server) == [{"token": value.removesuffix("\n")}]
    err = capsys.readouterr().err
    assert err.startswith("Warning: the custom token has white space at its start or end, or characters that cannot")
    assert value not in err


class Terminal(io.BytesIO):
    """A standard input at which somebody types."""

    def isatty(self) -> bool:
        return True


def test_secrets_are_asked_for_at_a_terminal(server: RawServer) -> None:
    """First the password, then the token, each without echo (`--password-stdin` changes nothing there)."""
    with CliRunner().isolation(input=Terminal(b"pw\ntk\n")) as streams:
        assert main(["bind", *ACCOUNT, "--password-stdin"]) == 0
        shown = streams[2].getvalue().decode()
    assert sent(server) == [{"email": "user@example.com", "password": "pw", "token": "tk"}]
    assert shown.startswith("Password: \nCustom token: \n")


def test_ctrl_c_at_a_prompt_is_130(server: RawServer) -> None:
    """The input ends as it does at Ctrl-C or Ctrl-D; nothing is sent."""
    with CliRunner().isolation(input=Terminal(b"pw\n")) as streams:
        assert main(["bind", *ACCOUNT]) == 130
        assert streams[2].getvalue().endswith(b"\nInterrupted.\n")
    assert server.requests == []


def unreadable(folder: Path) -> list[str]:
    return ["--token-file", str(folder / "missing")]


def empty(folder: Path) -> list[str]:
    (folder / "empty").write_bytes(b"\n")
    return ["--token-file", str(folder / "empty")]


def binary(folder: Path) -> list[str]:
    (folder / "binary").write_bytes(b"\xff")
    return ["--token-file", str(folder / "binary")]


def utf16(folder: Path) -> list[str]:
    (folder / "utf16").write_bytes("token".encode("utf-16"))
    return ["--token-file", str(folder / "utf16")]


def too_large(folder: Path) -> list[str]:
    return ["--token-file", "/dev/zero"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (unreadable, "The file of --token-file cannot be read: No such file or directory."),
        (empty, "The file of --token-file is empty."),
        (binary, "The file of --token-file is not UTF-8 text.\n"),
        (utf16, "The file of --token-file is not UTF-8 text. It looks like UTF-16: save it as UTF-8.\n"),
        (too_large, "The file of --token-file is larger than 64 KiB.\n"),
        (lambda _: ["--token-stdin", "--token-file", "x"], "Give either --token-stdin or --token-file."),
        (lambda _: ["--token-stdin"], "No custom token: set BOSBASE_TOKEN, give --token-file, pipe it in"),
    ],
)
def test_secrets_that_are_not_to_be_had(
    server: RawServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: Callable[[Path], list[str]],
    told: str,
) -> None:
    """A clear line, exit code 2, and nothing is sent."""
    assert main(["login", *options(tmp_path)]) == 2
    assert told in capsys.readouterr().err
    assert server.requests == []


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (None, "No password: set BOSBASE_PASSWORD"),
        (b"", "No password: set BOSBASE_PASSWORD"),
        (b"\n\n", "No password: set BOSBASE_PASSWORD"),
        (b"pw", "No custom token: set BOSBASE_TOKEN"),
        (b"pw\n", "No custom token: set BOSBASE_TOKEN"),
        (b"\xff", "Standard input is not UTF-8 text."),
        (b"x" * 65537, "Standard input is larger than 64 KiB."),
    ],
)
def test_standard_input_without_the_secrets(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stdin: bytes | None,
    told: str,
) -> None:
    """One that is closed, empty, too short or no text: exit code 2."""
    monkeypatch.setattr(sys, "stdin", None if stdin is None else piped(stdin))
    assert main(["bind", *ACCOUNT]) == 2
    assert told in capsys.readouterr().err
    assert server.requests == []


def test_standard_input_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As in `bosbase-tokens login 0> file`: the error names it."""
    with (tmp_path / "file").open("wb") as written, os.fdopen(written.fileno(), "r", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["login", "--url", "http://127.0.0.1:1"]) == 2
    assert "Standard input cannot be read: Bad file descriptor." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["BOSBASE_PASSWORD", "BOSBASE_TOKEN"])
@pytest.mark.usefixtures("secrets")
def test_a_variable_that_is_no_text(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The error names the variable."""
    monkeypatch.setenv(name, "caf\udce9")
    assert main(["bind", *ACCOUNT]) == 2
    assert f"Error: {name} is not UTF-8 text.\n" in capsys.readouterr().err
    assert server.requests == []


@pytest.mark.usefixtures("secrets", "server")
@pytest.mark.parametrize(
    "args",
    [
        ["bind", *ACCOUNT, "--password", "argument-canary"],
        ["bind", *ACCOUNT, "--password=argument-canary"],
        ["bind", *ACCOUNT, "--token=argument-canary"],
        ["bind", *ACCOUNT, "--token-stdin=argument-canary"],
        ["bind", *ACCOUNT, "-pargument-canary"],
        ["bind", *ACCOUNT, "argument-canary"],
        ["bind", *ACCOUNT, "--token-stdin", "argument-canary"],
        ["bind", *ACCOUNT, "--token-file", "argument-canary"],
        ["login", "--mfa-id", "argument-canary"],
        ["--password", "argument-canary", "login"],
        ["generate", "argument-canary"],
        ["check", "http://127.0.0.1:1", "argument-canary", *ACCOUNT],
        ["login", "--url", "http://user:argument-canary@127.0.0.1"],
        ["generate", "--prefix", "argument-canary!"],
    ],
)
def test_a_secret_as_an_argument_is_refused_unseen(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is in the history of the shell already; a log need not have it too."""
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error: " in err
    assert "argument-canary" not in err


# --- wrong usage ---


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "Usage: bosbase-tokens"),
        (["nonsense"], "No such command 'nonsense'"),
        (["login"], "Missing option '--url' (env var: 'BOSBASE_URL')."),
        (["login", "--url", "127.0.0.1:8090"], "base_url must be an http:// or https:// URL with a host"),
        (["login", "--url", "http://127.0.0.1", "--collection", "."], "the collection must be a name or an id"),
        (["login", "--url", "http://127.0.0.1", "--timeout", "0"], "Invalid value for '--timeout'"),
        (["bind", "--url", "http://127.0.0.1"], "Missing option '--email'."),
        (["bind", "--url", "http://127.0.0.1", *ACCOUNT, "--generate", "--token-stdin"], "a token or --generate"),
        (["check", *ACCOUNT], "Missing argument 'URL'"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_usage_is_2(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that tells what is wrong, on standard error."""
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err


@pytest.mark.usefixtures("secrets")
def test_plain_http_to_another_machine_warns(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In one line, without a place in the code, before a secret is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["login", "--url", "http://bosbase.invalid", "--token-file", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("Warning: plain http sends passwords and tokens unencrypted")


# --- what the server answers ---


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        (
            refusal(400, "Failed to authenticate."),
            1,
            "Error: 400 Failed to authenticate. (wrong email, password or token)\n",
        ),
        (refusal(403), 1, "Error: 403 No.\n"),
        (refusal(404), 1, "Error: 404 No.\n"),
        (refusal(404, "The requested resource wasn't found."), 1, "Error: 404 The requested resource wasn't found. ("),
        (refusal(413), 1, "Error: 413 No.\n"),
        (refusal(429), 1, "Error: 429 No.\n"),
        (refusal(500), 1, "Error: 500 No.\n"),
        (refusal(400, "\x1b[2Jcleared\u202e"), 1, "Error: 400 \\x1b[2Jcleared\\u202e\n"),
        (refusal(400, "Nope.\nThe token is bound to a@example.com."), 1, "Error: 400 Nope.\\nThe token is bound"),
        (answer(200, b"<html>", "Content-Type: text/html"), 3, "Error: unexpected response with status 200"),
        (answer(302), 3, "Error: unexpected response with status 302"),
        (lambda connection: connection.send(b"nonsense\r\n\r\n"), 3, "Error: "),
    ],
)
def test_an_answer_that_is_no_session(
    server: RawServer, capsys: pytest.CaptureFixture[str], script: Script, code: int, told: str
) -> None:
    """1 where the server refused, 3 where there is no answer of its; a line without a traceback."""
    server.script = script
    assert main(["login"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(told)
    assert "Traceback" not in err
    assert TOKEN not in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("command", ["bind", "unbind"])
def test_wrong_credentials_are_told_as_such(
    server: RawServer, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The server's words alone do not say what is wrong."""
    server.script = refusal(400, f"Failed to {command} token.")
    assert main([command, *ACCOUNT]) == 1
    assert capsys.readouterr().err == f"Error: 400 Failed to {command} token. (wrong email, password or token)\n"
    server.script = refusal(400, "Something else.")
    assert main([command, *ACCOUNT]) == 1
    assert capsys.readouterr().err == "Error: 400 Something else.\n"


@pytest.mark.usefixtures("secrets")
def test_fields_of_an_error_are_on_its_line(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a name or in a message starts no line of its own."""
    server.script = refusal(400, "Invalid.", **{"em\nail": {"code": "c\n", "message": "No.\nWarning: x"}})
    assert main(["bind", *ACCOUNT]) == 1
    assert capsys.readouterr().err == "Error: 400 Invalid. em\\nail: No.\\nWarning: x (c\\n)\n"


@pytest.mark.usefixtures("secrets")
def test_a_session_with_line_breaks_is_told_on_one_line(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Its record is the server's text too."""
    record = RECORD | {"collectionName": "users\nError: x", "id": "r\x1b[2J"}
    body = json.dumps({"token": "a.jwt.canary", "record": record}).encode()
    server.script = answer(200, body, "Content-Type: application/json")
    assert main(["login"]) == 0
    told = "Signed in to users\\nError: x as r\\x1b[2J, until an unknown time.\n"
    assert capsys.readouterr().err == told


@pytest.mark.usefixtures("secrets")
def test_no_server_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens there."""
    assert main(["login", "--url", "http://127.0.0.1:1"]) == 3
    assert capsys.readouterr().err.startswith("Error: no connection")


@pytest.mark.timeout(8)  # less than the default, 10 s
@pytest.mark.usefixtures("secrets")
def test_a_timeout_is_3(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that does not answer is given up after the seconds that were asked for."""
    server.script = lambda connection: connection.over.wait(30)
    assert main(["login", "--timeout", "0.3", "--json"]) == 3
    error = error_of(capsys.readouterr().err)
    assert (error["type"], error["attempts"]) == ("RequestTimeoutError", 1)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_interrupts(
    server: RawServer, capsys: pytest.CaptureFixture[str], sign: signal.Signals, code: int
) -> None:
    """With the exit code that shells expect; the handlers are as before."""
    before = signal.getsignal(sign)

    def interrupt(connection: Connection) -> None:
        os.kill(os.getpid(), sign)
        connection.over.wait(5)

    server.script = interrupt
    assert main(["login", "--timeout", "5"]) == code
    assert capsys.readouterr() == ("", "Interrupted.\n")
    assert signal.getsignal(sign) is before


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["nohup", "a handler of the program"])
def test_a_signal_that_somebody_else_takes_care_of(server: RawServer, sign: signal.Signals, handler: Any) -> None:
    """The command goes on."""

    def interrupt(connection: Connection) -> None:
        os.kill(os.getpid(), sign)
        SIGNED_IN(connection)

    server.script = interrupt
    before = signal.signal(sign, handler)
    try:
        assert main(["login"]) == 0
    finally:
        signal.signal(sign, before)


@pytest.mark.parametrize(
    ("variable", "value", "url", "told"),
    [
        ("SSL_CERT_FILE", "/nonexistent", "https://bosbase.invalid", "SSL_CERT_FILE"),
        ("SSL_CERT_FILE", "/dev/null", "https://bosbase.invalid", "SSL_CERT_FILE"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", "https://bosbase.invalid", "ALL_PROXY"),
        ("HTTPS_PROXY", "ftp://127.0.0.1", "https://bosbase.invalid", "HTTPS_PROXY"),
        ("NO_PROXY", "fd07::/64", "https://bosbase.invalid", "NO_PROXY"),
    ],
)
def test_trouble_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    secrets: None,
    variable: str,
    value: str,
    url: str,
    told: str,
) -> None:
    """One line that names the variable."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    assert main(["login", "--url", url]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"Error: the environment variable {told}")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("secrets")
def test_the_environment_does_not_concern_this_machine(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http to a loopback address needs neither a proxy nor certificates."""
    server.script = SIGNED_IN
    for variable in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, "nonsense://")
    assert main(["login"]) == 0


@pytest.mark.usefixtures("secrets")
def test_a_command_in_another_thread(server: RawServer) -> None:
    """Handlers of signals cannot be set there, and are not needed."""
    server.script = SIGNED_IN
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["login"])))
    thread.start()
    thread.join()
    assert codes == [0]


@pytest.mark.usefixtures("secrets")
def test_a_second_factor_is_asked_for(
    server: RawServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 and a line that tells how to go on, without the mfaId; one that is given goes along."""
    server.script = answer(401, b'{"mfaId": "mfa-canary"}', "Content-Type: application/json")
    assert main(["login"]) == 1
    err = capsys.readouterr().err
    assert "A second factor is required" in err
    assert "BOSBASE_MFA_ID" in err
    monkeypatch.setenv("BOSBASE_MFA_ID", "mfa-canary")
    assert main(["login"]) == 1
    assert "mfa-canary" not in err + capsys.readouterr().err
    assert [body.get("mfaId") for body in sent(server)] == [None, "mfa-canary"]


@pytest.mark.usefixtures("secrets")
def test_errors_as_json(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads the type, the status and the members at fault."""
    field = {"code": "validation_is_email", "message": "Must be a valid email address."}
    server.script = refusal(400, "Invalid.", email=field)
    assert main(["unbind", *ACCOUNT, "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    error = error_of(err)
    assert error["type"] == "ValidationError"
    assert error["status"] == 400
    assert error["data"] == {"email": {**field, "params": {}}}
    assert error["attempts"] == 1


@pytest.mark.usefixtures("secrets", "server")
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--json"], "No such option"),
        (["bind", "--json"], "Missing option '--email'."),
        (["bind", *ACCOUNT, "--json", "--generate", "--token-stdin"], "Give either a token or --generate."),
        (["login", "--json", "--token-file", "/nonexistent"], "The file of --token-file cannot be read: "),
        (["generate", "--json", "argument-canary"], "Too many arguments."),
        (["check", *ACCOUNT, "--json", "http://127.0.0.1:1", "--report", "/nonexistent/r.html"], "/nonexistent/r.html"),
        (["serve", "--json", "--user", "caf\udce9"], "it has characters that cannot be printed"),
    ],
)
def test_wrong_usage_as_json(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the last line of standard error always finds an object there."""
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    error = error_of(err)
    assert error == {"type": "CommandError", "message": error["message"]}
    assert told in error["message"]
    assert "argument-canary" not in err


def test_json_is_an_argument_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for the installed script."""
    monkeypatch.setattr(sys, "argv", ["bosbase-tokens", "login", "--json"])
    assert main() == 2
    assert error_of(capsys.readouterr().err)["type"] == "CommandError"


# --- an output that cannot be written, and parts that are missing ---

PRINTING = [["generate"], ["completion", "bash"], ["--version"], ["--help"], ["login", "--help"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_an_output_that_is_full(
    args: list[str], unbuffered: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that was not written is no success; nothing is left that would fail again when Python ends."""
    with io.TextIOWrapper(Path("/dev/full").open("wb", buffering=0 if unbuffered else -1)) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(args) == 2
    assert capsys.readouterr().err == "Error: standard output cannot be written: No space left on device\n"


@pytest.mark.usefixtures("secrets")
def test_a_file_that_cannot_be_written(server: RawServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The session is not kept, and the line names the place and the reason."""
    server.script = SIGNED_IN
    tmp_path.chmod(0o777)
    assert main(["login", "--store", str(tmp_path / "session.json")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    told = f"{tmp_path}: others can write to the folder of the session"
    assert err.startswith(f"Error: {told}")
    assert main(["login", "--json", "--store", str(tmp_path / "session.json")]) == 2
    as_json = capsys.readouterr().err
    assert error_of(as_json)["message"].startswith(told)
    assert "jwt" not in err + as_json


@pytest.mark.usefixtures("secrets")
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no files")
def test_a_report_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the file."""
    assert main(["check", "http://127.0.0.1:1", *ACCOUNT, "--report", "/proc/report.html"]) == 2
    assert "Error: /proc/report.html" in capsys.readouterr().err


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_an_output_that_is_closed(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in `bosbase-tokens generate >&-`."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(args) == 2
    assert capsys.readouterr().err == "Error: standard output is closed\n"


def test_an_output_that_is_closed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is an object on standard error."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["generate", "--json"]) == 2
    assert error_of(capsys.readouterr().err) == {"type": "CommandError", "message": "standard output is closed"}


@pytest.mark.usefixtures("secrets", "server")
def test_an_output_that_is_closed_and_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What prints no result needs none."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["unbind", *ACCOUNT]) == 0


@pytest.mark.usefixtures("secrets", "server")
def test_what_standard_output_held_back(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is written before the exit code says that all is well."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        gone.write("held back")
        monkeypatch.setattr(sys, "stdout", gone)
        assert main(["unbind", *ACCOUNT]) == 2
    assert "Error: standard output cannot be written: Broken pipe\n" in capsys.readouterr().err


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_a_reader_that_went_away(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in `bosbase-tokens generate | true`: a line, no traceback, and none when Python ends either."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert main(args) == 2
    assert capsys.readouterr().err == "Error: standard output cannot be written: Broken pipe\n"


def test_a_shell_that_went_away(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for what a shell asks for when somebody presses Tab."""
    for name, value in {"_BOSBASE_TOKENS_COMPLETE": "bash_complete", "COMP_WORDS": "", "COMP_CWORD": "0"}.items():
        monkeypatch.setenv(name, value)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert main([]) == 2
    assert capsys.readouterr().err == "Error: standard output cannot be written: Broken pipe\n"


def test_a_prompt_that_cannot_be_shown(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `bosbase-tokens login 2>&1 >session | true`: the exit code says it, and nothing is sent."""
    reading, writing = os.pipe()
    os.close(reading)
    with CliRunner().isolation(input=Terminal(b"tk\n")), os.fdopen(writing, "w", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        assert main(["login"]) == 2
        os.dup2(os.open(os.devnull, os.O_WRONLY), gone.fileno())
    assert server.requests == []


@pytest.mark.parametrize("args", [["generate", "--prefix", "!"], ["nonsense"], ["login"]])
def test_no_standard_error(monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    """Where nobody can be told, the exit code still is."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        assert main(args) == 2
        os.dup2(os.open(os.devnull, os.O_WRONLY), gone.fileno())


@pytest.mark.usefixtures("secrets", "server")
def test_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As in `TOKEN=$(bosbase-tokens bind --generate 2>&-)`: no word gets among the results."""
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["bind", *ACCOUNT, "--generate"]) == 0
    assert is_generated_token(capsys.readouterr().out.removesuffix("\n"))
    assert main(["generate", "--prefix", "!"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("secrets")
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_is_told_by_the_file(server: RawServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The system's error has no name in it; ours has."""
    import resource

    server.script = SIGNED_IN
    store = tmp_path / "folder" / "session.json"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # as no room at all
    try:
        code = main(["login", "--store", str(store)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, capsys.readouterr().err) == (2, f"Error: {store}: File too large\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_an_output_that_takes_only_a_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The disk is full after ten characters of the token. Python without buffers reports no error there."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with io.TextIOWrapper((tmp_path / "token").open("wb", buffering=0)) as out:
        monkeypatch.setattr(sys, "stdout", out)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            code = main(["generate"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "token").stat().st_size == 10
    assert (code, capsys.readouterr().err) == (2, "Error: standard output cannot be written: File too large\n")


def test_a_result_comes_after_what_was_printed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if standard output still holds that back."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    out.write("before ")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["generate"]) == 0
    out.seek(0)
    assert out.read().startswith("before bbt_")


def test_an_output_that_is_an_object_of_python() -> None:
    """As in a program that calls `main` and keeps what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["generate"]) == 0
    assert is_generated_token(out.getvalue().removesuffix("\n"))


def test_click_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The extra was not installed: the line tells how to."""
    monkeypatch.setitem(sys.modules, "click", None)
    assert main(["generate"]) == 2
    assert 'pip install "bosbase-wrapper[cli]"' in capsys.readouterr().err


@pytest.mark.usefixtures("secrets")
def test_the_check_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The extra `check` was not installed."""
    for name in [name for name in sys.modules if name.startswith("bosbase_wrapper.check")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert main(["check", "http://127.0.0.1:1", *ACCOUNT]) == 2
    assert 'check needs jsonschema: pip install "bosbase-wrapper[check]"' in capsys.readouterr().err


def test_ctrl_c_while_python_still_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user changed his mind at once."""

    class Interrupts:
        def find_spec(self, name: str, *_more: object) -> ModuleType | None:
            if name == "bosbase_wrapper.cli._run":
                raise KeyboardInterrupt
            return None

    monkeypatch.delitem(sys.modules, "bosbase_wrapper.cli._run", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupts(), *sys.meta_path])
    assert main(["generate"]) == 130


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_that_is_stopped_before_its_server_starts(
    sign: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signal is its regular end from the beginning, also while it imports the server."""

    class Interrupts:
        def find_spec(self, name: str, *_more: object) -> ModuleType | None:
            if name == "bosbase_wrapper.server":
                os.kill(os.getpid(), sign)
            return None

    monkeypatch.delitem(sys.modules, "bosbase_wrapper.server", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupts(), *sys.meta_path])
    assert main(["serve"]) == 0
    assert capsys.readouterr() == ("", "Stopped.\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It calls the command with the variable that asks for completions."""
    assert main(["completion", shell]) == 0
    assert f"_BOSBASE_TOKENS_COMPLETE={shell}_complete" in capsys.readouterr().out
    assert main(["completion", shell, "--json"]) == 0
    assert "bosbase-tokens" in json.loads(capsys.readouterr().out)["script"]


@pytest.mark.parametrize("command", ["serve", "bind", "unbind", "login", "rotate", "generate", "check", "completion"])
def test_help_shows_how(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself with an example that can be copied."""
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: bosbase-tokens {command}")
    assert f"\n    bosbase-tokens {command} " in out or f"$(bosbase-tokens {command} " in out
