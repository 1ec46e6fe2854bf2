"""A password, tokens, a JWT and an mfa id are planted; every call runs into every outcome; none of them comes out."""

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    BosBase,
    BosBaseError,
    Collection,
    FileAuthStore,
    MemoryAuthStore,
    Record,
)
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport
from tests.faults.raw_server import Connection, RawServer, Script, answer

from .places import MARK, Places, Records

pytestmark = pytest.mark.untraced

# Not together with MARK in one literal: a line of this file may stand in a traceback.
PASSWORD, OLD, NEW, MFA_ID, JWT = (
    f"{name}{MARK}" for name in ('pass"wörd<', "old\\token", "new/token", "mfa-", "e.e.")
)
EMAIL = "a@example.com"

CALLS: dict[str, Callable[[Any], Any]] = {
    "bind": lambda users: users.bind_custom_token(EMAIL, PASSWORD, OLD),
    "unbind": lambda users: users.unbind_custom_token(EMAIL, PASSWORD, OLD),
    "sign in": lambda users: users.auth_with_token(OLD, mfa_id=MFA_ID),
    "rotate": lambda users: users.rotate_custom_token(EMAIL, PASSWORD, OLD, NEW),
}


def sent(server: RawServer) -> dict[str, Any]:
    """The members of the last request."""
    members: dict[str, Any] = json.loads(server.requests[-1].partition(b"\r\n\r\n")[2] or b"{}")
    return members


def envelope(server: RawServer, status: int, message: str = "") -> bytes:
    """An error that repeats all that was sent, in names, texts and parameters, as it is and as JSON."""
    told = json.dumps(sent(server))
    values = " ".join(map(str, sent(server).values()))
    part = {"code": values, "message": told, "params": {values: [told, {values: values}]}}
    return json.dumps(
        {"data": {values: part} if not message else {}, "message": message or told, "status": status}
    ).encode()


def says(status: int, message: str = "") -> Callable[[RawServer], Script]:
    """Answers with such an error."""

    def make(server: RawServer) -> Script:
        return lambda connection: answer(status, envelope(server, status, message), "Retry-After: 1")(connection)

    return make


def tells(status: int, body: Any, *headers: str) -> Callable[[RawServer], Script]:
    """Answers with a body of its own."""
    return lambda _server: answer(status, json.dumps(body).encode(), *headers)


def raw(*parts: bytes, end: Callable[[Connection], object] = lambda _: None) -> Callable[[RawServer], Script]:
    """Sends bytes in which SENT stands for what was sent, and ends the connection."""

    def make(server: RawServer) -> Script:
        def script(connection: Connection) -> None:
            connection.send(b"".join(parts).replace(b"SENT", json.dumps(sent(server)).encode()))
            end(connection)

        return script

    return make


def succeeds(server: RawServer) -> Script:
    """Does what was asked."""

    def script(connection: Connection) -> object:
        if b"auth-with-token " in server.requests[-1].partition(b"\r\n")[0]:
            session = {"token": JWT, "record": {"id": "r1", "collectionName": "users", "note": "x"}, "meta": {"a": JWT}}
            return answer(200, json.dumps(session).encode())(connection)
        return answer(204)(connection)

    return script


def silent(_server: RawServer) -> Script:
    """Answers nothing."""
    return lambda connection: connection.until_closed()


