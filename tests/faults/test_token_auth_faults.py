"""TokenAuth over real connections: a network that misbehaves in a sign-in, pools that run dry, redirects elsewhere."""

from __future__ import annotations

import gzip
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx
import httpx_aiohttp
import pytest

from bosbase_wrapper import (
    BosBase,
    BosBaseError,
    RequestTimeoutError,
    TokenAuth,
    TransportError,
    UnexpectedResponseError,
)

from .raw_server import SIGNED_IN, Connection, RawServer, Script, answer

TOKEN = "canary-custom-token"
# Sends one GET with a user's own client that follows redirects.
Fetch = Callable[[str, TokenAuth], httpx.Response]


def sync(url: str, auth: TokenAuth) -> httpx.Response:
    """With httpx.Client."""
    with httpx.Client(auth=auth, follow_redirects=True, verify=False) as http:
        return http.get(url)


async def _fetch(url: str, auth: TokenAuth, transport: httpx.AsyncBaseTransport) -> httpx.Response:
    async with httpx.AsyncClient(transport=transport, auth=auth, follow_redirects=True) as http:
        return await http.get(url)


def aio(url: str, auth: TokenAuth) -> httpx.Response:
    """With httpx.AsyncClient, under asyncio."""
    return anyio.run(_fetch, url, auth, httpx.AsyncHTTPTransport(verify=False))


def aiohttp(url: str, auth: TokenAuth) -> httpx.Response:
    """With httpx.AsyncClient over httpx-aiohttp."""
    return anyio.run(_fetch, url, auth, httpx_aiohttp.AiohttpTransport(verify=False))


def trio(url: str, auth: TokenAuth) -> httpx.Response:
    """With httpx.AsyncClient, under trio."""
    return anyio.run(_fetch, url, auth, httpx.AsyncHTTPTransport(verify=False), backend="trio")


@pytest.fixture(params=[sync, aio, aiohttp, trio], ids=lambda fetch: fetch.__name__)
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """One form of a user's client after the other."""
    chosen: Fetch = request.param
    return chosen


def token_auth(url: str, timeout: float = 10) -> TokenAuth:
    """Signs in as one of the users."""
    with BosBase(url, timeout=timeout, transport=httpx.BaseTransport()) as client:  # never used
        return client.collection("users").token_auth(TOKEN)


def scripts(*scripts: Script) -> Script:
    """One after the other, the last one for all that follow."""
    left = list(scripts)
    return lambda connection: (left.pop(0) if len(left) > 1 else left[0])(connection)


def test_it_signs_in_and_leaves_no_secret_in_the_history(fetch: Fetch, server: RawServer) -> None:
    """httpx keeps each answer of an auth flow for good; ours has neither the token nor the JWT in it."""
    response = fetch(server.url, token_auth(server.url))
    assert response.status_code == 200
    assert TOKEN.encode() in server.requests[0]
    assert b"\r\nauthorization: jwt.jwt.jwt\r\n" in server.requests[1].replace(b"Authorization", b"authorization")
    (sign_in,) = response.history
    assert (sign_in.status_code, sign_in.content, hasattr(sign_in.request, "_content")) == (200, b"", False)


def test_a_compressed_sign_in_is_understood(fetch: Fetch, server: RawServer) -> None:
    """It was not asked for, and some gateways compress all the same."""
    compressed = answer(200, gzip.compress(SIGNED_IN), "Content-Encoding: gzip")
    server.script = scripts(compressed, answer(204))
    assert fetch(server.url, token_auth(server.url)).status_code == 204


