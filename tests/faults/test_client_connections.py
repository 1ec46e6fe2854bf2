"""A connection that cannot be made, a pool that ran dry, a server or a client that goes: typed errors, in time."""

import contextlib
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme

from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    BosBase,
    BosBaseError,
    ConfigurationError,
    RequestTimeoutError,
    TransportError,
)
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport
from bosbase_wrapper.server import LiveServer

from . import drivers
from .drivers import Driver
from .raw_server import KEEP, SIGNED_IN, Connection, RawServer, answer, sound

pytestmark = pytest.mark.untraced

FULL_POOL = 100
LATER = answer(503, b"", "Retry-After: 25")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every client of this process trust the authority, as an administrator would."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def tls(authority: trustme.CA, host: str) -> ssl.SSLContext:
    """A server's context with a certificate for the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails where the condition does not come true in 10 s."""
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def holds_until_closed(connection: Connection) -> None:
    """Answers nothing for as long as the client holds the connection."""
    connection.until_closed()


# --- no connection can be made: nothing was sent, and the error says why in the system's words ---


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_refused(any_driver: Driver) -> None:
    """Nobody listens."""
    (failed,) = any_driver(f"http://127.0.0.1:{free_port()}", retries=1)
    expect_no_connection(failed, "127.0.0.1|refused", attempts=2)


def test_a_host_that_does_not_exist(any_driver: Driver) -> None:
    """The resolver knows no address."""
    (failed,) = any_driver("https://bosbase.invalid", retries=0)
    expect_no_connection(failed, "not known|resolution|No address")


def test_a_certificate_of_an_unknown_authority(any_driver: Driver, authority: trustme.CA) -> None:
    """Nothing is sent to a server that cannot prove who it is."""
    with RawServer(tls=tls(authority, "127.0.0.1")) as server:
        (failed,) = any_driver(server.url, retries=0)
    expect_no_connection(failed, "certificate verify failed|invalid peer certificate")
    assert server.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host(any_driver: Driver, authority: trustme.CA) -> None:
    """Nor to another server of a known authority."""
    with RawServer(tls=tls(authority, "other.example")) as server:
        (failed,) = any_driver(server.url, retries=0)
    expect_no_connection(failed, "certificate verify failed|invalid peer certificate")
    assert server.requests == []


def test_https_to_a_server_of_plain_http(any_driver: Driver) -> None:
    """It differs from a dropped connection."""
    with RawServer(answer(400)) as server:
        (failed,) = any_driver(server.url.replace("http:", "https:"), retries=0)
    expect_no_connection(failed, "SSL|ssl|InvalidContentType")


def expect_no_connection(failed: drivers.Outcome, reason: str, attempts: int = 1) -> None:
    """The typed error, with what the system said, and the certainty that nothing was done."""
    assert type(failed) is TransportError
    assert (failed.attempts, failed.outcome_unknown) == (attempts, False)
    assert failed.__cause__ is None
    assert re.match(f"no connection: .*({reason})", str(failed)), str(failed)


@contextlib.contextmanager
def full_queue() -> Generator[int]:
    """The port of a listener whose queue of connections is full, on all addresses of 127.0.0.0/8."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("0.0.0.0", 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_a_connection_that_is_not_made_in_time(driver: Driver) -> None:
    """A server whose queue is full lets the client wait."""
    with full_queue() as port:
        (failed,) = driver(f"http://127.0.0.1:{port}", retries=0, timeout=httpx.Timeout(10, connect=0.3))
    assert type(failed) is RequestTimeoutError
    assert (failed.attempts, failed.outcome_unknown) == (1, False)


@pytest.mark.parametrize("driver", [one for one in drivers.ALL if one not in drivers.UNBOUNDED_HEADS])
def test_a_host_of_many_addresses_has_one_time_for_all(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty addresses that do not answer take no longer than one. Over httpx's sync transport, each has its time."""
    with full_queue() as port:
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", port)) for n in range(2, 22)]
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **o: addresses if "many" in str(host) else resolve(host, *rest, **o),
        )
        started = time.monotonic()
        (failed,) = driver(f"https://many.example:{port}", retries=0, timeout=0.5)
    assert isinstance(failed, RequestTimeoutError)
    assert time.monotonic() - started < 5


# --- TLS ---


