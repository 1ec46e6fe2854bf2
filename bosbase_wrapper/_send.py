"""Sends a call over httpx: its attempts, their time limits, and the waits between them.

`Sender.perform` is written once, as a coroutine. The async client awaits it. The sync client runs it with `run`: the
coroutines of a `SyncSender` block instead of suspending, so one step runs them to their end.
"""

import logging
import os
import re
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing, closing
from typing import Any, Final, Generic, TypeVar

import anyio
import anyio.lowlevel
import httpx

from . import _options
from ._errors import BosBaseError, ConfigurationError, TransportError
from ._http import AsyncClient, Client, make_client
from ._operations import Call
from ._reply import MAX_BODY_BYTES, Reply, decoded, transport_error
from ._retry import delay_before_next

T = TypeVar("T")
H = TypeVar("H", httpx.Client, httpx.AsyncClient)

logger: Final = logging.getLogger("bosbase_wrapper")

# None would let httpx look for credentials in the URL, for each request.
_NO_AUTH: Final = httpx.Auth()

# How asyncio, trio and anyio say that something belongs to an event loop that does not run here.
_OTHER_LOOP: Final = re.compile(r"\bloop\b|async context")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the value of a coroutine of a `SyncSender`, which never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise RuntimeError("a synchronous sender must not suspend")  # pragma: no cover  # none does


class Sender(ABC, Generic[H]):
    """The checked options of a client, and what sends its calls.

    `place`, `send` and `sleep` are all that differs between sync and async.
    """

    _kind: type[H]  # of a client that the caller gives
    _own_kind: type[H]

    def __init__(
        self,
        base_url: str,
        timeout: float | httpx.Timeout | None,
        headers: Mapping[str, str] | None,
        retries: int,
        transport: object,
        http_client: H | None,
    ) -> None:
        self.url: Final = _options.base_url(base_url)
        self.base_url: Final = str(self.url).rstrip("/")
        _options.require_own_kind(self._kind, transport, http_client)
        self.headers: Final = _options.default_headers(self.url, headers, http_client)
        self.timeout: Final = _options.timeout(timeout)
        self._retries = _options.retries(retries)
        self._given: H | None = http_client if transport is None else make_client(self._own_kind, self.url, transport)
        self._owns_given = transport is not None
        self._survives_fork = getattr(transport, "survives_fork", False)
        self._process = os.getpid()
        self._own: dict[Any, Any] = {}  # by place: a forked process makes its own, and does not touch its parent's
        self._closed = threading.Event()

    def place(self) -> object:
        """Return what connections belong to: this process, and under async this event loop of it."""
        return os.getpid()

    @abstractmethod
    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        """Send a request and read its response. Raises what httpx raises."""

    async def sleep(self, seconds: float) -> None:
        """Wait. `close` in another thread ends it."""
        self._closed.wait(seconds)

    def ensure_open(self) -> None:
        """Raise ConfigurationError if the client was closed."""
        if self._closed.is_set() or (self._given is not None and self._given.is_closed):
            raise ConfigurationError("the client is closed: make a new one, or close it later")

    def _given_here(self) -> H | None:
        """Return the httpx client over what the caller gave, if any."""
        if self._given is not None and os.getpid() != self._process and not self._survives_fork:
            raise ConfigurationError("transport and http_client do not survive a fork: make the client in this process")
        return self._given

    async def perform(self, call: Call[T]) -> T:
        """Send the call, with retries. Return its value or raise the error that its last outcome stands for."""
        attempts, outcome_unknown = 0, False
        try:
            while True:
                self.ensure_open()
                outcome = await self._attempt(call, attempts + 1)
                attempts += 1
                outcome_unknown |= outcome.outcome_unknown
                again = attempts <= self._retries
                delay = delay_before_next(outcome, attempts, single_use=call.single_use) if again else None
                if delay is None:
                    return call.result(outcome)
                await self.sleep(delay)
        except BosBaseError as error:
            error.attempts = attempts
            error.outcome_unknown |= outcome_unknown
            raise

    async def _attempt(self, call: Call[Any], number: int) -> Reply | TransportError:
        started = time.perf_counter()
        outcome: Reply | TransportError
        try:
            outcome = await self.send(call.request(), total_seconds(call.timeout))
        except (httpx.RequestError, httpx.StreamError, httpx.InvalidURL, UnicodeError, ssl.SSLError) as error:
            # httpx reads each Location, and some it cannot read. Under asyncio, a TLS record that is broken in the
            # middle of a response is an SSLError.
            outcome = transport_error(error, call.redactor().text)
        except RuntimeError as error:
            self.ensure_open()  # another thread or task closed the client meanwhile
            forked = os.getpid() != self._process
            if not (forked or _OTHER_LOOP.search(str(error))):
                raise
            # In a forked process, not even a wait for the next attempt works in its parent's event loop.
            outcome = TransportError("the connection belongs to another event loop or process", retriable=not forked)
        came = outcome.status if isinstance(outcome, Reply) else type(outcome).__name__
        milliseconds = (time.perf_counter() - started) * 1000
        name, collection = call.operation.name, call.collection
        logger.debug("%s %r: %s in %.1f ms, attempt %d", name, collection, came, milliseconds, number)
        return outcome


