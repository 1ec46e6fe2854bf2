"""Sign the requests of httpx2 clients in. Needs the package httpx2."""

from typing import Any

try:
    import httpx2
except ImportError:
    raise ImportError("bosbase_wrapper.httpx2 needs httpx2: pip install httpx2") from None

from ._errors import ConfigurationError
from ._token_auth import AsyncTokenAuth, TokenAuth

__all__ = ["signed"]


class _Signed(httpx2.Auth):
    """Passes httpx2's requests on: their attributes are those of httpx's."""

    def __init__(self, auth: Any) -> None:
        self._auth = auth

    def __repr__(self) -> str:
        return f"signed({self._auth!r})"

    def sync_auth_flow(self, request: httpx2.Request) -> Any:
        return self._auth.sync_auth_flow(request)

    def async_auth_flow(self, request: httpx2.Request) -> Any:
        return self._auth.async_auth_flow(request)


def signed(auth: TokenAuth | AsyncTokenAuth) -> httpx2.Auth:
    """Return an `httpx2.Auth` that does for httpx2 what `auth` does for httpx.

    A `TokenAuth` is for `httpx2.Client`, an `AsyncTokenAuth` for `httpx2.AsyncClient`; the other one raises
    ConfigurationError at the first request. Raises ConfigurationError for anything else than the two.
    """
    if not isinstance(auth, TokenAuth | AsyncTokenAuth):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigurationError("signed takes a TokenAuth or an AsyncTokenAuth")
    return _Signed(auth)
