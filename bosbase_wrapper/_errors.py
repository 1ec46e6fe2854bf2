"""What a call can end in beside its value.

```
BosBaseError
├─ ConfigurationError             wrong use of the client, before anything is sent
├─ TransportError                 no answer that can be read
│  └─ RequestTimeoutError
├─ UnexpectedResponseError        an answer that the contract does not know
├─ ApiError                       the server's own error
│  ├─ BadRequestError             400
│  │  ├─ ValidationError          400 that names members
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

No error shows a password, a custom token, a JWT or an mfa id in `str`, `repr`, `args` or a traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


class InsecureTransportWarning(UserWarning):
    """Passwords and tokens will travel in plain http to a host that is not this machine."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one member of the body.

    `params` holds the numbers that `message` speaks of, such as `min` and `max`.
    """

    code: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _restore(
    cls: type[BosBaseError], text: str, cause: BosBaseError | None, attributes: dict[str, Any]
) -> BosBaseError:
    error = cls.__new__(cls, text)
    error.args = (text,)
    error.__dict__.update(attributes)
    error.__cause__ = cause
    return error


class BosBaseError(Exception):
    """The base of every error of this package.

    `attempts` tells how often the call was sent (0: never), `outcome_unknown` whether the server may have carried it
    out although the answer does not say so.
    """

    attempts: int = 0
    outcome_unknown: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # A cause of another kind is a caller's own, and perhaps nothing that can be pickled.
        cause = self.__cause__ if isinstance(self.__cause__, BosBaseError) else None
        return _restore, (type(self), str(self), cause, self.__dict__)


class ConfigurationError(BosBaseError, ValueError):
    """The client was used wrongly; nothing was sent."""


class TransportError(BosBaseError):
    """No answer that can be read: refused, reset, TLS, DNS, cut off, malformed HTTP.

    The reason is told in words. `__cause__` is None: the HTTP library's own error holds the request, and that
    the secrets.
    """


class RequestTimeoutError(TransportError, TimeoutError):
    """An attempt did not end within its timeout."""


class UnexpectedResponseError(BosBaseError):
    """An answer that the contract does not know: another status, another shape, HTML, a redirect.

    Its body is not kept, since it may repeat what was sent.
    """

    outcome_unknown = True
    status: int
    content_type: str

    def __init__(self, status: int, content_type: str, reason: str) -> None:
        super().__init__(f"unexpected answer with status {status} ({content_type or 'no content type'}): {reason}")
        self.status = status
        self.content_type = content_type


class ApiError(BosBaseError):
    """The server's own error: its `status`, its `message`, and in `data` what is wrong with which member.

    Where the server's text repeats a secret of the call, `***` stands in its place.
    """

    status: int
    message: str
    data: Mapping[str, FieldError]

    def __init__(self, status: int, message: str, data: Mapping[str, FieldError] = MappingProxyType({})) -> None:
        details = "".join(f"\n  {name}: {error.message} ({error.code})" for name, error in data.items())
        super().__init__(f"{status} {message}".rstrip() + details)
        self.status = status
        self.message = message
        self.data = dict(data)


class BadRequestError(ApiError):
    """400: the server could not use the request."""


class ValidationError(BadRequestError):
    """400: a member of the body is not valid; `data` tells which."""


class InvalidCredentialsError(BadRequestError):
    """400: wrong email or password, or a token that is bound to no account of the collection.

    One such answer is no proof that a token is dead: a server that has just started or lost its database answers
    the same.
    """


class UnauthorizedError(ApiError):
    """401."""


class MfaRequiredError(UnauthorizedError):
    """401: the token was right, and a second factor of another method is required.

    `mfa_id` is the session that the second factor completes; it is in no repr.
    """

    mfa_id: str

    def __init__(self, status: int, mfa_id: str) -> None:
        super().__init__(status, "A second factor is required.")
        self.mfa_id = mfa_id


class ForbiddenError(ApiError):
    """403: the collection's auth rule keeps the account out, or password authentication is off."""


class NotFoundError(ApiError):
    """404: no such collection, or not one of accounts."""


class PayloadTooLargeError(ApiError):
    """413: the body is larger than the server takes (32 MiB)."""


class RateLimitedError(ApiError):
    """429: a rate limit was reached. `retry_after` is what the answer asks for in seconds, or None."""

    retry_after: float | None = None


class ServerError(ApiError):
    """5xx, whatever its body; `message` is "" where there is no error envelope.

    `retry_after` is what the answer asks for in seconds, or None.
    """

    outcome_unknown = True
    retry_after: float | None = None


class TokenRotationError(BosBaseError):
    """A rotation stopped half-way: `new_token` is bound, or may be, and the old one still is.

    `__cause__` is the reason, and `attempts` those of the call that failed. `new_token` is in no repr. Either unbind
    the old token by hand, or call `rotate_custom_token` again with `new=error.new_token`.
    """

    new_token: str

    def __init__(self, new_token: str, attempts: int = 0) -> None:
        super().__init__("the rotation stopped half-way: the old token is still bound, the new one is or may be")
        self.attempts = attempts
        self.new_token = new_token
