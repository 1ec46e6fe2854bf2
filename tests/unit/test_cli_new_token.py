"""`rotate` and `bind --generate`: whatever happens, the new token is known to the user, or it is not bound."""

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from bosbase_wrapper.cli import main
from tests.faults.raw_server import Connection, RawServer, Script, answer

from .test_cli import (
    ACCOUNT,
    DONE,
    RECORD,
    SIGNED_IN,
    TOKEN,
    environment,
    error_of,
    in_turn,
    interruptible,
    refusal,
    secrets,
    sent,
    server,
)

__all__ = ["environment", "interruptible", "secrets", "server"]  # fixtures

pytestmark = pytest.mark.usefixtures("secrets")
AGAIN = "The new token was unbound again, and nothing else was changed."
NOT_WRITTEN = "The new token was not written, and may still be bound."
ROTATE = ["rotate", *ACCOUNT]
GENERATE = ["bind", *ACCOUNT, "--generate"]
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
each_command = pytest.mark.parametrize("command", [ROTATE, GENERATE], ids=["rotate", "bind"])


def from_the_bind_on(command: list[str], *scripts: Script) -> Script:
    """Answers the bind and what follows in turn. `rotate` signs in before."""
    return in_turn(*([SIGNED_IN] if command is ROTATE else []), *scripts)


def interrupt_by(sign: int) -> Script:
    """Sends a signal to this process, and no response."""

    def interrupt(connection: Connection) -> None:
        os.kill(os.getpid(), sign)
        connection.over.wait(5)

    return interrupt


def calls(server: RawServer) -> list[str]:
    """The operations that a server was asked for, in order."""
    return [request.split(b" ")[1].rpartition(b"/")[2].decode() for request in server.requests]