HEAD = b"HTTP/1.1 200 OK\r\n"
OUTCOMES: dict[str, Callable[[RawServer], Script]] = {
    "success": succeeds,
    **{f"{status} that repeats the request": says(status) for status in (400, 401, 403, 404, 413, 429, 500, 502, 503)},
    "400 wrong credentials": says(400, "Failed to bind token."),
    "401 second factor": tells(401, {"mfaId": MFA_ID}),
    "503 without an envelope": raw(b"HTTP/1.1 503 X\r\n\r\nSENT"),
    "299": says(299),
    "307": tells(307, {}, "Location: /?token=x"),
    "HTML": raw(HEAD + b"Content-Type: text/html\r\n\r\n<html>SENT"),
    "a session without a record": tells(200, {"token": JWT, "record": [JWT]}),
    "a content type that repeats the request": raw(HEAD + b"Content-Type: SENT\r\nContent-Length: 0\r\n\r\n"),
    "no HTTP": raw(b"SENT\r\n\r\n"),
    "a header that is none": raw(HEAD + b"SENT\r\n\r\n"),
    "a chunk that is none": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nSENT\r\n"),
    "a length that is none": raw(HEAD + b"Content-Length: SENT\r\n\r\n"),
    "closed": raw(),
    "reset": raw(end=Connection.reset),
    "cut off": raw(HEAD + b"Content-Length: 9999\r\n\r\nSENT"),
    "silence": silent,
}


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """One set of places for all tests of the module. `pytest -s` shows how often each was looked at."""
    places = Places()
    yield places
    for place, looks in sorted(places.looks.items()):
        print(f"{looks:8,} {place}")


@pytest.fixture(autouse=True)
def watched(
    places: Places, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Watches logs at DEBUG, warnings, output and temporary files; asserts that no secret came out."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    records = Records()
    root = logging.getLogger()
    level = root.level
    root.addHandler(records)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
    root.removeHandler(records)
    root.setLevel(level)
    places.look("log records at DEBUG", *records.lines)
    places.look("warnings", *(str(warning.message) for warning in warned))
    places.look("standard output and error", *capfd.readouterr())
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "session.json"]
    places.look("temporary files", *(path.read_text("latin-1") for path in files), *map(str, files))
    leaks, places.leaks = places.leaks, []
    assert leaks == []


@pytest.fixture
def server(places: Places) -> Iterator[RawServer]:
    """A raw server whose access log would hold no secret."""
    with RawServer() as server:
        yield server
        for request in server.requests:
            head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
            sent_by_auth = re.sub(r"(?mi)^authorization: .*$", "", head) if "GET /posts" in head else head
            places.look("request lines and headers", sent_by_auth)


each_outcome = pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)


@each_outcome
@pytest.mark.parametrize("options", [dict, lambda: {"transport": FastTransport()}], ids=["httpx", "fast"])
def test_sync(
    places: Places,
    server: RawServer,
    outcome: Callable[[RawServer], Script],
    options: Callable[[], dict[str, Any]],
) -> None:
    """Every call of the sync client, over each transport."""
    server.script = outcome(server)
    with BosBase(server.url, retries=0, timeout=0.2, **options()) as client:
        users = client.collection("users")
        for value in (client, users):
            places.look_at_value(value)
        for call in CALLS.values():
            try:
                places.look_at_value(call(users))
            except BosBaseError as error:
                places.look_at_error(error)


ASYNC: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "aio": ("asyncio", dict),
    "fast": ("asyncio", lambda: {"transport": AsyncFastTransport()}),
    "trio": ("trio", dict),
}


