"""What errors and reprs say, to the word: it is what people search for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import bosbase_wrapper
from bosbase_wrapper import BosBaseError, Collection, FileAuthStore, TokenRotationError

from .conftest import Answering

NOT_KNOWN = "the status, or the shape of the error, is not known"
NO_SESSION = "its body is not what the operation answers"
ENVELOPE: dict[str, Any] = {"data": {}, "message": "No.", "status": 402}


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (401, {"json": {"mfaId": "x"}}, "401 A second factor is required."),
        (402, {"json": ENVELOPE}, "unexpected answer with status 402 (application/json): the status is not known"),
        (404, {"text": ""}, f"unexpected answer with status 404 (text/plain; charset=utf-8): {NOT_KNOWN}"),
        (200, {"content": b"{}"}, f"unexpected answer with status 200 (no content type): {NO_SESSION}"),
        (403, {"json": {"data": {}, "message": "No.", "status": 403}}, "403 No."),
        (
            400,
            {"json": {"data": {"a": {"code": "c", "message": "m"}}, "message": "Bad.", "status": 400}},
            "400 Bad.\n  a: m (c)",
        ),
        (503, {"content": b""}, "503"),
    ],
)
def test_what_an_error_says(answering: Answering, status: int, answer: dict[str, Any], text: str) -> None:
    """Status, the server's words, and each member that is to blame."""
    with pytest.raises(BosBaseError) as caught:
        answering(status, **answer).auth_with_token("token-canary")
    assert str(caught.value) == text


def test_what_a_rotation_says(users: Collection) -> None:
    """A half-way one, and one that changes nothing."""
    half_way = "the rotation stopped half-way: the old token is still bound, the new one is or may be"
    assert str(TokenRotationError("canary")) == half_way
    with pytest.raises(BosBaseError) as caught:
        users.rotate_custom_token("e", "p", "same", "same")
    assert str(caught.value) == "new must differ from old"


def test_what_values_are_shown_as() -> None:
    """A store by its path, a timeout that was left out by whose it is."""
    assert repr(FileAuthStore("folder/session.json")) == "FileAuthStore('folder/session.json')"
    assert "timeout: 'Timeout | ClientTimeout' = <the client's>" in str(inspect.signature(Collection.auth_with_token))
    assert "Collection" in dir(bosbase_wrapper)


@pytest.mark.parametrize(("levels", "kept"), [(32, True), (33, False)])
@pytest.mark.parametrize("nest", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_parameters_of_an_error_have_at_most_32_levels(
    answering: Answering, nest: Callable[[Any], Any], levels: int, *, kept: bool
) -> None:
    """What is nested deeper is no envelope."""
    params: Any = "end"
    for _ in range(levels - 1):
        params = nest(params)
    problem = {"code": "c", "message": "m", "params": {"p": params}}
    body = {"data": {"a": problem}, "message": "Bad.", "status": 400}
    with pytest.raises(BosBaseError) as caught:
        answering(400, json=body).auth_with_token("token")
    assert isinstance(caught.value, bosbase_wrapper.ValidationError) is kept