def endless(connection: Connection) -> None:
    """An answer without an end."""
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.pour(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def slow(connection: Connection) -> None:
    """An answer of slow bytes."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    connection.drip(b" ")


def cut(connection: Connection) -> None:
    """An answer that ends in the middle."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + SIGNED_IN[:20])


def malformed(connection: Connection) -> None:
    """No HTTP; it repeats what was sent."""
    connection.send(f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode())


def mute(connection: Connection) -> None:
    """No answer."""
    connection.until_closed()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (endless, UnexpectedResponseError),
        (slow, RequestTimeoutError),
        (mute, RequestTimeoutError),
        (cut, TransportError),
        (malformed, TransportError),
        (Connection.reset, TransportError),
        (answer(200, gzip.compress(b" " * 30_000_000), "Content-Encoding: gzip"), UnexpectedResponseError),
    ],
    ids=["endless", "slow", "mute", "cut", "malformed", "reset", "bomb"],
)
def test_a_network_that_misbehaves_ends_in_a_typed_error(
    fetch: Fetch, server: RawServer, script: Script, error: type[BosBaseError]
) -> None:
    """It shows no secret, and the next request signs in."""
    auth = token_auth(server.url, timeout=0.5 if script in (slow, mute) else 10)
    server.script = script
    with pytest.raises(error) as caught:
        fetch(server.url, auth)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    server.script = scripts(answer(200, SIGNED_IN), answer(204))
    assert fetch(server.url, auth).status_code == 204


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_a_redirect_of_the_sign_in_does_not_carry_the_token(fetch: Fetch, server: RawServer, status: int) -> None:
    """Over each transport, to a server that would take it."""
    with RawServer() as elsewhere:
        server.script = answer(status, b"", f"Location: {elsewhere.url}/")
        with pytest.raises(UnexpectedResponseError, match="redirect"):
            fetch(server.url, token_auth(server.url))
        assert TOKEN.encode() not in b"".join(elsewhere.requests)


class Pool(httpx.BaseTransport):
    """Two connections to a server that answers 401 to all JWTs but the last; each is free once its answer is read.

    httpx's own pool for threads fails by itself when so many wait for so few.
    """

    def __init__(self) -> None:
        self.sign_ins = 0
        self.valid = ""
        self._free = threading.Semaphore(2)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises PoolTimeout where no connection comes free."""
        if not self._free.acquire(timeout=10):
            raise httpx.PoolTimeout("none is free")
        if request.method == "POST":
            self.sign_ins += 1
            self.valid = f"a.b.{self.sign_ins}"
            return httpx.Response(200, stream=Body(signed_in(self.valid), self._free))
        known = request.headers["Authorization"] == self.valid
        return httpx.Response(200 if known else 401, stream=Body(b"x", self._free))


class Body(httpx.SyncByteStream):
    """A body that holds a connection until it is read or closed."""

    def __init__(self, body: bytes, free: threading.Semaphore) -> None:
        self._body = body
        self._free = free

    def __iter__(self) -> Iterator[bytes]:
        yield self._body

    def close(self) -> None:
        """Called once, by httpx."""
        self._free.release()


def signed_in(token: str) -> bytes:
    """The answer of a sign-in."""
    record = {"id": "r1", "collectionId": "c1", "collectionName": "users"}
    return json.dumps({"token": token, "record": record}).encode()


def test_a_pool_of_two_connections_is_enough_for_a_revoked_jwt_of_many_threads() -> None:
    """Those who wait hold no connection that the sign-in needs."""
    pool, url = Pool(), "http://localhost"
    with httpx.Client(base_url=url, auth=token_auth(url), transport=pool) as http, ThreadPoolExecutor(30) as threads:
        for expected in (1, 2):
            found = set(threads.map(lambda _: http.get("/").status_code, range(60)))
            assert (found, pool.sign_ins) == ({200}, expected)
            pool.valid = "revoked"


class Busy(BaseHTTPRequestHandler):
    """The same server over real connections."""

    protocol_version = "HTTP/1.1"
    sign_ins = 0
    valid = ""

    def do_POST(self) -> None:
        """A sign-in."""
        self.rfile.read(int(self.headers["Content-Length"]))
        Busy.sign_ins += 1
        Busy.valid = f"a.b.{Busy.sign_ins}"
        self._answer(200, signed_in(Busy.valid))

    def do_GET(self) -> None:
        """Any other request."""
        known = self.headers["Authorization"] == Busy.valid
        self._answer(200 if known else 401, b"x" * 100_000)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def busy() -> Iterator[str]:
    """The URL of a server of many threads."""
    Busy.sign_ins = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_same_for_many_tasks(busy: str, backend: str) -> None:
    """Over httpx's own pool, on each event loop."""

    async def main() -> None:
        limits = httpx.Limits(max_connections=2)
        found: set[int] = set()

        async def get() -> None:
            found.add((await http.get("/")).status_code)

        async with httpx.AsyncClient(base_url=busy, auth=token_auth(busy), limits=limits, timeout=30) as http:
            for expected in (1, 2):
                async with anyio.create_task_group() as group:
                    for _ in range(40):
                        group.start_soon(get)
                assert (found, Busy.sign_ins) == ({200}, expected)
                Busy.valid = "revoked"

    anyio.run(main, backend=backend)
