"""The errors that a call can raise.

```
BosBaseError
├─ ConfigurationError             wrong use of the client; nothing was sent
├─ TransportError                 no readable response
│  └─ RequestTimeoutError         an attempt took longer than its timeout
├─ UnexpectedResponseError        a response that openapi.yaml does not describe
├─ ApiError                       an error response of the server
│  ├─ BadRequestError             400
│  │  ├─ ValidationError          400 with field errors
│  │  └─ InvalidCredentialsError  400: wrong email, password or token
│  ├─ UnauthorizedError           401
│  │  └─ MfaRequiredError         401: a second factor is required
│  ├─ ForbiddenError              403
│  ├─ NotFoundError               404
│  ├─ PayloadTooLargeError        413
│  ├─ RateLimitedError            429
│  └─ ServerError                 5xx
└─ TokenRotationError             a rotation stopped half-way
```

No error shows a password, a custom token, a JWT or an mfa id in its `str`, `repr`, `args` or traceback.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


class InsecureTransportWarning(UserWarning):
    """Passwords and tokens travel unencrypted: the server's URL is plain http to another host."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the request body.

    `code` and `message` are the server's. `params` holds the numbers in `message`, such as `min` and `max`.
    """

    code: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _without_init(cls: type["BosBaseError"], text: str) -> "BosBaseError":
    return cls.__new__(cls, text)


class BosBaseError(Exception):
    """Base class of all errors of this package.

    `attempts` is how often the call was sent; 0 means never. `outcome_unknown` is True if the server may have done
    what the call asked for, although no response says so.
    """

    attempts: int = 0
    outcome_unknown: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # A cause of another type belongs to the caller, and may not be picklable.
        cause = self.__cause__ if isinstance(self.__cause__, BosBaseError) else None
        state = {**self.__dict__, "args": (str(self),), "__cause__": cause}
        return _without_init, (type(self), str(self)), state


class ConfigurationError(BosBaseError, ValueError):
    """The client was used wrongly, or the environment is set up wrongly. Nothing was sent."""


class TransportError(BosBaseError):
    """There is no readable response: refused, reset, TLS, DNS, cut off, malformed HTTP.

    `retriable` is True if the connection failed or was dropped, which may pass. `__cause__` is None, since the HTTP
    library's own error holds the request with its secrets.
    """

    retriable: bool

    def __init__(self, message: str, *, retriable: bool = False, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable
        self.outcome_unknown = outcome_unknown


class RequestTimeoutError(TransportError, TimeoutError):
    """An attempt took longer than its timeout."""


class UnexpectedResponseError(BosBaseError):
    """A response that openapi.yaml does not describe: another status, another shape, HTML, a redirect.

    The body is not kept, since it may repeat the request.
    """

    outcome_unknown = True
    status: int
    content_type: str

    def __init__(self, status: int, content_type: str, reason: str) -> None:
        super().__init__(f"unexpected response with status {status} ({content_type or 'no content type'}): {reason}")
        self.status = status
        self.content_type = content_type


class ApiError(BosBaseError):
    """An error response of the server: its `status`, its `message`, and field errors in `data`.

    A secret of the request that the server's text repeats is replaced by `***`.
    """

    status: int
    message: str
    data: Mapping[str, FieldError]

    def __init__(
        self, status: int, message: str, data: Mapping[str, FieldError] = MappingProxyType({}), hint: str = ""
    ) -> None:
        details = "".join(f"\n  {name}: {error.message} ({error.code})" for name, error in data.items())
        super().__init__(f"{status} {message}".rstrip() + (f" ({hint})" if hint else "") + details)
        self.status = status
        self.message = message
        self.data = dict(data)


class BadRequestError(ApiError):
    """400: the server cannot use the request."""


class ValidationError(BadRequestError):
    """400: a field of the request body is not valid. `data` says which."""


class InvalidCredentialsError(BadRequestError):
    """400: wrong email or password, or a token that is bound to no account of the collection.

    One such response does not prove that a token is revoked: BosBase answers the same just after its start.
    """


class UnauthorizedError(ApiError):
    """401."""


class MfaRequiredError(UnauthorizedError):
    """401: the token is valid, and a second factor of another method is required.

    Send `mfa_id` with the second factor. It is in no repr.
    """

    mfa_id: str

    def __init__(self, status: int, mfa_id: str) -> None:
        super().__init__(status, "A second factor is required.")
        self.mfa_id = mfa_id


class ForbiddenError(ApiError):
    """403: the collection's auth rule excludes the account, or password authentication is off."""


class NotFoundError(ApiError):
    """404: the collection does not exist or has no accounts, or the server has no custom-token endpoints."""


class PayloadTooLargeError(ApiError):
    """413: the request body is larger than the server accepts (32 MiB), or a proxy before it."""


class RateLimitedError(ApiError):
    """429: a rate limit was reached.

    `retry_after` is the seconds that the response asks to wait, or None.
    """

    retry_after: float | None = None


class ServerError(ApiError):
    """5xx, whatever its body. `message` is "" if the body is not the server's error format.

    `retry_after` is the seconds that the response asks to wait, or None.
    """

    outcome_unknown = True
    retry_after: float | None = None


class TokenRotationError(BosBaseError):
    """A rotation stopped half-way: `new_token` is bound, or may be, and the old token still is.

    `__cause__` is the reason, and `attempts` counts the call that failed. `new_token` is in no repr. To finish the
    rotation, call `rotate_custom_token` again with `new=error.new_token`, or unbind the old token.
    """

    new_token: str

    def __init__(self, new_token: str, attempts: int = 0) -> None:
        super().__init__(
            "the rotation stopped half-way: the old token is still bound, the new one (error.new_token) is or may be"
        )
        self.attempts = attempts
        self.new_token = new_token
