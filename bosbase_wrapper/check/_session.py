"""One account's requests to a server, and the tokens that must be unbound in the end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

import httpx

from ._connection import Clock, Connection, NoResponseError, Pairs, Tell, UnfinishedError
from ._document import BIND, SIGN_IN, UNBIND, Document
from ._patience import Patience, Pause
from ._response import Response
from ._rules import Rules
from ._secrets import Secrets, new_token

_LATE_SECONDS: Final = 2.0  # a bind without a response may still finish, and BosBase may still miss its new table


class ProxyError(Exception):
    """A proxy in front of the server responded with a page of its own."""


class State(Enum):
    """What is known of a token that a bind named."""

    SENT = "no response yet"
    BOUND = "bound"
    FREE = "unbound or refused, by the response"
    GONE = "the same, and a sign-in confirmed it"


@dataclass(frozen=True)
class Account:
    """Where to sign in, and as whom."""

    url: str
    collection: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Binding:
    """A token that may be bound, and the collection as the request named it."""

    token: str = field(repr=False)
    collection: str


class Session:
    """Sends the requests of a run, checks each response against the rules, and remembers the `bindings` it made."""

    def __init__(
        self,
        account: Account,
        client: httpx.Client,
        *,
        pause: Pause = time.sleep,
        clock: Clock = time.monotonic,
        tell: Tell = lambda _: None,
    ) -> None:
        self.account: Final = account
        self.document: Final = Document()
        self.pause: Final = pause
        self.connection: Final = Connection(account.url, client, tell, clock)
        self.patience: Final = Patience(self.connection, pause, tell, clock)
        self.rules: Final = Rules(self.document)
        everyday = f"{self.document.words} {account.email} {account.collection} {account.url}"
        self.secrets: Final = Secrets(account.password, self.document.record_fields, everyday)
        self.settled = False  # whether a token that was bound has signed in
        self.bindings: Final[dict[Binding, State]] = {}
        self._spare_token: Final = new_token()
        self._left: list[str] = []
        self._tell: Final = tell

    def bind(self, token: str, *, collection: str = "", **fields: str) -> Response:
        """Binds `token` to the account. `fields` replace its email or password."""
        return self.post(BIND, self.credentials(token, **fields), collection=collection)

    def unbind(self, token: str, *, collection: str = "", **fields: str) -> Response:
        """Unbinds `token` from the account."""
        return self.post(UNBIND, self.credentials(token, **fields), collection=collection)

    def sign_in(self, token: str, *, collection: str = "", query: Pairs | None = None, **fields: str) -> Response:
        """Signs in with `token`. `fields` are added to the body."""
        return self.post(SIGN_IN, {"token": token, **fields}, collection=collection, query=query)

    def credentials(self, token: str, **fields: str) -> dict[str, str]:
        """The body of bind and unbind."""
        return {"email": self.account.email, "password": self.account.password, "token": token, **fields}

    def post(self, operation: str, body: Mapping[str, Any], **options: Any) -> Response:
        """Sends `body` as JSON to an operation."""
        content = json.dumps(body, ensure_ascii=False).encode()
        return self.post_raw(operation, content, token=body.get("token"), **options)

    def post_raw(
        self, operation: str, content: bytes, *, token: object = "", collection: str = "", **options: Any
    ) -> Response:
        """Sends bytes to an operation. `token` is the one in them, and `options` are `headers` and `query`."""
        binding = Binding(token if isinstance(token, str) else "", collection or self.account.collection)
        path = self.document.path(operation, binding.collection)
        request = self.connection.request("POST", path, content, **options)
        self.secrets.remember(binding.token)
        if operation == BIND and binding.token and self.bindings.get(binding) is not State.BOUND:
            self.bindings[binding] = State.SENT
        response = self._send(operation, request, binding.token)
        self._note(operation, binding, response)
        if response.is_of_proxy:
            size = f" to {len(content) >> 20} MiB" if len(content) >> 20 else ""
            raise ProxyError(f"a proxy in front of the server responds with {response.status}{size}")
        return response

    def _send(self, operation: str, request: httpx.Request, token: str) -> Response:
        def judge(response: Response) -> None:
            self._find_secrets(response, token)
            if not response.is_of_proxy:
                self.rules.observe(operation, response, request.url.params)

        response = self.patience.send(request, judge, lambda: self._is_well(operation))
        judge(response)
        return response

    def _note(self, operation: str, binding: Binding, response: Response) -> None:
        """Remembers what a response says about a binding."""
        before = self.bindings.get(binding)
        if operation == BIND and binding.token:
            refused = State.FREE if before is State.SENT else before
            self.bindings[binding] = State.BOUND if response.status == 204 else refused or State.FREE
        elif operation == UNBIND and before and response.status == 204:
            self.bindings[binding] = State.FREE
        elif operation == SIGN_IN and before in (State.FREE, State.GONE):
            gone = response.json == self.document.error(SIGN_IN, "credentials")
            self.bindings[binding] = State.GONE if gone else State.FREE

    def _is_well(self, operation: str) -> bool:
        """Whether the server answers an ordinary request of an operation."""
        known = next((binding.token for binding, state in self.bindings.items() if state is State.BOUND), new_token())
        body = {"token": known} if operation == SIGN_IN else self.credentials(self._spare_token)
        if operation == BIND:
            self.bindings[Binding(self._spare_token, self.account.collection)] = State.SENT
        path = self.document.path(operation, self.account.collection)
        return self._responds("POST", path, json.dumps(body).encode())

    def _responds(self, method: str, path: str, content: bytes = b"") -> bool:
        try:
            return self.connection.send(self.connection.request(method, path, content)).status < 500
        except NoResponseError:
            return False

    def request(self, method: str, path: str, content: bytes = b"", **options: Any) -> Response:
        """Sends any other request. Only an error is searched for secrets."""
        request = self.connection.request(method, path, content, **options)
        response = self.patience.send(request, lambda _: None, lambda: self._responds("GET", "/api/health"))
        if response.status >= 400:
            self._find_secrets(response)
        return response

    def password_login(self, query: Pairs | None = None, **fields: str) -> Response:
        """The server's own sign-in with email and password. `fields` are added to the body."""
        body = {"identity": self.account.email, "password": self.account.password, **fields}
        return self.request("POST", self.path("auth-with-password"), json.dumps(body).encode(), query=query)

    def path(self, segment: str) -> str:
        """A path below the account's collection."""
        return f"/api/collections/{quote(self.account.collection, safe='')}/{segment}"

    def _find_secrets(self, response: Response, token: str = "") -> None:
        places = self.secrets.found_in(response, token)
        self.rules.ask("no-secret", not places, f"in {' and '.join(places)} of a response {response.status}")

    def clean_up(self) -> list[str]:
        """Unbinds all that may be bound, and returns the tokens that could not be unbound.

        It may be called again after it was interrupted.
        """
        self.patience.renew()
        pending = [binding for binding, state in self.bindings.items() if state is not State.GONE]
        if State.SENT in self.bindings.values() or (pending and not self.settled):
            self.pause(_LATE_SECONDS)
        for binding in sorted(pending, key=lambda binding: self.bindings[binding] is State.FREE):
            was_bound = self.bindings[binding] is State.BOUND
            if not self._take_away(binding, was_bound):
                self.pause(_LATE_SECONDS)
                self._left += [] if self._take_away(binding, was_bound) else [binding.token]
            self.bindings[binding] = State.GONE
        return self._left

    def _take_away(self, binding: Binding, was_bound: bool) -> bool:
        if self.patience.limited:
            self._tell("Unbinding the tokens of the run, as fast as the rate limit allows.")
        try:
            response = self.unbind(binding.token, collection=binding.collection)
            # A token that was refused for its form, or in a collection without the account, was never bound.
            if response.status != 204:
                return not was_bound and 400 <= response.status < 500
            if not was_bound or self.patience.limited:
                return True
            return self.sign_in(binding.token, collection=binding.collection).status == 400
        except ProxyError:
            return not was_bound
        except (NoResponseError, UnfinishedError):
            return False
