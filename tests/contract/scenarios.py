"""What single requests cannot tell: short stories of several calls, each answer held against openapi.yaml too.

A story raises AssertionError where the server breaks the contract. Those that need what only a superuser can set up
say so, and are left out against another server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import schemathesis
from schemathesis import Response

from bosbase_wrapper import generate_token

from .checks import SPEC
from .run import Run
from .state import ACTIONS, Account, Special, token_hash

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
_MIB: Final = 1024 * 1024

UNKNOWN: Final = "Failed to authenticate."
INVALID: Final = "An error occurred while validating the submitted data."
UNREADABLE: Final = "An error occurred while loading the submitted data."
NO_SESSION: Final = "Invalid or expired MFA session."


class Calls:
    """The three calls, each answer looked at by all checks."""

    def __init__(self, run: Run) -> None:
        self.state = run.state
        self._reached = run.reached
        self._schema = schemathesis.openapi.from_path(SPEC, config=schemathesis.Config.from_path(CONFIG))

    def bind(self, account: Account, token: str, **other: Any) -> Response:
        return self.send("bindToken", account.collection, account.body(token) | other)

    def unbind(self, account: Account, token: str, **other: Any) -> Response:
        return self.send("unbindToken", account.collection, account.body(token) | other)

    def sign_in(self, collection: str, token: str, query: dict[str, str] | None = None, **other: Any) -> Response:
        return self.send("authWithToken", collection, {"token": token, **other}, query)

    def send(self, operation: str, collection: str, body: Any, query: dict[str, str] | None = None) -> Response:
        """Send a JSON body."""
        case = self._schema.find_operation_by_id(operation).Case(
            path_parameters={"collection": collection},
            query=query or {},
            body=body,
            media_type="application/json",
        )
        response = case.call(base_url=self.state.url)
        case.validate_response(response)
        return response

    def raw(self, operation: str, content: bytes, content_type: str = "application/json") -> httpx.Response:
        """Send any bytes to the ordinary account's collection."""
        answer = self.http(
            "POST", ACTIONS[operation], content=content, headers={"Content-Type": content_type} if content_type else {}
        )
        self._reached.answered(operation, answer.status_code)
        return answer

    def http(self, method: str, action: str, collection: str = "", **what: Any) -> httpx.Response:
        """A request of another kind."""
        path = f"{self.state.url}/api/collections/{collection or self.state.account.collection}/{action}"
        return httpx.request(method, path, timeout=60, trust_env=False, **what)


@dataclass(frozen=True)
class Story:
    """What is told of the server, and what tries it."""

    name: str
    what: str
    tell: Callable[[Calls], None]
    superuser: bool = False


STORIES: Final[list[Story]] = []
_Ordinary = Callable[[Calls, Account], None]
_Superuser = Callable[[Calls, Special], None]


def ordinary(tell: _Ordinary) -> _Ordinary:
    """A story of the ordinary account."""
    STORIES.append(Story(tell.__name__, tell.__doc__ or "", lambda calls: tell(calls, calls.state.account)))
    return tell


def superuser(tell: _Superuser) -> _Superuser:
    """A story that needs what a superuser set up."""

    def with_special(calls: Calls) -> None:
        assert calls.state.special is not None
        tell(calls, calls.state.special)

    STORIES.append(Story(tell.__name__, tell.__doc__ or "", with_special, superuser=True))
    return tell


def is_done(response: Response, what: str) -> None:
    assert response.status_code == 204, f"{what}: {_seen(response)}, not 204"


def is_signed_in(response: Response, what: str, account: Account | None = None) -> None:
    assert response.status_code == 200, f"{what}: {_seen(response)}, not 200"
    if account and account.record_id:
        assert response.json()["record"]["id"] == account.record_id, f"{what}: another account"


def is_refused(response: Response | httpx.Response, what: str, message: str, status: int = 400) -> None:
    assert _seen(response) == f"{status} {message}", f"{what}: {_seen(response)}, not {status} {message}"


def _seen(response: Response | httpx.Response) -> str:
    """The status, and the message where there is one: an answer may hold a secret elsewhere."""
    with suppress(ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.json()['message']}"
    return str(response.status_code)


