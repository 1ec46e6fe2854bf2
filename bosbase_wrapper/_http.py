"""Makes the httpx clients that a BosBase client sends over, and explains trouble that the environment causes them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import httpx

from ._errors import ConfigurationError
from ._options import is_loopback

C = TypeVar("C")

# One connection for each caller: httpcore 1.0.9 now and then drops one that waits for another caller's.
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


class _NoCookies(httpx.Cookies):
    """Stores nothing: a cookie of one response must not go out with the next request."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore the cookies of a response. Storing them would take as long as the rest of `send`."""


class _Client(httpx.Client):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # a property that nobody sets


class _AsyncClient(httpx.AsyncClient):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # as above


def make_client(url: httpx.URL, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return an `httpx.Client` for one server, over httpx's own transport or over `transport`.

    Raises ConfigurationError, which names the variable, if the environment cannot be used.
    """
    return _make(_Client, url, transport)


def make_async_client(url: httpx.URL, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient`. See `make_client`."""
    return _make(_AsyncClient, url, transport)


def _make(kind: Callable[..., C], url: httpx.URL, transport: object) -> C:
    # A transport brings its own TLS, and plain http needs no certificates.
    plain = transport is not None or url.scheme == "http"
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else _ssl_context()
    try:
        return kind(transport=transport, verify=verify, trust_env=not is_loopback(url.host), limits=_LIMITS)
    except (ValueError, ImportError, httpx.InvalidURL):
        pass  # the error may hold the proxy's password
    raise ConfigurationError(
        f"the environment variable {_set_ones(_PROXIES)} cannot be used: set it to a proxy's URL that httpx supports"
        " (http, https, or socks5 with httpx[socks]), or unset it"
    )


def _ssl_context() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or type(error).__name__
    raise ConfigurationError(f"the environment variable {_set_ones(_CERTIFICATES)} cannot be used: {reason}")


def _set_ones(names: Sequence[str]) -> str:
    """Return which of the variables are set. The library does not say which one it cannot use."""
    forms = [form for name in names for form in (name, name.lower()) if os.environ.get(form)]
    return " or ".join(forms) or names[0]
