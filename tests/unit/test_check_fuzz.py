"""Generated cases are made safe for a server in production before they are sent."""

from __future__ import annotations

from typing import Any

from bosbase_wrapper.check._fuzz import _safe


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
