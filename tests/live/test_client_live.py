"""The client's calls on the embedded server, sync, and async over each event loop and transport."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    BadRequestError,
    BosBase,
    ForbiddenError,
    InvalidCredentialsError,
    MfaRequiredError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    ValidationError,
    generate_token,
)
from bosbase_wrapper.server import LiveServer

from ..passwords import FAST

pytestmark = pytest.mark.untraced

PASSWORD = "password1234"


@dataclass(frozen=True)
class Account:
    """An account of a collection of its own."""

    collection: str
    email: str
    record_id: str


def made(server: LiveServer, members: dict[str, Any] | None = None, **options: Any) -> Account:
    """A collection with these options and one account in it."""
    name = f"c{secrets.token_hex(6)}"
    server.create_collection({"name": name, "type": "auth", **options, "fields": [FAST, *options.get("fields", [])]})
    email = f"{name}@example.com"
    record = server.create_record(name, email=email, password=PASSWORD, **(members or {}))
    return Account(name, email, record["id"])


@pytest.fixture
def client(server: LiveServer) -> Iterator[BosBase]:
    """A client of the shared server; an answer that comes is final."""
    with BosBase(server.url, retries=0) as client:
        yield client


def test_the_life_of_a_token(server: LiveServer, client: BosBase) -> None:
    """Bound, it signs in; bound by another account, it signs that one in; unbound, it signs in no more."""
    account = made(server)
    other = server.create_record(account.collection, email="other@example.com", password=PASSWORD)
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    assert users.auth_with_token(token).record.id == account.record_id
    users.bind_custom_token("other@example.com", PASSWORD, token)
    assert users.auth_with_token(token).record.id == other["id"]
    users.unbind_custom_token(account.email, PASSWORD, token)
    assert users.auth_with_token(token).record.id == other["id"]
    users.unbind_custom_token("other@example.com", PASSWORD, token)
    with pytest.raises(InvalidCredentialsError):
        users.auth_with_token(token)


def test_a_superuser_binds_the_same_value(server: LiveServer, client: BosBase) -> None:
    """Collections know nothing of each other's tokens."""
    account = made(server)
    token, admins = generate_token(), client.collection("_superusers")
    client.collection(account.collection).bind_custom_token(account.email, PASSWORD, token)
    with pytest.raises(InvalidCredentialsError):
        admins.auth_with_token(token)
    admins.bind_custom_token(server.admin_email, server.admin_password, token)
    assert admins.auth_with_token(token).record.collection_name == "_superusers"
    assert client.collection(account.collection).auth_with_token(token).record.id == account.record_id
    admins.unbind_custom_token(server.admin_email, server.admin_password, token)


def test_the_jwt_is_good_and_the_record_whole(server: LiveServer, client: BosBase) -> None:
    """The JWT opens what the account may see; dates are aware, in UTC; members of the collection's own are there."""
    fields = [{"name": "nick", "type": "text"}, {"name": "created", "type": "autodate", "onCreate": True}]
    account = made(server, {"nick": "É", "emailVisibility": True}, fields=fields)
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    auth = users.auth_with_token(token)
    refresh = httpx.post(
        f"{server.url}/api/collections/{account.collection}/auth-refresh", headers={"Authorization": auth.token}
    )
    assert refresh.json()["record"] == dict(auth.record)
    assert auth.record["nick"] == "É"
    assert (auth.record.email, auth.record.email_visibility, auth.record.verified) == (account.email, True, False)
    assert auth.record.created is not None
    assert abs(auth.record.created - datetime.now(UTC)) < timedelta(minutes=5)
    assert auth.record.updated is None
    assert auth.expires_at is not None
    assert auth.expires_at > datetime.now(UTC)
    assert auth.meta == {}


def test_expand_and_fields(server: LiveServer, client: BosBase) -> None:
    """A relation comes along; a session is whole whatever `fields` leaves out."""
    team = f"t{secrets.token_hex(6)}"
    server.create_collection(
        {"name": team, "type": "base", "viewRule": "", "fields": [{"name": "title", "type": "text"}]}
    )
    made_team = server.create_record(team, title="A")
    collection_id = server.api("GET", f"/api/collections/{team}")["id"]
    fields = [{"name": "team", "type": "relation", "collectionId": collection_id}, {"name": "nick", "type": "text"}]
    account = made(server, {"team": made_team["id"], "nick": "N"}, fields=fields)
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    assert users.auth_with_token(token).record.expand == {}
    assert users.auth_with_token(token, expand=["team"]).record.expand["team"]["title"] == "A"
    small = users.auth_with_token(token, fields=["record.nick"])
    assert dict(small.record) == {
        "nick": "N",
        "id": account.record_id,
        "collectionId": small.record.collection_id,
        "collectionName": account.collection,
    }
    assert (small.record.email, small.record.verified, small.record.created) == ("", False, None)
    assert users.auth_with_token(token, fields="*").record == users.auth_with_token(token).record
    assert small.expires_at is not None


