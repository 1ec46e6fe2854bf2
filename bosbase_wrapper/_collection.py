"""A collection's calls: `Collection` and `AsyncCollection`, two thin shells over `_Handle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from . import _operations, _options
from ._errors import BosBaseError, ConfigurationError, TokenRotationError
from ._operations import Call, Operation
from ._options import Query
from ._results import AuthResult
from ._send import AsyncSender, Sender, SyncSender, perform, run
from ._stores import AuthStore
from ._tokens import generate_token

if TYPE_CHECKING:
    from ._auth import TokenAuth

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])
Timeout = float | httpx.Timeout | None


class ClientTimeout:
    """The type of the default of `timeout`: None already means no limit."""

    def __repr__(self) -> str:
        return "<the client's>"


CLIENT_TIMEOUT: Final = ClientTimeout()


@dataclass(frozen=True, slots=True)
class Settings:
    """What all calls of one client have in common, checked."""

    base_url: str
    headers: httpx.Headers
    timeout: httpx.Timeout
    retries: int


class _Handle:
    """Makes the calls of one collection; how they are sent is the shells' affair.

    Error trackers capture the locals of each frame, and scrub what is named `password`, `token`, `secret` or
    `session`. So no secret has another name here, and a public argument of another name is deleted before any error
    can pass its frame.
    """

    def __init__(self, sender: Sender, settings: Settings, name: str) -> None:
        self._sender = sender
        self._settings = settings
        self.name: Final = _options.collection_name(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def token_auth(self, token: str, *, leeway: float = 60.0, store: AuthStore | None = None) -> TokenAuth:
        """An `httpx.Auth` that signs the requests of an httpx client in with `token`.

        It signs in at the first request, again `leeway` seconds before the JWT's `exp`, and once after a 401. It has
        no connection of its own, and serves `httpx.Client` and `httpx.AsyncClient` alike. With `store`, a session
        outlives the process. Raises ConfigurationError for a token that cannot be sent.
        """
        from ._auth import TokenAuth  # asyncio comes with it, which takes as long as the generated models

        return TokenAuth(self._sign_in(token), leeway=leeway, store=store)

    async def _perform(self, call: Call[T]) -> T:
        return await perform(self._sender, call, self._settings.retries)

    def _call(
        self,
        operation: Operation[T],
        members: Any,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
        parameters: Mapping[str, str] | None = None,
    ) -> Call[T]:
        settings = self._settings
        return Call(
            operation,
            self.name,
            settings.base_url,
            members,
            _with(settings.headers, headers),
            settings.timeout if isinstance(timeout, ClientTimeout) else _options.timeout(timeout),
            parameters or {},
            _options.query(query),
        )

    def _binding(
        self, operation: Operation[None], email: str, password: str, token: str, body: Any, **options: Any
    ) -> Call[None]:
        _options.require_text("email", _options.is_text(email))
        _options.require_text("password", _options.is_text(password))
        _options.require_text("token", _options.is_text(token))
        return self._call(operation, _operations.binding(email, password, token, _options.body(body)), **options)

    def _sign_in(
        self,
        token: str,
        session: str | None = None,
        expand: str | Sequence[str] | None = None,
        fields: str | Sequence[str] | None = None,
        body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Call[AuthResult]:
        _options.require_text("token", _options.is_text(token))
        _options.require_text("mfa_id", session is None or _options.is_text(session))
        wanted = {
            "expand": _options.comma_joined("expand", expand),
            "fields": _operations.whole(_options.comma_joined("fields", fields)),
        }
        return self._call(
            _operations.AUTH,
            _operations.sign_in(token, session, _options.body(body)),
            parameters={name: value for name, value in wanted.items() if value is not None},
            **options,
        )

    def _rotation(
        self, email: str, password: str, secret: tuple[str, str | None], **options: Any
    ) -> tuple[str, Call[None], Call[None]]:
        token = generate_token() if secret[1] is None else secret[1]
        if token == secret[0]:
            raise ConfigurationError("new must differ from old")
        bind = self._binding(_operations.BIND, email, password, token, **options)
        return token, bind, self._binding(_operations.UNBIND, email, password, secret[0], **options)

    async def _rotate(self, token: str, bind: Call[None], unbind: Call[None]) -> str:
        try:
            await self._perform(bind)
        except BosBaseError as error:
            if not error.outcome_unknown:
                raise
            raise TokenRotationError(token, error.attempts) from error
        try:
            await self._perform(unbind)
        except BosBaseError as error:
            raise TokenRotationError(token, error.attempts) from error
        return token


def _with(common: httpx.Headers, own: Mapping[str, str] | None) -> httpx.Headers:
    if not own:
        return common
    merged = common.copy()
    merged.update(_options.headers(own))
    return merged


def _documented_by(twin: Callable[..., Any]) -> Callable[[Method], Method]:
    """Gives an async method the docstring of its sync twin: they differ in nothing but the sending."""

    def document(method: Method) -> Method:
        method.__doc__ = twin.__doc__
        return method

    return document


class Collection(_Handle):
    """The calls of one auth collection; made by `BosBase.collection`.

    Making one does no IO, it may be kept, and its calls are safe from many threads. Every call may be given `body`,
    `query` and `headers`, which add to that call alone, and `timeout` (an attempt's seconds, an `httpx.Timeout`, or
    None for no limit). Every call returns its value or raises a `BosBaseError`; `ConfigurationError` means that
    nothing was sent.
    """

    _sender: SyncSender

    def bind_custom_token(
        self,
        email: str,
        password: str,
        token: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> None:
        """Bind `token` to the account of `email` and `password`, so that it can sign in with the token alone.

        The server takes 1 to 255 bytes of email and password and 1 to 1024 bytes of token, and trims nothing. A
        value belongs to the last account of the collection that bound it, without a word to the one before: use
        random ones (`generate_token`). Binding asks neither the auth rule nor multi-factor authentication.

        Raises InvalidCredentialsError (wrong email or password), ValidationError, ForbiddenError (the collection
        allows no password authentication), NotFoundError, or another BosBaseError.
        """
        run(
            self._perform(
                self._binding(
                    _operations.BIND,
                    email,
                    password,
                    token,
                    body,
                    query=query,
                    headers=headers,
                    timeout=timeout,
                )
            )
        )

    def unbind_custom_token(
        self,
        email: str,
        password: str,
        token: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> None:
        """Unbind `token` from the account of `email` and `password`; it signs in no more.

        Unbinding a value that was never bound, or that is another account's, changes nothing and raises nothing.
        Sessions that the token opened go on: a JWT works until its own `exp`.

        Raises what `bind_custom_token` raises.
        """
        run(
            self._perform(
                self._binding(
                    _operations.UNBIND,
                    email,
                    password,
                    token,
                    body,
                    query=query,
                    headers=headers,
                    timeout=timeout,
                )
            )
        )

    def auth_with_token(
        self,
        token: str,
        *,
        mfa_id: str | None = None,
        expand: str | Sequence[str] | None = None,
        fields: str | Sequence[str] | None = None,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> AuthResult:
        """Sign in with `token`, and return the JWT and the account's record.

        `mfa_id` is that of a first factor of another method (`MfaRequiredError.mfa_id`); it travels in the body.
        `expand` names relations to bring along. `fields` limits the answer, in the server's notation
        (`record.nick`); the JWT and the record's ids always come.

        Raises MfaRequiredError (a second factor is required), InvalidCredentialsError (the token is bound to no
        account of the collection), ForbiddenError (the auth rule), ValidationError, NotFoundError, or another
        BosBaseError.
        """
        try:
            call = self._sign_in(token, mfa_id, expand, fields, body, query=query, headers=headers, timeout=timeout)
        finally:
            del mfa_id
        return run(self._perform(call))

    def rotate_custom_token(
        self,
        email: str,
        password: str,
        old: str,
        new: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> str:
        """Bind `new` (a generated token where none is given), then unbind `old`, and return the new token.

        A bind that is refused raises its own error and changes nothing. Raises TokenRotationError, with the new
        token in it, where the bind's outcome is unknown or the unbind fails; ConfigurationError where `new` is
        `old`. Give a `new` that is kept elsewhere already where even a cancelled call must lose nothing.
        """
        try:
            token, bind, unbind = self._rotation(
                email, password, (old, new), body=body, query=query, headers=headers, timeout=timeout
            )
        finally:
            del old, new
        return run(self._rotate(token, bind, unbind))


class AsyncCollection(_Handle):
    """The calls of one auth collection, as coroutines; made by `AsyncBosBase.collection`. See `Collection`."""

    _sender: AsyncSender

    @_documented_by(Collection.bind_custom_token)
    async def bind_custom_token(
        self,
        email: str,
        password: str,
        token: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> None:
        await self._perform(
            self._binding(_operations.BIND, email, password, token, body, query=query, headers=headers, timeout=timeout)
        )

    @_documented_by(Collection.unbind_custom_token)
    async def unbind_custom_token(
        self,
        email: str,
        password: str,
        token: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> None:
        await self._perform(
            self._binding(
                _operations.UNBIND,
                email,
                password,
                token,
                body,
                query=query,
                headers=headers,
                timeout=timeout,
            )
        )

    @_documented_by(Collection.auth_with_token)
    async def auth_with_token(
        self,
        token: str,
        *,
        mfa_id: str | None = None,
        expand: str | Sequence[str] | None = None,
        fields: str | Sequence[str] | None = None,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> AuthResult:
        try:
            call = self._sign_in(token, mfa_id, expand, fields, body, query=query, headers=headers, timeout=timeout)
        finally:
            del mfa_id
        return await self._perform(call)

    @_documented_by(Collection.rotate_custom_token)
    async def rotate_custom_token(
        self,
        email: str,
        password: str,
        old: str,
        new: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | ClientTimeout = CLIENT_TIMEOUT,
    ) -> str:
        try:
            token, bind, unbind = self._rotation(
                email, password, (old, new), body=body, query=query, headers=headers, timeout=timeout
            )
        finally:
            del old, new
        return await self._rotate(token, bind, unbind)
