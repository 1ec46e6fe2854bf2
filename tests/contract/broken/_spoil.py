"""Broken servers as data: what each spoils, and the functions that spoilers are made of."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ..document import example
from ._proxy import Sound, Spoiler
from ._wire import Dropped, Request, Response, json_response

When = Callable[[Request], object]


@dataclass(frozen=True)
class Broken:
    """A broken server: its name, what it spoils, and the account that shows it.

    `account` is "user" (any account), "mfa" (its collection requires a second factor), "kept-out" (it does not satisfy
    the auth rule), "related" (its record has a relation) or "no-password" (password authentication is off).
    """

    name: str
    what: str
    spoil: Spoiler
    account: str = "user"


def of_requests(when: When, change: Callable[[Request], Request]) -> Spoiler:
    """Changes some of the requests."""
    return lambda request, server: server(change(request) if when(request) else request)


def of_responses(
    change: Callable[[Response], Response], when: Callable[[Request, Response], object] = lambda *_: True
) -> Spoiler:
    """Changes some of the responses of the three operations."""

    def spoil(request: Request, server: Sound) -> Response:
        response = server(request)
        return change(response) if request.operation and when(request, response) else response

    return spoil


def of_errors(change: Callable[[Response], Response]) -> Spoiler:
    """Changes every error."""
    return of_responses(change, lambda _, response: response.status >= 400 and response.message)


def of_sessions(change: Callable[[Response], Response]) -> Spoiler:
    """Changes every session of which `fields` left nothing out."""
    return of_responses(change, lambda request, response: request.is_sign_in and is_session(response))


def of_done(when: When, response: Response) -> Spoiler:
    """Replaces the 204 of some requests."""
    return of_responses(lambda _: response, lambda request, found: when(request) and found.status == 204)


def instead(when: When, response: Response) -> Spoiler:
    """Responds to some of the requests itself."""
    return lambda request, server: response if when(request) else server(request)


def dropped(when: Callable[[Request, Response], object]) -> Spoiler:
    """Ends the connection instead of some responses."""

    def spoil(request: Request, server: Sound) -> Response:
        response = server(request)
        if when(request, response):
            raise Dropped
        return response

    return spoil


def of_token(change: Callable[[str], str], when: When = lambda _: True) -> Spoiler:
    """Changes the token of all three operations."""
    return of_requests(
        lambda request: request.operation and request.text("token") and when(request),
        lambda request: request.saying(token=change(request.text("token"))),
    )


def of_field(name: str, change: Callable[[str], str]) -> Spoiler:
    """Changes a field that is text."""
    return of_requests(
        lambda request: request.text(name), lambda request: request.saying(**{name: change(request.text(name))})
    )


def is_session(response: Response) -> bool:
    """Whether it is a session of which `fields` left nothing out."""
    return response.status == 200 and {"token", "record"} <= response.json.keys()


def digest(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def too_long(field: str) -> Response:
    """The error of a field that is too long."""
    return json_response(*example("bindToken", f"{field}Length"))


def invented_session(server: Sound) -> Response:
    """The last session, or one of nobody."""
    record = {"id": "r" * 15, "collectionId": "_pb_users_auth_", "collectionName": "users", "verified": False}
    return json_response(200, server.session or {"token": "e30.e30.c2ln", "record": record})
