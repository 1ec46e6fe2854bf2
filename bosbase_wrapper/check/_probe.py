"""What a check works with: the requests of a session, and the expectations about their responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ._document import BIND, SIGN_IN, UNBIND
from ._response import Response, as_object
from ._secrets import new_token
from ._session import Session

Calls = Mapping[str, Callable[..., Response]]


class NotTriedError(Exception):
    """A check does not apply to this server or account. The text says why."""


@dataclass(frozen=True)
class Facts:
    """What the survey before the first check found out about the account. No check changes it.

    `token` is bound all the time. `mode` is the status of its sign-in: 200, 401 (a second factor is required), 403
    (the auth rule) or 0 (unknown). `refusal` says why the server binds no token to this account, if it does not.
    `names` are the name and the id of the collection, and `record` is what a sign-in by password showed at first.
    """

    token: str = ""
    mode: int = 0
    refusal: str = ""
    names: frozenset[str] = frozenset()
    collection_id: str = ""
    record: Mapping[str, Any] | None = None


class Probe:
    """One check's view of the session. It gathers what the check found in `problems` and `hints`."""

    def __init__(self, session: Session, facts: Facts) -> None:
        self.session: Final = session
        self.facts: Final = facts
        self.mode: Final = facts.mode
        self.problems: Final[list[str]] = []
        self.hints: Final[list[str]] = []
        self.longest: Final = session.document.limits(BIND)["token"]  # token, in bytes
        self.account: Final = session.account
        self.document: Final = session.document
        self.bind: Final = session.bind
        self.unbind: Final = session.unbind
        self.sign_in: Final = session.sign_in
        self.post: Final = session.post
        self.post_raw: Final = session.post_raw
        self.request: Final = session.request
        self.credentials: Final = session.credentials
        self.password_login: Final = session.password_login
        self.calls: Final[Calls] = {BIND: session.bind, UNBIND: session.unbind, SIGN_IN: session.sign_in}

    @property
    def token(self) -> str:
        """The token that is bound all the time. Raises NotTriedError if no token can be bound."""
        self.require_binding()
        return self.facts.token

    def require_binding(self) -> None:
        """Raises NotTriedError if no token can be bound."""
        if self.facts.refusal:
            raise NotTriedError(f"no token can be bound: {self.facts.refusal}")

    def require_mfa(self) -> None:
        """Raises NotTriedError if the account needs no second factor."""
        self.require_binding()
        if self.mode != 401:
            raise NotTriedError("the account needs no second factor")

    def bound_token(self, what: str = "a token", token: str = "") -> str:
        """Binds a token, a new one if none is given, and expects that it signs in."""
        self.require_binding()
        token = token or new_token()
        self.done(self.bind(token), f"binding {what}")
        self.signed_in(self.sign_in(token), f"{what}, bound")
        return token

    def unbind_for_good(self, token: str, what: str = "a token") -> None:
        """Unbinds a token, and expects that it no longer signs in."""
        self.done(self.unbind(token), f"unbinding {what}")
        self.unknown(self.sign_in(token), f"{what}, unbound")

    # --- expectations ---

    def expect(self, kept: bool, seen: str) -> None:
        """Notes what was seen if the server breaks its API."""
        if not kept:
            self.problems.append(seen)

    def advise(self, sound: bool, hint: str) -> None:
        """Notes what is unwise, but allowed."""
        if not sound:
            self.hints.append(hint)

    def done(self, response: Response, when: str) -> None:
        """Expects 204."""
        self.expect(response.status == 204, f"{when}: {self.seen(response)}, not 204")

    def error(self, response: Response, when: str, operation: str, *keys: str) -> None:
        """Expects one of the errors that openapi.yaml has for an operation."""
        errors = [self.document.error(operation, key) for key in keys]
        wanted = " or ".join(f"{error['status']} {error['message']!r}" for error in errors)
        kept = any(response.status == error["status"] and response.json == error for error in errors)
        self.expect(kept, f"{when}: {self.seen(response)}, not {wanted}")

    def invalid(self, response: Response, when: str, operation: str, **keys: str) -> None:
        """Expects a 400 that names exactly these fields, with what openapi.yaml's examples say of them."""
        data = {field: self.document.field_error(operation, field, key) for field, key in keys.items()}
        expected = {**self.document.error(operation, next(iter(keys.values()))), "data": data}
        wanted = " and ".join(f"data.{field} {error['code']}" for field, error in data.items())
        kept = response.status == 400 and response.json == expected
        self.expect(kept, f"{when}: {self.seen(response)}, not 400 with {wanted}")

    def unknown(self, response: Response, when: str) -> None:
        """Expects that a token signs nobody in."""
        self.error(response, when, SIGN_IN, "credentials")

    def signed_in(self, response: Response, when: str) -> None:
        """Expects that a token is known: the response is that of the account's first sign-in."""
        self.expect(self.is_known(response), f"{when}: {self.seen(response)}, not {self.mode or 200}")

    def is_known(self, response: Response) -> bool:
        """Whether a response says that the token is bound."""
        return response.status == (self.mode or 200)

    def seen(self, response: Response) -> str:
        """A response in words, without any text that the server made up."""
        message = response.field("message")
        known = response.text("message") in self.document.messages
        text = "" if message is None else f" {message!r}" if known else " (another message)"
        data = as_object(response.field("data"))
        named = ", ".join(sorted(data.keys() & self.document.limits(BIND).keys())) or "other fields"
        return f"{response.status}{text} with data of {named}" if data else f"{response.status}{text}"

    # --- sign-ins that open a session ---

    def open_session(self, query: Mapping[str, str] | None = None) -> Response:
        """A sign-in that opens a session. If a second factor is required, the password is the first."""
        if self.mode == 403:
            raise NotTriedError("the auth rule refuses the account")
        factor = {"mfaId": self.password_mfa_id()} if self.mode == 401 else {}
        return self.sign_in(self.token, query=query, **factor)

    def password_mfa_id(self) -> str:
        """The mfaId of a first factor that was the password."""
        mfa_id = self.password_login().text("mfaId")
        if not mfa_id:
            raise NotTriedError("the password is no first factor here")
        return mfa_id

    def open_password_session(self, query: Mapping[str, str] | None = None) -> Response:
        """The same by password. If a second factor is required, the token is the first."""
        factor = {"mfaId": self.sign_in(self.token).text("mfaId")} if self.mode == 401 else {}
        response = self.password_login(query, **factor)
        if response.status != 200:
            raise NotTriedError("the server has no sign-in with email and password to compare with")
        return response