def total_seconds(timeout: httpx.Timeout) -> float | None:
    """Return how long an attempt may take as a whole: its longest phase and a tenth, or None for no limit.

    httpx limits each read by itself, so a slow response would never end. With the tenth, httpx is the first to notice,
    and its error tells which phase took too long.
    """
    if timeout.read is None:
        return None
    return 1.1 * max(part for part in (timeout.connect, timeout.read, timeout.write, timeout.pool) if part is not None)


def _reply(response: httpx.Response, body: bytes) -> Reply:
    body, problem = decoded(body, response.headers.get("content-encoding", "").strip().lower())
    return Reply(response.status_code, response.headers, body, problem)


class SyncSender(Sender[httpx.Client]):
    _kind = httpx.Client
    _own_kind = Client
    _own: dict[object, httpx.Client]

    def _http(self) -> httpx.Client:
        http = self._given_here() or self._own.get(self.place())
        return http or self._own.setdefault(self.place(), make_client(self._own_kind, self.url))

    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        response = self._http().send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        with closing(response):
            if response.is_stream_consumed:
                # A mock or an event hook has read the response, and httpx has decoded it.
                return Reply(response.status_code, response.headers, response.content)
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("", request=request)
            return _reply(response, bytes(body))

    def close(self) -> None:
        self._closed.set()
        http = self._given if self._owns_given else self._own.get(self.place())
        if http is not None:
            http.close()


class AsyncSender(Sender[httpx.AsyncClient]):
    _kind = httpx.AsyncClient
    _own_kind = AsyncClient
    _own: dict[tuple[int, object], AsyncGenerator[httpx.AsyncClient]]

    def place(self) -> tuple[int, object]:
        return os.getpid(), anyio.lowlevel.current_token().native_token

    async def _http(self) -> httpx.AsyncClient:
        given = self._given_here()
        if given is not None:
            return given
        place = self.place()
        if place not in self._own:
            for process, loop in list(self._own):
                # The loop was closed without an end of its async generators.
                if process == place[0] and getattr(loop, "is_closed", bool)():
                    self._own.pop((process, loop), None)
            self._own[place] = self._until_loop_ends(place, make_client(self._own_kind, self.url))
        return await anext(self._own[place])

    async def _until_loop_ends(
        self, place: tuple[int, object], http: httpx.AsyncClient
    ) -> AsyncGenerator[httpx.AsyncClient]:
        """Yield a client, and close it with its event loop: that closes the async generators that began in it."""
        try:
            while True:
                yield http
        finally:
            self._own.pop(place, None)
            await http.aclose()

    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        http = await self._http()  # making one takes longer than some timeouts
        response: httpx.Response | None = None
        body = bytearray()
        with anyio.move_on_after(seconds) as scope:
            response = await http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
            async with aclosing(response):
                if response.is_stream_consumed:
                    return Reply(response.status_code, response.headers, response.content)
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        # The next read is cancelled, which ends httpx's generators. `break` would leave them half-way.
                        if scope.cancel_called:
                            await anyio.lowlevel.checkpoint()  # a transport that never waits
                        scope.cancel()
            return _reply(response, bytes(body))
        if response is not None and len(body) > MAX_BODY_BYTES:
            return _reply(response, bytes(body))
        raise httpx.ReadTimeout("", request=request)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def aclose(self) -> None:
        self._closed.set()
        if self._given is not None and self._owns_given:
            await self._given.aclose()
        # The clients of other event loops close when their loops end.
        own = self._own.get(self.place())
        if own is not None:
            await own.aclose()
