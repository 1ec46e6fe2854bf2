"""Stories of several calls that need what only a superuser can set up. Each response is also held against openapi.yaml.

A story raises AssertionError if the server is wrong. What one account can find out is in `bosbase-tokens check`, which
every run of the suite includes.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import schemathesis
from schemathesis import Response

from bosbase_wrapper import generate_token

from .document import ACTIONS, SPEC, example
from .run import Run
from .state import Account, Special

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
_SIGN_IN: Final = "authWithToken"


# Reading it takes as long as several calls.
_schema: Final = cache(lambda: schemathesis.openapi.from_path(SPEC, config=schemathesis.Config.from_path(CONFIG)))


class Calls:
    """The three calls; all checks look at each response."""

    def __init__(self, run: Run) -> None:
        self.state = run.state
        self._schema = _schema()

    def bind(self, account: Account, token: str, **other: Any) -> Response:
        """Bind a token to an account."""
        return self.send("bindToken", account.collection, account.body(token) | other)

    def unbind(self, account: Account, token: str) -> Response:
        """Unbind a token from an account."""
        return self.send("unbindToken", account.collection, account.body(token))

    def sign_in(self, collection: str, token: str, query: dict[str, str] | None = None, **other: Any) -> Response:
        """Sign in with a token."""
        return self.send(_SIGN_IN, collection, {"token": token, **other}, query)

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

    def by_password(self, account: Account) -> Any:
        """The body that a sign-in by password returns."""
        path = f"{self.state.url}/api/collections/{account.collection}/auth-with-password"
        body = {"identity": account.email, "password": account.password}
        return httpx.post(path, json=body, timeout=60, trust_env=False).json()


@dataclass(frozen=True)
class Story:
    """A function that tells a story; its docstring says what must hold."""

    tell: Callable[[Calls, Special], None]

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.tell.__name__

    @property
    def what(self) -> str:
        """What must hold."""
        return self.tell.__doc__ or ""


def is_done(response: Response, what: str) -> None:
    """Expect 204."""
    assert response.status_code == 204, f"{what}: {_seen(response)}, not 204"


def is_signed_in(response: Response, what: str, account: Account) -> None:
    """Expect a session of an account."""
    assert response.status_code == 200, f"{what}: {_seen(response)}, not 200"
    assert response.json()["record"]["id"] == account.record_id, f"{what}: another account"


def is_refused(response: Response, what: str, operation: str, name: str) -> None:
    """Expect the error of an example of openapi.yaml."""
    status, body = example(operation, name)
    assert _seen(response) == f"{status} {body['message']}", f"{what}: {_seen(response)}, not {status} ({name})"


def is_unknown(response: Response, what: str) -> None:
    """Expect that a token is not bound."""
    is_refused(response, what, _SIGN_IN, "credentials")


def _seen(response: Response) -> str:
    """The status, and the message if there is one. The rest of a response may hold a secret."""
    with suppress(ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.json()['message']}"
    return str(response.status_code)


def a_token_belongs_to_one_collection(calls: Calls, special: Special) -> None:
    """A token signs in only to the collection it was bound in, and unbinding in another collection keeps it."""
    account, token = calls.state.account, generate_token()
    is_done(calls.bind(account, token), "binding")
    for collection in (special.namesake.collection, "_superusers"):
        is_unknown(calls.sign_in(collection, token), "a token of another collection")
    is_done(calls.unbind(special.namesake, token), "unbinding in another collection")
    is_signed_in(calls.sign_in(account.collection, token), "the token in its own collection", account)
    is_done(calls.bind(special.namesake, token), "binding the same value in another collection")
    is_signed_in(calls.sign_in(special.namesake.collection, token), "the other collection", special.namesake)
    is_signed_in(calls.sign_in(account.collection, token), "the token's own collection", account)


def an_account_belongs_to_one_collection(calls: Calls, special: Special) -> None:
    """A bind or unbind in a collection without the account is refused and binds nothing elsewhere."""
    account, token, there = calls.state.account, generate_token(), generate_token()
    is_done(calls.bind(special.namesake, there), "binding only in another collection")
    is_unknown(calls.sign_in(account.collection, there), "a token bound only in another collection")
    stranger = replace(special.other, collection=special.namesake.collection)
    is_refused(calls.bind(stranger, token), "binding without an account there", "bindToken", "credentials")
    is_refused(calls.unbind(stranger, token), "unbinding without an account there", "unbindToken", "credentials")
    is_unknown(calls.sign_in(special.other.collection, token), "a token that was refused in another collection")


def the_last_to_bind_owns_a_value(calls: Calls, special: Special) -> None:
    """Binding is an upsert, and unbinding removes only an account's own binding."""
    account, token = calls.state.account, generate_token()
    is_done(calls.bind(account, token), "binding")
    is_done(calls.unbind(special.other, token), "unbinding another account's token")
    is_signed_in(calls.sign_in(account.collection, token), "the owner, after another account unbinds it", account)
    is_done(calls.bind(special.other, token), "binding another account's value")
    is_signed_in(calls.sign_in(account.collection, token), "the value's new owner", special.other)
    is_done(calls.unbind(account, token), "unbinding by the former owner")
    is_signed_in(calls.sign_in(account.collection, token), "the new owner still", special.other)


def collections_have_names_and_ids(calls: Calls, special: Special) -> None:
    """A collection's name in any case and its id work alike."""
    account, token = calls.state.account, generate_token()
    is_done(calls.send("bindToken", special.ids[account.collection], account.body(token)), "binding by id")
    for name in (account.collection, account.collection.upper(), special.ids[account.collection]):
        is_signed_in(calls.sign_in(name, token), f"the collection as {name}", account)


