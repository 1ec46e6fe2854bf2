"""Who is measured: each gives a function that signs in once, over connections that it keeps."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import bosbase
import httpx
import requests
from pyreqwest.client import ClientBuilder, SyncClientBuilder

from bosbase_wrapper import AsyncBosBase, BosBase

# httpx's pool for threads fails with "Bad file descriptor" where it closes connections while many threads use it.
_NEVER_EXPIRE: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=None)


@dataclass(frozen=True)
class Target:
    """A server, and a token that is bound to one of its users."""

    url: str
    token: str

    @property
    def endpoint(self) -> str:
        """Where a sign-in goes."""
        return f"{self.url}/api/collections/users/auth-with-token"

    @property
    def members(self) -> dict[str, str]:
        """The body of a sign-in."""
        return {"token": self.token}

    @property
    def request(self) -> bytes:
        """A sign-in as it goes over the wire."""
        where, body = urlsplit(self.endpoint), json.dumps(self.members).encode()
        lines = [
            f"POST {where.path} HTTP/1.1",
            f"Host: {where.netloc}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        where = urlsplit(self.url)
        return str(where.hostname), where.port or 80


Login = Callable[[], object]
AsyncLogin = Callable[[], Awaitable[object]]
Contestant = Callable[[Target], AbstractContextManager[Login]]
AsyncContestant = Callable[[Target], AbstractAsyncContextManager[AsyncLogin]]


@contextmanager
def ours(target: Target, transport: httpx.BaseTransport | None = None) -> Iterator[Login]:
    """This package."""
    with BosBase(target.url, transport=transport) as client:
        yield partial(client.collection("users").auth_with_token, target.token)


@contextmanager
def bare_httpx(target: Target, transport: httpx.BaseTransport | None = None) -> Iterator[Login]:
    """httpx, as most people write it; the answer stays untyped."""
    with httpx.Client(transport=transport, limits=_NEVER_EXPIRE) as client:
        yield lambda: client.post(target.endpoint, json=target.members).json()


@contextmanager
def session_of_requests(target: Target) -> Iterator[Login]:
    """requests, with a session."""
    with requests.Session() as session:
        yield lambda: session.post(target.endpoint, json=target.members, timeout=10).json()


@contextmanager
def official_sdk(target: Target) -> Iterator[Login]:
    """The official SDK; left to itself it would cancel a call when another thread makes the same."""
    users = bosbase.BosBase(target.url).auto_cancellation(False).collection("users")
    yield partial(users.auth_with_token, target.token)


@contextmanager
def pyreqwest_sync(target: Target) -> Iterator[Login]:
    """A client over Rust's reqwest."""
    with SyncClientBuilder().build() as client:
        yield lambda: client.post(target.endpoint).body_json(target.members).build().send().json()


@contextmanager
def raw_socket(target: Target) -> Iterator[Login]:
    """The limit of one connection: bytes made beforehand, and json."""
    idle: list[socket.socket] = []
    sent = target.request

    def login() -> object:
        connection = idle.pop() if idle else socket.create_connection(target.address)
        connection.sendall(sent)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        while len(body) < length(head):
            body += connection.recv(65536)
        idle.append(connection)
        return json.loads(body)

    yield login
    for connection in idle:
        connection.close()


def length(head: bytes) -> int:
    """The Content-Length in an answer's head."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])


@asynccontextmanager
async def ours_fast(target: Target) -> AsyncIterator[AsyncLogin]:
    """This package with the extra `fast`."""
    async with AsyncBosBase(target.url) as client:
        yield partial(client.collection("users").auth_with_token, target.token)


@asynccontextmanager
async def ours_async(target: Target, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[AsyncLogin]:
    """This package over httpx's own transport."""
    async with AsyncBosBase(target.url, transport=transport or httpx.AsyncHTTPTransport()) as client:
        yield partial(client.collection("users").auth_with_token, target.token)


@asynccontextmanager
async def bare_async_httpx(
    target: Target, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[AsyncLogin]:
    """httpx, as most people write it; the answer stays untyped."""
    async with httpx.AsyncClient(transport=transport) as client:

        async def login() -> object:
            return (await client.post(target.endpoint, json=target.members)).json()

        yield login


@asynccontextmanager
async def pyreqwest_async(target: Target) -> AsyncIterator[AsyncLogin]:
    """A client over Rust's reqwest."""
    async with ClientBuilder().build() as client:

        async def login() -> object:
            answer = await client.post(target.endpoint).body_json(target.members).build().send()
            return await answer.json()

        yield login


@asynccontextmanager
async def asyncio_streams(target: Target) -> AsyncIterator[AsyncLogin]:
    """The limit: what the server gives at most to a Python program that reads its answers."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    sent = target.request

    async def login() -> object:
        reader, writer = connection = idle.pop() if idle else await asyncio.open_connection(*target.address)
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(length(head))
        idle.append(connection)
        return json.loads(body)

    yield login
    for _, writer in idle:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


OURS: Final = "bosbase-wrapper"
OURS_FAST: Final = "bosbase-wrapper[fast]"
OURS_ASYNC: Final = "bosbase-wrapper, async over httpx"
HTTPX: Final = "httpx.Client"
ASYNC_HTTPX: Final = "httpx.AsyncClient"
SDK: Final = "bosbase SDK"
STREAMS: Final = "bare asyncio streams (the limit)"

SYNC: Final[dict[str, Contestant]] = {
    OURS: ours,
    HTTPX: bare_httpx,
    "requests": session_of_requests,
    SDK: official_sdk,
    "pyreqwest": pyreqwest_sync,
    "raw socket and json (the limit)": raw_socket,
}
ASYNC: Final[dict[str, AsyncContestant]] = {
    OURS_FAST: ours_fast,
    OURS_ASYNC: ours_async,
    ASYNC_HTTPX: bare_async_httpx,
    "pyreqwest, async": pyreqwest_async,
    STREAMS: asyncio_streams,
}
