"""Finds what no answer may hold: passwords, tokens, their hashes, JWTs and mfa ids where they do not belong."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Final
from urllib.parse import unquote

from bosbase_wrapper._tokens import generate_token

from ._answer import Answer

_PREFIX: Final = "bosbase-check"
_RANDOM_LETTERS: Final = 48
_PIECE: Final = 12  # letters of a random token that betray it
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")
_BCRYPT: Final = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{20}")


def new_token(length: int = 0, filler: str = "x") -> str:
    """A random token, filled up at its end to `length` bytes where that is more."""
    token = generate_token(_PREFIX)
    return token + filler * ((length - len(token)) // len(filler.encode()))


class Secrets:
    """What was sent and issued in a run. `everyday` is text in which a password would be no leak."""

    def __init__(self, password: str, everyday: str) -> None:
        self._sent: Final[set[str]] = set()
        self._issued: Final[set[str]] = set()
        if len(password) >= 8 and password.casefold() not in everyday.casefold():
            self._sent.update(_forms(password))

    def remember(self, token: str) -> None:
        """Adds a token of `new_token`, whatever stands around it."""
        self._sent.update(_pieces(token))

    def found_in(self, answer: Answer) -> list[str]:
        """Where an answer holds a secret. What it issues itself, as `token` or `mfaId`, belongs in its body alone."""
        issued = {text for text in (answer.text("token"), answer.text("mfaId")) if len(text) >= 8}
        body = _without(answer.content.decode(errors="replace"), issued)
        plain = _without(json.dumps(answer.json, ensure_ascii=False), issued) if answer.is_json else ""
        head = " ".join(f"{name} {value}" for name, value in answer.headers.multi_items())
        self._issued.update(issued)
        return [place for place, text in (("a header", head), ("the body", f"{body} {plain}")) if self.are_in(text)]

    def are_in(self, text: str) -> bool:
        """Whether a text holds one."""
        if _JWT.search(text) or _BCRYPT.search(text):
            return True
        texts = {text.casefold(), unquote(text).casefold()}
        return any(secret.casefold() in text for secret in self._sent | self._issued for text in texts)


def _without(text: str, issued: set[str]) -> str:
    for secret in issued:
        text = text.replace(secret, "", 1)
    return text


def _pieces(token: str) -> set[str]:
    """What betrays a random token: any 12 letters of its random part, and all that is made of the whole."""
    start = token.find(f"{_PREFIX}_")
    if start < 0:  # too short to be told from any other text
        return set()
    random = token[start + len(_PREFIX) + 1 :][:_RANDOM_LETTERS]
    return {random[at : at + _PIECE] for at in range(0, _RANDOM_LETTERS, _PIECE)} | (_forms(token) - {token})


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    return {secret, base64.b64encode(data).decode().rstrip("="), hashlib.sha256(data).hexdigest()}