def test_bind_generate_binds_what_it_prints(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A new token goes to the server and to standard output, whatever BOSBASE_TOKEN holds."""
    assert main([*GENERATE, "--prefix", "ci"]) == 0
    (body,) = sent(server)
    assert body["token"].startswith("ci_")
    assert capsys.readouterr() == (body["token"] + "\n", "The token is bound to user@example.com in users.\n")


def test_rotate_binds_the_new_token_and_unbinds_the_old(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """In this order, after a look whether the old one is bound at all."""
    server.script = in_turn(SIGNED_IN, DONE, DONE)
    assert main([*ROTATE, "--prefix", "billing"]) == 0
    assert calls(server) == ["auth-with-token", "bind-token", "unbind-token"]
    login, bind, unbind = sent(server)
    assert bind["token"].startswith("billing_")
    assert login["token"] == unbind["token"] == TOKEN
    out, err = capsys.readouterr()
    assert out == bind["token"] + "\n"
    assert err == "The new token is bound, and the old one is not bound any more, to user@example.com in users.\n"


@each_command
def test_as_json(server: RawServer, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    """One object, and nothing on standard error."""
    server.script = from_the_bind_on(command, DONE, DONE)
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    token = sent(server)[-2 if command is ROTATE else -1]["token"]
    assert json.loads(out) == {"collection": "users", "email": "user@example.com", "token": token, "bound": True}
    assert err == ""


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_new_token_is_written_before_the_old_one_is_unbound(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """And flushed: a file has it when the server is asked to unbind."""
    written: list[str] = []

    def unbind(connection: Connection) -> None:
        written.append((tmp_path / "out").read_text())
        DONE(connection)

    server.script = in_turn(SIGNED_IN, DONE, unbind)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main([*ROTATE, *options]) == 0
    assert sent(server)[1]["token"] in written[0]


# --- an output that cannot be written ---


def full() -> TextIO:
    return Path("/dev/full").open("w")


def gone() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def full_pipe(buffering: int = -1) -> TextIO:
    """A pipe that nobody reads, in the mode that some parents, such as Node.js, give it: a write does not wait."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(f"{folder}/pipe")
        pipe = os.open(f"{folder}/pipe", os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x")
    return io.TextIOWrapper(os.fdopen(pipe, "wb", buffering))


def full_pipe_unbuffered() -> TextIO:
    """The same under PYTHONUNBUFFERED, as in many containers."""
    return full_pipe(buffering=0)


def closed() -> None:
    return None


NOBODY_READS = "cannot be written: write could not complete without blocking"
OUTPUTS = [
    pytest.param(
        full, "cannot be written: No space left on device", marks=pytest.mark.skipif("not os.path.exists('/dev/full')")
    ),
    pytest.param(gone, "cannot be written: Broken pipe"),
    pytest.param(full_pipe, NOBODY_READS),
    pytest.param(full_pipe_unbuffered, NOBODY_READS),
    pytest.param(closed, "is closed"),
]


@pytest.mark.parametrize(("output", "reason"), OUTPUTS)
@pytest.mark.parametrize("options", [[], ["--json"]])
@each_command
def test_a_new_token_that_cannot_be_written_is_unbound_again(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    options: list[str],
    output: Callable[[], TextIO | None],
    reason: str,
) -> None:
    """The old one stays, the exit code is 2, and the line says all of it."""
    server.script = from_the_bind_on(command, DONE, DONE)
    out = output()
    monkeypatch.setattr(sys, "stdout", out)
    assert main([*command, *options]) == 2
    if out:
        out.close()
    assert calls(server)[-2:] == ["bind-token", "unbind-token"]
    bind, unbind = sent(server)[-2:]
    assert bind == unbind
    assert bind["token"] != TOKEN
    told = f"standard output {reason}. {AGAIN}"
    err = capsys.readouterr().err
    assert (error_of(err)["message"] if options else err) == (told if options else f"Error: {told}\n")


@pytest.mark.parametrize("bind", [refusal(500), interrupt_by(signal.SIGTERM)], ids=["no clear response", "a signal"])
def test_a_lost_token_whose_bind_may_still_be_under_way(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bind: Script
) -> None:
    """The server may complete the bind after the unbind: nobody has the token then, so the line tells it."""
    server.script = in_turn(bind, DONE)
    monkeypatch.setattr(sys, "stdout", None)
    assert main([*GENERATE, "--timeout", "5"]) == 2
    told = "The new token was unbound again. It may become bound if the server is still processing the bind."
    assert capsys.readouterr().err == f"Error: standard output is closed. {told}\n"


def test_a_new_token_that_stays_although_it_is_lost(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server does not unbind it: the line tells why."""
    server.script = in_turn(DONE, refusal(403))
    monkeypatch.setattr(sys, "stdout", None)
    assert main(GENERATE) == 2
    told = "Error: standard output is closed. The new token could not be unbound again: 403 No.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(("sign", "code"), SIGNALS)
@each_command
def test_a_signal_while_a_lost_token_is_unbound_again(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    sign: int,
    code: int,
) -> None:
    """Nobody has the token, and it may stay bound: the line tells that, and what was wrong with the output."""
    server.script = from_the_bind_on(command, DONE, interrupt_by(sign))
    with gone() as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main([*command, "--timeout", "5"]) == code
    told = f"Error: standard output cannot be written: Broken pipe. {NOT_WRITTEN}\nInterrupted.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("impatient", [False, True])
@pytest.mark.parametrize(("sign", "code"), SIGNALS)
def test_a_signal_while_nobody_reads_the_output(
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sign: int,
    code: int,
    impatient: bool,
) -> None:
    """The pipe is full, and the user loses patience: the new token is unbound again. A second signal ends that too."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 65536)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)

    def bind(connection: Connection) -> None:
        DONE(connection)
        threading.Timer(0.3, os.kill, (os.getpid(), sign)).start()

    server.script = in_turn(SIGNED_IN, bind, interrupt_by(sign) if impatient else DONE)
    out = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", out)
    assert main([*ROTATE, "--timeout", "5"]) == code
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        out.close()
    bind_body, unbind_body = sent(server)[1:]
    assert bind_body == unbind_body
    assert capsys.readouterr().err == f"{NOT_WRITTEN if impatient else AGAIN}\nInterrupted.\n"


# --- an old token that is not bound ---


def test_an_old_token_that_was_never_bound(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error: unbinding it would succeed and leave the real one. So nothing is changed."""
    server.script = refusal(400, "Failed to authenticate.")
    assert main(ROTATE) == 1
    assert calls(server) == ["auth-with-token"]
    out, err = capsys.readouterr()
    assert out == ""
    told = "nothing was changed, since the old token is not bound to an account of users"
    assert err == f"Error: {told}: 400 Failed to authenticate. (wrong email, password or token)\n"
    assert main([*ROTATE, "--json"]) == 1
    error = error_of(capsys.readouterr().err)
    assert (error["type"], error["status"]) == ("InvalidCredentialsError", 400)


def test_an_old_token_of_another_account(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """It would stay bound as well."""
    body = {"token": "a.jwt.canary", "record": RECORD | {"email": "other@example.com"}}
    server.script = answer(200, json.dumps(body).encode(), "Content-Type: application/json")
    assert main(ROTATE) == 1
    assert calls(server) == ["auth-with-token"]
    told = "nothing was changed, since the old token is bound to another account"
    assert capsys.readouterr().err == f"Error: {told}\n"
    assert main([*ROTATE, "--json"]) == 1
    assert error_of(capsys.readouterr().err) == {"type": "CommandError", "message": told}


@pytest.mark.parametrize(
    "bound",
    [
        answer(401, b'{"mfaId": "mfa-canary"}', "Content-Type: application/json"),
        refusal(403),
        answer(
            200,
            json.dumps({"token": "a.jwt.canary", "record": RECORD | {"email": "User@example.com"}}).encode(),
            "Content-Type: application/json",
        ),
    ],
    ids=["a second factor", "an auth rule", "another case"],
)
def test_an_old_token_that_may_not_sign_in_alone(
    server: RawServer, capsys: pytest.CaptureFixture[str], bound: Script
) -> None:
    """The server knows it, which is all that matters here."""
    server.script = in_turn(bound, DONE, DONE)
    assert main(ROTATE) == 0
    assert calls(server) == ["auth-with-token", "bind-token", "unbind-token"]
    assert "canary" not in capsys.readouterr().err


@pytest.mark.parametrize(("script", "code"), [(refusal(500), 1), (refusal(429), 1), (answer(302), 3)])
def test_a_look_at_the_old_token_that_fails(
    server: RawServer, capsys: pytest.CaptureFixture[str], script: Script, code: int
) -> None:
    """Nothing is changed then either."""
    server.script = script
    assert main(ROTATE) == code
    assert calls(server) == ["auth-with-token"]
    assert capsys.readouterr().out == ""


# --- calls that fail half-way ---


@each_command
def test_a_bind_that_is_refused_prints_no_token(
    server: RawServer, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Nothing was changed, and a token that is bound to nobody would only mislead."""
    refused = refusal(400, "Failed to bind token.")
    server.script = from_the_bind_on(command, refused)
    assert main(command) == 1
    assert capsys.readouterr() == ("", "Error: 400 Failed to bind token. (wrong email, password or token)\n")


@pytest.mark.parametrize(
    ("scripts", "code", "reason", "told"),
    [
        ([DONE, refusal(403)], 1, "ForbiddenError", "the new token is bound"),
        ([refusal(500)], 1, "ServerError", "the new token may be bound"),
        ([DONE, answer(302)], 3, "UnexpectedResponseError", "the new token is bound"),
    ],
)
def test_rotate_that_stops_half_way_has_printed_the_new_token(
    server: RawServer, capsys: pytest.CaptureFixture[str], scripts: list[Script], code: int, reason: str, told: str
) -> None:
    """The exit code and the error tell that it is not done."""
    server.script = in_turn(SIGNED_IN, *scripts)
    assert main(ROTATE) == code
    out, err = capsys.readouterr()
    assert out == sent(server)[1]["token"] + "\n"
    assert f"Error: the rotation stopped half-way: {told}, and the old one is still bound: " in err
    server.requests.clear()
    server.script = in_turn(SIGNED_IN, *scripts)
    assert main([*ROTATE, "--json"]) == code
    out, err = capsys.readouterr()
    assert json.loads(out)["token"] == sent(server)[1]["token"]
    error = error_of(err.splitlines()[-1])
    assert error["type"] == "TokenRotationError"
    assert error["cause"]["type"] == reason


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_bind_generate_without_a_clear_response_prints_the_token(
    server: RawServer, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """The server may have bound it: it can be unbound only by who knows it."""
    server.script = refusal(500)
    assert main([*GENERATE, *options]) == 1
    out, err = capsys.readouterr()
    assert sent(server)[0]["token"] in out
    assert "The new token may be bound.\n" in err
    assert not options or json.loads(out)["bound"] is None


def test_a_refusal_after_an_attempt_without_a_response(server: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The first attempt may have bound the token, so the command prints it although the second attempt is refused."""
    server.script = in_turn(lambda connection: None, refusal(429))
    assert main(GENERATE) == 1
    assert capsys.readouterr().out == sent(server)[0]["token"] + "\n"


def test_a_server_that_is_not_there_has_bound_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A token that cannot be bound is not shown."""
    assert main([*GENERATE, "--url", "http://127.0.0.1:1"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("sign", "code"), SIGNALS)
@pytest.mark.parametrize(
    ("before", "told"),
    [
        ([], "Interrupted.\n"),
        ([SIGNED_IN], "The new token may be bound.\nInterrupted.\n"),
        ([SIGNED_IN, DONE], "The new token is bound. The old one may be bound too.\nInterrupted.\n"),
    ],
    ids=["sign-in", "bind", "unbind"],
)
def test_a_signal_in_a_rotation(
    server: RawServer, capsys: pytest.CaptureFixture[str], before: list[Script], told: str, sign: int, code: int
) -> None:
    """From the moment that the server may know the new token, the user knows it too."""
    server.script = in_turn(*before, interrupt_by(sign))
    assert main([*ROTATE, "--timeout", "5"]) == code
    out, err = capsys.readouterr()
    assert out == (sent(server)[1]["token"] + "\n" if before else "")
    assert err == told
