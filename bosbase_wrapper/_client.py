"""`BosBase` and `AsyncBosBase`: two thin shells over one set of checked settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self, cast

import httpx

from . import _options
from ._errors import ConfigurationError
from ._version import __version__

if TYPE_CHECKING:
    from ._collection import AsyncCollection, Collection
    from ._send import Settings

_DEFAULT_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_HEADERS: Final = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": f"bosbase-wrapper/{__version__}",
    "accept-encoding": "identity",  # responses are small, and a compressed one could fill the memory
}


def _settings(
    base_url: str,
    timeout: float | httpx.Timeout | None,
    headers: Mapping[str, str] | None,
    retries: int,
    transport: object,
    http_client: httpx.Client | httpx.AsyncClient | None,
    kind: type[httpx.Client | httpx.AsyncClient],
) -> Settings:
    from ._send import Settings

    url = _options.base_url(base_url)
    if transport is not None and http_client is not None:
        raise ConfigurationError("give either transport or http_client: an http_client has its own transport")
    if http_client is not None and not isinstance(http_client, kind):
        raise ConfigurationError(f"http_client must be an httpx.{kind.__name__}")
    handler = "handle_request" if kind is httpx.Client else "handle_async_request"
    if transport is not None and not hasattr(transport, handler):
        raise ConfigurationError(f"transport must be a transport for httpx.{kind.__name__}: it has no {handler}")
    ours = {"host": url.netloc.decode(), **_HEADERS}
    settings = Settings(
        url=url,
        base_url=str(url).rstrip("/"),
        headers=_options.default_headers(ours, headers, http_client),
        timeout=_options.timeout(timeout),
        retries=_options.retries(retries),
    )
    _options.warn_if_insecure(url, stacklevel=3)
    return settings


class _BaseClient:
    """What the two clients have in common."""

    _settings: Settings

    @property
    def base_url(self) -> str:
        """The server's URL, without a slash at its end."""
        return self._settings.base_url

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Make a client for the server at the environment variable BOSBASE_URL. `options` are the constructor's.

        Raises ConfigurationError if BOSBASE_URL is not set.
        """
        url = os.environ.get("BOSBASE_URL")
        if not url:
            raise ConfigurationError(
                "BOSBASE_URL is not set: set it to the server's URL, such as http://127.0.0.1:8090"
            )
        return cast("Callable[..., Self]", cls)(url, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"


class BosBase(_BaseClient):
    """A client for one BosBase server. Its calls are safe from many threads.

    Use it as a context manager, or call `close`. It survives a fork: each process has connections of its own.
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
        """Make a client. This does no IO.

        - `base_url`: the server's URL, `http://` or `https://`. It may have a path.
        - `timeout`: seconds for each attempt, an `httpx.Timeout`, or None for no limit. Default: 10, of which 5 to
          connect.
        - `headers`: headers to send with every call; not Authorization or Cookie.
        - `retries`: how often a call is sent again after a transient failure. Default: 2.
        - `transport`: an httpx transport to send over. It is closed with the client.
        - `http_client`: an `httpx.Client` to send over, which is never closed. Its transport, proxies, event hooks
          and headers are used; its auth, cookies, params, base_url and timeout are not.

        Raises ConfigurationError for an option that cannot be used. Warns with InsecureTransportWarning if `base_url`
        is plain http to another host.
        """
        # Imported here, since the generated models take longer to import than all the rest.
        from ._send import SyncSender

        self._settings = _settings(base_url, timeout, headers, retries, transport, http_client, httpx.Client)
        self._sender = SyncSender(self._settings, http_client, transport)

    def collection(self, name_or_id: str) -> Collection:
        """Return one auth collection, by its name (in any case) or its id. This does no IO.

        Raises ConfigurationError for a name that is not one segment of a path.
        """
        from ._collection import Collection

        return Collection(self._sender, name_or_id)

    def close(self) -> None:
        """Close the connections. A call on a closed client raises ConfigurationError."""
        self._sender.close()

    def __enter__(self) -> Self:
        self._sender.ensure_open()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()


class AsyncBosBase(_BaseClient):
    """`BosBase` with coroutines, for asyncio and trio. Its calls are safe from many tasks.

    One client serves several event loops, one after another or at the same time: each has connections of its own.
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
        """Make a client. The options are those of `BosBase`, with an async transport or an `httpx.AsyncClient`."""
        from ._send import AsyncSender

        self._settings = _settings(base_url, timeout, headers, retries, transport, http_client, httpx.AsyncClient)
        self._sender = AsyncSender(self._settings, http_client, transport)

    def collection(self, name_or_id: str) -> AsyncCollection:
        """Return one auth collection. See `BosBase.collection`."""
        from ._collection import AsyncCollection

        return AsyncCollection(self._sender, name_or_id)

    async def aclose(self) -> None:
        """Close the connections of this event loop. A call on a closed client raises ConfigurationError."""
        await self._sender.aclose()

    async def __aenter__(self) -> Self:
        self._sender.ensure_open()
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.aclose()
