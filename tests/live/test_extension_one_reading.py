"""However a request writes its fields, PocketBase alone reads them: lock, rate limit and log agree with what it did."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .extension import FORM, JSON, Account, MakeAccount, activity, at_the_same_moment

pytestmark = pytest.mark.untraced


@dataclass(frozen=True)
class Way:
    """A way to write fields in a request."""

    name: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=lambda: JSON)
    body: str = ""

    def content(self, **values: str) -> tuple[str, dict[str, str], bytes]:
        """The query, headers and body with the values in their places."""
        query, body = self.query, self.body
        for name, value in values.items():
            query, body = query.replace(f"<{name}>", quote(value)), body.replace(f"<{name}>", value)
        return query, self.headers, body.encode()


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def part(name: str, value: str) -> str:
    """One field of a multipart body."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


JSON_FIELDS = '{"token":"<token>","mfaId":"<mfa>"}'
WAYS = [
    Way("json", body=JSON_FIELDS),
    Way("json in another case", body='{"Token":"<token>","MfaId":"<mfa>"}'),
    Way("json in capitals", body='{"TOKEN":"<token>","MFAID":"<mfa>"}'),
    Way("json twice", body='{"token":"<token>","mfaId":"none","mfaId":"<mfa>"}'),
    Way("json twice in two cases", body='{"token":"<token>","mfaId":"none","MfaId":"<mfa>"}'),
    Way("json with more after it", body='{"token":"<token>","mfaId":"<mfa>"}{"mfaId":"none"}'),
    Way("json with an escaped name", body='{"token":"<token>","\\u006dfaId":"<mfa>"}'),
    Way("query", query="?mfaId=<mfa>", body='{"token":"<token>"}'),
    Way("query with an escaped name", query="?%6dfaId=<mfa>", body='{"token":"<token>"}'),
    Way("query in another case", query="?MfaId=<mfa>", body='{"token":"<token>"}'),
    Way("query before body", query="?mfaId=<mfa>", body='{"token":"<token>","mfaId":"none"}'),
    Way("empty query before body", query="?mfaId=", body=JSON_FIELDS),
    Way("query twice", query="?mfaId=<mfa>&mfaId=none", body='{"token":"<token>"}'),
    Way("query with a semicolon", query="?a;mfaId=<mfa>", body='{"token":"<token>"}'),
    Way("form", headers=FORM, body="token=<token>&mfaId=<mfa>"),
    Way("form in another case", headers=FORM, body="Token=<token>&MfaId=<mfa>"),
    Way("form twice", headers=FORM, body="token=<token>&token=none&mfaId=<mfa>&mfaId=none"),
    Way("form and query", query="?token=<token>&mfaId=<mfa>", headers=FORM, body="other=1"),
    Way("form with JSON", headers=FORM, body='@jsonPayload={"token":"<token>","mfaId":"<mfa>"}'),
    Way("form with JSON twice", headers=FORM, body='token=<token>&@jsonPayload={}&@jsonPayload={"mfaId":"<mfa>"}'),
    Way("form with JSON in the query", query='?@jsonPayload={"mfaId":"<mfa>"}', headers=FORM, body="token=<token>"),
    Way("multipart", headers=BOUNDARY, body=part("token", "<token>") + part("mfaId", "<mfa>") + "--b--\r\n"),
    Way("multipart twice", headers=BOUNDARY, body=part("token", "<token>") + 2 * part("mfaId", "<mfa>") + "--b--\r\n"),
    Way("multipart with JSON", headers=BOUNDARY, body=part("@jsonPayload", JSON_FIELDS) + "--b--\r\n"),
]
by_name = pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])


def send(account: Account, way: Way, **values: str) -> httpx.Response:
    """Sign in with the fields written in this way."""
    query, headers, body = way.content(**values)
    return account.post("auth-with-token", query, content=body, headers=headers)


@by_name
def test_an_mfa_id_works_once(guarded: Account, way: Way) -> None:
    """For 16 requests at the same moment, half of them with plain JSON: one session, whichever way wins."""
    token = guarded.bound()
    path = f"/api/collections/{guarded.collection}/auth-with-token"
    for _ in range(2):
        first = guarded.first_factor("password")
        query, headers, body = way.content(token=token, mfa=first)
        plain = json.dumps({"token": token, "mfaId": first}).encode()
        requests = [(path + query, headers, body), (path, JSON, plain)] * 8
        statuses = at_the_same_moment(guarded.server, requests)
        assert statuses.count(200) == 1


@by_name
def test_a_rate_limit_counts_each_request(limited: Account, way: Way) -> None:
    """Whatever the server made of it."""
    statuses = [send(limited, way, token="nobody's", mfa="none").status_code for _ in range(4)]
    assert statuses[:2] == [400, 400]
    assert statuses[2:] == [429, 429]


@pytest.fixture
def limited(server: LiveServer, make: MakeAccount) -> Iterator[Account]:
    """An account whose collection allows two sign-ins a minute."""
    account = make()
    rule = {"label": f"{account.collection}:authWithToken", "maxRequests": 2, "duration": 60, "audience": ""}
    server.api("PATCH", "/api/settings", {"rateLimits": {"enabled": True, "rules": [rule]}})
    yield account
    server.api("PATCH", "/api/settings", {"rateLimits": {"enabled": False, "rules": []}})


