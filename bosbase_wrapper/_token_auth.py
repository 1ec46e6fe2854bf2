"""Signs the requests of an httpx client in: `TokenAuth` for threads, `AsyncTokenAuth` for tasks.

The sign-in is an ordinary call of the BosBase client. All that is decided here is when to sign in, and who does it.
"""

import math
import threading
import time
import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import unquote

import anyio
import anyio.to_thread
import httpx

from ._errors import BosBaseError, ConfigurationError
from ._operations import Call
from ._results import AuthResult, is_jwt
from ._send import Sender, run
from ._stores import AuthStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Session:
    """A JWT, and the moment of `time.monotonic` at which it expires."""

    token: str = field(repr=False)
    expires: float


@dataclass(slots=True, eq=False)
class _SignIn:
    """A sign-in that somebody makes while others wait for its outcome. Without an outcome, it was given up."""

    done: Any
    outcome: _Session | BosBaseError | None = None


# The auth whose sign-in is running here: a hook of that sign-in must not wait for it.
_signing_in: Final[ContextVar[object]] = ContextVar("bosbase_wrapper_signing_in", default=None)


class _BaseTokenAuth(httpx.Auth):
    # How threads wait, and call what does blocking IO.
    _new_event: Callable[[], Any] = threading.Event

    async def _wait(self, event: Any) -> None:
        event.wait()

    async def _call_blocking(self, function: Callable[[], T]) -> T:
        return function()

    def __init__(
        self, sender: Sender[Any], call: Call[tuple[AuthResult, float | None]], leeway: float, store: AuthStore | None
    ) -> None:
        if not isinstance(leeway, int | float) or isinstance(leeway, bool) or not 0 <= leeway < math.inf:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError("leeway must be a number of seconds, 0 or more")
        if store is not None and (isinstance(store, type) or not isinstance(store, AuthStore)):  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
            raise ConfigurationError("store must have the methods load, save and clear")
        self._sender = sender
        self._call = call
        self._leeway = leeway
        self._store = store
        self._session: _Session | None = None
        self._cleared = 0
        # One sign-in for each process and each event loop. `setdefault` is atomic, so no lock is left held by a fork.
        self._sign_ins: dict[object, _SignIn] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._call.collection!r}, {self._call.base_url!r})"

    def clear(self) -> None:
        """Forget the session, in the store too. The next request signs in. Raises what the store raises."""
        self._cleared += 1
        self._session = None
        if self._store is not None:
            self._store.clear()

    def _covers(self, url: httpx.URL) -> bool:
        """Whether a URL belongs to the server: the same origin, and not outside of the path of its base URL."""
        base = self._sender.url
        if (url.raw_scheme, url.raw_host, url.port) != (base.raw_scheme, base.raw_host, base.port):
            return False
        root = base.path.rstrip("/").split("/")
        # A server may decode `%2e` and resolve `..`, and read `\` as `/`.
        parts = unquote(url.path).replace("\\", "/").split("/")
        return root == [""] or (parts[: len(root)] == root and ".." not in parts)

    def _sign(self, request: httpx.Request, session: _Session) -> httpx.Request:
        request.headers["Authorization"] = session.token
        return request

    def _is_refused(self, request: httpx.Request, response: httpx.Response, session: _Session) -> bool:
        """Whether to sign in again and send the request once more."""
        # A redirect to another origin has lost the header, so its 401 says nothing about the JWT.
        return (
            response.status_code == 401
            and response.request.headers.get("Authorization") == session.token
            and _can_be_sent_twice(request)
        )

    def _usable(self, refused: _Session | None) -> _Session | None:
        session = self._session
        if session is None or session is refused or session.expires <= time.monotonic() + self._leeway:
            return None
        return session

    async def _current(self, refused: _Session | None = None) -> _Session:
        """Return a session that can be used: one sign-in for all who ask at the same time.

        `refused` is the session whose JWT the server refused with 401.
        """
        self._sender.ensure_open()
        while True:
            session = self._usable(refused)
            if session is not None:
                return session
            if _signing_in.get() is self:
                raise ConfigurationError("a request of the sign-in itself must not be signed in with its TokenAuth")
            mine, place = _SignIn(self._new_event()), self._sender.place()
            sign_in = self._sign_ins.setdefault(place, mine)
            if sign_in is mine:
                return await self._lead(place, mine, refused)
            await self._wait(sign_in.done)
            if isinstance(sign_in.outcome, BosBaseError):
                raise copy(sign_in.outcome)
            if sign_in.outcome is not None and sign_in.outcome is not refused:
                return sign_in.outcome

    async def _lead(self, place: object, sign_in: _SignIn, refused: _Session | None) -> _Session:
        """Sign in for all who wait. They learn the outcome, or that there is none."""
        before = _signing_in.set(self)
        try:
            # Somebody may have signed in between our look and our turn.
            session = self._usable(refused) or await self._new_session(use_store=refused is None)
            sign_in.outcome = session
            return session
        except BosBaseError as error:
            sign_in.outcome = copy(error)
            raise
        finally:
            _signing_in.reset(before)
            del self._sign_ins[place]
            sign_in.done.set()

    async def _new_session(self, *, use_store: bool) -> _Session:
        cleared = self._cleared
        session = await self._stored() if use_store else None
        if session is None:
            started = time.monotonic()
            result, lifetime = await self._sender.perform(self._call)
            session = _Session(result.token, math.inf if lifetime is None else started + lifetime)
            if self._store is not None and self._cleared == cleared:
                await self._call_blocking(partial(_guarded, "saved", partial(self._store.save, result)))
                if self._cleared != cleared:  # meanwhile
                    await self._call_blocking(partial(_guarded, "cleared", self._store.clear))
        if self._cleared == cleared:
            self._session = session
        return session

    async def _stored(self) -> _Session | None:
        """Return the session of the store, if it can be used. This machine's clock says whether it has expired."""
        if self._store is None:
            return None
        result = await self._call_blocking(partial(_guarded, "loaded", self._store.load))
        if not isinstance(result, AuthResult) or not is_jwt(result.token) or result.is_expired(self._leeway):
            return None
        names = {result.record.collection_id, result.record.collection_name.lower()}
        if not names & {self._call.collection, self._call.collection.lower()}:
            return None
        expiry = result.expires_at
        lifetime = math.inf if expiry is None else expiry.timestamp() - time.time()
        return _Session(result.token, time.monotonic() + lifetime)


