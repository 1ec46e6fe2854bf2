"""docs/token-auth.md does what it says: its code runs as it stands there, the official SDKs included."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import bosbase
import pytest
from pocketbase import PocketBase
from pocketbase.models.record import Record

from bosbase_wrapper import AuthResult, BosBase, generate_token
from bosbase_wrapper.server import LiveServer

PAGE = Path(__file__).parents[2] / "docs" / "token-auth.md"
SECTION = "## The official SDKs"


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


def run(text: str, url: str, token: str) -> dict[str, Any]:
    """Run every block of code in a text, as one program; gives its names."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        code = block.replace("http://127.0.0.1:8090", url).replace("my-app-token", token)
        exec(code, names)  # our own page
    return names


def close(names: dict[str, Any]) -> None:
    """The page leaves the SDKs' connections open, as one does with an SDK."""
    names["official"].close()
    names["pb"].http_client.close()
    names["signed_in"].http_client.close()


def test_the_code_of_the_page_runs_as_it_stands(
    server: LiveServer, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first block to the last, and what it prints is what it promises."""
    monkeypatch.chdir(tmp_path)
    names = run(PAGE.read_text(encoding="utf-8"), server.url, token)
    printed = capsys.readouterr().out.splitlines()
    record_id = names["session"].record.id
    assert printed[0].isdigit()
    assert printed[1] == "{200}"
    assert printed[2] == "400 Failed to authenticate."
    assert printed[-2:] == [f"True {record_id}", f"True {record_id}"]
    assert not (tmp_path / "session.json").exists()
    close(names)


def test_a_request_of_the_pocketbase_sdk_is_signed_in_by_token_auth(server: LiveServer, token: str) -> None:
    """Without a sign-in of its own."""
    with BosBase(server.url) as client:
        sdk: Any = PocketBase(server.url, auth=client.collection("users").token_auth(token))
    refreshed = sdk.collection("users").auth_refresh()
    with BosBase(server.url) as client:
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


def test_the_bosbase_sdk_gets_each_new_jwt_of_a_token_auth(server: LiveServer, token: str) -> None:
    """Through a store that both share, as on the page."""
    imports = "```python\nimport httpx\nfrom bosbase_wrapper import BosBase\n```"
    names = run(imports + PAGE.read_text(encoding="utf-8").partition(SECTION)[2], server.url, token)
    official = names["official"]
    official.auth_store.clear()
    names["auth"].clear()
    with names["httpx"].Client(base_url=server.url, auth=names["auth"]) as api:
        assert api.post("/api/collections/users/auth-refresh").status_code == 200
    assert official.collection("users").auth_refresh()["record"]["id"] == names["session"].record.id
    close(names)
