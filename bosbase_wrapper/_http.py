"""Makes the httpx clients that a BosBase client sends over, and explains trouble that the environment causes them."""

import os
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import httpx

from ._errors import ConfigurationError
from ._options import is_loopback, url_with_host

C = TypeVar("C")

# One connection for each caller: httpcore 1.0.9 now and then drops one that waits for another caller's.
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
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
    from_environment = transport is None and not is_loopback(url.host)
    bad = _bad_proxies() if from_environment else []
    if not bad:
        try:
            return kind(transport=transport, verify=verify, trust_env=from_environment, limits=_LIMITS)
        except httpx.InvalidURL:
            bad = _set_ones(["NO_PROXY"])  # the only other variable that httpx reads as URLs
    raise ConfigurationError(
        f"the environment variable {' or '.join(bad)} cannot be used: correct or unset it. A proxy is a URL that httpx"
        " supports (http, https, or socks5 with httpx[socks]), and NO_PROXY a list of hosts"
    )


def _bad_proxies() -> list[str]:
    """Return the variables that hold no proxy: httpx looks at a part of them only when it connects."""
    return [name for name in _set_ones(_PROXIES) if not _is_proxy(os.environ[name])]


def _is_proxy(value: str) -> bool:
    url = url_with_host(value if "://" in value else f"http://{value}")
    try:
        return url is not None and bool(httpx.HTTPTransport(proxy=httpx.Proxy(url), verify=False))
    except (ValueError, ImportError):
        return False


def _ssl_context() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or type(error).__name__
    # The library does not say which one it cannot use.
    names = " or ".join(_set_ones(_CERTIFICATES))
    raise ConfigurationError(f"the environment variable {names} cannot be used: {reason}")


def _set_ones(names: Sequence[str]) -> list[str]:
    return [form for name in names for form in (name, name.lower()) if os.environ.get(form)]
