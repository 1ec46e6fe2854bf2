"""What docs/reference/servers.md says of the embedded server is so."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bosbase_wrapper import AuthResult, BosBase, generate_token
from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced

EMAIL, PASSWORD = "user@example.com", "password1234"


@pytest.fixture(scope="module")
def fresh() -> Iterator[LiveServer]:
    """A server of its own: the page speaks of the first bind ever, and settings are changed."""
    with LiveServer() as server:
        yield server


@pytest.fixture(scope="module")
def admin(fresh: LiveServer) -> Iterator[httpx.Client]:
    """The REST API as a superuser."""
    token = generate_token()
    with BosBase(fresh.url) as client:
        superusers = client.collection("_superusers")
        superusers.bind_custom_token(fresh.admin_email, fresh.admin_password, token)  # the first bind ever
        superusers.auth_with_token(token)  # works at once
        with httpx.Client(base_url=fresh.url, auth=superusers.token_auth(token), timeout=60) as api:
            yield api


def make(admin: httpx.Client, **definition: object) -> str:
    """Create a collection with public rules. Returns its name."""
    name = f"docs_{secrets.token_hex(4)}"
    rules = {"listRule": "", "viewRule": "", "updateRule": "", "createRule": ""}
    admin.post("/api/collections", json={"name": name, **rules, **definition}).raise_for_status()
    return name


def sign_in(fresh: LiveServer, collection: str) -> AuthResult:
    """Create an account, bind a token to it, and sign in."""
    fresh.create_record(collection, email=EMAIL, password=PASSWORD)
    with BosBase(fresh.url) as client:
        accounts = client.collection(collection)
        accounts.bind_custom_token(EMAIL, PASSWORD, "docs-token")
        return accounts.auth_with_token("docs-token")


def test_sessions(fresh: LiveServer, admin: httpx.Client) -> None:
    """A JWT lives for days; a new password and a deleted account end it."""
    collection = make(admin, type="auth")
    session = sign_in(fresh, collection)
    assert session.expires_at is not None
    assert timedelta(days=1) < session.expires_at - datetime.now(UTC) < timedelta(days=30)
    path, headers = f"/api/collections/{collection}/auth-refresh", {"Authorization": session.token}
    assert httpx.post(fresh.url + path, headers=headers).status_code == 200
    fresh.update_record(collection, session.record.id, password="another-password")
    assert httpx.post(fresh.url + path, headers=headers).status_code == 401
    with BosBase(fresh.url) as client:
        headers = {"Authorization": client.collection(collection).auth_with_token("docs-token").token}
    fresh.delete_record(collection, session.record.id)
    assert httpx.post(fresh.url + path, headers=headers).status_code == 401


def test_an_unknown_modifier_of_fields_is_400(fresh: LiveServer, admin: httpx.Client) -> None:
    """On BosBase it is 200 with an empty body."""
    collection = make(admin, type="auth")
    sign_in(fresh, collection)
    url = f"{fresh.url}/api/collections/{collection}/auth-with-token"
    assert httpx.post(url, params={"fields": "a:b"}, json={"token": "docs-token"}).status_code == 400


def test_rules_and_filters(fresh: LiveServer, admin: httpx.Client) -> None:
    """Booleans in rules, `~`, and numbers compared with text and JSON."""
    fields = [{"name": name, "type": kind} for name, kind in [("pub", "bool"), ("t", "text"), ("j", "json")]]
    notes = make(admin, type="base", fields=fields, listRule="pub = true")
    fresh.create_record(notes, pub=True, t="Hello", j={"a": 1})
    url = f"{fresh.url}/api/collections/{notes}/records"
    assert httpx.get(url).json()["totalItems"] == 1
    assert httpx.get(url, params={"filter": "t ~ 'hello'"}).json()["totalItems"] == 1
    for text in ("t = 10", "t > 5", "j.a = 1"):
        assert httpx.get(url, params={"filter": text}).status_code == 200
    assert httpx.get(url, params={"sort": "-created"}).status_code == 400
    verified = make(admin, type="auth", authRule="verified = true")
    fresh.create_record(verified, email=EMAIL, password=PASSWORD, verified=True)
    with BosBase(fresh.url) as client:
        client.collection(verified).bind_custom_token(EMAIL, PASSWORD, "docs-token")
        assert client.collection(verified).auth_with_token("docs-token").record.verified


def test_records_and_collections(fresh: LiveServer, admin: httpx.Client) -> None:
    """Ids, a new field, and a change right after the creation."""
    notes = make(admin, type="base", fields=[{"name": "t", "type": "text"}])
    record = fresh.create_record(notes, t="Hello")
    assert len(record["id"]) == 15
    assert not {"created", "updated", "createdBy", "updatedBy"} & set(record)
    definition = admin.get(f"/api/collections/{notes}").json()
    more = {"fields": [*definition["fields"], {"name": "n", "type": "number"}]}
    assert admin.patch(f"/api/collections/{notes}", json=more).status_code == 200
    assert fresh.update_record(notes, record["id"], n=3)["n"] == 3


def test_a_rate_limit_rule_without_an_audience(admin: httpx.Client) -> None:
    """The default is set: everybody."""
    rule = {"label": "*:docs", "maxRequests": 1000, "duration": 60}
    for sent in (rule | {"audience": "@guest"}, rule):
        saved = admin.patch("/api/settings", json={"rateLimits": {"rules": [sent]}}).json()
    assert saved["rateLimits"]["rules"][0]["audience"] == ""
