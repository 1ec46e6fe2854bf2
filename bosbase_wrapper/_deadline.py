"""httpx's transport for the sync client, with the one thing that httpx lacks: an end of the attempt as a whole.

httpx limits each read alone, so that a header of slow bytes would never end. Here each step over the network asks how
long the attempt may still take. Like httpx's own transport, it is made of httpcore's public parts.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, Final, cast

import httpcore
import httpx

from ._fast import has_environment_proxy
from ._pool import Pool

_KEEP_ALIVE_SECONDS: Final = 5.0  # as httpx

_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


class _Until(float):
    """A timeout of one step in seconds, as every transport knows it, and the time at which the attempt ends."""

    ends: float


def limit(request: httpx.Request, seconds: float) -> None:
    """Let every step of a request end when its attempt does, `seconds` from now."""
    ends = time.monotonic() + seconds
    timeouts = request.extensions["timeout"]
    for name, step in timeouts.items():
        timeouts[name] = until = _Until(seconds if step is None else step)
        until.ends = ends


def _left(step: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    if not isinstance(step, _Until):
        return step
    left = step.ends - time.monotonic()
    if left <= 0:
        raise error
    return min(step, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose steps end with the attempt."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._unsent = b""
        self._write_timeout: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            self._flush()
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Kept until an answer is awaited: head and body leave together, in one call of the system.
        self._unsent += buffer
        self._write_timeout = timeout

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, b""
        # A server may answer, and close, before it has read everything: what it says is still to be read.
        with suppress(httpcore.WriteError):
            self._stream.write(unsent, _left(self._write_timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        # Closing alone does not wake a thread that reads.
        with suppress(OSError):
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.SyncBackend):
    """TCP whose connections end with the attempt, however many addresses a host has."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the host has no address")
        for address in _addresses(host, port):
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                return _Stream(super().connect_tcp(address, port, left, *args, **options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Body(httpx.SyncByteStream):
    """An answer's body, with httpx's errors instead of httpcore's."""

    def __init__(self, body: Iterable[bytes], resources: ExitStack) -> None:
        self._body = body
        self._resources = resources

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except _ERRORS as error:
            raise _as_httpx(error) from error

    def close(self) -> None:
        self._resources.close()


def _as_httpx(error: Exception) -> httpx.HTTPError:
    # The two name their errors alike.
    kind: type[httpx.HTTPError] = getattr(httpx, type(error).__name__)
    return kind(str(error))


class DeadlineTransport(httpx.BaseTransport):
    """Sends over connections whose steps end with the attempt."""

    def __init__(self, connections: int) -> None:
        self._ssl_context = httpx.create_ssl_context()
        self._network = _Network()
        self._pool = Pool(self._connect, connections)

    def _connect(self, origin: httpcore.Origin) -> httpcore.HTTPConnection:
        return httpcore.HTTPConnection(
            origin, ssl_context=self._ssl_context, keepalive_expiry=_KEEP_ALIVE_SECONDS, network_backend=self._network
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, extensions = request.url, request.extensions
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(
            request.method, target, headers=request.headers.raw, content=request.stream, extensions=extensions
        )
        try:
            with ExitStack() as stack:
                connection = self._pool.take(target.origin, extensions["timeout"]["pool"])
                stack.callback(self._pool.give_back, connection)
                answer = connection.handle_request(sent)
                stack.callback(cast("Any", answer.stream).close)
                body = _Body(cast("Iterable[bytes]", answer.stream), stack.pop_all())
        except _ERRORS as error:
            raise _as_httpx(error) from error
        told = cast("dict[str, Any]", answer.extensions)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=told)

    def close(self) -> None:
        self._pool.close()


def default_transport(connections: int) -> httpx.BaseTransport | None:
    """The transport of this module; None, for httpx's own, where the environment names a proxy."""
    return None if has_environment_proxy() else DeadlineTransport(connections)
