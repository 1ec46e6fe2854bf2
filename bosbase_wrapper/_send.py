"""One call over httpx: its attempts, their timeouts, and what goes wrong on the way.

Everything is written once, as coroutines over a `Sender`. The async client awaits them; the sync client runs them
with `run`, over a sender that never suspends. Only `SyncSender` and `AsyncSender` tell the two apart.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
import zlib
from collections.abc import AsyncIterable, Coroutine, Iterable
from contextlib import aclosing, closing, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import anyio
import anyio.lowlevel
import httpx

from . import _deadline, _fast
from ._errors import BosBaseError, ConfigurationError, RequestTimeoutError, TransportError
from ._operations import Answer, Call
from ._retry import Fault, delay_before_next

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

logger: Final = logging.getLogger("bosbase_wrapper")


class Sender(Protocol):
    """What differs between sync and async."""

    def is_closed(self) -> bool: ...
    async def send(self, request: httpx.Request, seconds: float | None) -> Answer: ...
    async def sleep(self, seconds: float) -> None: ...


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine over a sender that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise RuntimeError("a synchronous sender must not suspend")  # pragma: no cover  # no sender here does


async def perform(sender: Sender, call: Call[T], retries: int) -> T:
    """Send the call, again where that may help; return what it answers or raise what that means."""
    outcomes: list[Answer | Fault] = []
    try:
        while True:
            ensure_open(sender)
            outcome = await _attempt(sender, call, len(outcomes) + 1)
            outcomes.append(outcome)
            again = len(outcomes) <= retries
            delay = delay_before_next(outcome, len(outcomes), single_use=call.single_use) if again else None
            if delay is None:
                return conclude(call, outcome)
            await sender.sleep(delay)
    except BosBaseError as error:
        error.attempts = len(outcomes)
        error.outcome_unknown |= any(outcome.may_be_done for outcome in outcomes)
        raise


async def _attempt(sender: Sender, call: Call[Any], number: int) -> Answer | Fault:
    started = time.perf_counter()
    try:
        outcome: Answer | Fault = await sender.send(call.request(), total_seconds(call.timeout))
    except _fast.transport_errors() as error:
        outcome = fault(_fast.as_httpx_raises(error))
    except RuntimeError as error:
        ensure_open(sender)  # closed by another thread or task meanwhile
        if str(error) != "Event loop is closed":
            raise
        outcome = _OF_ANOTHER_LOOP  # of a transport or a client of the caller's
    log_attempt(call, outcome, started, number)
    return outcome


def conclude(call: Call[T], outcome: Answer | Fault) -> T:
    """What an outcome means: the call's value, or the error that is raised."""
    if isinstance(outcome, Fault):
        raise outcome.kind(outcome.reason + call.hider().text(outcome.detail))
    return call.result(outcome)


def ensure_open(sender: SyncSender | AsyncSender | Sender) -> None:
    """Raises ConfigurationError for a client that is closed."""
    if sender.is_closed():
        raise ConfigurationError("the client is closed")


def total_seconds(timeout: httpx.Timeout) -> float | None:
    """How long an attempt may take as a whole: its longest phase and a tenth; None where reading has no limit.

    httpx limits each read alone, so that an answer of slow bytes would never end. The tenth lets httpx tell
    first which phase it was.
    """
    if timeout.read is None:
        return None
    return 1.1 * max(part for part in (timeout.connect, timeout.read, timeout.write, timeout.pool) if part is not None)


_OF_ANOTHER_LOOP: Final = Fault(
    TransportError, "the connection is of an event loop that is closed", dropped=True, may_be_done=False
)
_MALFORMED: Final = Fault(TransportError, "the answer is no HTTP that can be read", dropped=False, may_be_done=True)