@pytest.mark.usefixtures("trusted")
def test_tls_that_works(any_driver: Driver, authority: trustme.CA) -> None:
    """An authority that SSL_CERT_FILE names is trusted."""
    with RawServer(tls=tls(authority, "127.0.0.1")) as server:
        outcomes = any_driver(server.url, steps=[drivers.nothing] * 3)
    assert [type(outcome) for outcome in outcomes] == [AuthResult] * 3


def breaks_a_record(connection: Connection) -> None:
    """Sends bytes that are no TLS, past the TLS of the connection."""
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as bare:
        bare.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        connection.until_closed()


def ends_without_goodbye(connection: Connection) -> None:
    """Ends TCP in the middle of the answer, without the end of TLS."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + SIGNED_IN)
    connection.sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("script", [breaks_a_record, ends_without_goodbye])
def test_tls_that_breaks_in_the_answer(any_driver: Driver, authority: trustme.CA, script: Any) -> None:
    """It is as a dropped connection, and the next call works."""
    with RawServer(tls=tls(authority, "127.0.0.1")) as server:

        def break_it() -> None:
            server.script = script

        def mend_it() -> None:
            server.script = sound

        failed, worked = any_driver(server.url, steps=[break_it, mend_it], retries=0)
    assert type(failed) is TransportError
    assert str(failed) == "the connection was dropped before the response ended"
    assert (failed.attempts, failed.outcome_unknown) == (1, True)
    assert isinstance(worked, AuthResult)


# httpx leaves the generator of its request half-way under trio.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("trusted")
def test_plain_http_to_a_server_of_tls(any_driver: Driver, authority: trustme.CA) -> None:
    """The server's alert is no HTTP, or it ends the connection without a word."""
    with RawServer(tls=tls(authority, "127.0.0.1")) as server:
        (failed,) = any_driver(server.url.replace("https:", "http:"), retries=0)
    assert type(failed) is TransportError


