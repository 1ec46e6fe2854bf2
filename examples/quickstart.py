"""Custom tokens in one short story: each step shows its code and what came back.

Without BOSBASE_URL it runs on an embedded server of its own (`pip install "bosbase-wrapper[server]"`):

    python examples/quickstart.py

With BOSBASE_URL, BOSBASE_EMAIL and BOSBASE_PASSWORD it shows what an ordinary account of your own server can do
(BOSBASE_COLLECTION, default `users`). It binds one random token and unbinds it again; the steps that need a
superuser to prepare them are left out.
"""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from bosbase_wrapper import AuthResult, BosBase, BosBaseError, InvalidCredentialsError, Record, generate_token

RULE = {"name": "verified_only", "type": "auth", "authRule": "verified = true && id = ''"}
MFA = {"name": "two_factors", "type": "auth", "mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}
MEMBERS = {
    "name": "members",
    "type": "auth",
    "fields": [
        {"name": "nick", "type": "text"},
        {"name": "points", "type": "number"},
        {"name": "created", "type": "autodate", "onCreate": True},
    ],
}


@dataclass(frozen=True)
class Account:
    """Whom the story is about."""

    collection: str
    email: str
    password: str


def show(step: Callable[[], object]) -> None:
    """Tell what a step is for, show its code, run it, and show what came back."""
    source = textwrap.dedent(inspect.getsource(step))
    code = textwrap.dedent(source.partition('"""\n')[2])
    print(f"\n{step.__doc__}\n\n{textwrap.indent(code.rstrip(), '    ')}\n")
    try:
        outcome = described(step())
    except BosBaseError as error:
        outcome = f"{type(error).__name__}: {error}"
    print(textwrap.indent(outcome, "  -> "))


def described(value: object) -> str:
    """A value in words."""
    if isinstance(value, AuthResult):
        return f"{value!r}\nits token is a JWT, {masked(value.token)}, and expires at {value.expires_at}"
    if isinstance(value, Record):
        return "\n".join(f"{name}: {member!r}" for name, member in value.items())
    return repr(value)


def masked(token: str) -> str:
    """No secret is printed whole."""
    return f"{token[:8]}... ({len(token)} characters)"


def await_first_binding(sign_in: Callable[[], AuthResult]) -> None:
    """A BosBase server may refuse tokens for 2 s after the first bind ever: once, and never again."""
    for _ in range(6):
        try:
            sign_in()
        except InvalidCredentialsError:
            time.sleep(0.5)
        except BosBaseError:
            return  # the step itself will show it
        else:
            return


def life_of_a_token(client: BosBase, account: Account, token: str) -> None:
    """Everything that an ordinary account can do."""
    email, password = account.email, account.password
    users = client.collection(account.collection)

    def bind() -> None:
        """Bind a token to the account, once, with its email and password."""
        users.bind_custom_token(email, password, token)

    def sign_in() -> AuthResult:
        """From now on the token alone signs in."""
        return users.auth_with_token(token)

    def record() -> object:
        """The account's record is a mapping of all its members ..."""
        return users.auth_with_token(token).record

    def created() -> object:
        """... and those that every account has are typed."""
        return users.auth_with_token(token).record.created

    def other_collection() -> object:
        """A token is of one collection; in another one it signs nobody in."""
        return client.collection("_superusers").auth_with_token(token)

    def wrong_password() -> None:
        """A wrong password ..."""
        users.bind_custom_token(email, "not the password", token)

    def too_long() -> None:
        """... a token of more than 1024 bytes: each is an error of its own type."""
        users.bind_custom_token(email, password, "x" * 1025)

    show(bind)
    await_first_binding(sign_in)
    for step in (sign_in, record, created, other_collection, wrong_password, too_long):
        show(step)


def end_of_a_token(client: BosBase, account: Account, token: str) -> None:
    """Unbinding, and what is left of the token."""
    email, password = account.email, account.password
    users = client.collection(account.collection)

    def unbind() -> None:
        """Unbind the token ..."""
        users.unbind_custom_token(email, password, token)

    def dead() -> object:
        """... and it signs in no more. (JWTs that it obtained live on until they expire.)"""
        return users.auth_with_token(token)

    show(unbind)
    show(dead)


def two_collections(client: BosBase, superuser: Account, token: str) -> None:
    """The same token value, bound in another collection."""
    email, password = superuser.email, superuser.password
    admins = client.collection("_superusers")

    def bind_superuser() -> None:
        """A superuser may bind the same value: collections know nothing of each other's tokens."""
        admins.bind_custom_token(email, password, token)

    def sign_in_superuser() -> object:
        """It signs in as whoever bound it in the collection that is asked."""
        return admins.auth_with_token(token).record.collection_name

    def unbind_superuser() -> None:
        """The other collection's binding is untouched when this one goes."""
        admins.unbind_custom_token(email, password, token)

    show(bind_superuser)
    show(sign_in_superuser)
    show(unbind_superuser)


def rules_and_factors(client: BosBase, ruled: Account, guarded: Account, token: str) -> None:
    """What stays in force for a sign-in by token."""

    def bind_both() -> None:
        """Neither the auth rule nor multi-factor authentication is asked when a token is bound ..."""
        client.collection(ruled.collection).bind_custom_token(ruled.email, ruled.password, token)
        client.collection(guarded.collection).bind_custom_token(guarded.email, guarded.password, token)

    def auth_rule() -> object:
        """... but when it signs in: here a rule that the account does not meet ..."""
        return client.collection(ruled.collection).auth_with_token(token)

    def second_factor() -> object:
        """... and here a collection that asks for a second factor."""
        return client.collection(guarded.collection).auth_with_token(token)

    def both_factors() -> object:
        """The token as the second factor, after the password as the first."""
        login = {"identity": guarded.email, "password": guarded.password}
        url = f"{client.base_url}/api/collections/{guarded.collection}/auth-with-password"
        mfa_id = httpx.post(url, json=login).json()["mfaId"]
        return client.collection(guarded.collection).auth_with_token(token, mfa_id=mfa_id)

    for step in (bind_both, auth_rule, second_factor, both_factors):
        show(step)


def on_an_embedded_server() -> None:
    """The whole story, on a server that is there for it alone."""
    from bosbase_wrapper.server import LiveServer

    print("Starting an embedded server ...")
    with LiveServer() as server, BosBase(server.url) as client:
        print(f"It listens on {server.url}")
        account, ruled, guarded = (made(server, definition) for definition in (MEMBERS, RULE, MFA))
        superuser = Account("_superusers", server.admin_email, server.admin_password)
        token = generate_token()
        print(f"The token of this story, made by generate_token(): {masked(token)}")
        life_of_a_token(client, account, token)
        two_collections(client, superuser, token)
        rules_and_factors(client, ruled, guarded, token)
        end_of_a_token(client, account, token)
    print("\nThe server is stopped, and its data are gone.")


def made(server: Any, definition: dict[str, Any]) -> Account:
    """A collection with one account."""
    collection = str(definition["name"])
    server.create_collection(definition)
    account = Account(collection, "ada@example.com", generate_token("password"))
    extra = {"nick": "Ada", "points": 42} if definition is MEMBERS else {}
    server.create_record(collection, email=account.email, password=account.password, **extra)
    return account


def on_a_server_of_your_own() -> None:
    """What an ordinary account can show."""
    email, password = os.environ.get("BOSBASE_EMAIL"), os.environ.get("BOSBASE_PASSWORD")
    if not email or not password:
        sys.exit("BOSBASE_URL is set: set BOSBASE_EMAIL and BOSBASE_PASSWORD too, or unset it for an embedded server")
    account = Account(os.environ.get("BOSBASE_COLLECTION", "users"), email, password)
    token = generate_token()
    with BosBase.from_env() as client:
        try:
            life_of_a_token(client, account, token)
        finally:
            end_of_a_token(client, account, token)


if __name__ == "__main__":
    if "BOSBASE_URL" in os.environ:
        on_a_server_of_your_own()
    else:
        on_an_embedded_server()
