"""The operations of openapi.yaml: the only module that imports the generated client.

An `Operation` makes the request of a `Call`, and turns its `Reply` into a value or an error. Nothing here does IO, so
sync and async share all of it.
"""
# Only the generated `_get_kwargs` knows the method and the path of an operation.
# pyright: reportPrivateUsage=false

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast

import httpx
from bosbase_client import models
from bosbase_client.api.custom_tokens import auth_with_token, bind_token, unbind_token

from . import _contract
from . import _errors as errors
from ._redaction import Redactor, RequestFields
from ._reply import Reply
from ._results import AuthResult, Record, is_jwt, utc_moment
from ._retry import retry_after

T = TypeVar("T")

_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_MAX_DEPTH: Final = 100  # levels of a response's JSON
_BY_STATUS: Final[Mapping[int, type[errors.ApiError]]] = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    413: errors.PayloadTooLargeError,
    429: errors.RateLimitedError,
}
# Proxies answer these in a format of their own, and the status says enough.
_CLEAR_STATUSES: Final = frozenset({413, 429, *range(500, 600)})
_LACKS_ENDPOINTS: Final = "the server may not have the custom-token endpoints"


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One operation of openapi.yaml: the generated code for its request, and what a successful reply holds."""

    name: str
    arguments: Callable[..., dict[str, Any]]
    body: type[Any]  # a generated model
    value: Callable[[Reply], T]


@dataclass(frozen=True, slots=True, repr=False)
class Call(Generic[T]):
    """One call with checked arguments. Its repr is empty, since it holds secrets."""

    operation: Operation[T]
    collection: str
    base_url: str
    fields: RequestFields
    headers: httpx.Headers
    timeout: httpx.Timeout
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    extra_query: Sequence[tuple[str, Any]] = ()

    @property
    def single_use(self) -> bool:
        """Whether the call spends an mfa id, so that the server accepts it only once."""
        return "mfaId" in self.fields.values

    def request(self) -> httpx.Request:
        """Return a new request for each attempt. Raises ConfigurationError for a URL that is too long."""
        try:
            return self._request()
        except httpx.InvalidURL:
            pass  # the error is raised below, where no frame holds the body
        raise errors.ConfigurationError("the URL is too long: shorten the collection's name, expand, fields or query")

    def _request(self) -> httpx.Request:
        body = self.operation.body.from_dict(self.fields.values)
        arguments = self.operation.arguments(self.collection, body=body, **self.parameters)
        query = [*arguments.get("params", {}).items(), *self.extra_query]
        content = _encode(arguments["json"]).encode()
        # With a stream, httpx takes the headers as they are, which halves the time of making a request.
        request = httpx.Request(
            arguments["method"],
            _url(self.base_url + arguments["url"]),
            params=query or None,
            headers=[*self.headers.raw, (b"Content-Length", b"%d" % len(content))],
            stream=httpx.ByteStream(content),
            extensions={"timeout": self.timeout.as_dict()},
        )
        request.read()
        return request

    def result(self, outcome: Reply | errors.TransportError) -> T:
        """Return the value that the reply holds, or raise the error that the outcome stands for."""
        if isinstance(outcome, errors.TransportError):
            raise outcome
        if outcome.status != _contract.SUCCESS_STATUS[self.operation.name]:
            raise self._error(outcome)
        try:
            return self.operation.value(outcome)
        except (ValueError, RecursionError):
            reason = outcome.problem or "its body is not what openapi.yaml describes"
        # Raised here, since the error of a JSON decoder holds the whole body.
        raise self._unexpected(outcome, reason)

    def redactor(self) -> Redactor:
        """Return what hides the secrets of the call in texts that came back."""
        secrets = [str(value) for name, value in self.fields.values.items() if name in _contract.SECRET_FIELDS]
        return Redactor([*secrets, *self.headers.get("authorization", "").split()[-1:]])

    def _unexpected(self, reply: Reply, reason: str) -> errors.UnexpectedResponseError:
        redactor = self.redactor()
        content_type = redactor.text(reply.headers.get("content-type", ""))
        return errors.UnexpectedResponseError(reply.status, content_type, redactor.text(reason))

    def _error(self, reply: Reply) -> errors.BosBaseError:
        body = _error_body(reply)
        if isinstance(body, models.MfaRequired):
            return errors.MfaRequiredError(reply.status, body.mfa_id)
        kind = _error_class(reply.status, body)
        if kind is None:
            return self._unexpected(reply, reply.problem or _reason(reply, self.base_url))
        error = kind(reply.status, "") if body is None else self._from_envelope(kind, reply.status, body)
        if isinstance(error, errors.RateLimitedError | errors.ServerError):
            error.retry_after = retry_after(reply.headers)
        return error

    def _from_envelope(self, kind: type[errors.ApiError], status: int, body: models.ErrorResponse) -> errors.ApiError:
        redactor = self.redactor()
        data = {
            redactor.text(name): errors.FieldError(
                redactor.text(part.code), redactor.text(part.message), redactor.value(_object(part.params) or {})
            )
            for name, part in body.data.additional_properties.items()
        }
        hint = _LACKS_ENDPOINTS if body.message in _contract.UNKNOWN_PATH_MESSAGES else ""
        return kind(status, redactor.text(body.message), data, hint)


def _error_class(status: int, body: models.ErrorResponse | None) -> type[errors.ApiError] | None:
    if body is None and status not in _CLEAR_STATUSES:
        return None
    if 500 <= status <= 599:
        return errors.ServerError
    if status == 400 and body is not None and body.data.additional_properties:
        return errors.ValidationError
    if status == 400 and body is not None and body.message in _contract.CREDENTIALS_MESSAGES:
        return errors.InvalidCredentialsError
    return _BY_STATUS.get(status)


def _reason(reply: Reply, base_url: str) -> str:
    """Say what is unexpected about a reply that is no error envelope, and what it may mean."""
    if 300 <= reply.status <= 399 and "location" in reply.headers:
        return f"it is a redirect{_target(reply, base_url)}, and redirects are not followed: use the server's final URL"
    if reply.status == 404:
        return _LACKS_ENDPOINTS + ", or the URL is not a BosBase server's"
    return "openapi.yaml does not describe this status, or not with this body"


def _target(reply: Reply, base_url: str) -> str:
    """Return where a redirect points, without the path: it may repeat what was sent."""
    try:
        url = httpx.URL(base_url).join(reply.headers["location"])
        return f" to {url.scheme}://{url.netloc.decode()}" if url.host else ""
    except (httpx.InvalidURL, UnicodeError):
        return ""


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _json(reply: Reply) -> dict[str, Any]:
    """Return the JSON object that the body is. Raises ValueError or RecursionError if it is something else."""
    payload = None if reply.problem else _object(json.loads(reply.body))
    # Newer Pythons read JSON of any depth, and then copy and pickle exhaust the stack.
    brackets = reply.body.count(b"[") + reply.body.count(b"{")
    if payload is None or (brackets > _MAX_DEPTH and _depth(payload) > _MAX_DEPTH):
        raise ValueError("the body is not a JSON object, or is nested too deep")
    return payload


def _depth(value: object) -> int:
    values = _object(value)
    parts = list(values.values()) if values is not None else value
    return 1 + max(map(_depth, cast("list[object]", parts)), default=0) if isinstance(parts, list) else 0


def _error_body(reply: Reply) -> models.ErrorResponse | models.MfaRequired | None:
    """Return the error that the body describes, or None for any other body."""
    try:
        payload = _json(reply)
    except (ValueError, RecursionError):
        return None
    # The generated code accepts values of any type, so the types are checked here.
    match payload:
        case {"mfaId": str(mfa_id)} if mfa_id and reply.status == 401:
            return models.MfaRequired.from_dict(payload)
        case {"status": int(status), "message": str(), "data": dict()} if status is not True:
            sound = all(map(_is_field_error, payload["data"].values()))
            return models.ErrorResponse.from_dict(payload) if sound else None
        case _:
            return None


def _is_field_error(value: object) -> bool:
    part = _object(value) or {}
    return isinstance(part.get("code"), str) and isinstance(part.get("message"), str)


def _auth_result(reply: Reply) -> AuthResult:
    payload = _json(reply)
    record = _object(payload.get("record"))
    if record is None:
        raise ValueError("there is no record")
    session = models.AuthResponse.from_dict(payload)
    ids = (record.get(name, "") for name in ("id", "collectionId", "collectionName"))
    if not is_jwt(session.token) or not all(isinstance(value, str) for value in ids):
        raise ValueError("the token or an id has another type")
    return AuthResult(session.token, Record(record), _object(session.meta) or {})


def _session(reply: Reply) -> tuple[AuthResult, float | None]:
    """Return the session, and the seconds it lives from now by the server's own clock; None if it has no end."""
    session = _auth_result(reply)
    expiry = session.expires_at
    now = utc_moment(reply.headers.get("date", ""), parsedate_to_datetime) or datetime.now(UTC)
    return session, None if expiry is None else (expiry - now).total_seconds()


BIND: Final = Operation("bindToken", bind_token._get_kwargs, models.TokenBindingRequest, lambda _: None)
UNBIND: Final = Operation("unbindToken", unbind_token._get_kwargs, models.TokenBindingRequest, lambda _: None)
AUTH: Final = Operation("authWithToken", auth_with_token._get_kwargs, models.AuthWithTokenRequest, _auth_result)
SESSION: Final = Operation("authWithToken", auth_with_token._get_kwargs, models.AuthWithTokenRequest, _session)

_ALWAYS: Final = ("token", "record.id", "record.collectionId", "record.collectionName")


def with_required_fields(fields: str | None) -> str | None:
    """Return `fields` with those that an AuthResult always has; None asks for all."""
    if fields is None:
        return None
    asked = [name.strip() for name in fields.split(",")]
    if "*" in asked and not any(name.startswith("record.") for name in asked):
        return fields  # it includes everything; `record.id` beside it would remove the rest of the record
    return ",".join([*asked, *(name for name in _ALWAYS if name not in asked)])


@lru_cache(maxsize=256)
def _url(text: str) -> httpx.URL:
    """Parsing a URL takes as long as the rest of making a request, and a client uses few."""
    return httpx.URL(text)