# --- proxies ---


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A proxy that the environment names."""
    with RawServer() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        yield server


@pytest.mark.filterwarnings("ignore::bosbase_wrapper.InsecureTransportWarning")
def test_a_proxy_of_the_environment_is_used(httpx_driver: Driver, proxy: RawServer) -> None:
    """As httpx uses it."""
    (outcome,) = httpx_driver("http://bosbase.invalid")
    assert isinstance(outcome, AuthResult)
    assert proxy.requests[0].startswith(b"POST http://bosbase.invalid/api/collections/users/auth-with-token HTTP/1.1")


def test_a_proxy_that_refuses(httpx_driver: Driver, proxy: RawServer) -> None:
    """Nothing reached the server."""
    proxy.script = answer(403)
    (failed,) = httpx_driver("https://bosbase.invalid", retries=0)
    assert type(failed) is TransportError
    assert (str(failed), failed.outcome_unknown) == ("the proxy refused the connection", False)


@pytest.mark.filterwarnings("ignore::bosbase_wrapper.InsecureTransportWarning")
def test_no_cookie_comes_back_over_any_transport(any_driver: Driver, server: RawServer) -> None:
    """What one answer sets, no later call sends."""
    server.script = answer(200, SIGNED_IN, "Content-Type: application/json", "Set-Cookie: who=canary; Path=/")
    url = server.url.replace("127.0.0.1", "localhost")
    outcomes = any_driver(url, steps=[drivers.nothing] * 3)
    assert [type(outcome) for outcome in outcomes] == [AuthResult] * 3
    assert not any(b"canary" in request or b"ookie:" in request for request in server.requests)


# --- a pool that ran dry ---


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("crowd", "options", "last"),
    [
        *((crowd, dict, httpx.Timeout(20, pool=0.2)) for crowd in drivers.CROWDS),
        # The engine notices a tenth earlier than the client, which must be more than a busy machine loses.
        (drivers.threads, lambda: {"transport": FastTransport()}, httpx.Timeout(3)),
        (drivers.tasks_aio, lambda: {"transport": AsyncFastTransport()}, httpx.Timeout(3)),
    ],
)
def test_a_pool_that_ran_dry(
    crowd: drivers.Crowd, options: Callable[[], dict[str, Any]], last: httpx.Timeout, server: RawServer
) -> None:
    """The call that found no connection in its pool timeout raises, nothing of it was sent, and all others end well."""
    release = threading.Event()

    def waits(connection: Connection) -> object:
        release.wait(20)
        return sound(connection)

    def all_are_taken() -> None:
        wait_until(lambda: len(server.requests) == FULL_POOL)

    server.script = waits
    others, failed = crowd(server.url, FULL_POOL, all_are_taken, release.set, last, timeout=40, **options())
    assert type(failed) is RequestTimeoutError
    assert str(failed) == "no connection of the pool was free in time"
    assert (failed.attempts, failed.outcome_unknown) == (1, False)
    assert [type(outcome) for outcome in others] == [AuthResult] * FULL_POOL
    assert len(server.requests) == FULL_POOL


# --- the client goes ---


def a_call(client: BosBase, into: list[BaseException], **options: Any) -> threading.Thread:
    """A call in a thread of its own, which keeps what it raises."""

    def run() -> None:
        try:
            client.collection("users").auth_with_token("token", **options)
        except BosBaseError as error:
            into.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("retries", [0, 2])
def test_closing_from_another_thread(server: RawServer, retries: int) -> None:
    """A call that waits for its response ends at its timeout at the latest, with an error, and is not sent again."""
    server.script = holds_until_closed
    client = BosBase(server.url, timeout=1, retries=retries)
    raised: list[BaseException] = []
    thread = a_call(client, raised)
    wait_until(lambda: len(server.requests) == 1)
    client.close()
    thread.join(20)
    (error,) = raised
    assert isinstance(error, RequestTimeoutError | TransportError | ConfigurationError)
    assert (error.attempts, error.outcome_unknown) == (1, True)
    wait_until(lambda: server.open_connections == 0)


def test_closing_from_another_thread_ends_a_wait(server: RawServer) -> None:
    """A call that waits for its next attempt ends at once."""
    server.script = LATER
    client = BosBase(server.url)
    raised: list[BaseException] = []
    thread = a_call(client, raised)
    wait_until(lambda: len(server.requests) == 1)
    client.close()
    thread.join(15)
    assert [(type(error), str(error)) for error in raised] == [
        (ConfigurationError, "the client is closed: make a new one, or close it later")
    ]
    assert len(server.requests) == 1


ASYNC: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "aio": ("asyncio", dict),
    "trio": ("trio", dict),
}
each_async = pytest.mark.parametrize(("backend", "options"), ASYNC.values(), ids=ASYNC)


@each_async
def test_closing_from_another_task_ends_a_call(
    server: RawServer, backend: str, options: Callable[[], dict[str, Any]]
) -> None:
    """With a typed error, long before its timeout."""
    server.script = holds_until_closed

    async def close_later(client: AsyncBosBase) -> None:
        await anyio.to_thread.run_sync(wait_until, lambda: len(server.requests) == 1)
        await client.aclose()

    async def main() -> BosBaseError:
        client = AsyncBosBase(server.url, timeout=100, retries=0, **options())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close_later, client)
            with anyio.fail_after(20), pytest.raises(BosBaseError) as caught:
                await client.collection("users").auth_with_token("token")
        with pytest.raises(ConfigurationError, match="closed"):
            await client.collection("users").auth_with_token("token")
        return caught.value

    failed = anyio.run(main, backend=backend)
    assert (failed.attempts, failed.outcome_unknown) == (1, True)
    wait_until(lambda: server.open_connections == 0)


# --- calls that are cancelled ---


@each_async
def test_cancelled_calls_leave_no_connection_behind(
    server: RawServer, backend: str, options: Callable[[], dict[str, Any]]
) -> None:
    """More of them than the pool has places, some of them still waiting for one; the client works on."""
    server.script = holds_until_closed

    async def main() -> None:
        async with AsyncBosBase(server.url, timeout=100, **options()) as client:
            users = client.collection("users")
            async with anyio.create_task_group() as tasks:
                for _ in range(FULL_POOL + 20):
                    tasks.start_soon(users.auth_with_token, "token")
                await anyio.to_thread.run_sync(wait_until, lambda: len(server.requests) == FULL_POOL)
                tasks.cancel_scope.cancel()
            await anyio.to_thread.run_sync(wait_until, lambda: server.open_connections == 0)
            server.script = sound
            assert isinstance(await users.auth_with_token("token"), AuthResult)

    anyio.run(main, backend=backend)


@each_async
def test_a_wait_can_be_cancelled(server: RawServer, backend: str, options: Callable[[], dict[str, Any]]) -> None:
    """At once, and nothing is sent after it."""
    server.script = LATER

    async def main() -> None:
        async with AsyncBosBase(server.url, **options()) as client:
            with anyio.move_on_after(0.3) as scope:
                await client.collection("users").auth_with_token("token")
            assert scope.cancelled_caught

    started = time.monotonic()
    anyio.run(main, backend=backend)
    assert time.monotonic() - started < 15
    assert len(server.requests) == 1


def test_a_call_that_timed_out_leaves_no_connection_behind(driver: Driver, server: RawServer) -> None:
    """It is closed, since an answer may still come over it."""

    def none_is_left() -> None:
        server.script = sound
        wait_until(lambda: server.open_connections == 0)

    server.script = holds_until_closed
    failed, worked = driver(server.url, steps=[drivers.nothing, none_is_left], timeout=0.3)
    assert isinstance(failed, RequestTimeoutError)
    assert isinstance(worked, AuthResult)


def test_without_a_timeout_a_call_waits(any_driver: Driver, server: RawServer) -> None:
    """None is no limit."""

    def takes_its_time(connection: Connection) -> object:
        connection.over.wait(0.2)
        return sound(connection)

    server.script = takes_its_time
    (outcome,) = any_driver(server.url, timeout=None)
    assert isinstance(outcome, AuthResult)


# --- the server goes ---


@pytest.mark.timeout(100)
def test_a_server_restarted_under_32_threads(tmp_path: Path) -> None:
    """Each call ends in its value or its typed error, and every thread signs in again afterwards."""
    over = threading.Event()
    outcomes: list[drivers.Outcome] = []
    last: list[drivers.Outcome] = []

    def sign_in_again_and_again() -> None:
        while not over.is_set():
            outcomes.append(drivers.outcome_of(lambda: users.auth_with_token("restart-token")))
        last.append(drivers.outcome_of(lambda: users.auth_with_token("restart-token")))

    with LiveServer(tmp_path / "data", port=free_port()) as server, BosBase(server.url) as client:
        server.create_record("users", email="restart@example.com", password="password1234")
        users = client.collection("users")
        users.bind_custom_token("restart@example.com", "password1234", "restart-token")
        threads = [threading.Thread(target=sign_in_again_and_again) for _ in range(32)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(outcomes) > 100)
        server.kill()
        time.sleep(0.3)
        server.start()
        came_back = len(outcomes)
        wait_until(lambda: len(outcomes) > came_back + 100)
        over.set()
        for thread in threads:
            thread.join(60)
    assert {type(outcome) for outcome in outcomes} <= {AuthResult, TransportError}
    assert [type(outcome) for outcome in last] == [AuthResult] * 32


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(driver: Driver, server: RawServer) -> None:
    """An idle connection goes, and the next call makes its own, at its first attempt."""

    def sound_once(connection: Connection) -> object:
        sound(connection)
        return KEEP if len(server.requests) > 1 else None

    def wait_for_its_end() -> None:
        wait_until(lambda: server.open_connections == 0)
        time.sleep(0.05)  # the end is on its way to the client

    server.script = sound_once
    outcomes = driver(server.url, steps=[drivers.nothing, wait_for_its_end], retries=0)
    assert [type(outcome) for outcome in outcomes] == [AuthResult] * 2


def test_an_idle_connection_that_the_server_ended_is_closed_with_the_next_call(server: RawServer) -> None:
    """It is not kept until somebody happens to take it."""
    second_came, first_is_through = threading.Event(), threading.Event()

    def script(connection: Connection) -> object:
        if len(server.requests) == 1:
            second_came.wait(10)
            sound(connection)
            connection.sock.shutdown(socket.SHUT_WR)
            connection.until_closed()
            return None
        second_came.set()
        first_is_through.wait(10)
        return sound(connection)

    server.script = script
    with BosBase(server.url) as client:
        raised: list[BaseException] = []
        first = a_call(client, raised)
        wait_until(lambda: len(server.requests) == 1)
        second = a_call(client, raised)
        first.join(10)
        time.sleep(0.05)  # the end is on its way to the client
        first_is_through.set()
        second.join(10)
        client.collection("users").auth_with_token("token")
        wait_until(lambda: server.open_connections == 1)
    assert (raised, len(server.requests)) == ([], 3)