def test_the_log_keeps_no_secret(guarded: Account) -> None:
    """Of any of these requests, whether it signed in or was refused."""
    secrets = []
    for way in WAYS:
        token = guarded.bound()
        secrets += [token, guarded.first_factor("password")]
        send(guarded, way, token=token, mfa=secrets[-1])
    log = activity(guarded.server)
    assert [secret for secret in secrets if secret in log] == []
    assert log.count("mfaId=hidden") >= 5


ROUTE = "/api/collections/users/auth-with-token"
PLACES = [
    ("GET", f"{ROUTE}?token=SECRET"),
    ("GET", f"{ROUTE}/?token=SECRET"),
    ("GET", f"{ROUTE}?a=1&token=SECRET&b=2"),
    ("POST", f"{ROUTE}/?token=SECRET"),
    ("POST", f"{ROUTE}/more?token=SECRET"),
    ("POST", f"{ROUTE}&token=SECRET"),
    ("POST", f"{ROUTE}?TOKEN=SECRET"),
    ("POST", f"{ROUTE}?%74oken=SECRET"),
    ("POST", f"{ROUTE}?token[]=SECRET"),
    ("POST", f"{ROUTE}?token=SECRET%26more"),
    ("POST", f"{ROUTE}?token=a%26SECRET"),
    ("POST", f"{ROUTE}?token=a%20SECRET"),
    ("POST", f"{ROUTE}?token=a+SECRET"),
    ("POST", f"{ROUTE}?token=SECRET%zz"),
    ("POST", f"{ROUTE}?%zz&token=SECRET"),
    ("POST", f"{ROUTE}?a;token=SECRET"),
    ("POST", f"{ROUTE}?token=a=SECRET"),
    ("POST", f"{ROUTE}?mfaId=SECRET"),
    ("POST", f"{ROUTE}?token%3DSECRET"),
    ("POST", f"{ROUTE}?a=1%26token%3DSECRET%26b"),
    ("POST", f"{ROUTE}?back=http%3A%2F%2Fa%2F%3Ftoken%3DSECRET"),
    ("POST", f"{ROUTE}?back=http://a/?token=SECRET"),
    ("POST", f"{ROUTE}?accessToken=SECRET&token=hidden"),
    ("POST", f"{ROUTE}?token=hiddenSECRET"),
    ("POST", f"{ROUTE}?back=http://a/?token=hiddenSECRET"),
    ("POST", f"{ROUTE}?@jsonPayload=%7B%22token%22:%22SECRET%22%7D"),
    ("POST", "/API/Collections/users/AUTH-WITH-TOKEN?token=SECRET"),
    ("POST", "/api/collections/users/auth%2Dwith%2Dtoken?token=SECRET"),
    ("POST", "/api/collections/users/auth%2Fwith%2Ftoken?token=SECRET"),
    ("POST", "/api/collections/none/bind-token?password=SECRET"),
    ("POST", "/api/collections/users/bind-token?password=SECRET"),
    ("PUT", "/api/collections/users/unbind-token?token=SECRET"),
    ("POST", "/api/collections/users/auth-with-password?mfaId=SECRET"),
    ("POST", "/api/collections/users/auth-with-otp?mfaId=SECRET"),
    ("POST", "/api/collections/users/auth-with-oauth2?mfaId=SECRET"),
    ("GET", "/elsewhere?token=SECRET"),
    ("POST", f"{ROUTE}?token=a;SECRET"),
    ("POST", f"{ROUTE}?token=hidden;SECRET"),
    ("POST", f"{ROUTE}?%74oken%ff=SECRET"),
    ("POST", f"{ROUTE}?%74oken%zz=SECRET"),
    ("POST", f"{ROUTE}?%74oken%e2%82=SECRET"),
    ("POST", f"{ROUTE}?token%3DSECRET&x=%ff"),
    ("POST", f"{ROUTE}?back=http%3A%2F%2Fa%2F%3Ftoken%3DSECRET&x=%zz"),
    ("POST", f"{ROUTE}?back=http%3A%2F%2Fa%2F%3Ftoken%3DSECRET&x=%ff"),
    ("POST", f"{ROUTE}?back=%2F%3Ftoken%3Da%20SECRET"),
    ("POST", f"{ROUTE}?back=/?token=hidden%20SECRET"),
    ("POST", f"{ROUTE}?back=/?token=hidden%26SECRET"),
    ("POST", f"{ROUTE}?back=%252F%253Ftoken%253DSECRET"),
    ("POST", f"{ROUTE}?@jsonPayload=%7B%7D;SECRET"),
]


def test_the_log_keeps_no_secret_of_any_path(server: LiveServer) -> None:
    """Whatever becomes of the request: here all are refused, most because their body is broken."""
    secrets = {f"canary{number}x": place for number, place in enumerate(PLACES)}
    for secret, (method, path) in secrets.items():
        target = path.replace("SECRET", secret)
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nReferer: http://a/?token={secret}\r\n"
        broken = "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{"
        assert raw(server, head + broken).startswith(b"HTTP/1.1 4")
    log = activity(server)
    assert [place for secret, place in secrets.items() if secret in log] == []
    assert "token=hidden" in log
    assert "/elsewhere" in log


def raw(server: LiveServer, request: str) -> bytes:
    """Send a request as it stands, and return the response."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 30) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_log_keeps_what_is_no_secret(server: LiveServer) -> None:
    """Other parameters, and the messages of other lines."""
    httpx.get(f"{server.url}/api/health?page=2&fields=token&filter=name%3D'a b'", trust_env=False)
    log = activity(server)
    assert "GET /api/health?page=2&fields=token&filter=name='a b'" in log
    assert "/api/health?page=2&fields=token&filter=name%3D" in log
