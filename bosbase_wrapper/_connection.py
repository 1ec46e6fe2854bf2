# MAINTAINER: see MAINTAINER-NOTE.md in the root before you go on with this file.
"""One HTTP/1.1 connection: h11 speaks, httpcore's network carries, and each step ends when its attempt does.

httpx limits each read alone, so that a header of slow bytes would never end.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import h11
import httpcore
import httpx

_LARGEST_HEAD: Final = 100 * 1024
_READ_BYTES: Final = 64 * 1024
_KEEP_ALIVE_SECONDS: Final = 5.0  # as httpx
_NETWORK: Final = httpcore.SyncBackend()


def limit(request: httpx.Request, seconds: float) -> None:
    """Let every step of a request end when its attempt does, `seconds` from now."""
    request.extensions["ends"] = time.monotonic() + seconds


def _left(request: httpx.Request, step: str, error: type[httpcore.TimeoutException]) -> float | None:
    """The seconds that a step may take; raises `error` where the attempt is over."""
    seconds: float | None = request.extensions["timeout"][step]
    ends: float | None = request.extensions.get("ends")
    if ends is None:
        return seconds
    left = ends - time.monotonic()
    if left <= 0:
        raise error
    return left if seconds is None else min(seconds, left)


class Connection:
    """A connection to the server of its first request, made by that.

    Raises httpcore's errors for the network, and h11's for an answer that is no HTTP.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._stream: httpcore.NetworkStream | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._expires = 0.0

    def exchange(self, request: httpx.Request) -> tuple[h11.Response, Iterator[bytes]]:
        """Send a request; returns the head of its answer, and the body as it comes."""
        stream = self._stream = self._stream or self._connected(request)
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        # One packet, one call of the system: the server wakes up once. Named as error trackers know to scrub it.
        secret = b"".join(
            self._http.send(event) or b"" for event in (head, h11.Data(request.read()), h11.EndOfMessage())
        )
        # A server may answer, and close, before it has read everything: what it says is still to be read.
        with suppress(httpcore.WriteError):
            stream.write(secret, _left(request, "write", httpcore.WriteTimeout))
        while not isinstance(event := self._next_event(stream, request), h11.Response):
            pass  # 100 Continue and its like
        return event, self._body(stream, request)

    def _body(self, stream: httpcore.NetworkStream, request: httpx.Request) -> Iterator[bytes]:
        while isinstance(event := self._next_event(stream, request), h11.Data):
            yield bytes(event.data)

    def _next_event(self, stream: httpcore.NetworkStream, request: httpx.Request) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            received = stream.read(_READ_BYTES, _left(request, "read", httpcore.ReadTimeout))
            if not received and self._http.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
            self._http.receive_data(received)
        return event

    def _connected(self, request: httpx.Request) -> httpcore.NetworkStream:
        url = request.url
        host = url.raw_host.decode()
        if url.scheme == "http":
            return _connect(host, url.port or 80, request)
        stream = _connect(host, url.port or 443, request)
        return stream.start_tls(self._tls, host, _left(request, "connect", httpcore.ConnectTimeout))

    def renew(self) -> bool:
        """Make ready for the next request; False where it cannot serve one."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._expires = time.monotonic() + _KEEP_ALIVE_SECONDS
        return True

    def is_stale(self) -> bool:
        """Whether it was idle for too long, or the server has closed it."""
        return time.monotonic() > self._expires or bool(self._stream and self._stream.get_extra_info("is_readable"))

    def close(self) -> None:
        """Close it, and wake a thread that waits for its answer, which closing alone does not."""
        if self._stream:
            with suppress(OSError):
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            self._stream.close()


def _connect(host: str, port: int, request: httpx.Request) -> httpcore.NetworkStream:
    """TCP to the first of the host's addresses that takes it; however many there are, all in the attempt's time."""
    failure: Exception = httpcore.ConnectError("the host has no address")
    for address in _addresses(host, port):
        try:
            return _NETWORK.connect_tcp(address, port, _left(request, "connect", httpcore.ConnectTimeout))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failure = error
    raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
