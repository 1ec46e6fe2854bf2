"""httpx-aiohttp, the transport of the extra `fast`: when it serves, and what its errors mean.

aiohttp is imported where it sends alone. Its errors are understood wherever it is in use, also when the caller
brought it.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
import urllib.request
from typing import Final

import httpx

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
    if has_environment_proxy() or not _asyncio_runs():
        return None
    try:
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        return None
    return AiohttpTransport(limits=limits)


def has_environment_proxy() -> bool:
    """Whether the environment names a proxy, which a transport of our own would pass by."""
    return any(scheme != "no" for scheme in urllib.request.getproxies())


def _asyncio_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def forget_cookies(transport: httpx.AsyncBaseTransport | None) -> None:
    """Give a transport over aiohttp that has no session yet one that keeps no cookie, with all its options."""
    if "httpx_aiohttp" not in sys.modules:
        return
    from aiohttp import ClientSession, DummyCookieJar
    from httpx_aiohttp import AiohttpTransport

    if isinstance(transport, AiohttpTransport) and transport.client is None:
        session = transport.get_client()
        transport.client = ClientSession(connector=session.connector, cookie_jar=DummyCookieJar())
        session.detach()


def transport_errors() -> tuple[type[Exception], ...]:
    """What a transport may raise where no answer came."""
    aiohttp = sys.modules.get("aiohttp")
    return (httpx.HTTPError,) if aiohttp is None else (httpx.HTTPError, aiohttp.ClientError)


def as_httpx_raises(error: Exception) -> Exception:
    """The error that httpx's own transport would raise for the same; httpx-aiohttp's say little by themselves.

    A refused connection and one dropped after the request was sent are both its ConnectTimeout, and for a malformed
    answer it lets aiohttp's own error through.
    """
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is None:
        return error
    origin = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    if not isinstance(origin, aiohttp.ClientError):
        return error
    twin = next(twin for name, twin in _TWINS if isinstance(origin, getattr(aiohttp, name)))
    if twin is httpx.ConnectTimeout and _waited_for_the_pool(origin):
        twin = httpx.PoolTimeout
    elif "Not enough data" in str(origin):
        twin = httpx.ReadError  # cut off: one class serves for this and for chunks that are no chunks
    return twin(str(origin))


def _waited_for_the_pool(error: BaseException | None) -> bool:
    # Both end in the same error and text; only where it was raised tells them apart.
    while error is not None:
        frames = traceback.walk_tb(error.__traceback__)
        if any(frame.f_code.co_name == "_wait_for_available_connection" for frame, _ in frames):
            return True
        error = error.__cause__
    return False