def fault(error: Exception) -> Fault:
    """What an error of httpx means, in our own words: its text may repeat what was sent or answered."""
    if isinstance(error, httpx.ConnectTimeout):
        return Fault(RequestTimeoutError, "the connection was not made in time", dropped=True, may_be_done=False)
    if isinstance(error, httpx.PoolTimeout):
        return Fault(
            RequestTimeoutError,
            "no connection of the pool was free in time",
            dropped=False,
            may_be_done=False,
        )
    if isinstance(error, httpx.TimeoutException):
        return Fault(RequestTimeoutError, "the answer did not come in time", dropped=False, may_be_done=True)
    if isinstance(error, httpx.ConnectError):
        return Fault(TransportError, "no connection: ", dropped=True, may_be_done=False, detail=_innermost(error))
    if isinstance(error, httpx.ProxyError):
        return Fault(TransportError, "the proxy refused the connection", dropped=True, may_be_done=False)
    if isinstance(error, httpx.NetworkError | ssl.SSLError) or _was_cut_off(error):
        return Fault(
            TransportError,
            "the connection was dropped before the answer ended",
            dropped=True,
            may_be_done=True,
        )
    return _MALFORMED


def _innermost(error: BaseException) -> str:
    """What the system or the TLS library said: libraries in between wrap it in words of their own, or in none."""
    inner = error.__cause__ or next(iter(error.args), None)  # httpcore cuts the chain, and keeps the cause in args
    return _innermost(inner) if isinstance(inner, BaseException) else str(error)


def _was_cut_off(error: Exception) -> bool:
    # httpx has one class for a dropped connection and for an answer that is no HTTP.
    return isinstance(error, httpx.RemoteProtocolError) and (
        "disconnected" in str(error) or "peer closed" in str(error)
    )


def log_attempt(call: Call[Any], outcome: Answer | Fault, started: float, attempt: int) -> None:
    """Tell the logger how an attempt ended that began at `started`, a moment of `time.perf_counter`."""
    if logger.isEnabledFor(logging.DEBUG):
        came = outcome.kind.__name__ if isinstance(outcome, Fault) else outcome.status
        milliseconds = (time.perf_counter() - started) * 1000
        logger.debug(
            "%s %r: %s in %.1f ms, attempt %d",
            call.operation.name,
            call.collection,
            came,
            milliseconds,
            attempt,
        )


class AnswerReader:
    """Gathers an answer's bytes: not more than 4 MiB, and not longer than its time."""

    def __init__(self, response: httpx.Response, ends: float) -> None:
        self._response = response
        self._ends = ends
        self._body = bytearray()
        self._read_before = response.is_stream_consumed  # by a transport of tests, or an event hook

    def take(self, chunk: bytes) -> bool:
        """Keep a chunk; False where no more is wanted."""
        if time.monotonic() > self._ends:
            raise httpx.ReadTimeout("", request=self._response.request)
        self._body += chunk
        return len(self._body) <= MAX_ANSWER_BYTES

    def answer(self) -> Answer:
        """The answer, with its body decoded."""
        response = self._response
        if self._read_before:
            return Answer(response.status_code, response.headers, response.content)
        body, problem = _decoded(bytes(self._body), response.headers.get("content-encoding", "").strip().lower())
        return Answer(response.status_code, response.headers, body, problem)


def _decoded(body: bytes, coding: str) -> tuple[bytes, str]:
    """The body without its coding, and what is wrong with it; decoded here, since httpx has no limit for it."""
    problem = ""
    if coding in ("gzip", "x-gzip", "deflate"):
        try:
            body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MAX_ANSWER_BYTES + 1)
        except zlib.error:
            problem = "its compression is broken"
    elif coding not in ("", "identity"):
        problem = "its coding was not asked for"
    if len(body) > MAX_ANSWER_BYTES:
        problem = "it is larger than 4 MiB"
    return body, problem


def end_after(seconds: float | None) -> float:
    """The moment of `time.monotonic` that is so many seconds from now."""
    return float("inf") if seconds is None else time.monotonic() + seconds


def read_answer(response: httpx.Response, ends: float) -> Answer:
    """The answer that a response holds, which is closed then; `ends` is a moment of `time.monotonic`."""
    reader = AnswerReader(response, ends)
    with closing(response):
        if not response.is_stream_consumed:
            all(reader.take(chunk) for chunk in cast("Iterable[bytes]", response.stream))
    return reader.answer()


