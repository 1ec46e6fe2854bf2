"""The clients that are measured: each gives a function that signs in once, over connections that it keeps."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import bosbase
import httpx
import requests
from bosbase_client.models import AuthResponse

from bosbase_wrapper import AsyncBosBase, BosBase
from bosbase_wrapper._http import Client, make_client
from bosbase_wrapper._operations import AUTH
from bosbase_wrapper._options import default_headers
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport

COLLECTION: Final = "members"

# A connection for each thread or task. With fewer, httpx's pool for threads fails now and then.
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=None)


@dataclass(frozen=True)
class Target:
    """A server, and a token that is bound to one of its users."""

    url: str
    token: str

    @property
    def endpoint(self) -> str:
        """The URL of a sign-in."""
        return f"{self.url}/api/collections/{COLLECTION}/auth-with-token"

    @property
    def fields(self) -> dict[str, str]:
        """The body of a sign-in."""
        return {"token": self.token}


Login = Callable[[], object]
AsyncLogin = Callable[[], Awaitable[object]]
Contestant = Callable[[Target], AbstractContextManager[Login]]
AsyncContestant = Callable[[Target], AbstractAsyncContextManager[AsyncLogin]]


@contextmanager
def ours(target: Target, transport: httpx.BaseTransport | None = None) -> Iterator[Login]:
    """This package: the result is typed."""
    with BosBase(target.url, transport=transport) as client:
        yield partial(client.collection(COLLECTION).auth_with_token, target.token)


@contextmanager
def bare_httpx(target: Target, transport: httpx.BaseTransport | None = None) -> Iterator[Login]:
    """httpx as most people write it: the result is parsed JSON."""
    with httpx.Client(transport=transport, limits=_LIMITS) as client:
        yield lambda: client.post(target.endpoint, json=target.fields).json()


@contextmanager
def session_of_requests(target: Target) -> Iterator[Login]:
    """requests, with a session."""
    with requests.Session() as session:
        yield lambda: session.post(target.endpoint, json=target.fields, timeout=10).json()


@contextmanager
def official_sdk(target: Target) -> Iterator[Login]:
    """The official SDK. Its auto-cancellation would cancel a call when another thread makes the same."""
    users = bosbase.BosBase(target.url).auto_cancellation(False).collection(COLLECTION)
    yield partial(users.auth_with_token, target.token)


@contextmanager
def generated_code(target: Target, transport: httpx.BaseTransport | None = None) -> Iterator[Login]:
    """Let the generated code make each request and read its response, and send it with `httpx.Client.send`.

    A typed client that mocks and tracers can see does at least this much. There are no checks, no retries and no
    limits. The httpx client and the headers are those of `BosBase`.
    """
    url = httpx.URL(target.endpoint)
    headers = default_headers(url, None, None).raw
    extensions = {"timeout": httpx.Timeout(10, connect=5).as_dict()}
    with make_client(Client, url, transport) as client:

        def login() -> object:
            arguments = AUTH.arguments(COLLECTION, body=AUTH.body.from_dict(target.fields))
            content = json.dumps(arguments["json"]).encode()
            length = b"Content-Length", b"%d" % len(content)
            stream = httpx.ByteStream(content)
            request = httpx.Request("POST", url, headers=[*headers, length], stream=stream, extensions=extensions)
            return AuthResponse.from_dict(json.loads(client.send(request).content))

        yield login


@contextmanager
def bytes_over_sockets(target: Target) -> Iterator[Login]:
    """Send the bytes of one request over a socket of each thread, and do not look at the response.

    Every client does at least this much.
    """
    request = httpx.Request("POST", target.endpoint, json=target.fields)
    head = b"".join(b"%s: %s\r\n" % header for header in request.headers.raw)
    message = b"POST %s HTTP/1.1\r\n%s\r\n%s" % (request.url.raw_path, head, request.content)
    connected = threading.local()
    sockets: list[socket.socket] = []

    def login() -> object:
        if not hasattr(connected, "socket"):
            connected.socket = socket.create_connection((request.url.host, request.url.port))
            sockets.append(connected.socket)
        connected.socket.sendall(message)
        return connected.socket.recv(65536)  # a response is a single packet

    yield login
    for one in sockets:
        one.close()


@asynccontextmanager
async def ours_async(target: Target, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[AsyncLogin]:
    """This package under asyncio."""
    async with AsyncBosBase(target.url, transport=transport) as client:
        yield partial(client.collection(COLLECTION).auth_with_token, target.token)


@asynccontextmanager
async def bare_async_httpx(
    target: Target, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[AsyncLogin]:
    """httpx as most people write it: the result is parsed JSON."""
    async with httpx.AsyncClient(transport=transport, limits=_LIMITS) as client:

        async def login() -> object:
            return (await client.post(target.endpoint, json=target.fields)).json()

        yield login


OURS: Final = "BosBase"
OURS_FAST: Final = "BosBase, FastTransport"
HTTPX: Final = "httpx.Client"
HTTPX_FAST: Final = "httpx.Client, FastTransport"
SDK: Final = "bosbase SDK"
GENERATED: Final = "generated code, httpx.Client"
GENERATED_FAST: Final = "generated code, FastTransport"
SOCKETS: Final = "bytes over sockets"
OURS_ASYNC: Final = "AsyncBosBase"
OURS_ASYNC_FAST: Final = "AsyncBosBase, AsyncFastTransport"
ASYNC_HTTPX: Final = "httpx.AsyncClient"
ASYNC_HTTPX_FAST: Final = "httpx.AsyncClient, AsyncFastTransport"

SYNC: Final[dict[str, Contestant]] = {
    OURS: ours,
    OURS_FAST: lambda target: ours(target, FastTransport()),
    HTTPX: bare_httpx,
    HTTPX_FAST: lambda target: bare_httpx(target, FastTransport()),
    "requests": session_of_requests,
    SDK: official_sdk,
    GENERATED: generated_code,
    GENERATED_FAST: lambda target: generated_code(target, FastTransport()),
    SOCKETS: bytes_over_sockets,
}
ASYNC: Final[dict[str, AsyncContestant]] = {
    OURS_ASYNC: ours_async,
    OURS_ASYNC_FAST: lambda target: ours_async(target, AsyncFastTransport()),
    ASYNC_HTTPX: bare_async_httpx,
    ASYNC_HTTPX_FAST: lambda target: bare_async_httpx(target, AsyncFastTransport()),
}
