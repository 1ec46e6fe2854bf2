"""What a check says of an answer: the expectations, in the contract's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ._answer import Answer, as_object
from ._errors import NotTriedError
from ._session import Session

INVALID: Final = "An error occurred while validating the submitted data."
UNREADABLE: Final = "An error occurred while loading the submitted data."
UNSUPPORTED: Final = "Unsupported Content-Type."
NO_COLLECTION: Final = "Missing or invalid collection context."
NO_AUTH_COLLECTION: Final = "Missing or invalid auth collection context."
OFF: Final = "The collection is not configured to allow password authentication."
RULE: Final = "The request doesn't satisfy the collection requirements to authenticate."
TOO_LARGE: Final = "Request entity too large."
SAME_METHOD: Final = "A different authentication method is required."
NO_MFA_SESSION: Final = "Invalid or expired MFA session."
FAILED: Final = {
    "bindToken": "Failed to bind token.",
    "unbindToken": "Failed to unbind token.",
    "authWithToken": "Failed to authenticate.",
}
_SAYABLE: Final = frozenset(
    {INVALID, UNREADABLE, UNSUPPORTED, NO_COLLECTION, NO_AUTH_COLLECTION, OFF, RULE, TOO_LARGE}
    | {SAME_METHOD, NO_MFA_SESSION, "Too Many Requests.", *FAILED.values()}
)
_MEMBERS: Final = frozenset({"email", "password", "token"})

REQUIRED: Final = {"code": "validation_required", "message": "Cannot be blank."}
NO_EMAIL: Final = {"code": "validation_is_email", "message": "Must be a valid email address."}


def out_of_range(most: int) -> dict[str, Any]:
    """The field error of a value that is too long."""
    message = f"The length must be between 1 and {most}."
    return {"code": "validation_length_out_of_range", "message": message, "params": {"max": most, "min": 1}}


class Probe(Session):
    """A session with expectations; what was seen instead gathers in `problems`."""

    token = ""  # the one that is bound all the time
    problems: list[str]
    hints: list[str]
    mode = (
        0  # how a sign-in ends here: 200, 401 (a second factor is asked for) or 403 (the auth rule); 0: not known yet
    )
    record_before: dict[str, Any] | None = None  # as a sign-in by password showed it before any by token
    can_bind = True  # false where the collection does not allow password authentication

    @property
    def calls(self) -> dict[str, Callable[..., Answer]]:
        """What sends each operation with a token."""
        return {"bindToken": self.bind, "unbindToken": self.unbind, "authWithToken": self.sign_in}

    # --- expectations ---

    def expect(self, kept: bool, seen: str) -> None:
        """Notes what was seen where the contract is not kept."""
        if not kept:
            self.problems.append(seen)

    def advise(self, sound: bool, hint: str) -> None:
        """Notes what is unwise, but no breach."""
        if not sound:
            self.hints.append(hint)

    def done(self, answer: Answer, when: str) -> None:
        """Expects 204."""
        self.expect(answer.status == 204, f"{when}: {seen(answer)}, not 204")

    def refused(self, answer: Answer, when: str, *messages: str, status: int = 400) -> None:
        """Expects an error that blames no member, with one of the messages."""
        expected: list[dict[str, Any]] = [{"data": {}, "message": message, "status": status} for message in messages]
        wanted = " or ".join(repr(message) for message in messages)
        kept = answer.status == status and answer.json in expected
        self.expect(kept, f"{when}: {seen(answer)}, not {status} {wanted}")

    def invalid(self, answer: Answer, when: str, fields: Mapping[str, Any]) -> None:
        """Expects an error that blames exactly these members."""
        expected = {"data": fields, "message": INVALID, "status": 400}
        wanted = " and ".join(f"data.{name} {error['code']}" for name, error in fields.items())
        self.expect(answer.status == 400 and answer.json == expected, f"{when}: {seen(answer)}, not 400 with {wanted}")

    def unknown(self, answer: Answer, when: str) -> None:
        """Expects that a token signs nobody in."""
        self.refused(answer, when, FAILED["authWithToken"])

    def signed_in(self, answer: Answer, when: str) -> None:
        """Expects that a token is known: 200, or what this account's sign-ins end in."""
        self.expect(self.is_known(answer), f"{when}: {seen(answer)}, not {self.mode or 200}")

    def is_known(self, answer: Answer) -> bool:
        """Whether an answer tells that the token is bound."""
        return answer.status == (self.mode or 200)

    # --- sign-ins that end in a session ---

    def learn_mode(self, answer: Answer) -> None:
        """Takes the first sign-in's answer for what sign-ins end in here."""
        mfa = answer.status == 401 and answer.text("mfaId") != ""
        rule = answer.status == 403 and answer.text("message") == RULE
        self.mode = answer.status if mfa or rule else 200

    def session(self, query: Mapping[str, str] | None = None) -> Answer:
        """A sign-in that ends in a session; where two factors are asked for, the password is the first."""
        if self.mode == 403:
            raise NotTriedError("the auth rule keeps the account out")
        if self.mode != 401:
            return self.sign_in(self.token, query=query)
        return self.sign_in(self.token, query=query, mfaId=self.password_mfa_id())

    def password_mfa_id(self) -> str:
        """The mfaId of a first factor that was the password."""
        mfa_id = self.password_login().text("mfaId")
        if not mfa_id:
            raise NotTriedError("the password is no first factor here")
        return mfa_id

    def password_session(self, query: Mapping[str, str] | None = None) -> Answer:
        """The same by password; where two factors are asked for, the token is the first."""
        factor = {"mfaId": self.sign_in(self.token).text("mfaId")} if self.mode == 401 else {}
        answer = self.password_login(query, **factor)
        if answer.status != 200:
            raise NotTriedError("the server offers no sign-in with email and password to compare with")
        return answer

    def first_sign_in(self, token: str) -> Answer:
        """A sign-in after the first bind ever: a server may remember for 2 s that there was no binding at all."""
        answer = self.sign_in(token)
        tries = 6
        while answer.status == 400 and tries:
            self.pause(0.5)
            answer = self.sign_in(token)
            tries -= 1
        if tries < 6:
            self.pause(2.0)  # another node may remember it for longer
        self.settled = answer.status != 400
        return answer


def seen(answer: Answer) -> str:
    """An answer in words that hold nothing which the server made up."""
    message = answer.member("message")
    text = "" if message is None else f" {message!r}" if answer.text("message") in _SAYABLE else " (another text)"
    data = as_object(answer.member("data"))
    named = ", ".join(sorted(data.keys() & _MEMBERS)) or "others"
    return f"{answer.status}{text} with data of {named}" if data else f"{answer.status}{text}"