@each_outcome
@pytest.mark.parametrize(("backend", "options"), ASYNC.values(), ids=ASYNC)
def test_async(
    places: Places,
    server: RawServer,
    outcome: Callable[[RawServer], Script],
    backend: str,
    options: Callable[[], dict[str, Any]],
) -> None:
    """Every call of the async client, over each transport."""
    server.script = outcome(server)

    async def main() -> None:
        async with AsyncBosBase(server.url, retries=0, timeout=0.2, **options()) as client:
            users = client.collection("users")
            for value in (client, users):
                places.look_at_value(value)
            for call in CALLS.values():
                try:
                    places.look_at_value(await call(users))
                except BosBaseError as error:
                    places.look_at_error(error)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize(("backend", "options"), ASYNC.values(), ids=ASYNC)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_cancelled(
    places: Places, server: RawServer, call: Callable[[Any], Any], backend: str, options: Callable[[], dict[str, Any]]
) -> None:
    """The frames of a call that is cancelled, as a tracker of unhandled errors would see them."""
    server.script = silent(server)

    async def main() -> None:
        async with AsyncBosBase(server.url, **options()) as client:
            with anyio.move_on_after(0.2):
                try:
                    await call(client.collection("users"))
                except anyio.get_cancelled_exc_class() as error:
                    places.look_at_error(error)
                    raise

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_interrupted(places: Places, server: RawServer, call: Callable[[Any], Any]) -> None:
    """Ctrl-C in the middle of a call."""

    def interrupts(connection: Connection) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        connection.until_closed()

    server.script = interrupts
    with BosBase(server.url) as client, pytest.raises(KeyboardInterrupt) as caught:
        call(client.collection("users"))
    places.look_at_error(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://bosbase.invalid"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_connection(places: Places, call: Callable[[Any], Any], url: str) -> None:
    """A server that nobody reaches, also after retries."""
    with BosBase(url, retries=1) as client, pytest.raises(BosBaseError) as caught:
        call(client.collection("users"))
    places.look_at_error(caught.value)


CLASHES: dict[str, Callable[[Collection], object]] = {
    "no text": lambda users: users.bind_custom_token(EMAIL, PASSWORD + "\ud800", OLD),
    "a token of another type": lambda users: users.auth_with_token(OLD.encode()),  # type: ignore[arg-type]
    "an mfa id of another type": lambda users: users.auth_with_token("t", mfa_id=[MFA_ID]),  # type: ignore[arg-type]
    "a body with our members": lambda users: users.auth_with_token(OLD, mfa_id=MFA_ID, body={"token": "x"}),
    "a query with our members": lambda users: users.unbind_custom_token(EMAIL, PASSWORD, OLD, query={"token": "x"}),
    "a timeout that is none": lambda users: users.rotate_custom_token(EMAIL, PASSWORD, OLD, NEW, timeout=-1),
    "a URL that is too long": lambda users: users.auth_with_token(OLD, mfa_id=MFA_ID, query={"x": "x" * 70_000}),
    "a token that stays": lambda users: users.rotate_custom_token(EMAIL, PASSWORD, OLD, OLD),
    "a new token that is no text": lambda users: users.rotate_custom_token(EMAIL, PASSWORD, OLD, NEW + "\ud800"),
    "token_auth of no text": lambda users: users.token_auth(OLD + "\ud800"),
    "a leeway that is none": lambda users: users.token_auth(OLD, leeway=-1),
}


@pytest.mark.parametrize("clash", CLASHES.values(), ids=CLASHES)
def test_refused_before_it_is_sent(places: Places, server: RawServer, clash: Callable[[Collection], object]) -> None:
    """What the client itself refuses."""
    with BosBase(server.url) as client, pytest.raises(BosBaseError) as caught:
        clash(client.collection("users"))
    places.look_at_error(caught.value)
    assert server.requests == []


def test_a_url_with_credentials(places: Places) -> None:
    """The URL that was refused is not shown."""
    with pytest.raises(BosBaseError) as caught:
        BosBase(f"http://user:{PASSWORD}@127.0.0.1")
    places.look("str, repr and args of errors", str(caught.value), repr(caught.value))


@pytest.mark.parametrize(
    "name", ["success", "400 that repeats the request", "401 second factor", "closed", "HTML", "silence"]
)
def test_token_auth(places: Places, server: RawServer, name: str, tmp_path: Path) -> None:
    """The sign-in of another client's requests, sync and async, with each store."""
    stores = [None, MemoryAuthStore(), FileAuthStore(tmp_path / "session.json")]
    sign_in = OUTCOMES[name](server)

    def script(connection: Connection) -> object:
        return answer(200)(connection) if b"GET " in server.requests[-1][:4] else sign_in(connection)

    server.script = script
    for store in stores:
        with BosBase(server.url, timeout=0.3, retries=0) as client:
            auth = client.collection("users").token_auth(OLD, store=store)
            with httpx.Client(base_url=server.url, auth=auth) as http:
                try:
                    places.look_at_value(http.get("/posts"))
                except BosBaseError as error:
                    places.look_at_error(error)

    async def main(**options: Any) -> None:
        async with AsyncBosBase(server.url, timeout=0.3, retries=0, **options) as client:
            auth = client.collection("users").token_auth(OLD)
            places.look_at_value(auth)
            async with httpx.AsyncClient(base_url=server.url, auth=auth) as http:
                try:
                    places.look_at_value(await http.get("/posts"))
                except BosBaseError as error:
                    places.look_at_error(error)

    asyncio.run(main())
    asyncio.run(main(transport=AsyncFastTransport()))
    for value in [*stores, auth, AuthResult(JWT, Record({"id": "r", "note": JWT}), {"x": JWT})]:
        places.look_at_value(value)


def test_a_store_that_cannot_be_read(places: Places, tmp_path: Path) -> None:
    """A warning tells of the file, and not of what is in it."""
    path = tmp_path / "session.json"
    path.write_text(f"broken {JWT}")
    path.chmod(0o600)
    tmp_path.chmod(0o700)
    assert FileAuthStore(path).load() is None
    places.look_at_value(FileAuthStore(path))


def test_an_error_that_nobody_fetches(places: Places, server: RawServer) -> None:
    """What the event loop tells of it."""
    server.script = OUTCOMES["400 that repeats the request"](server)

    async def main() -> None:
        client = AsyncBosBase(server.url, retries=0)
        task = asyncio.create_task(client.collection("users").auth_with_token(OLD, mfa_id=MFA_ID))
        await asyncio.wait([task])
        places.look("tasks and coroutines", repr(task))
        del task
        await client.aclose()

    asyncio.run(main(), debug=True)


# --- the command line ---

COMMANDS: dict[str, tuple[str, ...]] = {
    "bind": ("--email", EMAIL),
    "unbind": ("--email", EMAIL),
    "login": (),
    "rotate": ("--email", EMAIL),
}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the arguments of a process from /proc")
@pytest.mark.parametrize("name", ["success", "400 that repeats the request"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line(places: Places, server: RawServer, command: str, name: str) -> None:
    """Its output, and its arguments as every process of the machine can read them."""
    outcome = OUTCOMES[name](server)
    arguments: list[str] = []

    def script(connection: Connection) -> object:
        if not arguments:
            arguments.append(Path(f"/proc/{process.pid}/cmdline").read_text())
        return outcome(connection)

    server.script = script
    process = subprocess.Popen(
        [Path(sys.executable).with_name("bosbase-tokens"), command, "--url", server.url, *COMMANDS[command]],
        env={**os.environ, "BOSBASE_PASSWORD": PASSWORD, "BOSBASE_TOKEN": OLD, "BOSBASE_MFA_ID": MFA_ID},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output = process.communicate(timeout=60)
    assert "bosbase-tokens" in arguments[0]
    assert process.returncode == (0 if name == "success" else 1)
    places.look("output of bosbase-tokens", *output)
    places.look("arguments of bosbase-tokens in /proc/PID/cmdline", arguments[0])


# --- the test tests itself ---


def test_the_canary_would_be_seen() -> None:
    """A secret in a text, an attribute, a local of a frame is found."""

    places = Places()
    places.look_at_error(BosBaseError(f"no {OLD}"))
    assert {place for place, _ in places.leaks} >= {"str, repr and args of errors", "pickles of errors"}
    error = BosBaseError("x")
    error.attempts = OLD  # type: ignore[assignment]
    places = Places()
    places.look_at_error(error)
    assert "attributes of errors" in {place for place, _ in places.leaks}
    record = Record({"id": OLD})
    places = Places()
    places.look_at_value(record)
    assert len(places.leaks) == 3
