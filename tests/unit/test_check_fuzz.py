"""Generated cases are made safe for a server in production before they are sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bosbase_wrapper.check._answer import Answer
from bosbase_wrapper.check._contract import Contract, document_text
from bosbase_wrapper.check._fuzz import _judge, _safe
from bosbase_wrapper.check._probe import Probe
from bosbase_wrapper.check._session import Account


def test_what_was_generated_is_made_safe() -> None:
    """No NUL, no half of a letter, no value that JSON lacks, and each token ends in random letters of ours."""
    body: dict[str, Any] = {"a\0b": ["x\0", 5, None, b"bytes"], "token": "somebody's\ud800", "email": "a@example.com"}
    safe = _safe(body)
    assert safe["ab"] == ["x", 5, None, None]
    assert safe["token"].startswith("somebody'sbosbase-check_")
    assert safe["email"] == "a@example.com"


def test_what_can_be_no_token_stays() -> None:
    """An empty token, one that is too long and one that is no text can bind nothing, and are worth sending."""
    for token in ("", "x" * 1025, 5, ["x"]):
        assert _safe({"token": token}) == {"token": token}


@pytest.mark.parametrize(
    ("operation", "ours", "status", "blamed"),
    [
        ("bindToken", True, 204, False),
        ("bindToken", True, 400, True),
        ("bindToken", False, 400, False),
        ("bindToken", False, 204, True),
        ("authWithToken", True, 400, False),
        ("authWithToken", False, 200, True),
    ],
)
def test_what_is_right_must_be_done_and_what_cannot_be_right_refused(
    operation: str, ours: bool, status: int, blamed: bool
) -> None:
    """A sign-in of our own may be refused, since a generated parameter may be the reason."""
    account = Account("http://localhost", "users", "a@example.com", "password1234")
    with httpx.Client() as client:
        probe = Probe(account, Contract(document_text()), client)
    probe.problems = []
    _judge(probe, operation, Answer(status, httpx.Headers(), b"", 0.1), ours=ours)
    assert bool(probe.problems) is blamed
