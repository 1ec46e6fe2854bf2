"""Makes the httpx clients that a BosBase client sends over, and explains trouble that the environment causes them."""

import os
import ssl
from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast

import httpx

from ._errors import ConfigurationError
from ._options import is_loopback, url_with_host

H = TypeVar("H", httpx.Client, httpx.AsyncClient)

# One connection for each caller: httpcore 1.0.9 now and then drops one that waits for another caller's.
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_PROXY_HINT: Final = (
    "correct or unset it. A proxy is a URL that httpx supports (http, https, or socks5 with httpx[socks]), and NO_PROXY"
    " a list of hosts"
)


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Store nothing: our requests carry no cookies, and storing them would take as long as the rest of `send`."""


class Client(httpx.Client):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # a property that nobody sets


class AsyncClient(httpx.AsyncClient):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # as above


def make_client(kind: type[H], url: httpx.URL, transport: Any = None) -> H:
    """Return an httpx client for one server, over httpx's own transport or over `transport`.

    Raises ConfigurationError, which names the variables, if the environment cannot be used.
    """
    # A transport brings its own TLS, and plain http needs no certificates.
    plain = transport is not None or url.scheme == "http"
    from_environment = transport is None and not is_loopback(url.host)
    bad = _bad_proxies() if from_environment else []
    reason = _PROXY_HINT
    try:
        if not bad:
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
            return kind(transport=transport, verify=verify, trust_env=from_environment, limits=_LIMITS)
    except OSError as error:  # ssl.SSLError is one; it does not name the file
        bad, reason = _set_ones(_CERTIFICATES), error.strerror or type(error).__name__
    except httpx.InvalidURL:
        bad = _set_ones(["NO_PROXY"])  # the only other variable that httpx reads as URLs
    what = f"the environment variable {' or '.join(bad)}" if bad else "certifi's list of authorities"
    raise ConfigurationError(f"{what} cannot be used: {reason}")


def _bad_proxies() -> list[str]:
    """Return the variables that hold no proxy: httpx looks at a part of them only when it connects."""
    return [name for name in _set_ones(_PROXIES) if not _is_proxy(os.environ[name])]


def _is_proxy(value: str) -> bool:
    url = url_with_host(value if "://" in value else f"http://{value}")
    try:
        return url is not None and bool(httpx.HTTPTransport(proxy=httpx.Proxy(url), verify=False))
    except (ValueError, ImportError):
        return False


def _set_ones(names: Sequence[str]) -> list[str]:
    return [form for name in names for form in (name, name.lower()) if os.environ.get(form)]
