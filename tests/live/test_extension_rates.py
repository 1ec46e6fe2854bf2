"""Rate limits by PocketBase's labels act on the three calls as on the server's own sign-ins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

LONG = 60  # seconds: a window that no test outlives
Rule = tuple[str, int, int, str]


class Limited:
    """A server whose rate limits a test sets."""

    def __init__(self, server: LiveServer, http: httpx.Client) -> None:
        self.server = server
        self._http = http

    def set(self, *rules: Rule, **settings: object) -> None:
        names = ("label", "maxRequests", "duration", "audience")
        limits = {"enabled": True, "rules": [dict(zip(names, rule, strict=True)) for rule in rules], **settings}
        self.server.api("PATCH", "/api/settings", {"rateLimits": limits})

    def send(self, action: str, collection: str = "users", jwt: str = "") -> httpx.Response:
        headers = {"Authorization": jwt} if jwt else {}
        url = f"{self.server.url}/api/collections/{collection}/{action}"
        return self._http.post(url, json={"token": "nobody's"}, headers=headers)

    def statuses(self, action: str, count: int, collection: str = "users", jwt: str = "") -> list[int]:
        return [self.send(action, collection, jwt).status_code for _ in range(count)]


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    """A server of this module alone: limits would hit whoever shares it."""
    with LiveServer() as server, httpx.Client(trust_env=False, timeout=30) as http:
        server.create_collection({"name": "members", "type": "auth"})
        yield Limited(server, http)


@pytest.mark.parametrize(
    ("action", "tag"),
    [("auth-with-token", "authWithToken"), ("bind-token", "bindToken"), ("unbind-token", "unbindToken")],
)
@pytest.mark.parametrize("label", ["users:{}", "*:{}", "users:auth", "*:auth", "/api/", "POST /api/collections/"])
def test_each_label_limits(limited: Limited, label: str, action: str, tag: str) -> None:
    """429 after so many requests, in the server's envelope, with nothing beside it."""
    limited.set((label.format(tag), 2, LONG, ""))
    assert limited.statuses(action, 4) == [400, 400, 429, 429]
    answer = limited.send(action)
    assert answer.json() == {"data": {}, "message": "Too Many Requests.", "status": 429}
    assert "retry-after" not in answer.headers


def test_each_collection_and_each_call_is_counted_by_itself(limited: Limited) -> None:
    """One label of all, and a window for each; the collection's case and id make no other."""
    limited.set(("*:auth", 1, LONG, ""))
    identity = limited.server.api("GET", "/api/collections/users")["id"]
    for action in ("auth-with-token", "bind-token", "unbind-token"):
        assert limited.statuses(action, 2) == [400, 429]
        assert limited.statuses(action, 2, "members") == [400, 429]
        assert limited.statuses(action, 1, "USERS") == [429]
        assert limited.statuses(action, 1, identity) == [429]


def test_the_nearest_label_is_the_one(limited: Limited) -> None:
    """A collection's before that of all, a call's before `auth`, both before a path."""
    limited.set(
        ("/api/", 1, LONG, ""), ("*:auth", 2, LONG, ""), ("*:authWithToken", 3, LONG, ""), ("users:auth", 4, LONG, "")
    )
    assert limited.statuses("auth-with-token", 5) == [400] * 4 + [429]
    assert limited.statuses("auth-with-token", 4, "members") == [400] * 3 + [429]
    assert limited.statuses("bind-token", 3, "members") == [400] * 2 + [429]


def test_another_label_limits_nothing(limited: Limited) -> None:
    """Of another collection, of another call."""
    limited.set(("members:auth", 1, LONG, ""), ("*:authWithPassword", 1, LONG, ""), ("users:bindToken", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 3) == [400] * 3


def test_a_window_ends(limited: Limited) -> None:
    """After its seconds there are new requests to spend."""
    limited.set(("*:auth", 1, 1, ""))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    time.sleep(1.1)
    assert limited.send("auth-with-token").status_code == 400


def test_who_is_counted(limited: Limited) -> None:
    """Guests, accounts that are signed in, or both; superusers and excepted addresses never."""
    made = limited.server.create_record("members", email="a@example.com", password="password1234")
    jwt = limited.server.api("POST", f"/api/collections/members/impersonate/{made['id']}", {})["token"]
    root = {"identity": limited.server.admin_email, "password": limited.server.admin_password}
    superuser = limited.server.api("POST", "/api/collections/_superusers/auth-with-password", root)["token"]
    limited.set(("*:auth", 1, LONG, "@guest"))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    assert limited.statuses("auth-with-token", 2, jwt=jwt) == [400, 400]
    limited.set(("*:auth", 1, LONG, "@auth"))
    assert limited.statuses("auth-with-token", 2) == [400, 400]
    assert limited.statuses("auth-with-token", 2, jwt=jwt) == [400, 429]
    limited.set(("*:auth", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 3, jwt=superuser) == [400] * 3
    limited.set(("*:auth", 1, LONG, ""), enabled=False)
    assert limited.statuses("auth-with-token", 3) == [400] * 3


def test_an_excepted_address_is_not_counted(limited: Limited) -> None:
    """Where the server knows of such (0.36 and later)."""
    limited.set(("*:auth", 1, LONG, ""), excludedIPs=["127.0.0.1"])
    if "excludedIPs" not in limited.server.api("GET", "/api/settings")["rateLimits"]:
        pytest.skip("this PocketBase excepts no addresses")
    assert limited.statuses("auth-with-token", 3) == [400] * 3
    limited.set(("*:auth", 1, LONG, ""), excludedIPs=[])
    assert limited.statuses("auth-with-token", 2) == [400, 429]


def test_a_crowd_gets_as_many_as_the_rule_allows(limited: Limited) -> None:
    """Exactly, also at the same moment."""
    limited.set(("*:auth", 20, LONG, ""))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: limited.send("auth-with-token").status_code, range(60)))
    assert (answers.count(400), answers.count(429)) == (20, 40)


def test_changed_rules_begin_anew(limited: Limited) -> None:
    """A client that was stopped may go on under the new rule."""
    limited.set(("*:auth", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    limited.set(("*:auth", 2, LONG, ""))
    assert limited.statuses("auth-with-token", 3) == [400, 400, 429]


def test_windows_that_are_over_are_forgotten(limited: Limited) -> None:
    """The hourly job of the extension keeps the open ones: a client that was stopped stays so."""
    limited.set(("users:auth", 1, 1, ""), ("members:auth", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    assert limited.statuses("auth-with-token", 2, "members") == [400, 429]
    time.sleep(1.1)
    limited.server.api("POST", "/api/crons/bosbase_tokens_rates")
    time.sleep(0.3)
    assert limited.statuses("auth-with-token", 2, "members") == [429, 429]
    assert limited.statuses("auth-with-token", 2) == [400, 429]
