"""The calls of one auth collection: `Collection` and `AsyncCollection`, two thin shells."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Generic, TypedDict, TypeVar, Unpack

import httpx

from . import _operations, _options
from ._errors import BosBaseError, ConfigurationError, TokenRotationError
from ._operations import Call, Operation
from ._options import Query
from ._redaction import RequestFields
from ._results import AuthResult
from ._send import AsyncSender, Sender, SyncSender, run
from ._stores import AuthStore
from ._token_auth import AsyncTokenAuth, TokenAuth
from ._tokens import generate_token

T = TypeVar("T")
S = TypeVar("S", bound=Sender[Any])

_CLIENTS_TIMEOUT: Final = httpx.Timeout(None)  # known by its identity


class CallOptions(TypedDict, total=False):
    """Options that every call takes. They add to that call alone and never change the client.

    A value that cannot be sent, or that replaces what the call itself sends, raises ConfigurationError.
    """

    body: Mapping[str, Any] | None
    """More fields for the JSON body."""
    query: Query | None
    """More parameters for the URL."""
    headers: Mapping[str, str] | None
    """More headers."""
    timeout: float | httpx.Timeout | None
    """Seconds for each attempt, an `httpx.Timeout`, or None for no limit. Default: the client's."""


class _BaseCollection(Generic[S]):
    def __init__(self, sender: S, name: str) -> None:
        self._sender = sender
        self.name: Final = _options.collection_name(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _call(
        self,
        operation: Operation[T],
        request_fields: RequestFields,
        parameters: Mapping[str, str | None] = MappingProxyType({}),
        /,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout | None = _CLIENTS_TIMEOUT,
    ) -> Call[T]:
        _options.require_texts(request_fields)
        request_fields.values |= _options.body(body)
        return Call(
            operation,
            self.name,
            self._sender.base_url,
            request_fields,
            _options.merged_headers(self._sender.headers, headers),
            self._sender.timeout if timeout is _CLIENTS_TIMEOUT else _options.timeout(timeout),
            {name: value for name, value in parameters.items() if value is not None},
            _options.query(query),
        )

    def _sign_in(
        self,
        request_fields: RequestFields,
        expand: str | Sequence[str] | None,
        fields: str | Sequence[str] | None,
        **options: Unpack[CallOptions],
    ) -> Call[AuthResult]:
        asked = _operations.with_required_fields(_options.comma_joined("fields", fields))
        parameters = {"expand": _options.comma_joined("expand", expand), "fields": asked}
        return self._call(_operations.AUTH, request_fields, parameters, **options)

    async def _rotate(self, new: RequestFields, old: RequestFields, **options: Unpack[CallOptions]) -> str:
        bind = self._call(_operations.BIND, new, **options)
        unbind = self._call(_operations.UNBIND, old, **options)
        token: str = new.values["token"]
        if token == old.values["token"]:
            raise ConfigurationError("new must differ from old")
        try:
            await self._sender.perform(bind)
        except BosBaseError as error:
            if not error.outcome_unknown:
                raise
            raise TokenRotationError(token, error.attempts) from error
        try:
            await self._sender.perform(unbind)
        except BosBaseError as error:
            raise TokenRotationError(token, error.attempts) from error
        return token


class Collection(_BaseCollection[SyncSender]):
    """The calls of one auth collection, made by `BosBase.collection`.

    A collection does no IO until it is called, may be kept, and is safe to use from many threads. Every call takes
    `body`, `query`, `headers` and `timeout` (see `CallOptions`), and returns its value or raises a `BosBaseError`.
    """

    def bind_custom_token(self, email: str, password: str, token: str, **options: Unpack[CallOptions]) -> None:
        """Bind `token` to the account of `email` and `password`, so that the token alone can sign in.

        The server accepts 1 to 255 bytes of email and of password and 1 to 1024 bytes of token, and trims nothing. If
        another account of the collection had bound the same value, it loses it: use random values (`generate_token`).
        Binding checks neither the collection's auth rule nor multi-factor authentication.

        Raises InvalidCredentialsError (wrong email or password), ValidationError, ForbiddenError (the collection does
        not allow password authentication), NotFoundError, or another BosBaseError.
        """
        fields = RequestFields(email=email, password=password, token=token)
        return run(self._sender.perform(self._call(_operations.BIND, fields, **options)))

    def unbind_custom_token(self, email: str, password: str, token: str, **options: Unpack[CallOptions]) -> None:
        """Unbind `token` from the account of `email` and `password`. It cannot sign in any more.

        Unbinding a value that is not bound, or that another account has bound, changes nothing and raises nothing.
        Sessions that the token opened continue: a JWT is valid until it expires.

        Raises what `bind_custom_token` raises.
        """
        fields = RequestFields(email=email, password=password, token=token)
        return run(self._sender.perform(self._call(_operations.UNBIND, fields, **options)))

    def auth_with_token(
        self,
        token: str,
        *,
        mfa_id: str | None = None,
        expand: str | Sequence[str] | None = None,
        fields: str | Sequence[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> AuthResult:
        """Sign in with `token`, and return the JWT and the account's record.

        `mfa_id` is the `MfaRequiredError.mfa_id` of a first factor of another method. It is sent in the body.
        `expand` names relations to include in the record. `fields` limits the response, in the server's notation
        (`record.nick`); the JWT and the record's ids are always included.

        Raises MfaRequiredError (a second factor is required), InvalidCredentialsError (the token is not bound in this
        collection), ForbiddenError (the auth rule), ValidationError, NotFoundError, or another BosBaseError.
        """
        body = RequestFields(token=token, optional={"mfaId": mfa_id})
        del mfa_id
        return run(self._sender.perform(self._sign_in(body, expand, fields, **options)))

    def rotate_custom_token(
        self, email: str, password: str, old: str, new: str | None = None, **options: Unpack[CallOptions]
    ) -> str:
        """Bind `new` (default: a generated token), then unbind `old`, and return the new token.

        A bind that is refused raises its own error and changes nothing. Raises TokenRotationError, which holds the
        new token, if the outcome of the bind is unknown or the unbind fails; ConfigurationError if `new` is `old`.
        To keep the new token even if the process ends half-way, generate and store it first.
        """
        binding = RequestFields(email=email, password=password, token=generate_token() if new is None else new)
        unbinding = RequestFields(email=email, password=password, token=old)
        del old, new
        return run(self._rotate(binding, unbinding, **options))

    def token_auth(self, token: str, *, leeway: float = 60.0, store: AuthStore | None = None) -> TokenAuth:
        """Return an `httpx.Auth` that signs the requests of an `httpx.Client` in with `token`.

        It signs in at the first request, again `leeway` seconds before the JWT expires, and once after a 401. A
        `store` keeps the session beyond the process. The sign-in is a call of this client, which must stay open.

        Raises ConfigurationError for a token, a leeway or a store that cannot be used.
        """
        call = self._call(_operations.SESSION, RequestFields(token=token))
        return TokenAuth(self._sender, call, leeway, store)


class AsyncCollection(_BaseCollection[AsyncSender]):
    """The calls of one auth collection as coroutines, made by `AsyncBosBase.collection`. See `Collection`."""

    async def bind_custom_token(self, email: str, password: str, token: str, **options: Unpack[CallOptions]) -> None:
        """See `Collection.bind_custom_token`."""
        fields = RequestFields(email=email, password=password, token=token)
        return await self._sender.perform(self._call(_operations.BIND, fields, **options))

    async def unbind_custom_token(self, email: str, password: str, token: str, **options: Unpack[CallOptions]) -> None:
        """See `Collection.unbind_custom_token`."""
        fields = RequestFields(email=email, password=password, token=token)
        return await self._sender.perform(self._call(_operations.UNBIND, fields, **options))

    async def auth_with_token(
        self,
        token: str,
        *,
        mfa_id: str | None = None,
        expand: str | Sequence[str] | None = None,
        fields: str | Sequence[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> AuthResult:
        """See `Collection.auth_with_token`."""
        body = RequestFields(token=token, optional={"mfaId": mfa_id})
        del mfa_id
        return await self._sender.perform(self._sign_in(body, expand, fields, **options))

    async def rotate_custom_token(
        self, email: str, password: str, old: str, new: str | None = None, **options: Unpack[CallOptions]
    ) -> str:
        """See `Collection.rotate_custom_token`."""
        binding = RequestFields(email=email, password=password, token=generate_token() if new is None else new)
        unbinding = RequestFields(email=email, password=password, token=old)
        del old, new
        return await self._rotate(binding, unbinding, **options)

    def token_auth(self, token: str, *, leeway: float = 60.0, store: AuthStore | None = None) -> AsyncTokenAuth:
        """Return an `httpx.Auth` that signs the requests of an `httpx.AsyncClient` in. See `Collection.token_auth`."""
        call = self._call(_operations.SESSION, RequestFields(token=token))
        return AsyncTokenAuth(self._sender, call, leeway, store)