def blamed(response: Response | httpx.Response) -> dict[str, str]:
    """The members that a 400 blames, with the code of each."""
    assert response.status_code == 400, f"{_seen(response)}, not 400"
    return {name: error["code"] for name, error in response.json()["data"].items()}


@ordinary
def unbinding_ends_sign_ins(calls: Calls, account: Account) -> None:
    """bind, sign in, unbind, sign in: the last one is refused, and the other tokens go on."""
    token, other = generate_token(), generate_token()
    is_refused(calls.sign_in(account.collection, token), "before it is bound", UNKNOWN)
    is_done(calls.bind(account, token), "binding")
    is_done(calls.bind(account, other), "binding another")
    is_signed_in(calls.sign_in(account.collection, token), "a bound token", account)
    is_signed_in(calls.sign_in(account.collection, token), "the same once more", account)
    is_done(calls.unbind(account, token), "unbinding")
    is_refused(calls.sign_in(account.collection, token), "an unbound token", UNKNOWN)
    is_signed_in(calls.sign_in(account.collection, other), "the other token", account)
    is_done(calls.unbind(account, token), "unbinding again")
    is_done(calls.bind(account, other), "binding the other again")
    is_refused(calls.sign_in(account.collection, token), "an unbound token after another's binding", UNKNOWN)


@ordinary
def a_token_counts_to_its_last_byte(calls: Calls, account: Account) -> None:
    """Nothing is trimmed, cut, folded or normalized."""
    token = generate_token() + "\u00e9" + "x" * 900
    is_done(calls.bind(account, token), "binding a long token")
    others = (token[:-1], token[:72], token[:255], token + " ", " " + token, token.upper(), token + "x")
    for other in (*others, token.replace("\u00e9", "e\u0301"), token.replace("\u00e9", "\u00c9")):
        is_refused(calls.sign_in(account.collection, other), "a token much like a bound one", UNKNOWN)
    is_signed_in(calls.sign_in(account.collection, token), "the long token", account)
    is_done(calls.bind(account, f" {token} "), "binding it with spaces around")
    is_signed_in(calls.sign_in(account.collection, f" {token} "), "the token with spaces", account)
    is_done(calls.unbind(account, f" {token} "), "unbinding the token with spaces")
    is_signed_in(calls.sign_in(account.collection, token), "the one without spaces", account)


# What a server may take for what: neither signs in for the other.
_ALIKE: Final = (
    ("a+b", "a b"),
    ("a%41b", "aAb"),
    ("a&amp;b", "a&b"),
    ('"ab"', "ab"),
    ("a\u0001b\t", "ab"),
    ("a  b", "a b"),
    ("Bearer ab", "ab"),
    ("\ufb01b", "fib"),
    ("\U0001f511b", "?b"),
    ("a\u00e9b", "a?b"),
    ("   ", "  "),
)


@ordinary
def odd_tokens_are_taken_as_they_are(calls: Calls, account: Account) -> None:
    """Nothing is decoded, unquoted or stripped, and a hash is no token."""
    random = generate_token()
    for end, other_end in _ALIKE:
        token, other = (text if text.isspace() else text + random for text in (end, other_end))
        is_done(calls.bind(account, token), f"binding {end!r}")
        is_refused(calls.sign_in(account.collection, other), f"{other_end!r} for {end!r}", UNKNOWN)
        is_signed_in(calls.sign_in(account.collection, token), f"signing in with {end!r}", account)
        is_refused(calls.sign_in(account.collection, token_hash(token)), "the hash of a token", UNKNOWN)
        is_done(calls.unbind(account, token), f"unbinding {end!r}")


