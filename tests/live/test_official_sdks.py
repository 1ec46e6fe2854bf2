"""The official SDKs go on with a session that a custom token opened."""

import secrets
from typing import Any

import bosbase
import httpx
import pytest
from pocketbase import PocketBase
from pocketbase.models.record import Record

from bosbase_wrapper import AuthResult, BosBase, MemoryAuthStore, generate_token
from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced


@pytest.fixture
def token(server: LiveServer) -> str:
    """A token that signs in an account of the collection `users`."""
    email, password, token = f"{secrets.token_hex(6)}@example.com", "password1234", generate_token()
    server.create_record("users", email=email, password=password, verified=True)
    with BosBase(server.url) as client:
        client.collection("users").bind_custom_token(email, password, token)
    return token


@pytest.fixture
def session(server: LiveServer, token: str) -> AuthResult:
    """A session that the token opened."""
    with BosBase(server.url) as client:
        return client.collection("users").auth_with_token(token)


def test_a_request_of_the_pocketbase_sdk_is_signed_in_by_token_auth(server: LiveServer, token: str) -> None:
    """Without a sign-in of its own."""
    with BosBase(server.url) as client:
        sdk: Any = PocketBase(server.url, auth=client.collection("users").token_auth(token))
        refreshed = sdk.collection("users").auth_refresh()
        assert refreshed.record.id == client.collection("users").auth_with_token(token).record.id
    sdk.http_client.close()


def test_the_pocketbase_sdks_store_takes_the_jwt(server: LiveServer, session: AuthResult) -> None:
    """It knows it for a valid one, and whose it is."""
    sdk: Any = PocketBase(server.url)
    sdk.auth_store.save(session.token, Record(dict(session.record)))
    assert sdk.auth_store.is_valid
    assert not sdk.auth_store.is_superuser
    assert sdk.auth_store.record.collection_name == "users"
    assert sdk.collection("users").auth_refresh().record.id == session.record.id
    sdk.http_client.close()


def test_the_bosbase_sdks_store_takes_the_jwt(server: LiveServer, session: AuthResult) -> None:
    """The same."""
    sdk: Any = bosbase.BosBase(server.url)
    sdk.auth_store.save(session.token, dict(session.record))
    assert sdk.auth_store.is_valid()
    assert not sdk.auth_store.is_superuser
    assert sdk.collection("users").auth_refresh()["record"]["id"] == session.record.id
    sdk.close()


class SharedStore(MemoryAuthStore):
    """Hands each session to an official SDK too."""

    def __init__(self, sdk: Any) -> None:
        super().__init__()
        self._sdk = sdk

    def save(self, result: AuthResult) -> None:
        """Keep it in both."""
        super().save(result)
        self._sdk.auth_store.save(result.token, dict(result.record))


def test_the_bosbase_sdk_gets_each_new_jwt_of_a_token_auth(server: LiveServer, token: str) -> None:
    """Through a store that both share."""
    official: Any = bosbase.BosBase(server.url)
    with BosBase(server.url) as client:
        auth = client.collection("users").token_auth(token, store=SharedStore(official))
        with httpx.Client(base_url=server.url, auth=auth) as api:
            assert api.post("/api/collections/users/auth-refresh").status_code == 200
            official.auth_store.clear()
            auth.clear()
            assert api.post("/api/collections/users/auth-refresh").status_code == 200
        record_id = client.collection("users").auth_with_token(token).record.id
    assert official.collection("users").auth_refresh()["record"]["id"] == record_id
    official.close()
