"""httpx-aiohttp, the transport of the extra `fast`: when it serves, and what its errors mean.

aiohttp is imported where it sends alone. Its errors are understood wherever it is in use, also when the caller
brought it.
"""

from __future__ import annotations

import ssl
import sys
import traceback
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    import asyncio

    from aiohttp.abc import AbstractCookieJar

_in_our_call: Final = ContextVar("bosbase_wrapper_in_our_call", default=False)

# From the first that fits: aiohttp's class, and the one that httpx's own transport raises for the same.
_TWINS: Final[tuple[tuple[str, type[httpx.HTTPError]], ...]] = (
    ("SocketTimeoutError", httpx.ReadTimeout),
    ("ServerTimeoutError", httpx.ConnectTimeout),
    ("ClientProxyConnectionError", httpx.ProxyError),
    ("ClientHttpProxyError", httpx.ProxyError),
    ("ClientConnectorError", httpx.ConnectError),
    ("ClientConnectionError", httpx.ReadError),
    ("ClientError", httpx.RemoteProtocolError),
)


def fast_transport(limits: httpx.Limits) -> httpx.AsyncBaseTransport | None:
    """httpx-aiohttp's transport where it is installed and can serve; None for httpx's own.

    It serves under asyncio alone, and knows nothing of the proxies that the environment names.
    """
    if has_environment_proxy() or running_loop() is None:
        return None
    try:
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        return None
    return AiohttpTransport(limits=limits)


def has_environment_proxy() -> bool:
    """Whether the environment names a proxy, which a transport of our own would pass by."""
    return any(scheme != "no" for scheme in urllib.request.getproxies())


def running_loop() -> asyncio.AbstractEventLoop | None:
    """asyncio's loop that runs here; None under trio."""
    import asyncio  # a sync client has no need of it, and it takes 10 ms

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Jar:
    """The cookie jar of an aiohttp session: empty for our calls, as it was for all others."""

    def __init__(self, theirs: AbstractCookieJar, empty: AbstractCookieJar) -> None:
        self._theirs = theirs
        self._empty = empty

    def __getattr__(self, name: str) -> Any:
        return getattr(self._empty if _in_our_call.get() else self._theirs, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._theirs)

    def __len__(self) -> int:
        return len(self._theirs)


def exchange_jars(http: httpx.AsyncClient) -> None:
    """Let no aiohttp session that sends for `http` send or keep a cookie `within_our_call`."""
    if sys.modules.get("httpx_aiohttp") is None:
        return
    from aiohttp import ClientSession, DummyCookieJar
    from httpx_aiohttp import AiohttpTransport

    # httpx shows a client's transports nowhere else, and aiohttp lets no jar be set.
    transports = (http._transport, *http._mounts.values())  # pyright: ignore[reportPrivateUsage]
    for transport in transports:
        if isinstance(transport, AiohttpTransport):
            if not isinstance(transport.client, ClientSession):
                transport.client = transport.get_client()
            session: Any = transport.client
            if not isinstance(session.cookie_jar, _Jar):
                session._cookie_jar = _Jar(session.cookie_jar, DummyCookieJar())


@contextmanager
def within_our_call() -> Generator[None]:
    """Marks what runs within it as one of our calls."""
    before = _in_our_call.set(True)
    try:
        yield
    finally:
        _in_our_call.reset(before)


def transport_errors() -> tuple[type[Exception], ...]:
    """What a transport may raise where no answer came."""
    # A TLS record that is broken in the middle of an answer reaches httpx's users, under asyncio, as it is.
    aiohttp = sys.modules.get("aiohttp")
    ours = (httpx.RequestError, ssl.SSLError)
    return ours if aiohttp is None else (*ours, aiohttp.ClientError)


def as_httpx_raises(error: Exception) -> Exception:
    """The error that httpx's own transport would raise for the same; httpx-aiohttp's say little by themselves.

    A refused connection and one dropped after the request was sent are both its ConnectTimeout, and for a malformed
    answer it lets aiohttp's own error through.
    """
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is None:
        return error
    origin = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    if origin is None or not isinstance(origin, aiohttp.ClientError):
        return error
    twin = next(twin for name, twin in _TWINS if isinstance(origin, getattr(aiohttp, name)))
    if twin is httpx.ConnectTimeout and _waited_for_the_pool(origin):
        twin = httpx.PoolTimeout
    elif "Not enough data" in str(origin):
        twin = httpx.ReadError  # cut off: one class serves for this and for chunks that are no chunks
    meant = twin(str(origin))
    meant.__cause__ = origin.__cause__
    return meant


def _waited_for_the_pool(error: BaseException | None) -> bool:
    # Both end in the same error and text; only where it was raised tells them apart.
    while error is not None:
        frames = traceback.walk_tb(error.__traceback__)
        if any(frame.f_code.co_name == "_wait_for_available_connection" for frame, _ in frames):
            return True
        error = error.__cause__
    return False