@ordinary
def lengths_count_bytes(calls: Calls, account: Account) -> None:
    """1024 bytes of token are the most; of two-byte letters that is 512."""
    longest = generate_token().ljust(1024, "x")
    for token in (longest, "\u00e9" * 512, "~"):
        is_done(calls.bind(account, token), f"a token of {len(token.encode())} bytes")
        is_signed_in(calls.sign_in(account.collection, token), f"signing in with {len(token.encode())} bytes")
        is_done(calls.unbind(account, token), f"unbinding {len(token.encode())} bytes")
    for token in (longest + "x", "\u00e9" * 513):
        for answer in (calls.bind(account, token), calls.sign_in(account.collection, token)):
            assert blamed(answer) == {"token": "validation_length_out_of_range"}, "a token of more than 1024 bytes"
            assert answer.json()["data"]["token"]["params"] == {"min": 1, "max": 1024}, "the limits are told"
    for letter in ("e", "\u00e9"):
        size = len(letter.encode())
        email, password = letter * (244 // size) + "@example.com", letter * (256 // size)
        long = calls.bind(account, longest, email=email, password=password)
        assert set(blamed(long)) == {"email", "password"}, "an email of 256 bytes, a password of 256"
    for change in ({"password": "p" * 255}, {"password": "p"}, {"email": _email(255)}):
        is_refused(calls.bind(account, longest, **change), "credentials of 255 bytes, or of 1", "Failed to bind token.")


def _email(length: int) -> str:
    """A valid email of so many bytes: no part of a host may be longer than 63."""
    host = ".".join(["h" * 60] * 4)
    return "e" * (length - len(host) - 5) + f"@{host}.org"


@ordinary
def members_are_named(calls: Calls, account: Account) -> None:
    """What is missing or empty is blamed by its name, before any credential is looked at."""
    required = "validation_required"
    every = {"email": required, "password": required, "token": required}
    for operation in ("bindToken", "unbindToken"):
        for body in ({}, None, {"email": "", "password": "", "token": ""}):
            assert blamed(calls.send(operation, account.collection, body)) == every, "an empty body"
        answer = calls.send(operation, account.collection, account.body("") | {"password": "wrong"})
        assert blamed(answer) == {"token": required}, "an empty token with a wrong password"
        answer = calls.send(operation, account.collection, account.body("any") | {"email": "nobody"})
        assert blamed(answer) == {"email": "validation_is_email"}, "an email that is none"
    no_token: tuple[Any, ...] = ({}, None, {"token": ""}, {"token": None})
    for nothing in no_token:
        assert blamed(calls.send("authWithToken", account.collection, nothing)) == {"token": required}, "no token"


@ordinary
def unreadable_bodies_are_refused(calls: Calls, account: Account) -> None:
    """What is no JSON object of texts, or comes as another type, is 400 in the server's words."""
    for operation in ACTIONS:
        for content in (b"{token:", b"[]", b'"text"', b'{"token": 5}', b'{"token": ["a"]}', b'{"token": {}}'):
            is_refused(calls.raw(operation, content), "an unreadable body", UNREADABLE)
        for content_type in ("text/plain", ""):
            answer = calls.raw(operation, b"{}", content_type)
            is_refused(answer, f"the content type {content_type!r}", "Unsupported Content-Type.")
        assert blamed(calls.raw(operation, b"")), "an empty body is as no members"


@ordinary
def bodies_of_other_forms_are_read(calls: Calls, account: Account) -> None:
    """JSON with a charset or with bytes after it, and forms; neither depth nor half a letter is too much."""
    token = generate_token()
    calls.state.bound.add(token)  # no hook sees a form
    sent = calls.http("POST", ACTIONS["bindToken"], data=account.body(token))
    assert sent.status_code == 204, f"binding by a form: {_seen(sent)}"
    parts = {"token": (None, token)}
    assert calls.http("POST", ACTIONS["authWithToken"], files=parts).status_code == 200, "signing in by multipart"
    content = json.dumps({"token": token}).encode()
    for read in (
        content + b" more",
        content[:-1] + b', "more": 1}',
        b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}" + content,
    ):
        expected = 400 if read.startswith(b'{"a"') else 200
        assert calls.raw("authWithToken", read).status_code == expected, "a body that goes on"
    for content_type in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        assert calls.raw("authWithToken", content, content_type).status_code == 200, content_type
    large = json.dumps({"token": token, "more": "x" * 2 * _MIB}).encode()
    assert calls.raw("authWithToken", large).status_code == 200, "a body of 2 MiB"
    assert calls.raw("authWithToken", b'{"token": "\\ud800"}').status_code == 400, "half of a surrogate pair"
    is_refused(calls.raw("authWithToken", content[:-1] + b",}"), "a comma too many", UNREADABLE)
    twice = calls.raw("authWithToken", content[:-1] + b', "token": "nobody\'s"}')
    assert twice.status_code == 400, f"of two tokens the last counts: {_seen(twice)}"


