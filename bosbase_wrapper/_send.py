"""Sends a call over httpx: its attempts, their time limits, and the waits between them.

`Sender.perform` is written once, as a coroutine. The async client awaits it. The sync client runs it with `run`: the
coroutines of a `SyncSender` block instead of suspending, so one step runs them to their end.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx

from ._errors import BosBaseError, ConfigurationError, TransportError
from ._http import make_async_client, make_client
from ._operations import Call
from ._reply import MAX_BODY_BYTES, Reply, decoded, transport_error
from ._retry import delay_before_next

T = TypeVar("T")

logger: Final = logging.getLogger("bosbase_wrapper")

# None would let httpx look for credentials in the URL.
_NO_AUTH: Final = httpx.Auth()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the value of a coroutine of a `SyncSender`, which never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise RuntimeError("a synchronous sender must not suspend")  # pragma: no cover  # none does


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked options of a client, which all its calls share."""

    url: httpx.URL
    base_url: str  # the same as text, without a slash at its end
    headers: httpx.Headers
    timeout: httpx.Timeout
    retries: int


class Sender(ABC):
    """Sends calls. The abstract methods are all that differs between sync and async."""

    def __init__(self, settings: Settings, given: httpx.Client | httpx.AsyncClient | None, transport: object) -> None:
        self.settings = settings
        self._given = given
        self._owns_given = transport is not None
        self._survives_fork = getattr(transport, "survives_fork", False)
        self._process = os.getpid()

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether the client was closed."""

    @abstractmethod
    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        """Send a request and read its response. Raises what httpx raises."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait."""

    @abstractmethod
    async def call_blocking(self, function: Callable[[], T]) -> T:
        """Call a function that does blocking IO."""

    @abstractmethod
    def new_event(self) -> threading.Event | anyio.Event:
        """Return an event that callers in the same `scope` can wait for."""

    @abstractmethod
    async def wait(self, event: Any) -> None:
        """Wait for an event of `new_event`."""

    @abstractmethod
    def scope(self) -> object:
        """Return what identifies this process, or this event loop: callers in it can wait for each other."""

    def is_elsewhere(self) -> bool:
        """Whether what sends may belong to another process or event loop, where its errors are no use."""
        return os.getpid() != self._process

    def ensure_open(self) -> None:
        """Raise ConfigurationError if the client was closed."""
        if self.is_closed:
            raise ConfigurationError("the client is closed: make a new one, or close it later")

    def ensure_same_process(self) -> None:
        """Raise ConfigurationError if what the caller gave to send with may hold connections of a parent process."""
        if os.getpid() != self._process and not self._survives_fork:
            raise ConfigurationError("transport and http_client do not survive a fork: make the client in this process")

    async def perform(self, call: Call[T]) -> T:
        """Send the call, with retries. Return its value or raise the error that its last outcome stands for."""
        attempts, outcome_unknown = 0, False
        try:
            while True:
                self.ensure_open()
                outcome = await self._attempt(call, attempts + 1)
                attempts += 1
                outcome_unknown |= outcome.outcome_unknown
                again = attempts <= self.settings.retries
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
        except (httpx.RequestError, ssl.SSLError) as error:
            # Under asyncio, a TLS record that is broken in the middle of a response is an SSLError.
            outcome = transport_error(error, call.redactor().text)
        except RuntimeError:
            self.ensure_open()  # another thread or task closed the client meanwhile
            if not self.is_elsewhere():
                raise
            # In a forked process, not even a wait for the next attempt works in its parent's event loop.
            again = os.getpid() == self._process
            outcome = TransportError("the connection belongs to another event loop or process", retriable=again)
        if logger.isEnabledFor(logging.DEBUG):
            _log(call, outcome, (time.perf_counter() - started) * 1000, number)
        return outcome


def total_seconds(timeout: httpx.Timeout) -> float | None:
    """Return how long an attempt may take as a whole: its longest phase and a tenth, or None for no limit.

    httpx limits each read by itself, so a slow response would never end. With the tenth, httpx is the first to notice,
    and its error tells which phase took too long.
    """
    if timeout.read is None:
        return None
    return 1.1 * max(part for part in (timeout.connect, timeout.read, timeout.write, timeout.pool) if part is not None)


def _log(call: Call[Any], outcome: Reply | TransportError, milliseconds: float, number: int) -> None:
    came = outcome.status if isinstance(outcome, Reply) else type(outcome).__name__
    logger.debug("%s %r: %s in %.1f ms, attempt %d", call.operation.name, call.collection, came, milliseconds, number)


def _reply(response: httpx.Response, body: bytes) -> Reply:
    body, problem = decoded(body, response.headers.get("content-encoding", "").strip().lower())
    return Reply(response.status_code, response.headers, body, problem)


