"""Finds passwords, tokens, their hashes, JWTs and mfaIds in places where they do not belong."""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from bosbase_wrapper._tokens import generate_token

from ._connection import Response, as_object, jwt_part, texts

_PREFIX: Final = "bosbase-check"
_RANDOM_LETTERS: Final = 48
_PIECE: Final = 12  # letters of a random token that identify it
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")


class Secrets:
    """What a run has sent and received. `everyday` is text in which a password would not be a leak.

    A superuser may put anything into a record. So only the API's own fields are searched for every secret of the
    run, and the rest of a session for what the request itself sent.
    """

    def __init__(self, password: str, own_fields: frozenset[str], everyday: str) -> None:
        self._own_fields: Final = own_fields
        self._password: Final = _forms(password) if len(password) >= 8 else set[str]()
        self._seen: Final[set[str]] = set()
        self.ignore(everyday)

    def ignore(self, everyday: str) -> None:
        """Forgets the password if it is part of an ordinary text."""
        if _holds(everyday, self._password):
            self._password.clear()

    def remember(self, token: str) -> None:
        """Adds a token of `new_token`, whatever surrounds it."""
        self._seen.update(_pieces(token))

    def found_in(self, response: Response, token: str = "") -> list[str]:
        """The places of a response that hold a secret. `token` is the one in the request."""
        head = " ".join(f"{name} {value}" for name, value in response.headers.multi_items())
        record = as_object(response.field("record"))
        own, others = [response.body.decode(errors="replace"), "\n".join(texts(response.json))], ""
        if record:  # another field may hold anything but the request's own token
            rest = {name: value for name, value in record.items() if name not in self._own_fields}
            mine = {name: value for name, value in record.items() if name in self._own_fields}
            own = ["\n".join(texts({**as_object(response.json), "record": mine, "meta": None}))]
            others = "\n".join(texts([rest, response.field("meta")]))
        issued = {text for text in (response.text("token"), response.text("mfaId")) if len(text) >= 8}
        for secret in issued:
            own = [text.replace(secret, "", 1) for text in own]  # a response may hold what it issues once
        self._seen.update(issued)
        in_body = any(map(self.are_in, own)) or _holds(others, _pieces(token))
        return ["a header"] * self.are_in(head) + ["the body"] * in_body

    def are_in(self, text: str) -> bool:
        """Whether a text holds a secret of the run, or a JWT of the server."""
        jwts = any("collectionId" in jwt_part(jwt, 1) for jwt in _JWT.findall(text))
        return jwts or _holds(text, self._password | self._seen)


def new_token(length: int = 0) -> str:
    """A random token, filled up at its end to `length` bytes if that is more."""
    return generate_token(_PREFIX).ljust(length, "x")


def _holds(text: str, secrets: Iterable[str]) -> bool:
    forms = {text.casefold(), unquote(text).casefold()}
    return any(secret.casefold() in form for secret in secrets for form in forms)


def _pieces(token: str) -> set[str]:
    """What identifies a random token: any 12 letters of its random part, and what is made of the whole."""
    start = token.find(f"{_PREFIX}_")
    if start < 0:  # too short to be told from any other text
        return set()
    random = token[start + len(_PREFIX) + 1 :][:_RANDOM_LETTERS]
    return {random[at : at + _PIECE] for at in range(0, _RANDOM_LETTERS, _PIECE)} | (_forms(token) - {token})


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    return {secret, base64.b64encode(data).decode().rstrip("="), hashlib.sha256(data).hexdigest()}
