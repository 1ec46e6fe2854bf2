"""Faster transports for httpx, over Rust's reqwest. They need the extra `fast`.

    from bosbase_wrapper.fast import AsyncFastTransport, FastTransport

    BosBase(url, transport=FastTransport())
    AsyncBosBase(url, transport=AsyncFastTransport())
    httpx.Client(transport=FastTransport(), auth=users.token_auth("my-app-token"))

They keep no cookies, follow no redirects, use no proxy, and raise the errors that httpx's own transports raise.
docs/fast.md says where they differ from httpx's own.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import anyio.lowlevel
import httpx

from ._errors import ConfigurationError

try:
    from pyreqwest import exceptions
    from pyreqwest.client import Client, ClientBuilder, SyncClient, SyncClientBuilder
    from pyreqwest.request import RequestBuilder, StreamRequest, SyncRequestBuilder, SyncStreamRequest
    from pyreqwest.response import BaseResponse, Response, SyncResponse
except ImportError:
    raise ImportError('bosbase_wrapper.fast requires pyreqwest: pip install "bosbase-wrapper[fast]"') from None

__all__ = ["AsyncFastTransport", "FastTransport"]

T = TypeVar("T")
_Client = TypeVar("_Client", Client, SyncClient)
_ClientBuilder = TypeVar("_ClientBuilder", ClientBuilder, SyncClientBuilder)
_RequestBuilder = TypeVar("_RequestBuilder", RequestBuilder, SyncRequestBuilder)

# The limits that httpx has by default.
_MAX_CONNECTIONS: Final = 100
_KEEP_IDLE: Final = timedelta(seconds=5)


class _CertificatesError(httpx.HTTPError, ConfigurationError):
    """The engine finds no certificate authorities. An httpx.Client raises an error of httpx, as it is used to."""


class _BaseFastTransport(Generic[_Client]):
    """Keeps the engine's clients: one for each process, trust and connect timeout, made when they are needed.

    A forked child leaves its parent's clients here, untouched: closing them would disturb the parent.
    """

    survives_fork = True
    _new_builder: Callable[[], Any]

    def __init__(self, *, verify: bool | str | os.PathLike[str] = True) -> None:
        self._trust = _trust(verify)
        self._clients: dict[tuple[int, bool | bytes, float | None], _Client] = {}

    def _client(self, url: httpx.URL, connect: float | None) -> _Client:
        # Plain http needs no authorities, and without them the engine makes no client that verifies.
        trust = False if url.scheme == "http" else self._trust
        key = (os.getpid(), trust, connect)
        client = self._clients.get(key)
        return client if client is not None else self._clients.setdefault(key, self._started(trust, connect))

    def _started(self, trust: bool | bytes, connect: float | None) -> _Client:
        # The engine has two runtimes. One that has started raises in a process that is forked afterwards.
        for multithreaded in (False, True):
            builder = _configured(self._new_builder(), trust, connect)
            try:
                client: _Client = builder.runtime_multithreaded(multithreaded).build()
                return client
            except RuntimeError:
                continue
            except exceptions.BuilderError as error:
                hint = "correct or unset SSL_CERT_FILE and SSL_CERT_DIR, or install certificate authorities"
                raise _CertificatesError(f"{_causes(error)[-1]}: {hint}") from None
        raise httpx.UnsupportedProtocol(
            "the fast transports do not work in a child of a forked child of a process that used them: "
            "use httpx.HTTPTransport or httpx.AsyncHTTPTransport there"
        )

    def _pop_clients(self) -> list[_Client]:
        process = os.getpid()
        return [self._clients.pop(key) for key in list(self._clients) if key[0] == process]


class FastTransport(_BaseFastTransport[SyncClient], httpx.BaseTransport):
    """For `httpx.Client` and `BosBase`.

    Each request, with the body of its response, must end within the longest of its timeouts. `verify` is True, False
    (trust every certificate), or the path of a PEM file with authorities to trust besides the system's.
    """

    _new_builder = SyncClientBuilder

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and return once the head of the response has arrived."""
        total, connect = _limits(request.extensions.get("timeout", {}))
        exchange = _prepared(self._client(request.url, connect).request, request, total).build_streamed()
        try:
            response = exchange.__enter__()
        except exceptions.PyreqwestError as error:
            raise _as_httpx_raises(error) from None
        return _as_httpx_response(response, _Body(exchange, response))

    def close(self) -> None:
        """Close the connections."""
        for client in self._pop_clients():
            client.close()


