"""Secrets that come back."""

import base64
from typing import Final

from ._proxy import Sound
from ._spoil import Broken, digest, of_sessions
from ._wire import Request, Response

_BCRYPT: Final = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
_COOKIE: Final = "session=4f9a1c; Path=/; HttpOnly"


def _password_in_error(request: Request, server: Sound) -> Response:
    response = server(request)
    is_error = request.operation and response.status >= 400 and response.message
    return response.saying(message=f"{response.message} {request.text('password')}") if is_error else response


def _token_in_error(request: Request, server: Sound) -> Response:
    response = server(request)
    is_error = request.operation and response.status >= 400 and response.message
    return response.saying(data={"token": request.text("token")}) if is_error else response


def _password_in_header(request: Request, server: Sound) -> Response:
    response = server(request)
    encoded = base64.b64encode(request.text("password").encode()).decode()
    return response.with_header("X-Account", encoded) if request.is_binding else response


def _token_in_header(request: Request, server: Sound) -> Response:
    response, token = server(request), request.text("token")
    can_be_sent = len(token) <= 1024 and token.isascii() and token.isprintable()
    return response.with_header("X-Token", token) if request.operation and can_be_sent else response


def _hash_in_header(request: Request, server: Sound) -> Response:
    response = server(request)
    return response.with_header("ETag", f'"{digest(request.text("token"))}"') if request.operation else response


def _jwt_in_error(request: Request, server: Sound) -> Response:
    response = server(request)
    jwt = server.session.get("token")
    return response.saying(message=f"{response.message} {jwt}") if response.unknown_token and jwt else response


def _jwt_in_header(request: Request, server: Sound) -> Response:
    response = server(request)
    jwt = server.session.get("token")
    return response.with_header("X-Session", jwt) if request.is_bind and jwt else response


def _token_in_record(request: Request, server: Sound) -> Response:
    return of_sessions(lambda found: found.with_record(apiKeys=[request.text("token")]))(request, server)


BROKEN: Final = (
    Broken("error-repeats-password", "An error repeats the password", _password_in_error),
    Broken("error-repeats-token", "An error repeats the token", _token_in_error),
    Broken("password-in-a-header", "A header repeats the password, as base64", _password_in_header),
    Broken("token-in-a-header", "A header repeats the token", _token_in_header),
    Broken("hash-in-a-header", "A header contains the token's hash", _hash_in_header),
    Broken("jwt-in-an-error", "An error contains a JWT", _jwt_in_error),
    Broken("jwt-in-a-header", "The response of a bind has a JWT in a header", _jwt_in_header),
    Broken(
        "session-cookie",
        "A sign-in sets a cookie",
        of_sessions(lambda response: response.with_header("Set-Cookie", _COOKIE)),
    ),
    Broken(
        "record-shows-password-hash",
        "The record contains the hash of the password",
        of_sessions(lambda response: response.with_record(password_hash=_BCRYPT)),
    ),
    Broken(
        "record-shows-token-key",
        "The record contains the key of its JWTs",
        of_sessions(lambda response: response.with_record(tokenKey="k" * 50)),
    ),
    Broken("record-shows-the-token", "The record contains the custom token", _token_in_record),
)
