"""The three operations of the contract: the only module that imports the generated client.

An operation makes the request of a call and turns its answer into a value or an error. All that does not depend on
the network happens here, without IO, for sync and async alike.
"""
# The generated `_get_kwargs` is the one place that knows method and path of an operation.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, Generic, TypeGuard, TypeVar, cast

import httpx
from bosbase_client.api.custom_tokens import auth_with_token, bind_token, unbind_token
from bosbase_client.models import (
    AuthResponse,
    AuthWithTokenRequest,
    ErrorResponse,
    MfaRequired,
    TokenBindingRequest,
)
from bosbase_client.types import UNSET

from . import _errors as errors
from ._results import AuthResult, Record
from ._secrets import Hider

T = TypeVar("T")

_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_DEEPEST: Final = 100  # levels of an answer's JSON
_CREDENTIALS: Final = frozenset({"Failed to bind token.", "Failed to unbind token.", "Failed to authenticate."})
_BY_STATUS: Final[Mapping[int, type[errors.ApiError]]] = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    413: errors.PayloadTooLargeError,
    429: errors.RateLimitedError,
}


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One operation of the contract: the generated code for its request, and what its success means."""

    name: str
    success: int
    arguments: Callable[..., dict[str, Any]]
    value: Callable[[Answer], T]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `problem` tells in words why there is no readable body, where there is none."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    problem: str = ""

    @property
    def may_be_done(self) -> bool:
        """Whether the server may have carried the call out all the same: a gateway answers 502 or 504 for it."""
        return self.status >= 500

    @property
    def retry_after(self) -> float | None:
        """The seconds that Retry-After asks for, as a number or until an HTTP date; None where it asks nothing."""
        return _seconds(self.headers.get("retry-after", ""))


class _Content(httpx.ByteStream):
    """A request's body in one piece. Not httpx's generator: trio warns of one left half-way by a broken connection."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._pieces = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._pieces:
            return self._pieces.pop()
        raise StopAsyncIteration


@dataclass(frozen=True, slots=True, repr=False)
class Call(Generic[T]):
    """One call, checked: everything but the network. Its repr shows nothing, since it holds secrets."""

    operation: Operation[T]
    collection: str
    base_url: str
    members: TokenBindingRequest | AuthWithTokenRequest
    headers: httpx.Headers
    timeout: httpx.Timeout
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    extra_query: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])

    @property
    def single_use(self) -> bool:
        """Whether the call spends an mfa id, so that it must not be sent twice."""
        return isinstance(self.members, AuthWithTokenRequest) and self.members.mfa_id is not UNSET

    def request(self) -> httpx.Request:
        """A request of its own for each attempt; raises ConfigurationError for a URL that is too long."""
        try:
            return self._request()
        except httpx.InvalidURL:
            pass  # raised out here, where no frame holds the body
        raise errors.ConfigurationError("the collection's name, expand, fields and query make too long a URL")

    def _request(self) -> httpx.Request:
        arguments = self.operation.arguments(self.collection, body=self.members, **self.parameters)
        query = [*arguments.get("params", {}).items(), *self.extra_query]
        content = _encode(arguments["json"]).encode()
        # A stream, since httpx takes a request of one as it is; of `content` it would work the headers out anew.
        request = httpx.Request(
            arguments["method"],
            _url(self.base_url + arguments["url"]),
            params=query or None,
            headers=self.headers,
            stream=_Content(content),
            extensions={"timeout": self.timeout.as_dict()},
        )
        request.headers["Content-Length"] = str(len(content))
        request.headers.encoding = self.headers.encoding  # known there; found out anew for each request otherwise
        request.read()
        return request

    def result(self, answer: Answer) -> T:
        """The value that the answer holds; raises the error that it means."""
        if answer.status != self.operation.success:
            raise self._error(answer)
        try:
            return self.operation.value(answer)
        except (ValueError, RecursionError):
            reason = answer.problem or "its body is not what the operation answers"
        # Raised out here: the error that a JSON decoder raises holds the whole body.
        raise self._unexpected(answer, reason)

    def hider(self) -> Hider:
        """What keeps the secrets of the call out of texts that came back."""
        members = self.members.to_dict()
        named = [members.get(name, "") for name in ("password", "token", "mfaId")]
        return Hider([*named, *self.headers.get("authorization", "").split()[-1:]])

    def _unexpected(self, answer: Answer, reason: str) -> errors.UnexpectedResponseError:
        content_type = self.hider().text(answer.headers.get("content-type", ""))
        return errors.UnexpectedResponseError(answer.status, content_type, reason)

    def _error(self, answer: Answer) -> errors.BosBaseError:
        try:
            body = _read_error(answer)
            if isinstance(body, MfaRequired):
                return errors.MfaRequiredError(answer.status, body.mfa_id)
            if body is not None:
                return self._api_error(answer, body)
        except RecursionError:
            pass  # a body nested deeper than Python can walk is no envelope
        if 500 <= answer.status <= 599:
            return _with_retry_after(errors.ServerError(answer.status, ""), answer)
        return self._unexpected(answer, answer.problem or "the status, or the shape of the error, is not known")

    def _api_error(self, answer: Answer, body: ErrorResponse) -> errors.BosBaseError:
        kind = _kind(answer.status, body)
        if kind is None:
            return self._unexpected(answer, "the status is not known")
        hider = self.hider()
        data = {
            hider.text(name): errors.FieldError(
                hider.text(part.code), hider.text(part.message), hider.value(_object(part.params) or {})
            )
            for name, part in body.data.additional_properties.items()
        }
        return _with_retry_after(kind(answer.status, hider.text(body.message), data), answer)


