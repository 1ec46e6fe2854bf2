"""`BosBase` and `AsyncBosBase`: two thin shells over a `Sender`."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Self, TypeVar, cast

import httpx

from . import _options
from ._collection import AsyncCollection, Collection
from ._errors import ConfigurationError
from ._send import AsyncSender, Sender, SyncSender

S = TypeVar("S", bound=Sender[Any])

_DEFAULT_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)


class _BaseClient(Generic[S]):
    _sender: S

    @property
    def base_url(self) -> str:
        """The server's URL, without a slash at its end."""
        return self._sender.base_url

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


class BosBase(_BaseClient[SyncSender]):
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
        self._sender = SyncSender(base_url, timeout, headers, retries, transport, http_client)
        _options.warn_if_insecure(self._sender.url)

    def collection(self, name_or_id: str) -> Collection:
        """Return one auth collection, by its name (in any case) or its id. This does no IO.

        Raises ConfigurationError for a name that is not one segment of a path.
        """
        return Collection(self._sender, name_or_id)

    def close(self) -> None:
        """Close the connections. A call on a closed client raises ConfigurationError."""
        self._sender.close()

    def __enter__(self) -> Self:
        self._sender.ensure_open()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()


class AsyncBosBase(_BaseClient[AsyncSender]):
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
        self._sender = AsyncSender(base_url, timeout, headers, retries, transport, http_client)
        _options.warn_if_insecure(self._sender.url)

    def collection(self, name_or_id: str) -> AsyncCollection:
        """Return one auth collection. See `BosBase.collection`."""
        return AsyncCollection(self._sender, name_or_id)

    async def aclose(self) -> None:
        """Close the connections of this event loop. A call on a closed client raises ConfigurationError."""
        await self._sender.aclose()

    async def __aenter__(self) -> Self:
        self._sender.ensure_open()
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.aclose()