def _reply_of_read(response: httpx.Response) -> Reply:
    """Return the reply of a response that a mock or an event hook has read already, and httpx has decoded."""
    return Reply(response.status_code, response.headers, response.content)


class SyncSender(Sender):
    """Sends over an httpx.Client."""

    _given: httpx.Client | None

    def __init__(self, settings: Settings, http: httpx.Client | None, transport: httpx.BaseTransport | None) -> None:
        given = http if transport is None else make_client(settings.url, transport)
        super().__init__(settings, given, transport)
        self._closed = threading.Event()
        self._by_process: dict[int, httpx.Client] = {}

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set() or (self._given is not None and self._given.is_closed)

    def _http(self) -> httpx.Client:
        if self._given is not None:
            self.ensure_same_process()
            return self._given
        # A forked process makes connections of its own, and does not touch those of its parent.
        own = self._by_process.get(os.getpid())
        return own or self._by_process.setdefault(os.getpid(), make_client(self.settings.url))

    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        response = self._http().send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        with closing(response):
            if response.is_stream_consumed:
                return _reply_of_read(response)
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("", request=request)
            return _reply(response, bytes(body))

    async def sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)  # `close` in another thread ends it

    async def call_blocking(self, function: Callable[[], T]) -> T:
        return function()

    def new_event(self) -> threading.Event:
        return threading.Event()

    async def wait(self, event: threading.Event) -> None:
        event.wait()

    def scope(self) -> object:
        return os.getpid()

    def close(self) -> None:
        self._closed.set()
        http = self._given if self._owns_given else self._by_process.get(os.getpid())
        if http is not None:
            http.close()


class _Loop:
    """Stands for an event loop, as a key."""


_loop: Final = anyio.lowlevel.RunVar[_Loop]("bosbase_wrapper_loop")


def _current_loop() -> _Loop:
    loop = _loop.get(None)
    if loop is None:
        loop = _Loop()
        _loop.set(loop)
    return loop


@dataclass(frozen=True, slots=True)
class _LoopClient:
    """The client of one event loop."""

    process: int
    http: httpx.AsyncClient
    lifetime: AsyncGenerator[None]

    def is_usable(self) -> bool:
        return self.process == os.getpid() and not self.http.is_closed


class AsyncSender(Sender):
    """Sends over an httpx.AsyncClient, under asyncio and trio."""

    _given: httpx.AsyncClient | None

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient | None, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        given = http if transport is None else make_async_client(settings.url, transport)
        super().__init__(settings, given, transport)
        self._closed = False
        self._by_loop: WeakKeyDictionary[_Loop, _LoopClient] = WeakKeyDictionary()
        self._given_loop: _Loop | None = None
        self._given_moved = False

    @property
    def is_closed(self) -> bool:
        return self._closed or (self._given is not None and self._given.is_closed)

    async def _http(self) -> httpx.AsyncClient:
        if self._given is not None:
            self.ensure_same_process()
            loop = self._given_loop = self._given_loop or _current_loop()
            self._given_moved |= loop is not _current_loop()
            return self._given
        # Connections belong to the event loop and to the process that made them.
        own = self._by_loop.get(_current_loop())
        if own is None or not own.is_usable():
            http = make_async_client(self.settings.url)
            own = _LoopClient(os.getpid(), http, _lifetime(http))
            self._by_loop[_current_loop()] = own
            await anext(own.lifetime)
        return own.http

    def is_elsewhere(self) -> bool:
        return super().is_elsewhere() or self._given_moved

    async def send(self, request: httpx.Request, seconds: float | None) -> Reply:
        http = await self._http()  # making one takes longer than some timeouts
        response: httpx.Response | None = None
        body = bytearray()
        with anyio.move_on_after(seconds) as scope:
            response = await http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
            async with aclosing(response):
                if response.is_stream_consumed:
                    return _reply_of_read(response)
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

    async def call_blocking(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function)

    def new_event(self) -> anyio.Event:
        return anyio.Event()

    async def wait(self, event: anyio.Event) -> None:
        await event.wait()

    def scope(self) -> object:
        return os.getpid(), _current_loop()

    async def aclose(self) -> None:
        self._closed = True
        if self._given is not None and self._owns_given:
            await self._given.aclose()
        # The clients of other event loops close when their loops end.
        own = self._by_loop.get(_current_loop())
        if own is not None:
            await own.lifetime.aclose()


async def _lifetime(http: httpx.AsyncClient) -> AsyncGenerator[None]:
    """Close a client when its event loop ends: an event loop closes the async generators that began in it."""
    try:
        yield
    finally:
        await http.aclose()