async def aread_answer(response: httpx.Response, ends: float) -> Answer:
    """As `read_answer`."""
    reader = AnswerReader(response, ends)
    async with aclosing(response):
        if not response.is_stream_consumed:
            await _gather(reader, cast("AsyncIterable[bytes]", response.stream))
    return reader.answer()


async def _gather(reader: AnswerReader, chunks: AsyncIterable[bytes]) -> None:
    # Cancelled and not left by `break`, which would leave generators of httpcore half-way.
    with anyio.CancelScope() as enough:
        async for chunk in chunks:
            if enough.cancel_called:
                await anyio.lowlevel.checkpoint()  # aiohttp never waits while more is there
            if not reader.take(chunk):
                enough.cancel()


class _NoCookies(httpx.Cookies):
    """Keeps no cookie: an answer's Set-Cookie must not come back with the next call."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Forget what the answer asks to keep."""


# Not `cookies=` of the constructor: httpx would still make two objects of the standard library for each answer.
class _HttpClient(httpx.Client):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # nobody sets it


class _AsyncHttpClient(httpx.AsyncClient):
    cookies = cast("Any", _NoCookies())  # pyright: ignore[reportIncompatibleMethodOverride]  # nobody sets it


# None would let httpx look for credentials in the URL.
_NO_AUTH: Final = httpx.Auth()

# A connection for each of the pool, so that no call of a busy client has to make a new one.
_CONNECTIONS: Final = 100
_LIMITS: Final = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)


class SyncSender:
    """Sends over an httpx.Client; its coroutines never suspend."""

    def __init__(self, http: httpx.Client | None, transport: httpx.BaseTransport | None) -> None:
        self._owned = http is None
        self._closed = threading.Event()
        self.http: httpx.Client = http or _HttpClient(
            transport=transport or _deadline.default_transport(_CONNECTIONS), limits=_LIMITS
        )

    def is_closed(self) -> bool:
        return self._closed.is_set() or self.http.is_closed

    async def send(self, request: httpx.Request, seconds: float | None) -> Answer:
        ends = end_after(seconds)
        if seconds is not None:
            _deadline.limit(request, seconds)
        response = self.http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        return read_answer(response, ends)

    async def sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)  # another thread's close ends it

    def close(self) -> None:
        self._closed.set()
        if self._owned:
            self.http.close()


class AsyncSender:
    """Sends over an httpx.AsyncClient, under asyncio and trio."""

    def __init__(self, http: httpx.AsyncClient | None, transport: httpx.AsyncBaseTransport | None) -> None:
        self._owned = http is None
        self._closed = False
        self._transport = transport
        self._jars_exchanged = False
        self._loop: AbstractEventLoop | None = None
        self.http: httpx.AsyncClient | None = http

    def is_closed(self) -> bool:
        return self._closed or (self.http is not None and self.http.is_closed)

    def _client(self) -> httpx.AsyncClient:
        # Made at the first call: which transport serves depends on the event loop.
        if self.http is None:
            self._loop = None if self._transport else _fast.running_loop()
            transport = self._transport or _fast.fast_transport(_LIMITS)
            self.http = _AsyncHttpClient(transport=transport, limits=_LIMITS)
        if not self._jars_exchanged:
            _fast.exchange_jars(self.http)
            self._jars_exchanged = True
        return self.http

    async def send(self, request: httpx.Request, seconds: float | None) -> Answer:
        await self._leave_a_loop_that_is_over()
        http = self._client()  # to make one takes longer than some timeouts
        with anyio.move_on_after(seconds), _fast.within_our_call():
            response = await http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
            return await aread_answer(response, end_after(None))
        raise httpx.ReadTimeout("", request=request)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def _leave_a_loop_that_is_over(self) -> None:
        # A second `asyncio.run` has a loop of its own, and the connections of the first are of no use to it.
        if self._loop is not None and self._loop.is_closed() and self.http is not None:
            http, self.http, self._jars_exchanged = self.http, None, False
            with suppress(RuntimeError):  # asyncio cannot close what is of a closed loop
                await http.aclose()

    async def aclose(self) -> None:
        self._closed = True
        await self._leave_a_loop_that_is_over()
        if self._owned and self.http is not None:
            await self.http.aclose()
        elif self._owned and self._transport is not None:
            await self._transport.aclose()
