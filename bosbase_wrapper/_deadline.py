"""The sync client's transport, with the one thing that httpx's lacks: an end of the attempt as a whole."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import h11
import httpcore
import httpx

from ._connection import Connection
from ._fast import has_environment_proxy
from ._pool import Pool

_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    h11.ProtocolError,
)


@contextmanager
def _as_httpx_raises() -> Generator[None]:
    try:
        yield
    except _ERRORS as error:
        # The three name their errors alike.
        kind: type[httpx.HTTPError] = getattr(httpx, type(error).__name__)
        raise kind(str(error)) from error


class _Body(httpx.SyncByteStream):
    """An answer's body, and what is to be done when it was read."""

    def __init__(self, parts: Iterator[bytes], close: Callable[[], None]) -> None:
        self._parts = parts
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx_raises():
            yield from self._parts

    def close(self) -> None:
        self._close()


class DeadlineTransport(httpx.BaseTransport):
    """Sends to one server, over as many connections as are needed at once, and at most so many."""

    def __init__(self, connections: int) -> None:
        tls = httpx.create_ssl_context()
        tls.set_alpn_protocols(["http/1.1"])
        self._pool = Pool(lambda: Connection(tls), connections)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx_raises(), ExitStack() as stack:
            connection = self._pool.take(request.extensions["timeout"]["pool"])
            stack.callback(self._pool.give_back, connection)
            head, parts = connection.exchange(request)
            body = _Body(parts, stack.pop_all().close)
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=body,
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    def close(self) -> None:
        self._pool.close()


def default_transport(connections: int) -> httpx.BaseTransport | None:
    """The transport of this module; None, for httpx's own, where the environment names a proxy."""
    return None if has_environment_proxy() else DeadlineTransport(connections)