def test_a_second_factor(server: LiveServer, client: BosBase) -> None:
    """A token is the first factor or the second, and never both; an mfa id works once."""
    account = made(server, mfa={"enabled": True, "duration": 600}, otp={"enabled": True, "duration": 180, "length": 8})
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    with pytest.raises(MfaRequiredError) as first:
        users.auth_with_token(token)
    with pytest.raises(BadRequestError, match="A different authentication method is required"):
        users.auth_with_token(token, mfa_id=first.value.mfa_id)
    login = {"identity": account.email, "password": PASSWORD}
    by_password = httpx.post(f"{server.url}/api/collections/{account.collection}/auth-with-password", json=login)
    mfa_id = by_password.json()["mfaId"]
    assert users.auth_with_token(token, mfa_id=mfa_id).record.id == account.record_id
    with pytest.raises(BadRequestError, match="Invalid or expired MFA session") as again:
        users.auth_with_token(token, mfa_id=mfa_id)
    assert mfa_id not in f"{again.value!r} {again.value}"


@pytest.mark.parametrize("rule", ["id = ''", None])
def test_an_auth_rule_that_is_not_met(server: LiveServer, client: BosBase, rule: str | None) -> None:
    """It is asked when signing in, not when binding."""
    account = made(server, authRule=rule)
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    with pytest.raises(ForbiddenError):
        users.auth_with_token(token)
    users.unbind_custom_token(account.email, PASSWORD, token)


def test_password_authentication_that_is_off(server: LiveServer, client: BosBase) -> None:
    """Then nothing can be bound or unbound; what is bound signs in."""
    account = made(server)
    users, token = client.collection(account.collection), generate_token()
    users.bind_custom_token(account.email, PASSWORD, token)
    server.api("PATCH", f"/api/collections/{account.collection}", json={"passwordAuth": {"enabled": False}})
    for call in (users.bind_custom_token, users.unbind_custom_token):
        with pytest.raises(ForbiddenError):
            call(account.email, PASSWORD, token)
    assert users.auth_with_token(token).record.id == account.record_id


@pytest.mark.parametrize(
    ("email", "password", "token", "fields"),
    [
        ("nobody", PASSWORD, "token", {"email"}),
        ("é" * 128, "p" * 256, "t" * 1025, {"email", "password", "token"}),
        ("", "", "", {"email", "password", "token"}),
        ("user@example.com", PASSWORD, "é" * 513, {"token"}),
    ],
)
def test_members_that_are_not_valid(client: BosBase, email: str, password: str, token: str, fields: set[str]) -> None:
    """The server counts bytes, and names each member."""
    with pytest.raises(ValidationError) as caught:
        client.collection("users").bind_custom_token(email, password, token)
    assert caught.value.data.keys() == fields


def test_wrong_credentials_and_unknown_collections(server: LiveServer, client: BosBase) -> None:
    """Each by its type."""
    account = made(server)
    users = client.collection(account.collection)
    calls: list[Callable[[str, str, str], None]] = [users.bind_custom_token, users.unbind_custom_token]
    for call in calls:
        with pytest.raises(InvalidCredentialsError):
            call(account.email, "wrong-password", "token")
        with pytest.raises(InvalidCredentialsError):
            call(account.email.upper(), PASSWORD, "token")
    for name in ("nothing", "_mfas", "a b", "users?x=1#y", "%2e%2e"):
        with pytest.raises(NotFoundError):
            client.collection(name).auth_with_token("token")
    assert client.collection(account.collection.upper()).name == account.collection.upper()
    users.bind_custom_token(account.email, PASSWORD, "t")
    assert client.collection(account.collection.upper()).auth_with_token("t").record.id == account.record_id


def test_a_body_that_is_too_large(server: LiveServer, client: BosBase) -> None:
    """What `body` adds counts."""
    with pytest.raises(PayloadTooLargeError):
        client.collection("users").auth_with_token("token", body={"more": "x" * (33 << 20)})


def test_a_rate_limit() -> None:
    """It is the last word where nothing is sent again."""
    with LiveServer() as server, BosBase(server.url, retries=0) as client:
        limits = {"enabled": True, "rules": [{"label": "POST /api/collections/", "maxRequests": 1, "duration": 60}]}
        server.api("PATCH", "/api/settings", json={"rateLimits": limits})
        with pytest.raises(InvalidCredentialsError):
            client.collection("users").auth_with_token("token")
        with pytest.raises(RateLimitedError) as caught:
            client.collection("users").auth_with_token("token")
    assert (caught.value.retry_after, caught.value.message) == (None, "Too Many Requests.")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("transport", [httpx.AsyncHTTPTransport, lambda: None], ids=["httpx", "default"])
def test_the_async_client_does_the_same(
    server: LiveServer, backend: str, transport: Callable[[], httpx.AsyncHTTPTransport | None]
) -> None:
    """Bound, signed in by 20 tasks at once, unbound."""
    account, token = made(server), generate_token()
    found: list[AuthResult] = []

    async def main() -> None:
        async with AsyncBosBase(server.url, transport=transport(), retries=0) as client:
            users = client.collection(account.collection)
            await users.bind_custom_token(account.email, PASSWORD, token)

            async def sign_in() -> None:
                found.append(await users.auth_with_token(token))

            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(sign_in)
            await users.unbind_custom_token(account.email, PASSWORD, token)
            with pytest.raises(InvalidCredentialsError):
                await users.auth_with_token(token)

    anyio.run(main, backend=backend)
    assert [auth.record.id for auth in found] == [account.record_id] * 20