class AsyncFastTransport(_BaseFastTransport[Client], httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient` and `AsyncBosBase`, under asyncio only. Otherwise as `FastTransport`."""

    _new_builder = ClientBuilder

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and return once the head of the response has arrived."""
        _require_asyncio()
        total, connect = _limits(request.extensions.get("timeout", {}))
        exchange = _prepared(self._client(request.url, connect).request, request, total).build_streamed()
        response = await _awaited(exchange.__aenter__())
        return _as_httpx_response(response, _AsyncBody(exchange, response))

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._pop_clients():
            await _awaited(client.close())


class _Body(httpx.SyncByteStream):
    """The body of a response, as it arrives. Closing it before its end drops the connection."""

    def __init__(self, exchange: SyncStreamRequest, response: SyncResponse) -> None:
        self._exchange: SyncStreamRequest | None = exchange
        self._reader = response.body_reader

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (chunk := self._reader.read_chunk()) is not None:
                yield bytes(chunk)
        except exceptions.PyreqwestError as error:
            raise _as_httpx_raises(error) from None
        self._exchange = None

    def close(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.__exit__(None, None, None)


class _AsyncBody(httpx.AsyncByteStream):
    """As `_Body`."""

    def __init__(self, exchange: StreamRequest, response: Response) -> None:
        self._exchange: StreamRequest | None = exchange
        self._reader = response.body_reader

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await _awaited(self._reader.read_chunk())) is not None:
            yield bytes(chunk)
        self._exchange = None

    async def aclose(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await _awaited(exchange.__aexit__(None, None, None))


async def _awaited(step: Awaitable[T]) -> T:
    """Await a step of the engine."""
    try:
        return await step
    except asyncio.CancelledError:
        # The engine raises one of its own, which anyio does not know. Here anyio raises the one that it waits for.
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise
    except exceptions.PyreqwestError as error:
        raise _as_httpx_raises(error) from None


def _trust(verify: bool | str | os.PathLike[str]) -> bool | bytes:
    """Return whether to check certificates, or the authorities of a PEM file."""
    if isinstance(verify, bool):
        return verify
    authorities, context = Path(verify).read_bytes(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLError):
        context.load_verify_locations(verify)
    if not context.cert_store_stats()["x509"]:
        raise ValueError(f"{os.fspath(verify)} contains no certificate in PEM format, or a broken one")
    return authorities


def _configured(builder: _ClientBuilder, trust: bool | bytes, connect: float | None) -> _ClientBuilder:
    builder = builder.follow_redirects(False).no_proxy().default_cookie_store(False)
    builder = builder.gzip(False).brotli(False).zstd(False).deflate(False)  # httpx decodes the body
    builder = builder.max_connections(_MAX_CONNECTIONS).pool_idle_timeout(_KEEP_IDLE)
    builder = builder.danger_accept_invalid_certs(trust is False)
    if connect is not None:
        builder = builder.connect_timeout(timedelta(seconds=connect))
    return builder.add_root_certificate_pem(trust) if isinstance(trust, bytes) else builder


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        message = "AsyncFastTransport requires asyncio: use httpx.AsyncHTTPTransport under trio"
        raise httpx.UnsupportedProtocol(message) from None


def _prepared(
    begin: Callable[[str, str], _RequestBuilder], request: httpx.Request, total: float | None
) -> _RequestBuilder:
    """Begin a request of the engine, with headers, body and time limit."""
    try:
        builder = begin(request.method, str(request.url))
        builder = builder.headers([(name.decode(), value.decode()) for name, value in request.headers.raw])
    except ValueError:
        # The engine's own message repeats what it refuses.
        raise httpx.LocalProtocolError("the method, the URL or a header cannot be sent") from None
    # Without this the engine holds the head of a response back until 64 KiB of the body have arrived.
    builder = builder.streamed_read_buffer_limit(0)
    if total is not None:
        builder = builder.timeout(timedelta(seconds=total))
    if isinstance(request.stream, httpx.ByteStream):
        return builder.body_bytes(request.read())
    return builder.body_stream(cast("Any", request.stream))


def _limits(timeout: dict[str, float | None]) -> tuple[float | None, float | None]:
    """Return how long a request may take as a whole, and to connect if that is shorter. None is no limit."""
    read, connect = timeout.get("read"), timeout.get("connect")
    if read is None:
        return None, connect
    total = max(seconds for seconds in timeout.values() if seconds is not None)
    return total, connect if connect != total else None


def _as_httpx_response(response: BaseResponse, body: _Body | _AsyncBody) -> httpx.Response:
    headers = list(_ascii_headers(response))
    extensions = {"http_version": response.version.encode()}
    return httpx.Response(response.status, headers=headers, stream=body, extensions=extensions)


def _ascii_headers(response: BaseResponse) -> Iterator[tuple[str, str]]:
    """Return the headers that the engine can hand out: it raises at a value that is not ASCII."""
    headers = iter(response.headers.items())
    while True:
        try:
            yield next(headers)
        except StopIteration:
            return
        except ValueError:
            continue


# What the engine says when the server closes a connection, and what httpx says.
_CLOSED: Final = {
    "connection closed before message completed": "Server disconnected without sending a response.",
    "end of file before message length reached": "peer closed connection without sending complete message body",
    "unexpected EOF during chunk size line": "peer closed connection without sending complete message body",
    "peer closed connection": "peer closed connection without ending TLS",
}


def _as_httpx_raises(error: exceptions.PyreqwestError) -> httpx.TransportError:
    """Return the error of httpx's own transport for the same event. The engine's classes do not tell them apart."""
    causes = _causes(error)
    reason = causes[-1]
    if isinstance(error, exceptions.PoolTimeoutError):
        return httpx.PoolTimeout("no connection was free in time")
    if isinstance(error, exceptions.BuilderError):
        return httpx.UnsupportedProtocol(reason)
    connecting = "client error (Connect)" in causes
    if isinstance(error, exceptions.RequestTimeoutError):
        return httpx.ConnectTimeout(reason) if connecting else httpx.ReadTimeout(reason)
    if connecting:
        return httpx.ConnectError(reason)
    for closed, message in _CLOSED.items():
        if reason.startswith(closed):
            return httpx.RemoteProtocolError(message)
    if isinstance(error, exceptions.NetworkError | exceptions.ClientClosedError):
        return httpx.ReadError(reason)
    return httpx.RemoteProtocolError(reason)


def _causes(error: exceptions.PyreqwestError) -> list[str]:
    details: dict[str, Any] = getattr(error, "details", {})
    return [cause["message"] for cause in details.get("causes") or ()] or [error.message]