class TokenAuth(_BaseTokenAuth):
    """Signs the requests of an `httpx.Client` in with a custom token. Made by `Collection.token_auth`.

    It sends `Authorization: <jwt>`, in place of a header of that name, with requests to the origin and below the path
    of the BosBase client's `base_url`, and changes no others. It serves any number of clients and threads, and makes
    one sign-in for all that need it at the same time. The sign-in is a call of the BosBase client, with its retries,
    timeout and transport; a sign-in that fails raises what `auth_with_token` raises.

    After a 401 it signs in again and sends the request once more, unless the body can be read only once.
    """

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._covers(request.url):
            yield request
            return
        session = run(self._current())
        response = yield self._sign(request, session)
        if self._is_refused(request, response, session):
            response.read()  # its connection is free again for the sign-in, which may share the pool
            yield self._sign(request, run(self._current(session)))

    def async_auth_flow(self, request: httpx.Request) -> NoReturn:  # noqa: ARG002  # httpx's signature
        raise ConfigurationError("TokenAuth is for httpx.Client: use AsyncBosBase and its token_auth for AsyncClient")


class AsyncTokenAuth(_BaseTokenAuth):
    """Signs the requests of an `httpx.AsyncClient` in. Made by `AsyncCollection.token_auth`. See `TokenAuth`.

    It serves asyncio and trio, and makes one sign-in for all tasks of an event loop that need it at the same time.
    """

    _new_event = anyio.Event

    async def _wait(self, event: Any) -> None:
        await event.wait()

    async def _call_blocking(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not self._covers(request.url):
            yield request
            return
        session = await self._current()
        response = yield self._sign(request, session)
        if self._is_refused(request, response, session):
            await response.aread()
            yield self._sign(request, await self._current(session))

    def sync_auth_flow(self, request: httpx.Request) -> NoReturn:  # noqa: ARG002  # httpx's signature
        raise ConfigurationError("AsyncTokenAuth is for httpx.AsyncClient: use BosBase and its token_auth for Client")


def _guarded(done: str, action: Callable[[], T]) -> T | None:
    """Call a method of a store. One that fails warns, and the request goes on."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  # a caller's own store fails with errors of its own
        reason = str(error) if isinstance(error, OSError) else type(error).__name__
    warnings.warn(f"the session was not {done}: {reason}", stacklevel=2)
    return None


def _can_be_sent_twice(request: httpx.Request) -> bool:
    """Whether the body is the same again: it is in memory, or a form whose files can be rewound, which httpx does."""
    try:
        request.content  # noqa: B018  # raises unless the body is in memory
    except RuntimeError:  # httpx.RequestNotRead, or that of httpx2
        fields: list[Any] | None = getattr(request.stream, "fields", None)  # the class of httpx's forms is not public
        return fields is not None and all(_can_be_rewound(getattr(part, "file", b"")) for part in fields)
    return True


def _can_be_rewound(file: Any) -> bool:
    return isinstance(file, str | bytes) or (hasattr(file, "seekable") and file.seekable())
