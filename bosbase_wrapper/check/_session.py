"""One account's raw requests to a server, and what became of the tokens they named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from ._answer import Answer
from ._contract import SEGMENTS, Contract
from ._errors import NoAnswerError, UnfinishedError
from ._line import JSON, Line
from ._rules import Rules
from ._secrets import Secrets

_LATE_SECONDS: Final = 1.0  # in which a bind that was given up may still come to its end
_MISSING_TABLE_SECONDS: Final = 2.0  # for which BosBase may remember that there was no binding at all


@dataclass(frozen=True)
class Account:
    """Where to sign in, and as whom."""

    url: str
    collection: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Binding:
    """A token that may be bound, and where."""

    token: str = field(repr=False)
    collection: str


class Session:
    """Sends the requests of one run, holds each answer against the rules, and keeps what must be taken away.

    `bound` tells of each token that the account's own collection was sent whether it should be bound now.
    """

    def __init__(
        self, account: Account, contract: Contract, client: httpx.Client, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        everyday = f"{contract.words} {account.email} {account.collection} {account.url}"
        self.account: Final = account
        self.contract: Final = contract
        self.pause: Final = pause
        self.line: Final = Line(account.url, client, pause)
        self.rules: Final = Rules(contract)
        self.secrets: Final = Secrets(account.password, everyday)
        self.settled = False  # whether a token that was bound signed in
        self.bound: Final[dict[str, bool]] = {}
        self._to_take_away: Final[dict[Binding, None]] = {}  # a dict keeps the order
        self._given_up: Final[dict[Binding, None]] = {}  # no answer told what became of them

    # --- the three calls ---

    def bind(self, token: str, *, collection: str = "", **members: str) -> Answer:
        """Binds `token` to the account; `members` stand in for its email or password."""
        return self.post("bindToken", self.credentials(token, **members), collection=collection)

    def unbind(self, token: str, *, collection: str = "", **members: str) -> Answer:
        """Unbinds `token` from the account."""
        return self.post("unbindToken", self.credentials(token, **members), collection=collection)

    def sign_in(
        self, token: str, *, collection: str = "", query: Mapping[str, str] | None = None, **members: Any
    ) -> Answer:
        """Signs in with `token`; `members` are added to the body."""
        return self.post("authWithToken", {"token": token, **members}, collection=collection, query=query)

    def credentials(self, token: str, **members: str) -> dict[str, str]:
        """The body of bind and unbind."""
        return {"email": self.account.email, "password": self.account.password, "token": token, **members}

    def password_login(self, query: Mapping[str, str] | None = None, **members: str) -> Answer:
        """The sign-in with email and password that the server has beside tokens; `members` are added to the body."""
        body = {"identity": self.account.email, "password": self.account.password, **members}
        return self.request("POST", self.path("auth-with-password"), json.dumps(body).encode(), query=query)

    def post(self, operation: str, body: dict[str, Any], **options: Any) -> Answer:
        """Sends `body` as JSON to an operation."""
        content = json.dumps(body, ensure_ascii=False).encode()
        return self.post_raw(operation, content, token=body.get("token"), **options)

    def post_raw(
        self,
        operation: str,
        content: bytes,
        *,
        token: Any = None,
        headers: Mapping[str, str] = JSON,
        collection: str = "",
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends bytes to an operation; `token` is the one in them that might be bound or unbound."""
        request = self.line.request("POST", self.path(SEGMENTS[operation], collection), content, headers, query)
        if not isinstance(token, str):
            return self._send(operation, request)
        self.secrets.remember(token)
        binding = Binding(token, collection or self.account.collection)
        if operation == "bindToken":
            self._to_take_away[binding] = self._given_up[binding] = None
        answer = self._send(operation, request)
        self._given_up.pop(binding, None)
        self._keep_books(operation, binding, answer)
        return answer

    def _send(self, operation: str, request: httpx.Request) -> Answer:
        def seen(answer: Answer) -> None:
            self._find_secrets(answer)
            self.rules.observe(operation, answer)

        return self.line.send(request, seen)

    def _keep_books(self, operation: str, binding: Binding, answer: Answer) -> None:
        if answer.status == 204 and operation != "authWithToken":
            self.bound[binding.token] = operation == "bindToken"
        elif operation == "bindToken":
            self.bound.setdefault(binding.token, False)

    # --- other requests ---

    def request(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends any request; only the rules of secrets apply to its answer."""
        return self.line.send(self.line.request(method, path, content, headers, query), self._find_secrets)

    def path(self, segment: str, collection: str = "") -> str:
        """The path of something below a collection, the account's where none is named."""
        return f"/api/collections/{quote(collection or self.account.collection, safe='')}/{segment}"

    def _find_secrets(self, answer: Answer) -> None:
        for place in self.secrets.found_in(answer):
            self.rules.fault("no-secret", f"in {place} of an answer {answer.status}")

    # --- at the end ---

    def is_away(self, token: str) -> None:
        """Notes that a token was seen to be bound no more, or never."""
        self._to_take_away.pop(Binding(token, self.account.collection), None)

    def clean_up(self) -> int:
        """Unbinds all that may be bound, and returns how many could not be: 0 where nothing is left behind.

        May be called again after it was interrupted.
        """
        self.line.grant_time()
        if self._to_take_away and not self.settled:
            self.pause(_MISSING_TABLE_SECONDS)
        if self._given_up:
            self.pause(_LATE_SECONDS)
        left = 0
        while self._to_take_away:
            binding = next(reversed(self._to_take_away))
            left += not self._take_away(binding)
            self._to_take_away.pop(binding, None)
        return left

    def _take_away(self, binding: Binding) -> bool:
        was_bound = self.bound.get(binding.token)
        try:
            answer = self.unbind(binding.token, collection=binding.collection)
            # What was refused for its form, or in a collection without the account, was never bound.
            if answer.status != 204:
                return not was_bound and 400 <= answer.status < 500
            return not was_bound or self.sign_in(binding.token, collection=binding.collection).status == 400
        except (NoAnswerError, UnfinishedError):
            return False
