"""Limits of lengths, and emails and passwords that the server changes before it uses them."""

from typing import Final

from ..document import message
from ._proxy import Sound
from ._spoil import Broken, When, digest, instead, of_field, of_requests, of_responses, of_token, too_long
from ._wire import Request, Response, documented, error

_TOO_SHORT: Final = {"code": "validation_min_text_constraint", "message": "Must be at least 8 character(s)."}


def _of_size(field: str, size: int) -> When:
    return lambda request: request.operation and request.size(field) == size


def _in_characters(field: str, most: int) -> When:
    """Too many bytes, but not too many characters."""
    return lambda request: len(request.text(field)) <= most < request.size(field)


def _password_in_any_case(request: Request, server: Sound) -> Response:
    response = server(request)
    is_right = request.text("password").lower() == server.password.lower() != ""
    return server(request.saying(password=server.password)) if request.operation and is_right else response


def _password_by_its_prefix(request: Request, server: Sound) -> Response:
    response = server(request)
    is_longer = server.password and request.text("password").startswith(server.password)
    return server(request.saying(password=server.password)) if request.operation and is_longer else response


def _has_token_limits(request: Request, response: Response) -> bool:
    return request.is_sign_in and "params" in (response.json.get("data") or {}).get("token", {})


_TOKENS: Final = (
    Broken(
        "token-limit-in-characters",
        "A token can have 1024 characters instead of bytes",
        of_token(digest, _in_characters("token", 1024)),
    ),
    Broken("token-of-1025-taken", "A token of 1025 bytes is accepted", of_token(digest, _of_size("token", 1025))),
    Broken(
        "token-of-1025-signs-in",
        "Signing in ignores the length of a token",
        of_responses(lambda _: documented("credentials", "authWithToken"), _has_token_limits),
    ),
    Broken(
        "token-of-1024-refused", "A token of 1024 bytes is refused", instead(_of_size("token", 1024), too_long("token"))
    ),
    Broken(
        "token-of-few-bytes-refused",
        "A token of less than 8 bytes is refused",
        instead(lambda request: 0 < request.size("token") < 8, too_long("token")),
    ),
    Broken(
        "empty-token-taken",
        "An empty token is accepted",
        of_requests(
            lambda request: request.operation and request.json.get("token") == "",
            lambda request: request.saying(token="x" * 40),
        ),
    ),
    Broken(
        "blank-token-refused",
        "A token of spaces counts as empty",
        of_requests(lambda request: request.text("token").isspace(), lambda request: request.saying(token="")),
    ),
)

_EMAILS: Final = (
    Broken(
        "email-of-256-taken",
        "An email of 256 bytes is looked up",
        of_requests(_of_size("email", 256), lambda request: request.saying(email="nobody@example.com")),
    ),
    Broken(
        "email-of-255-refused", "An email of 255 bytes is too long", instead(_of_size("email", 255), too_long("email"))
    ),
    Broken(
        "email-limit-in-characters",
        "An email can have 255 characters instead of bytes",
        instead(_in_characters("email", 255), documented("emailFormat")),
    ),
    Broken("email-trimmed", "White space around an email does not count", of_field("email", str.strip)),
    Broken("email-in-any-case", "An email's case does not count", of_field("email", str.lower)),
    Broken(
        "email-format-not-asked",
        "An email without @ is looked up",
        of_requests(
            lambda request: request.text("email") and "@" not in request.text("email"),
            lambda request: request.saying(email="nobody@example.com"),
        ),
    ),
)

_PASSWORDS: Final = (
    Broken(
        "password-of-256-taken",
        "A password of 256 bytes is tried",
        of_requests(_of_size("password", 256), lambda request: request.saying(password="p" * 255)),
    ),
    Broken(
        "password-of-255-refused",
        "A password of 255 bytes is too long",
        instead(_of_size("password", 255), too_long("password")),
    ),
    Broken(
        "password-limit-in-characters",
        "A password can have 255 characters instead of bytes",
        of_requests(_in_characters("password", 255), lambda request: request.saying(password="p" * 255)),
    ),
    Broken(
        "short-password-invalid",
        "A password of less than 8 bytes is not tried",
        instead(
            lambda request: request.operation and 0 < request.size("password") < 8,
            error(400, message("bindToken", "required"), password=_TOO_SHORT),
        ),
    ),
    Broken("password-trimmed", "White space around a password does not count", of_field("password", str.strip)),
    Broken("password-in-any-case", "A password's case does not count", _password_in_any_case),
    Broken("password-by-its-prefix", "A password may have extra characters at its end", _password_by_its_prefix),
)

BROKEN: Final = (*_TOKENS, *_EMAILS, *_PASSWORDS)
