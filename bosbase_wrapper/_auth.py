"""TokenAuth: signs the requests of an httpx client in with a custom token.

`TokenAuth._flow` decides everything and does no IO: it yields the requests to send, and the steps that take time.
httpx's two flows take them, one for threads and one for tasks.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import closing, suppress
from copy import copy
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import anyio
import anyio.to_thread
import httpx

from . import _fast
from ._errors import BosBaseError, ConfigurationError
from ._operations import Answer, Call
from ._results import AuthResult
from ._retry import Fault
from ._send import aread_answer, conclude, end_after, fault, log_attempt, read_answer, total_seconds
from ._stores import AuthStore

T = TypeVar("T")


class _Step(NamedTuple):
    """Something that takes time, for a thread and for a task."""

    run: Callable[[], Any]
    arun: Callable[[], Awaitable[Any]]


# A request is sent for its response, a step is taken for what it returns.
_Flow = Generator[httpx.Request | _Step, Any, T]


class TokenAuth(httpx.Auth):
    """Signs the requests of an httpx client in with a custom token; made by `Collection.token_auth`.

    One serves any number of `httpx.Client` and `httpx.AsyncClient`, threads, tasks and event loops at once, with one
    sign-in for all who need it at the same time. It sends `Authorization: <jwt>`, in place of a header of that name
    that the request has, to the origin of the collection's server alone.

    The sign-in goes out through the client that needs it, once, with the headers and the timeout of the collection's
    own client. One that fails raises, out of the request, what `auth_with_token` raises. A redirect of it is never
    followed with the token. It stands in the response's `history`, as httpx has it, without token or JWT.

    Raises ConfigurationError for a `leeway` that is no number of seconds, or a `store` that is no `AuthStore`.
    """

    def __init__(self, call: Call[AuthResult], *, leeway: float, store: AuthStore | None) -> None:
        if not isinstance(leeway, int | float) or isinstance(leeway, bool) or not 0 <= leeway < math.inf:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError("leeway must be a number of seconds, 0 or more")
        if store is not None and not isinstance(store, AuthStore):  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
            raise ConfigurationError("store must have the methods load, save and clear")
        self._call = call
        self._leeway = leeway
        self._store = store
        self._origin: Final = _origin(httpx.URL(call.base_url))
        self._lock = threading.Lock()  # held while the next line's reference changes, never while anything waits
        self._current = _nobody()

    def __repr__(self) -> str:
        return f"TokenAuth({self._call.collection!r}, {self._call.base_url!r})"

    def clear(self) -> None:
        """Forget the session, in the store too; the next request signs in. Raises what the store raises."""
        self._replace(self._current)
        if self._store is not None:
            self._store.clear()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As httpx asks for it."""
        with closing(self._flow(request)) as flow, suppress(StopIteration):
            step = next(flow)
            while True:
                step = flow.send((yield step) if isinstance(step, httpx.Request) else step.run())

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As httpx asks for it."""
        return _AsyncFlow(self._flow(request))

    def _flow(self, request: httpx.Request) -> _Flow[None]:
        if _origin(request.url) != self._origin:
            yield request
            return
        sign_in = self._current
        if time.time() >= sign_in.renew_at:
            sign_in = yield from self._renewed()
        request.headers["Authorization"] = sign_in.token
        response = yield request
        if _is_refused(response, sign_in.token) and _can_be_sent_twice(request.stream):
            # Read now, since that gives its connection back: the sign-in may need it.
            yield _Step(response.read, response.aread)
            sign_in = yield from self._renewed(sign_in)
            request.headers["Authorization"] = sign_in.token
            yield request

    def _renewed(self, refused: _SignIn | None = None) -> _Flow[_SignIn]:
        """A sign-in that serves: one for all who ask meanwhile. `refused` is the one whose JWT got a 401."""
        while True:
            with self._lock:
                sign_in = self._current
                if sign_in is not refused and time.time() < sign_in.renew_at:
                    return sign_in
                leads = sign_in.is_over()
                if leads:
                    self._current = sign_in = _SignIn()
            if leads:
                yield from self._lead(sign_in, use_store=refused is None)
                return sign_in
            yield _Step(sign_in.wait, sign_in.await_end)
            if sign_in.error is not None:
                raise copy(sign_in.error)
            if sign_in.token and sign_in is not refused:
                return sign_in
            self._replace(sign_in)

    def _replace(self, sign_in: _SignIn) -> None:
        """Let the next who asks begin anew."""
        with self._lock:
            if self._current is sign_in:
                self._current = _nobody()

    def _lead(self, sign_in: _SignIn, *, use_store: bool) -> _Flow[None]:
        """Sign in for all who wait; whatever happens, they learn of it."""
        try:
            session = (yield from self._stored()) if use_store else None
            if session is not None:
                sign_in.succeed(session, self._leeway)
                return
            session = yield from self._signed_in()
            sign_in.succeed(session, self._leeway)
            if self._store is not None and self._current is sign_in:
                yield _off_the_loop(partial(_guarded, "saved", self._store.save, session))
        except BosBaseError as error:
            sign_in.error = copy(error)
            raise
        finally:
            sign_in.end()

    def _stored(self) -> _Flow[AuthResult | None]:
        """The session of the store, where it can serve."""
        if self._store is None:
            return None
        session = yield _off_the_loop(partial(_guarded, "loaded", self._store.load))
        if not isinstance(session, AuthResult) or session.is_expired(self._leeway):
            return None
        names = {session.record.collection_id, session.record.collection_name.lower()}
        return session if names & {self._call.collection, self._call.collection.lower()} else None

    def _signed_in(self) -> _Flow[AuthResult]:
        body = _SentOnce(self._call.request())
        started = time.perf_counter()
        try:
            response = yield body.request
            outcome = body.redirected(response) or (yield self._reading(response))
            if not outcome.problem:
                _leave_nothing_in(response)
        except GeneratorExit as ended:
            # All that httpx tells a flow of what went wrong; its `finally` lets an error of ours take that one's place.
            outcome = body.failure(ended)
            if outcome is None:
                raise
        log_attempt(self._call, outcome, started, 1)
        try:
            return conclude(self._call, outcome)
        except BosBaseError as error:
            error.attempts = 1
            raise error from None

    def _reading(self, response: httpx.Response) -> _Step:
        seconds = total_seconds(self._call.timeout)
        return _Step(partial(read_answer, response, end_after(seconds)), partial(_aread, response, seconds))


class _AsyncFlow(AsyncGenerator[httpx.Request, httpx.Response]):
    """A flow for tasks. No `async def` with `yield`, since closing one does not tell it what went wrong."""

    def __init__(self, flow: _Flow[None]) -> None:
        self._flow = flow

    async def asend(self, value: httpx.Response | None) -> httpx.Request:
        """The next request to send."""
        try:
            step = self._flow.send(value)
            while not isinstance(step, httpx.Request):
                step = self._flow.send(await step.arun())
        except StopIteration:
            raise StopAsyncIteration from None
        return step

    async def athrow(self, *_error: Any) -> httpx.Request:
        """Not for httpx, which closes a flow whatever went wrong."""
        raise NotImplementedError  # pragma: no cover  # as told

    async def aclose(self) -> None:
        """End the flow; raises the error of a sign-in that failed."""
        self._flow.close()


class _SignIn:
    """One sign-in, under way or over: its JWT or its error, and those who wait for its end."""

    def __init__(self) -> None:
        self.token = ""
        self.renew_at = 0.0
        self.error: BosBaseError | None = None
        self._over = threading.Event()
        self._thread = threading.get_ident()
        self._wakers: list[Callable[[], object]] = []

    def succeed(self, session: AuthResult, leeway: float) -> None:
        """Serve from now on, as long as the JWT lives."""
        expiry = session.expires_at
        self.token = session.token
        self.renew_at = math.inf if expiry is None else expiry.timestamp() - leeway

    def is_over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """Wake all who wait."""
        self._over.set()
        for wake in self._wakers:
            with suppress(RuntimeError):  # its event loop is gone
                wake()

    def wait(self) -> None:
        """Block the thread until the end; not where that would be for ever, on a task of this very thread."""
        if self._thread != threading.get_ident():
            self._over.wait()

    async def await_end(self) -> None:
        """Let the task wait for the end, which may come in another thread."""
        event = anyio.Event()
        self._wakers.append(_from_any_thread(event.set))
        # Asked after the append, and `end` sets it before it wakes: whichever is first, none sleeps on.
        if not self._over.is_set():
            await event.wait()


def _nobody() -> _SignIn:
    """No sign-in."""
    sign_in = _SignIn()
    sign_in.end()
    return sign_in


def _from_any_thread(action: Callable[[], object]) -> Callable[[], object]:
    """What lets the event loop that runs here do something, called from anywhere."""
    try:
        return partial(asyncio.get_running_loop().call_soon_threadsafe, action)
    except RuntimeError:
        from trio.lowlevel import current_trio_token

        return partial(current_trio_token().run_sync_soon, action)


def _off_the_loop(action: Callable[[], Any]) -> _Step:
    """A step that blocks, so that no event loop may run it."""
    return _Step(action, partial(anyio.to_thread.run_sync, action))


def _guarded(done: str, action: Callable[..., T], *arguments: AuthResult) -> T | None:
    """What a store does; one that fails warns, and the request goes on."""
    try:
        return action(*arguments)
    except Exception as error:  # noqa: BLE001  # a store of the caller's own fails with errors of its own
        reason = str(error) if isinstance(error, OSError) else type(error).__name__
    warnings.warn(f"the session was not {done}: {reason}", stacklevel=2)
    return None


_REDIRECT: Final = "it is a redirect, and a sign-in must not go elsewhere"


class _SentOnce(httpx.ByteStream):
    """The body of a sign-in, which refuses to be sent again: httpx would post the token to where a 307 points."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__(request.content)
        self._was_sent = False
        self._was_refused = False
        self.request = httpx.Request(
            request.method, request.url, headers=request.headers, stream=self, extensions=request.extensions
        )

    def __iter__(self) -> Any:
        self._send()
        return super().__iter__()

    def __aiter__(self) -> Any:
        self._send()
        return super().__aiter__()

    def _send(self) -> None:
        self._was_refused = self._was_sent
        self._was_sent = True
        if self._was_refused:
            raise httpx.StreamConsumed

    def redirected(self, response: httpx.Response) -> Answer | None:
        """The redirect that led to a response; None where there was none."""
        if response.request is self.request:
            return None
        redirect = next(earlier for earlier in response.history if earlier.request is self.request)
        return Answer(redirect.status_code, redirect.headers, problem=_REDIRECT)

    def failure(self, ended: GeneratorExit) -> Answer | Fault | None:
        """What ended a sign-in; None where that is not about the sign-in: a cancelled task, an error of a hook."""
        error: BaseException | None = ended
        while isinstance(error, GeneratorExit):
            error = error.__context__
        if self._was_refused:
            return Answer(307, httpx.Headers(), problem=_REDIRECT)  # or 308: httpx does not tell
        return fault(_fast.as_httpx_raises(error)) if isinstance(error, _fast.transport_errors()) else None


async def _aread(response: httpx.Response, seconds: float | None) -> Answer:
    with anyio.move_on_after(seconds):
        return await aread_answer(response, end_after(None))
    raise httpx.ReadTimeout("", request=response.request)


def _leave_nothing_in(response: httpx.Response) -> None:
    # httpx reads it once more and keeps it in the history of the next: the JWT has no place there.
    response.stream = httpx.ByteStream(b"")
    response.is_stream_consumed = response.is_closed = False


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port  # None for the scheme's own port


def _is_refused(response: httpx.Response, token: str) -> bool:
    # A redirect to another origin has lost our header: its 401 says nothing of the JWT.
    return response.status_code == 401 and response.request.headers.get("Authorization") == token


def _can_be_sent_twice(stream: object) -> bool:
    """Whether a body is the same again: bytes, or a form whose files can be rewound, which httpx then does."""
    if isinstance(stream, httpx.ByteStream):
        return True
    fields: list[Any] | None = getattr(stream, "fields", None)  # the class of httpx's forms is not public
    return fields is not None and all(_can_be_rewound(getattr(part, "file", b"")) for part in fields)


def _can_be_rewound(file: Any) -> bool:
    return isinstance(file, str | bytes) or (hasattr(file, "seekable") and file.seekable())
