"""The life of a custom token, step by step: each step shows its code and its result.

    python examples/demo.py

runs on an embedded server (extra `server`). To run it on your own server, set BOSBASE_URL, BOSBASE_EMAIL and
BOSBASE_PASSWORD of an ordinary account, and BOSBASE_COLLECTION if it is not in `users`. Steps that only a superuser
can prepare are skipped there. The demo binds one random token and unbinds it again.
"""

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
    """An account that the demo signs in."""

    collection: str
    email: str
    password: str


def show(step: Callable[[], object]) -> None:
    """Print a step's description and code, run it, and print its result."""
    source = textwrap.dedent(inspect.getsource(step))
    code = textwrap.dedent(source.partition('"""\n')[2])
    print(f"\n{step.__doc__}\n\n{textwrap.indent(code.rstrip(), '    ')}\n")
    try:
        outcome = described(step())
    except BosBaseError as error:
        outcome = f"{type(error).__name__}: {error}"
    print(textwrap.indent(outcome, "  -> "))


def described(value: object) -> str:
    """Return a value as text."""
    if isinstance(value, AuthResult):
        return f"{value!r}\nits token is a JWT, {masked(value.token)}, and expires at {value.expires_at}"
    if isinstance(value, Record):
        return "\n".join(f"{name}: {field!r}" for name, field in value.items())
    return repr(value)


def masked(token: str) -> str:
    """Return the start of a secret. The demo never prints a whole one."""
    return f"{token[:8]}... ({len(token)} characters)"


def await_first_binding(sign_in: Callable[[], AuthResult]) -> None:
    """Wait until a fresh BosBase server accepts tokens: it can refuse them for 2 s after its first bind ever."""
    for _ in range(6):
        try:
            sign_in()
        except InvalidCredentialsError:
            time.sleep(0.5)
        except BosBaseError:
            return  # the step itself shows the error
        else:
            return


def life_of_a_token(client: BosBase, account: Account, token: str) -> None:
    """Show what an ordinary account can do."""
    email, password = account.email, account.password
    users = client.collection(account.collection)

    def bind() -> None:
        """Bind a token to the account. This needs the email and the password, once."""
        users.bind_custom_token(email, password, token)

    def sign_in() -> AuthResult:
        """From now on the token alone signs in."""
        return users.auth_with_token(token)

    def record() -> object:
        """The account's record is a mapping of all its fields."""
        return users.auth_with_token(token).record

    def created() -> object:
        """Fields that every account has are typed attributes."""
        return users.auth_with_token(token).record.created

    def other_collection() -> object:
        """A token works in the collection it was bound in, and in no other."""
        return client.collection("_superusers").auth_with_token(token)

    def wrong_password() -> None:
        """A wrong password raises InvalidCredentialsError."""
        users.bind_custom_token(email, "not the password", token)

    def too_long() -> None:
        """A token of more than 1024 bytes raises ValidationError, which names the field."""
        users.bind_custom_token(email, password, "x" * 1025)

    show(bind)
    await_first_binding(sign_in)
    for step in (sign_in, record, created, other_collection, wrong_password, too_long):
        show(step)


def end_of_a_token(client: BosBase, account: Account, token: str) -> None:
    """Show how a token is revoked."""
    email, password = account.email, account.password
    users = client.collection(account.collection)

    def unbind() -> None:
        """Unbind the token to revoke it."""
        users.unbind_custom_token(email, password, token)

    def dead() -> object:
        """The token no longer signs in. JWTs that it obtained stay valid until they expire."""
        return users.auth_with_token(token)

    show(unbind)
    show(dead)


def two_collections(client: BosBase, superuser: Account, token: str) -> None:
    """Show that two collections can bind the same value."""
    email, password = superuser.email, superuser.password
    admins = client.collection("_superusers")

    def bind_superuser() -> None:
        """Bind the same value to a superuser. Each collection has its own tokens."""
        admins.bind_custom_token(email, password, token)

    def sign_in_superuser() -> object:
        """In `_superusers` it signs in as the superuser."""
        return admins.auth_with_token(token).record.collection_name

    def unbind_superuser() -> None:
        """Unbind it from the superuser. The other collection's binding stays."""
        admins.unbind_custom_token(email, password, token)

    show(bind_superuser)
    show(sign_in_superuser)
    show(unbind_superuser)


def rules_and_factors(client: BosBase, ruled: Account, guarded: Account, token: str) -> None:
    """Show that auth rules and multi-factor authentication apply to a sign-in with a token."""

    def bind_both() -> None:
        """Bind a token to two more accounts. Binding checks the password only."""
        client.collection(ruled.collection).bind_custom_token(ruled.email, ruled.password, token)
        client.collection(guarded.collection).bind_custom_token(guarded.email, guarded.password, token)

    def auth_rule() -> object:
        """Signing in also checks the auth rule. This account does not satisfy it."""
        return client.collection(ruled.collection).auth_with_token(token)

    def second_factor() -> object:
        """This collection requires a second factor."""
        return client.collection(guarded.collection).auth_with_token(token)

    def both_factors() -> object:
        """Sign in with the password first, and with the token as the second factor."""
        login = {"identity": guarded.email, "password": guarded.password}
        url = f"{client.base_url}/api/collections/{guarded.collection}/auth-with-password"
        mfa_id = httpx.post(url, json=login, trust_env=False).json()["mfaId"]
        return client.collection(guarded.collection).auth_with_token(token, mfa_id=mfa_id)

    for step in (bind_both, auth_rule, second_factor, both_factors):
        show(step)


def on_an_embedded_server() -> None:
    """Run every step on an embedded server."""
    from bosbase_wrapper.server import LiveServer

    print("Starting an embedded server ...")
    with LiveServer() as server, BosBase(server.url) as client:
        print(f"It listens on {server.url}")
        account, ruled, guarded = (create(server, definition) for definition in (MEMBERS, RULE, MFA))
        superuser = Account("_superusers", server.admin_email, server.admin_password)
        token = generate_token()
        print(f"generate_token() made the token for this demo: {masked(token)}")
        life_of_a_token(client, account, token)
        two_collections(client, superuser, token)
        rules_and_factors(client, ruled, guarded, token)
        end_of_a_token(client, account, token)
    print("\nThe server is stopped and its data is deleted.")


def create(server: Any, definition: dict[str, Any]) -> Account:
    """Create a collection with one account."""
    collection = str(definition["name"])
    server.create_collection(definition)
    account = Account(collection, "ada@example.com", generate_token("password"))
    extra = {"nick": "Ada", "points": 42} if definition is MEMBERS else {}
    server.create_record(collection, email=account.email, password=account.password, **extra)
    return account


def on_a_server_of_your_own() -> None:
    """Run the steps that an ordinary account can run."""
    email, password = os.environ.get("BOSBASE_EMAIL"), os.environ.get("BOSBASE_PASSWORD")
    if not email or not password:
        sys.exit("BOSBASE_URL is set. Set BOSBASE_EMAIL and BOSBASE_PASSWORD too, or unset it for an embedded server.")
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
