"""What a check works with: one account's requests to a server, and the expectations about their responses."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

import httpx

from ._connection import Clock, Connection, Pairs, Pause, Response, Tell, as_object
from ._document import BIND, SIGN_IN, UNBIND, Rules, openapi_document
from ._secrets import Secrets, new_token

Body = Mapping[str, Any] | bytes


class NotTriedError(Exception):
    """A check does not apply to this server or account. The text says why."""


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


@dataclass(frozen=True)
class Facts:
    """What the survey before the first check found out about the account. No check changes it.

    `token` is bound all the time. `mode` is the status of each sign-in: 200, 401 (a second factor is required) or 403
    (the auth rule). `refusal` says why the server binds no token to this account, if it does not. `name` and
    `collection_id` are the collection's, if a sign-in shows both. `record` is what a sign-in by password showed first.
    """

    token: str = ""
    mode: int = 200
    refusal: str = ""
    name: str = ""
    collection_id: str = ""
    record: Mapping[str, Any] | None = None


class Probe:
    """Sends the requests of a run, checks each response against the rules, and remembers the `bindings` it made.

    `problems` and `hints` are what the check that runs has found.
    """

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
        self.connection: Final = Connection(account.url, client, pause, clock, tell)
        self.document: Final = openapi_document()
        self.longest: Final = self.document.limits[BIND]["token"]  # token, in bytes
        self.rules: Final = Rules(self.document)
        everyday = f"{self.document.text} {account.email} {account.collection} {account.url}"
        self.secrets: Final = Secrets(account.password, self.document.record_fields, everyday)
        self.facts: Facts = Facts()
        self.problems: list[str] = []
        self.hints: list[str] = []
        self.bindings: Final[dict[Binding, State]] = {}
        self._spare_token: Final = new_token()

    # --- requests ---

    def bind(self, token: str, *, collection: str = "", **fields: str) -> Response:
        """Binds `token` to the account. `fields` replace its email or password."""
        return self.post(BIND, self.credentials(token, **fields), collection=collection)

    def unbind(self, token: str, *, collection: str = "") -> Response:
        """Unbinds `token` from the account."""
        return self.post(UNBIND, self.credentials(token), collection=collection)

    def sign_in(self, token: str, *, mfa_id: str | None = None, **options: Any) -> Response:
        """Signs in with `token`, and with the id of a first factor if there is one."""
        return self.post(SIGN_IN, {"token": token} | ({} if mfa_id is None else {"mfaId": mfa_id}), **options)

    def credentials(self, token: str, **fields: str) -> dict[str, str]:
        """The body of bind and unbind."""
        return {"email": self.account.email, "password": self.account.password, "token": token, **fields}

    def path(self, segment: str, collection: str = "") -> str:
        """A path below a collection, the account's own by default. `segment` may be an operation."""
        name = quote(collection or self.account.collection, safe="", errors="replace")
        return f"/api/collections/{name}/{self.document.segments.get(segment, segment)}"

    def post(self, operation: str, body: Body, *, token: Any = "", collection: str = "", **options: Any) -> Response:
        """Sends `body` as JSON to an operation, or bytes that hold `token`. `options` are `headers` and `query`."""
        if not isinstance(body, bytes):
            token, body = body.get("token"), json.dumps(body, ensure_ascii=False).encode()
        binding = Binding(token if isinstance(token, str) else "", collection or self.account.collection)
        request = self.connection.request("POST", self.path(operation, collection), body, **options)
        self.secrets.remember(binding.token)
        if operation == BIND and binding.token and self.bindings.get(binding) is not State.BOUND:
            self.bindings[binding] = State.SENT

        def judge(response: Response) -> None:
            self._find_secrets(response, binding.token)
            if response.status and not response.is_of_proxy:
                self.rules.observe(operation, response, request.url.params)

        response = self.connection.send(request, judge, lambda: self._ordinary(operation))
        judge(response)
        self.expect(response.status > 0, f"{operation}: {self.seen(response)}")
        self._note(operation, binding, response)
        if response.is_of_proxy:
            size = f" to {len(body) >> 20} MiB" if len(body) >> 20 else ""
            raise ProxyError(f"a proxy in front of the server responds with {response.status}{size}")
        return response

    def _note(self, operation: str, binding: Binding, response: Response) -> None:
        """Remembers what a response says about a binding."""
        before = self.bindings.get(binding)
        if operation == BIND and before and response.status:
            bound = response.status == 204 or before is State.BOUND
            self.bindings[binding] = State.BOUND if bound else State.FREE
        elif operation == UNBIND and before and response.status == 204:
            self.bindings[binding] = State.FREE
        elif operation == SIGN_IN and before in (State.FREE, State.GONE):
            gone = response.json == self.document.errors[SIGN_IN]["credentials"]
            self.bindings[binding] = State.GONE if gone else State.FREE

    def _ordinary(self, operation: str) -> httpx.Request:
        """An ordinary request of an operation."""
        body = self.credentials(self._spare_token)
        if operation == BIND:
            self.bindings[Binding(body["token"], self.account.collection)] = State.SENT
        if operation == SIGN_IN:
            body = {"token": self.facts.token or new_token()}
        return self.connection.request("POST", self.path(operation), json.dumps(body).encode())

    def request(self, method: str, path: str, content: bytes = b"", **options: Any) -> Response:
        """Sends any other request. Only an error is searched for secrets."""
        request = self.connection.request(method, path, content, **options)
        response = self.connection.send(request, lambda _: None, lambda: self.connection.request("GET", "/api/health"))
        self.expect(response.status > 0, f"{method}: {self.seen(response)}")
        if response.status >= 400:
            self._find_secrets(response)
        return response

    def password_login(self, query: Pairs | None = None, **fields: str) -> Response:
        """The server's own sign-in with email and password. `fields` are added to the body."""
        body = {"identity": self.account.email, "password": self.account.password, **fields}
        return self.request("POST", self.path("auth-with-password"), json.dumps(body).encode(), query=query)

    def _find_secrets(self, response: Response, token: str = "") -> None:
        places = self.secrets.found_in(response, token)
        self.rules.ask("no-secret", not places, f"in {' and '.join(places)} of a response {response.status}")

    # --- what a check needs ---

    @property
    def token(self) -> str:
        """The token that is bound all the time. Raises NotTriedError if no token can be bound."""
        self.require_binding()
        return self.facts.token

    def require(self, applies: bool, otherwise: str) -> None:
        """Raises NotTriedError with a reason if the check does not apply."""
        if not applies:
            raise NotTriedError(otherwise)

    def require_binding(self) -> None:
        """Raises NotTriedError if no token can be bound."""
        self.require(not self.facts.refusal, f"no token can be bound: {self.facts.refusal}")

    def require_mfa(self) -> None:
        """Raises NotTriedError if the account needs no second factor."""
        self.require_binding()
        self.require(self.facts.mode == 401, "the account needs no second factor")

    def bound_token(self, what: str = "a token", token: str = "", *, collection: str = "") -> str:
        """Binds a token, a new one if none is given, and expects that it signs in."""
        self.require_binding()
        token = token or new_token()
        self.status(self.bind(token, collection=collection), f"binding {what}", 204)
        self.known(token, f"{what}, bound", collection=collection)
        return token

    def unbind_for_good(self, token: str, what: str = "a token", *, collection: str = "") -> None:
        """Unbinds a token, and expects that it no longer signs in."""
        self.status(self.unbind(token, collection=collection), f"unbinding {what}", 204)
        self.unknown(token, f"{what}, unbound", collection=collection)

    def open_session(self, query: Pairs | None = None, token: str = "") -> Response:
        """A sign-in that opens a session. If a second factor is required, the password is the first."""
        self.require(self.facts.mode != 403, "the auth rule refuses the account")
        mfa_id = self.password_mfa_id() if self.facts.mode == 401 else None
        return self.sign_in(token or self.token, query=query, mfa_id=mfa_id)

    def password_mfa_id(self) -> str:
        """The mfaId of a first factor that was the password."""
        mfa_id = self.password_login().text("mfaId")
        self.require(mfa_id != "", "the password is no first factor here")
        return mfa_id

    def open_password_session(self, query: Pairs | None = None) -> Response:
        """The same by password. If a second factor is required, the token is the first."""
        factor = {"mfaId": self.sign_in(self.token).text("mfaId")} if self.facts.mode == 401 else {}
        response = self.password_login(query, **factor)
        self.require(response.status == 200, "the server has no sign-in with email and password to compare with")
        return response

    # --- expectations ---

    def expect(self, kept: bool, seen: str) -> None:
        """Notes what was seen if the server breaks its API."""
        self.problems += [] if kept else [seen]

    def advise(self, sound: bool, hint: str) -> None:
        """Notes what is unwise, but allowed."""
        self.hints += [] if sound else [hint]

    def status(self, response: Response, when: str, *statuses: int) -> None:
        """Expects one of these statuses."""
        wanted = " or ".join(map(str, statuses))
        self.expect(response.status in statuses, f"{when}: {self.seen(response)}, not {wanted}")

    def signed_in(self, response: Response, when: str) -> None:
        """Expects the response of each sign-in of the account."""
        self.status(response, when, self.facts.mode)

    def known(self, token: str, when: str, **options: Any) -> None:
        """Expects that a token signs in."""
        self.signed_in(self.sign_in(token, **options), when)

    def unknown(self, token: str, when: str, **options: Any) -> None:
        """Expects that a token signs nobody in."""
        self.refused(SIGN_IN, {"token": token}, when, "credentials", **options)

    def refused(self, operation: str, body: Body, when: str, *keys: str, **options: Any) -> None:
        """Sends a body, and expects one of the errors that openapi.yaml has for the operation."""
        self.error(self.post(operation, body, **options), when, *(self.document.errors[operation][key] for key in keys))

    def invalid(self, operation: str, body: Body, when: str, keys: Pairs, **options: Any) -> None:
        """Sends a body, and expects a 400 that names exactly these fields, as the examples in openapi.yaml do."""
        errors = self.document.errors[operation]
        data = {field: errors[key]["data"][field] for field, key in keys.items()}
        self.error(self.post(operation, body, **options), when, {**errors[next(iter(keys.values()))], "data": data})

    def error(self, response: Response, when: str, *errors: dict[str, Any]) -> None:
        """Expects one of these errors of openapi.yaml."""
        kept = any(response.status == error["status"] and response.json == error for error in errors)
        wanted = " or ".join(self._in_words(error["status"], error) for error in errors)
        self.expect(kept, f"{when}: {self.seen(response)}, not {wanted}")

    def seen(self, response: Response) -> str:
        """A response in words."""
        known = self._in_words(response.status, as_object(response.json))
        return known if response.status else f"no response ({response.problem})"

    def _in_words(self, status: int, body: dict[str, Any]) -> str:
        """A body by its texts that openapi.yaml has too. A server may say anything, also a secret."""
        message, data = body.get("message"), as_object(body.get("data"))
        fields = sorted(data.keys() & self.document.limits[BIND].keys())
        errors = [f"data.{name} {self._documented(as_object(data[name]).get('code'))}" for name in fields]
        said = "" if message is None else f" {self._documented(message)!r}"
        return f"{status}{said} with {' and '.join(errors) or 'other data'}" if data else f"{status}{said}"

    def _documented(self, text: Any) -> str:
        return text if isinstance(text, str) and text in self.document.text else "(another text)"
