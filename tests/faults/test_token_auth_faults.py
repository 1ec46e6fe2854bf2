"""TokenAuth over real connections: pools that run dry, forks, and interrupts in the middle of a sign-in."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, BosBase

from .processes import exit_code
from .raw_server import Connection, RawServer, sound

pytestmark = pytest.mark.untraced

TOKEN = "canary-custom-token"


class Pool(httpx.BaseTransport):
    """Two connections to a server that accepts the last JWT. A connection is free once its response is read.

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
    """Two clients share the pool. Whoever waits holds no connection that the sign-in needs."""
    pool, url = Pool(), "http://localhost"
    with httpx.Client(base_url=url, transport=pool) as http, ThreadPoolExecutor(30) as threads:
        http.auth = BosBase(url, http_client=http).collection("users").token_auth(TOKEN)
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

        async with httpx.AsyncClient(base_url=busy, limits=limits, timeout=30) as http:
            bosbase = AsyncBosBase(busy, http_client=http, timeout=30)
            http.auth = bosbase.collection("users").token_auth(TOKEN)
            for expected in (1, 2):
                async with anyio.create_task_group() as group:
                    for _ in range(40):
                        group.start_soon(get)
                assert (found, Busy.sign_ins) == ({200}, expected)
                Busy.valid = "revoked"

    anyio.run(main, backend=backend)


def test_a_process_forked_during_a_sign_in_signs_in_by_itself(server: RawServer) -> None:
    """The thread that signs in does not exist in the child. Nobody waits for ever."""
    began, release = threading.Event(), threading.Event()

    def hold(connection: Connection) -> object:
        server.script = sound
        began.set()
        release.wait(20)
        return sound(connection)

    server.script = hold
    with BosBase(server.url) as client, ThreadPoolExecutor(1) as pool:
        auth = client.collection("users").token_auth(TOKEN)

        def get() -> int:
            with httpx.Client(auth=auth) as http:
                return http.get(server.url).status_code

        leader = pool.submit(get)
        began.wait(10)
        assert exit_code(lambda: get() == 200) == 0
        release.set()
        assert leader.result(10) == 200


def test_a_sign_in_interrupted_in_an_event_loop_that_goes_on(server: RawServer) -> None:
    """Ctrl-C leaves `run_until_complete` in the middle of a sign-in. The next request on the loop works."""

    def interrupt(connection: Connection) -> None:
        server.script = sound
        os.kill(os.getpid(), signal.SIGINT)
        connection.until_closed()

    server.script = interrupt
    loop = asyncio.new_event_loop()
    client = AsyncBosBase(server.url, timeout=2, retries=0)
    http = httpx.AsyncClient(auth=client.collection("users").token_auth(TOKEN))

    async def close() -> None:
        await http.aclose()
        await client.aclose()

    first = loop.create_task(http.get(server.url))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(first)
    second = loop.create_task(http.get(server.url))
    first.cancel()
    assert loop.run_until_complete(asyncio.wait_for(second, 10)).status_code == 200
    loop.run_until_complete(close())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