def _with_retry_after(error: errors.ApiError, answer: Answer) -> errors.ApiError:
    if isinstance(error, errors.RateLimitedError | errors.ServerError):
        error.retry_after = answer.retry_after
    return error


def _kind(status: int, body: ErrorResponse) -> type[errors.ApiError] | None:
    if 500 <= status <= 599:
        return errors.ServerError
    if status == 400 and body.data.additional_properties:
        return errors.ValidationError
    if status == 400 and body.message in _CREDENTIALS:
        return errors.InvalidCredentialsError
    return _BY_STATUS.get(status)


def _object(value: object) -> dict[str, Any] | None:
    """`value` where it is a JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _json(answer: Answer) -> dict[str, Any]:
    """The object that the body is; ValueError for every other body."""
    payload = None if answer.problem else _object(json.loads(answer.body))
    if payload is None or _is_too_deep(answer.body, payload):
        raise ValueError("no JSON object, or one that could not be copied")
    return payload


def _is_too_deep(body: bytes, payload: object) -> bool:
    """Whether copy and pickle would exhaust the stack; newer Pythons read JSON of any depth."""
    if body.count(b"[") + body.count(b"{") <= _DEEPEST:
        return False
    level, depth = [payload], 0
    while level and depth <= _DEEPEST:
        level = [part for value in level for part in _parts(value)]
        depth += 1
    return depth > _DEEPEST


def _parts(value: object) -> Iterable[object]:
    members = _object(value)
    if members is not None:
        return members.values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _read_error(answer: Answer) -> ErrorResponse | MfaRequired | None:
    """The error that the body is by the contract; None for every other body."""
    try:
        payload = _json(answer)
        if answer.status == 401 and payload.get("mfaId") and _are_texts([payload["mfaId"]]):
            return MfaRequired.from_dict(payload)
        envelope = ErrorResponse.from_dict(payload)
        return envelope if _are_objects(payload["data"]) and _is_well_typed(envelope) else None
    except (ValueError, TypeError, KeyError):
        return None


def _is_well_typed(envelope: ErrorResponse) -> bool:
    # The generated code takes members of any type without a word.
    texts = [envelope.message]
    for part in envelope.data.additional_properties.values():
        texts += [part.code, part.message]
    return type(envelope.status) is int and _are_texts(texts)


def _are_objects(data: object) -> bool:
    # The generated code takes a list of pairs for an object.
    members = _object(data)
    return members is not None and all(_object(part) is not None for part in members.values())


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _auth_result(answer: Answer) -> AuthResult:
    payload = _json(answer)
    members = _object(payload.get("record"))
    if members is None:
        raise ValueError("no record")
    session = AuthResponse.from_dict(payload)
    names: list[object] = [members.get(name, "") for name in ("id", "collectionId", "collectionName")]
    if not _is_sendable(session.token) or not _are_texts(names):
        raise ValueError("a token or an id of another type")
    return AuthResult(session.token, Record(members), _object(session.meta) or {})


def _is_sendable(token: object) -> TypeGuard[str]:
    # A JWT is for a header: no lone surrogate and no line break may come in by it.
    return isinstance(token, str) and token != "" and token.isascii() and token.isprintable()


def _nothing(_answer: Answer) -> None:
    return None


BIND: Final = Operation("bindToken", 204, bind_token._get_kwargs, _nothing)
UNBIND: Final = Operation("unbindToken", 204, unbind_token._get_kwargs, _nothing)
AUTH: Final = Operation("authWithToken", 200, auth_with_token._get_kwargs, _auth_result)


def binding(email: str, password: str, token: str, extra: dict[str, Any]) -> TokenBindingRequest:
    """The body of a bind or an unbind."""
    members = TokenBindingRequest(email, password, token)
    members.additional_properties = extra
    return members


def sign_in(token: str, mfa_id: str | None, extra: dict[str, Any]) -> AuthWithTokenRequest:
    """The body of a sign-in."""
    members = AuthWithTokenRequest(token) if mfa_id is None else AuthWithTokenRequest(token, mfa_id)
    members.additional_properties = extra
    return members


_ALWAYS: Final = ("token", "record.id", "record.collectionId", "record.collectionName")


def whole(fields: str | None) -> str | None:
    """`fields` with what an AuthResult always has; None, for every member, where there is none."""
    if fields is None:
        return None
    asked = [name.strip() for name in fields.split(",")]
    if "*" in asked and not any(name.startswith("record.") for name in asked):
        return fields  # all is in it; `record.id` beside it would leave nothing else of the record
    return ",".join([*asked, *(name for name in _ALWAYS if name not in asked)])


@lru_cache(maxsize=256)
def _url(text: str) -> httpx.URL:
    """Parsing a URL costs as much as the rest of a request; a client uses few."""
    return httpx.URL(text)


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]+)?", text, re.ASCII):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