def mfa_requires_a_second_factor(calls: Calls, special: Special) -> None:
    """A token is one factor: its mfaId works once, with another method, in the body and in the query."""
    account, token = special.two_factors, generate_token()
    is_done(calls.bind(account, token), "binding, which requires no second factor")
    first = calls.sign_in(account.collection, token)
    assert first.status_code == 401, f"a first factor: {_seen(first)}, not 401"
    again = calls.sign_in(account.collection, token, mfaId=first.json()["mfaId"])
    is_refused(again, "a token for both factors", _SIGN_IN, "sameMethod")
    mfa_id = calls.by_password(account)["mfaId"]
    unknown = calls.sign_in(account.collection, token, mfaId="x" * 15)
    is_refused(unknown, "an unknown mfaId", _SIGN_IN, "mfaSession")
    never_bound = calls.sign_in(account.collection, generate_token(), mfaId=mfa_id)
    is_unknown(never_bound, "a token that is not bound, as a second factor")
    is_signed_in(calls.sign_in(account.collection, token, mfaId=mfa_id), "the second factor", account)
    twice = calls.sign_in(account.collection, token, mfaId=mfa_id)
    is_refused(twice, "an mfaId used twice", _SIGN_IN, "mfaSession")
    query = {"mfaId": calls.by_password(account)["mfaId"]}
    is_signed_in(calls.sign_in(account.collection, token, query), "the second factor, mfaId in the query", account)


def the_auth_rule_applies_to_sign_ins(calls: Calls, special: Special) -> None:
    """The auth rule applies to signing in, and not to binding and unbinding."""
    account, token = special.kept_out, generate_token()
    is_done(calls.bind(account, token), "binding")
    refused = calls.sign_in(account.collection, token)
    is_refused(refused, "an account that does not satisfy the rule", _SIGN_IN, "rule")
    is_unknown(calls.sign_in(account.collection, token + "x"), "an unknown token there")
    is_done(calls.unbind(account, token), "unbinding")


def password_auth_off_is_403(calls: Calls, special: Special) -> None:
    """Without password authentication a bind and an unbind return 403 before the body is read; signing in works."""
    account = special.no_password
    for operation in ("bindToken", "unbindToken"):
        for body in (account.body("any"), {}):
            refused = calls.send(operation, account.collection, body)
            is_refused(refused, "password authentication is off", operation, "passwordAuthOff")
    is_unknown(calls.sign_in(account.collection, "any"), "an unknown token there")


def a_collection_without_accounts_is_404(calls: Calls, special: Special) -> None:
    """A collection that is not an auth collection returns 404 with a message of its own."""
    for operation in ACTIONS:
        refused = calls.send(operation, special.no_accounts, {})
        is_refused(refused, "not an auth collection", operation, "noAuth")


def a_rate_limit_is_429(calls: Calls, special: Special) -> None:
    """All three calls return 429 once a rate limit of the collection is reached."""
    for operation in ACTIONS:
        refused = calls.send(operation, special.limited.collection, special.limited.body("any"))
        is_refused(refused, "a limit that is reached", operation, "rateLimit")


def relations_expand(calls: Calls, special: Special) -> None:
    """`expand` returns the record of a relation."""
    token = generate_token()
    is_done(calls.bind(special.member, token), "binding")
    record = calls.sign_in(special.member.collection, token, {"expand": "team"}).json()["record"]
    assert record.get("expand", {}).get("team", {}).get("title") == "red", "expand=team returns no team"


def bindings_end_with_their_account(calls: Calls, special: Special) -> None:
    """A token survives a new password of its account, and ends when the account is deleted."""
    server, token = special.server, generate_token()
    email = f"{secrets.token_hex(8)}@example.com"  # a new one, because a run against a broken server may not delete it
    made = server.create_record("users", email=email, password="first-password")
    leaver = Account("users", email, "first-password", made["id"])
    calls.state.known.append(leaver)
    is_done(calls.bind(leaver, token), "binding")
    server.update_record("users", leaver.record_id, password="second-password")
    is_refused(calls.bind(leaver, generate_token()), "binding with the old password", "bindToken", "credentials")
    is_signed_in(calls.sign_in("users", token), "the token after the new password", leaver)
    server.delete_record("users", leaver.record_id)
    is_unknown(calls.sign_in("users", token), "the token of a deleted account")
    assert leaver.record_id not in {row.record_id for row in special.table.rows()}, "its binding is still in the table"


def an_unknown_email_costs_the_same(calls: Calls, special: Special) -> None:
    """An unknown email and a wrong password take the server the same CPU time."""
    account, tries = special.namesake, 3  # its collection hashes as slowly as a server's own
    unknown = wrong = 0.0
    for _ in range(tries):
        started = _cpu_seconds(special)
        calls.bind(account, "any", email="nobody-" + account.email)
        between = _cpu_seconds(special)
        calls.bind(account, "any", password=account.password + "x")
        unknown, wrong = unknown + between - started, wrong + _cpu_seconds(special) - between
    assert 1 / 3 < unknown / wrong < 3, f"an unknown email costs {unknown / wrong:.2f} times a wrong password"


def _cpu_seconds(special: Special) -> float:
    """The CPU time that the server has used. The load of the machine hardly changes it."""
    fields = Path(f"/proc/{special.server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


STORIES: Final = tuple(
    Story(tell)
    for tell in (
        a_token_belongs_to_one_collection,
        an_account_belongs_to_one_collection,
        the_last_to_bind_owns_a_value,
        collections_have_names_and_ids,
        mfa_requires_a_second_factor,
        the_auth_rule_applies_to_sign_ins,
        password_auth_off_is_403,
        a_collection_without_accounts_is_404,
        a_rate_limit_is_429,
        relations_expand,
        bindings_end_with_their_account,
        an_unknown_email_costs_the_same,
    )
)
