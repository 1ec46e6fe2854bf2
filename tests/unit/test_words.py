"""What errors and reprs say, to the word: it is what people search for."""

from collections.abc import Callable
from typing import Any

import pytest

import bosbase_wrapper
from bosbase_wrapper import BosBaseError, Collection, FileAuthStore, TokenRotationError

from .conftest import Answering

NOT_KNOWN = "openapi.yaml does not describe this status, or not with this body"
NO_SESSION = "its body is not what openapi.yaml describes"
LACKS = "the server may not have the custom-token endpoints"
OR_NOT = "or the URL is not a BosBase server's"
REDIRECT = "it is a redirect{}, and redirects are not followed: use the server's final URL"
ENVELOPE: dict[str, Any] = {"data": {}, "message": "No.", "status": 402}


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (401, {"json": {"mfaId": "x"}}, "401 A second factor is required."),
        (402, {"json": ENVELOPE}, f"unexpected response with status 402 (application/json): {NOT_KNOWN}"),
        (
            404,
            {"text": ""},
            f"unexpected response with status 404 (text/plain; charset=utf-8): {LACKS}, {OR_NOT}",
        ),
        (200, {"content": b"{}"}, f"unexpected response with status 200 (no content type): {NO_SESSION}"),
        (403, {"json": {"data": {}, "message": "No.", "status": 403}}, "403 No."),
        (
            400,
            {
                "json": {
                    "data": {"a": {"code": "c", "message": "m"}, "b": {"code": "d", "message": "n"}},
                    "message": "Bad.",
                    "status": 400,
                }
            },
            "400 Bad.\n  a: m (c)\n  b: n (d)",
        ),
        (
            404,
            {"json": {"data": {}, "message": "The requested resource wasn't found.", "status": 404}},
            f"404 The requested resource wasn't found. ({LACKS})",
        ),
        (503, {"content": b""}, "503"),
        *(
            (
                status,
                {"headers": {"location": location}},
                f"unexpected response with status {status} (no content type): {text}",
            )
            for status, location, text in [
                (300, "http://[::1", REDIRECT.format("")),
                (300, "mailto:admin@example.com", REDIRECT.format("")),
                (399, "/elsewhere", REDIRECT.format(" to http://localhost")),
                (400, "/elsewhere", NOT_KNOWN),
            ]
        ),
        *(
            (
                status,
                {"headers": {"location": location}},
                f"unexpected response with status {status} (no content type): {text}",
            )
            for status in (301, 302, 307, 308)
            for location, text in [
                (
                    "https://new.example:8443/p/token-canary?token=token-canary",
                    REDIRECT.format(" to https://new.example:8443"),
                ),
                ("https://user:token-canary@new.example/", REDIRECT.format(" to https://new.example")),
                ("https://token-canary/", REDIRECT.format(" to https://***")),
                ("/elsewhere", REDIRECT.format(" to http://localhost")),
                ("", REDIRECT.format(" to http://localhost")),
                ("//other.example/", REDIRECT.format(" to http://other.example")),
            ]
        ),
    ],
)
def test_what_an_error_says(answering: Answering, status: int, answer: dict[str, Any], text: str) -> None:
    """Status, the server's words, and each member that is to blame."""
    with pytest.raises(BosBaseError) as caught:
        answering(status, **answer).auth_with_token("token-canary")
    assert str(caught.value) == text


def test_what_a_rotation_says(users: Collection) -> None:
    """A half-way one, and one that changes nothing."""
    half_way = "the rotation stopped half-way: the old token is still bound, the new one (error.new_token) is or may be"
    assert str(TokenRotationError("canary")) == half_way
    assert TokenRotationError("canary").attempts == 0
    with pytest.raises(BosBaseError) as caught:
        users.rotate_custom_token("e", "p", "same", "same")
    assert str(caught.value) == "new must differ from old"


def test_what_values_are_shown_as() -> None:
    """A store by its absolute path."""
    assert repr(FileAuthStore("/folder/session.json")) == "FileAuthStore('/folder/session.json')"
    assert "Collection" in dir(bosbase_wrapper)


@pytest.mark.parametrize(("levels", "kept"), [(32, True), (33, False), (90, False)])
@pytest.mark.parametrize("nest", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_parameters_of_an_error_have_at_most_32_levels(
    answering: Answering, nest: Callable[[Any], Any], levels: int, *, kept: bool
) -> None:
    """Deeper values are cut off, so that an error can always be copied and pickled."""
    params: Any = "end"
    for _ in range(levels - 1):
        params = nest(params)
    problem = {"code": "c", "message": "m", "params": {"p": params}}
    body = {"data": {"a": problem}, "message": "Bad.", "status": 400}
    with pytest.raises(bosbase_wrapper.ValidationError) as caught:
        answering(400, json=body).auth_with_token("token")
    assert (caught.value.data["a"].params == {"p": params}) is kept
    assert ("***" in repr(caught.value.data["a"].params)) is not kept