@ordinary
def only_the_body_signs_in(calls: Calls, account: Account) -> None:
    """A token in the query or in the Authorization header is none, and a bad header hinders nobody."""
    token = generate_token()
    is_done(calls.bind(account, token), "binding")
    action, query = ACTIONS["authWithToken"], {"token": token}
    for elsewhere in (token, f"Bearer {token}"):
        answer = calls.http("POST", action, json={}, params=query, headers={"Authorization": elsewhere})
        assert blamed(answer) == {"token": "validation_required"}, "a token outside the body"
    assert calls.http("GET", action, params=query).status_code == 404, "GET with a token"
    answer = calls.http("POST", action, json={"token": token}, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 200, f"a bad Authorization header: {_seen(answer)}"


@ordinary
def a_refusal_changes_nothing(calls: Calls, account: Account) -> None:
    """Wrong credentials neither bind nor unbind, and an email is taken as it is."""
    token, new = generate_token(), generate_token()
    is_done(calls.bind(account, token), "binding")
    wrong: tuple[dict[str, str], ...] = (
        {"password": account.password + "x"},
        {"password": f" {account.password} "},
        {"password": account.password.swapcase()},
        {"email": "nobody-" + account.email},
        {"email": account.email.upper()},
    )
    for change in wrong:
        is_refused(calls.bind(account, new, **change), "binding with wrong credentials", "Failed to bind token.")
        answer = calls.unbind(account, token, **change)
        is_refused(answer, "unbinding with wrong credentials", "Failed to unbind token.")
    spaced = calls.bind(account, new, email=f" {account.email} ")
    assert blamed(spaced) == {"email": "validation_is_email"}, "an email is not trimmed"
    is_refused(calls.sign_in(account.collection, new), "the token that nobody could bind", UNKNOWN)
    is_signed_in(calls.sign_in(account.collection, token), "the token that nobody could unbind", account)


@ordinary
def the_session_is_the_accounts(calls: Calls, account: Account) -> None:
    """It is the one that the password opens, and its JWT opens the account's record, also when the token is unbound."""
    token = generate_token()
    identity = {"identity": account.email, "password": account.password}
    by_password = calls.http("POST", "auth-with-password", json=identity).json()
    is_done(calls.bind(account, token), "binding")
    session = calls.sign_in(account.collection, token).json()
    strange = {name for name in session | by_password if name != "token" and session.get(name) != by_password.get(name)}
    assert not strange, f"{sorted(strange)} of a session by token is not as by password"
    is_done(calls.unbind(account, token), "unbinding")
    answer = calls.http("POST", "auth-refresh", headers={"Authorization": session["token"]})
    assert answer.status_code == 200, f"the JWT of a sign-in is refused: {answer.status_code}"
    assert answer.json()["record"] == session["record"], "the JWT is another account's"


@ordinary
def fields_pick_members(calls: Calls, account: Account) -> None:
    """`fields` says which members are answered; what the server does not know is ignored."""
    token = generate_token()
    is_done(calls.bind(account, token), "binding")
    assert set(calls.sign_in(account.collection, token, {"fields": "token"}).json()) == {"token"}, "fields=token"
    picked = calls.sign_in(account.collection, token, {"fields": "record.id"}).json()
    assert {name: set(value) for name, value in picked.items()} == {"record": {"id"}}, "fields=record.id"
    for query in ({"unknown": "1"}, {"expand": "unknown"}):
        is_signed_in(calls.sign_in(account.collection, token, query), f"the query {query}", account)
    is_signed_in(calls.sign_in(account.collection, token, unknown=[1]), "an unknown member", account)


@ordinary
def wrong_paths_and_methods_are_404(calls: Calls, account: Account) -> None:
    """There is no 405, and an unknown collection is told before the body is read."""
    for action in ACTIONS.values():
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = calls.http(method, action)
            assert answer.status_code == 404, f"{method} {action}: {answer.status_code}, not 404"
            assert set(answer.json()) == {"data", "message", "status"}, f"{method} {action}: not the error envelope"
        assert calls.http("OPTIONS", action).status_code == 204, f"OPTIONS {action}"
        for other in (f"{action}/", f"{action}s"):
            assert calls.http("POST", other, json={}).status_code == 404, f"POST {other}"
    for operation in ACTIONS:
        for collection in ("no_such_collection", "users'--", "\u00e9"):
            unknown = calls.send(operation, collection, {})
            is_refused(unknown, "an unknown collection", "Missing or invalid collection context.", 404)


@ordinary
def a_large_body_is_413(calls: Calls, account: Account) -> None:
    """Over 32 MiB nothing is read."""
    content = b'{"token": "%s"}' % (b"a" * 33 * _MIB)
    for operation in ACTIONS:
        is_refused(calls.raw(operation, content), "a body of 33 MiB", "Request entity too large.", 413)


@superuser
def a_token_is_of_one_collection(calls: Calls, special: Special) -> None:
    """Bound in one collection, it signs nobody in to another, and unbinding there leaves it."""
    account, token = calls.state.account, generate_token()
    is_done(calls.bind(account, token), "binding")
    for collection in (special.namesake.collection, "_superusers"):
        is_refused(calls.sign_in(collection, token), "a token of another collection", UNKNOWN)
    is_done(calls.unbind(special.namesake, token), "unbinding in another collection")
    is_signed_in(calls.sign_in(account.collection, token), "the token in its own collection", account)
    is_done(calls.bind(special.namesake, token), "binding the same value in another collection")
    is_signed_in(calls.sign_in(special.namesake.collection, token), "there", special.namesake)
    is_signed_in(calls.sign_in(account.collection, token), "here", account)
    there = generate_token()
    is_done(calls.bind(special.namesake, there), "binding in another collection alone")
    is_refused(calls.sign_in(account.collection, there), "what is bound in another collection alone", UNKNOWN)
    is_done(calls.bind(special.other, token), "binding by an account of this collection alone")
    stranger = replace(special.other, collection=special.namesake.collection)
    is_refused(calls.bind(stranger, token), "binding by it in another collection", "Failed to bind token.")
    is_refused(calls.unbind(stranger, token), "unbinding by it there", "Failed to unbind token.")


@superuser
def the_last_to_bind_owns_a_value(calls: Calls, special: Special) -> None:
    """Binding is an upsert, and unbinding removes an account's own binding alone."""
    account, token = calls.state.account, generate_token()
    is_done(calls.bind(account, token), "binding")
    is_done(calls.unbind(special.other, token), "unbinding another account's token")
    is_signed_in(calls.sign_in(account.collection, token), "the owner, after another's unbinding", account)
    is_done(calls.bind(special.other, token), "binding another account's value")
    is_signed_in(calls.sign_in(account.collection, token), "the value's new owner", special.other)
    is_done(calls.unbind(account, token), "unbinding by the former owner")
    is_signed_in(calls.sign_in(account.collection, token), "the new owner still", special.other)


@superuser
def collections_go_by_name_and_id(calls: Calls, special: Special) -> None:
    """A name in any case and the id are the same collection."""
    account, token = calls.state.account, generate_token()
    is_done(calls.send("bindToken", special.ids[account.collection], account.body(token)), "binding by id")
    for name in (account.collection, account.collection.upper(), special.ids[account.collection]):
        is_signed_in(calls.sign_in(name, token), f"the collection as {name}", account)


@superuser
def a_second_factor_is_asked_for(calls: Calls, special: Special) -> None:
    """With MFA a token gives a challenge; its id works once, with another method, in its own collection."""
    account, token = special.two_factors, generate_token()
    is_done(calls.bind(account, token), "binding asks for no second factor")
    first = calls.sign_in(account.collection, token)
    assert first.status_code == 401, f"a first factor: {_seen(first)}, not 401"
    again = calls.sign_in(account.collection, token, mfaId=first.json()["mfaId"])
    is_refused(again, "a token for both factors", "A different authentication method is required.")
    mfa_id = _password_factor(calls, account)
    is_refused(calls.sign_in(account.collection, token, mfaId="x" * 15), "an unknown mfaId", NO_SESSION)
    is_signed_in(calls.sign_in(account.collection, token, mfaId=mfa_id), "the second factor", account)
    is_refused(calls.sign_in(account.collection, token, mfaId=mfa_id), "an mfaId used twice", NO_SESSION)
    query = {"mfaId": _password_factor(calls, account)}
    is_signed_in(calls.sign_in(account.collection, token, query), "the second factor, mfaId in the query", account)


def _password_factor(calls: Calls, account: Account) -> str:
    body = {"identity": account.email, "password": account.password}
    mfa_id: str = calls.http("POST", "auth-with-password", account.collection, json=body).json()["mfaId"]
    return mfa_id


@superuser
def the_auth_rule_keeps_out(calls: Calls, special: Special) -> None:
    """The rule is asked at the sign-in and not at binding."""
    account, token = special.kept_out, generate_token()
    message = "The request doesn't satisfy the collection requirements to authenticate."
    is_done(calls.bind(account, token), "binding asks no rule")
    is_refused(calls.sign_in(account.collection, token), "an account that the rule keeps out", message, 403)
    is_refused(calls.sign_in(account.collection, token + "x"), "an unknown token there", UNKNOWN)
    is_done(calls.unbind(account, token), "unbinding asks no rule")


@superuser
def password_auth_off_is_403(calls: Calls, special: Special) -> None:
    """It is told before the body is read, and signing in goes on."""
    account = special.no_password
    message = "The collection is not configured to allow password authentication."
    for operation in ("bindToken", "unbindToken"):
        for body in (account.body("any"), {}):
            is_refused(calls.send(operation, account.collection, body), "password auth is off", message, 403)
    is_refused(calls.sign_in(account.collection, "any"), "an unknown token there", UNKNOWN)


@superuser
def a_collection_without_accounts_is_404(calls: Calls, special: Special) -> None:
    """In words of its own."""
    for operation in ACTIONS:
        answer = calls.send(operation, special.no_accounts, {})
        is_refused(answer, "no auth collection", "Missing or invalid auth collection context.", 404)


@superuser
def a_rate_limit_is_429(calls: Calls, special: Special) -> None:
    """It is told by the three calls alike, and no sign-in of another collection suffers."""
    for operation in ACTIONS:
        answer = calls.send(operation, special.limited.collection, special.limited.body("any"))
        is_refused(answer, "a limit that is reached", "Too Many Requests.", 429)


@superuser
def relations_expand(calls: Calls, special: Special) -> None:
    """`expand` brings the record of a relation."""
    token = generate_token()
    is_done(calls.bind(special.member, token), "binding")
    record = calls.sign_in(special.member.collection, token, {"expand": "team"}).json()["record"]
    assert record.get("expand", {}).get("team", {}).get("title") == "red", "expand=team brings no team"


@superuser
def bindings_go_with_their_account(calls: Calls, special: Special) -> None:
    """A deleted account's token signs nobody in; a changed password ends no token."""
    server, token = special.server, generate_token()
    made = server.create_record("users", email="leaver@example.com", password="first-password")
    leaver = Account("users", "leaver@example.com", "second-password", made["id"])
    first = calls.state.account.body(token) | {"email": leaver.email, "password": "first-password"}
    server.update_record("users", leaver.record_id, password=leaver.password)
    answer = calls.send("bindToken", "users", first)
    is_refused(answer, "the password of before", "Failed to bind token.")
    answered = calls.http("POST", "bind-token", json=leaver.body(token))
    assert answered.status_code == 204, f"the new password: {answered.status_code}, not 204"
    is_signed_in(calls.sign_in("users", token), "the token", leaver)
    server.delete_record("users", leaver.record_id)
    is_refused(calls.sign_in("users", token), "a deleted account's token", UNKNOWN)
    assert leaver.record_id not in {row.record_id for row in special.table.rows()}, "its binding stays in the table"


@superuser
def an_unknown_email_costs_the_same(calls: Calls, special: Special) -> None:
    """Whether an account exists cannot be told by time: both spend the same work, by the processor's own count."""
    account, tries = special.namesake, 6  # its collection hashes as slowly as a server's own
    unknown = wrong = 0.0
    for _ in range(tries):
        started = _processor_seconds(special)
        calls.bind(account, "any", email="nobody-" + account.email)
        between = _processor_seconds(special)
        calls.bind(account, "any", password=account.password + "x")
        unknown, wrong = unknown + between - started, wrong + _processor_seconds(special) - between
    assert 1 / 3 < unknown / wrong < 3, f"an unknown email costs {unknown / wrong:.2f} times a wrong password"


def _processor_seconds(special: Special) -> float:
    """What the server has used of the processor, which no other load on the machine changes much."""
    fields = Path(f"/proc/{special.server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
