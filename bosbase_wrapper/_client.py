"""`BosBase` and `AsyncBosBase`: two thin shells around one set of checked settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from . import _options
from ._errors import ConfigurationError
from ._version import __version__

if TYPE_CHECKING:
    from ._collection import AsyncCollection, Collection, Settings

_DEFAULT_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_OURS: Final = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": f"bosbase-wrapper/{__version__}",
    "accept-encoding": "identity",  # an answer is small, and a compressed one can be a bomb
}


class _Client:
    """What the two clients share: checked settings and the base URL."""

    def __init__(
        self,
        base_url: str,
        kind: type[httpx.Client | httpx.AsyncClient],
        timeout: float | httpx.Timeout | None,
        headers: Mapping[str, str] | None,
        retries: int,
        transport: object,
        http_client: httpx.Client | httpx.AsyncClient | None,
    ) -> None:
        # Imported here and not above: the generated models take longer to import than all the rest.
        from ._collection import Settings

        url = _options.base_url(base_url)
        if transport is not None and http_client is not None:
            raise ConfigurationError("give either transport or http_client: an http_client has its own transport")
        if http_client is not None and not isinstance(http_client, kind):
            raise ConfigurationError(f"http_client must be an httpx.{kind.__name__}")
        handler = "handle_request" if kind is httpx.Client else "handle_async_request"
        if transport is not None and not hasattr(transport, handler):
            raise ConfigurationError(f"transport must be one for an httpx.{kind.__name__}: it has no {handler}")
        own = _options.headers(headers, also_refused=_options.CREDENTIAL_HEADERS)
        self._settings: Settings = Settings(
            base_url=str(url).rstrip("/"),
            headers=_merged({"host": url.netloc.decode()}, _inherited(http_client), {**_OURS, **own}),
            timeout=_options.timeout(timeout),
            retries=_options.retries(retries),
        )
        _options.warn_if_insecure(url, stacklevel=3)

    @property
    def base_url(self) -> str:
        """The server's URL, without a slash at its end."""
        return self._settings.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"


def _inherited(http_client: httpx.Client | httpx.AsyncClient | None) -> httpx.Headers:
    """The headers of a caller's own client that go out below ours, as bytes: they need not be ASCII."""
    refused = _options.OWN_HEADERS | _options.CREDENTIAL_HEADERS
    raw = [] if http_client is None else http_client.headers.raw
    return httpx.Headers([(name, value) for name, value in raw if name.lower().decode() not in refused])


def _merged(*layers: Mapping[str, str]) -> httpx.Headers:
    """Headers of several layers, a later one above those before it."""
    merged = httpx.Headers()
    for layer in layers:
        merged.update(layer)
    return httpx.Headers(merged.raw)  # a new one, since `update` keeps the encoding of what was there before


def _url_from_environment() -> str:
    url = os.environ.get("BOSBASE_URL")
    if url:
        return url
    raise ConfigurationError("BOSBASE_URL is not set: give it the server's URL, as in http://127.0.0.1:8090")


class BosBase(_Client):
    """A BosBase server, as seen by a client that signs in with custom tokens.

    `base_url` may have a path. `timeout` is the seconds of one attempt (10, of which 5 to connect), an
    `httpx.Timeout`, or None for no limit; `retries` is how often a call may be sent again. `headers` go with every
    call. `transport` or `http_client` say how to send: of an `http_client`, its transport, proxies and event hooks
    serve, and its headers below ours; its auth, cookies, params, base_url and timeout do not. One passed in is
    never closed.

    Calls are safe from many threads. Raises ConfigurationError for options that cannot be used; warns with
    InsecureTransportWarning for plain http to a host that is not this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float | httpx.Timeout | None = _DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
        transport: httpx.BaseTransport | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        from ._send import SyncSender

        super().__init__(base_url, httpx.Client, timeout, headers, retries, transport, http_client)
        self._sender = SyncSender(http_client, transport)

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """A client of the server that the environment variable BOSBASE_URL names; the options are the same.

        Raises ConfigurationError where it is not set.
        """
        return cls(_url_from_environment(), **options)

    def collection(self, name_or_id: str) -> Collection:
        """A handle of one auth collection, by its name (in any case) or its id. Does no IO.

        Raises ConfigurationError for a name that would not stay one segment of the path.
        """
        from ._collection import Collection

        return Collection(self._sender, self._settings, name_or_id)

    def close(self) -> None:
        """Close the connections; a call on a closed client raises ConfigurationError."""
        self._sender.close()

    def __enter__(self) -> Self:
        from ._send import ensure_open

        ensure_open(self._sender)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()


class AsyncBosBase(_Client):
    """`BosBase` with coroutines, for asyncio and trio; calls are safe from many tasks.

    Where the extra `fast` is installed, asyncio runs, and neither `transport`, `http_client` nor a proxy is set, it
    sends over httpx-aiohttp.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float | httpx.Timeout | None = _DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        from ._send import AsyncSender

        super().__init__(base_url, httpx.AsyncClient, timeout, headers, retries, transport, http_client)
        self._sender = AsyncSender(http_client, transport)

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """As `BosBase.from_env`."""
        return cls(_url_from_environment(), **options)

    def collection(self, name_or_id: str) -> AsyncCollection:
        """As `BosBase.collection`."""
        from ._collection import AsyncCollection

        return AsyncCollection(self._sender, self._settings, name_or_id)

    async def aclose(self) -> None:
        """As `BosBase.close`."""
        await self._sender.aclose()

    async def __aenter__(self) -> Self:
        from ._send import ensure_open

        ensure_open(self._sender)
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.aclose()
