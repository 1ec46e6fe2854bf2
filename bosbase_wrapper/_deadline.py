"""The sync client's transport: httpcore's connections, with the one thing that httpx's transport lacks.

httpx limits each read alone, so that a header of slow bytes would never end. Here each step over the network ends when
its attempt does.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, cast

import httpcore
import httpx

from ._fast import has_environment_proxy
from ._pool import Pool

_KEEP_ALIVE_SECONDS: Final = 5.0  # as httpx
_ERRORS: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


def limit(request: httpx.Request, seconds: float) -> None:
    """Let every step of a request end when its attempt does, `seconds` from now."""
    request.extensions["ends"] = time.monotonic() + seconds


class _Stream(httpcore.NetworkStream):
    """A connection's bytes. What is written goes out with the next read: head and body of a request in one packet."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._unsent = bytearray()
        self._write_timeout: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            secret, self._unsent = bytes(self._unsent), bytearray()  # named as error trackers know to scrub it
            # A server may answer, and close, before it has read everything: what it says is still to be read.
            with suppress(httpcore.WriteError):
                self._stream.write(secret, self._deadline.left(self._write_timeout, httpcore.WriteTimeout))
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer
        self._write_timeout = timeout

    def close(self) -> None:
        """Close it, and wake a thread that waits for an answer, which closing alone does not."""
        with suppress(OSError):
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Deadline(httpcore.SyncBackend):
    """The network of one connection, which serves one attempt at a time: `ends` is the end of the present one."""

    ends: float | None = None

    def left(self, seconds: float | None, error: type[httpcore.TimeoutException]) -> float | None:
        """The seconds that a step may take; raises `error` where the attempt is over."""
        if self.ends is None:
            return seconds
        left = self.ends - time.monotonic()
        if left <= 0:
            raise error
        return left if seconds is None else min(seconds, left)

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.NetworkStream:
        """TCP to the first of the host's addresses that takes it; however many there are, all in the attempt's time."""
        failure: Exception = httpcore.ConnectError("the host has no address")
        for address in _addresses(host, port):
            try:
                left = self.left(timeout, httpcore.ConnectTimeout)
                return _Stream(super().connect_tcp(address, port, left, *args, **options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@contextmanager
def _as_httpx_raises() -> Generator[None]:
    try:
        yield
    except _ERRORS as error:
        # The two name their errors alike.
        kind: type[httpx.HTTPError] = getattr(httpx, type(error).__name__)
        raise kind(str(error)) from error


class _Body(httpx.SyncByteStream):
    """An answer's body, and what is to be done when it was read."""

    def __init__(self, parts: Iterable[bytes], close: Callable[[], None]) -> None:
        self._parts = parts
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx_raises():
            yield from self._parts

    def close(self) -> None:
        self._close()


class Connection(httpcore.HTTPConnection):
    """A connection and its deadline."""

    def __init__(self, origin: httpcore.Origin, tls: ssl.SSLContext) -> None:
        self.deadline = _Deadline()
        super().__init__(origin, tls, keepalive_expiry=_KEEP_ALIVE_SECONDS, network_backend=self.deadline)


class DeadlineTransport(httpx.BaseTransport):
    """Sends to one server, over as many connections as are needed at once, and at most so many."""

    def __init__(self, connections: int) -> None:
        tls = httpx.create_ssl_context()
        self._pool = Pool(lambda origin: Connection(origin, tls), connections)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        with _as_httpx_raises(), ExitStack() as stack:
            connection = self._pool.take(url.origin, request.extensions["timeout"]["pool"])
            stack.callback(self._pool.give_back, connection)
            connection.deadline.ends = request.extensions.get("ends")
            answer = connection.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
            stack.callback(answer.close)
            body = _Body(cast("Iterable[bytes]", answer.stream), stack.pop_all().close)
        extensions = cast("dict[str, Any]", answer.extensions)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=extensions)

    def close(self) -> None:
        self._pool.close()


def default_transport(connections: int) -> httpx.BaseTransport | None:
    """The transport of this module; None, for httpx's own, where the environment names a proxy."""
    return None if has_environment_proxy() else DeadlineTransport(connections)
