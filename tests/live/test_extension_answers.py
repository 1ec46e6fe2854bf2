"""The extension answers as BosBase does, beyond the recorded exchanges: bodies, limits, paths, factors, deletions."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bosbase_wrapper.server import LiveServer

PASSWORD = "password1234"
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

LOADING = "An error occurred while loading the submitted data."
VALIDATING = "An error occurred while validating the submitted data."
UNSUPPORTED = "Unsupported Content-Type."
NOT_FOUND = "The requested resource wasn't found."
UNKNOWN = "Failed to authenticate."
RULE = "The request doesn't satisfy the collection requirements to authenticate."
SPENT = "Invalid or expired MFA session."

BLANK = {"code": "validation_required", "message": "Cannot be blank."}
NO_EMAIL = {"code": "validation_is_email", "message": "Must be a valid email address."}


def out_of_range(limit: int) -> dict[str, Any]:
    """The error of a member that is longer than it may be."""
    return {
        "code": "validation_length_out_of_range",
        "message": f"The length must be between 1 and {limit}.",
        "params": {"max": limit, "min": 1},
    }


def envelope(status: int, message: str, **data: Any) -> dict[str, Any]:
    """The body of every error."""
    return {"data": data, "message": message, "status": status}


def unique(prefix: str) -> str:
    """A name of this test alone."""
    return f"{prefix}_{uuid4().hex[:12]}"


@dataclass
class Account:
    """One account, and calls to its collection."""

    server: LiveServer
    collection: str
    email: str
    id: str
    http: httpx.Client

    def post(self, action: str, query: str = "", **content: Any) -> httpx.Response:
        return self.http.post(f"{self.server.url}/api/collections/{self.collection}/{action}{query}", **content)

    def change(self, action: str, token: str, **changed: Any) -> httpx.Response:
        return self.post(action, json={"email": self.email, "password": PASSWORD, "token": token, **changed})

    def bound(self, token: str = "") -> str:
        token = token or unique("token")
        assert self.change("bind-token", token).status_code == 204
        return token

    def login(self, token: str, query: str = "", **members: Any) -> httpx.Response:
        return self.post("auth-with-token", query, json={"token": token, **members})

    def first_factor(self, method: str, token: str = "") -> str:
        login = {"identity": self.email, "password": PASSWORD}
        answer = self.post("auth-with-password", json=login) if method == "password" else self.login(token)
        assert answer.status_code == 401
        assert list(answer.json()) == ["mfaId"]
        return str(answer.json()["mfaId"])


def assert_refused(answer: httpx.Response, status: int, message: str, **data: Any) -> None:
    """The whole error: status, type and body, with the members in the server's order."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.strip() == json.dumps(envelope(status, message, **data), separators=(",", ":"))
    assert answer.status_code == status


MakeAccount = Callable[..., Account]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """Plain requests, without what a client of ours would mend."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def make(server: LiveServer, http: httpx.Client) -> MakeAccount:
    """Makes an account in a collection of its own."""

    def made(collection: str = "", members: dict[str, Any] | None = None, **definition: Any) -> Account:
        if not collection:
            collection = unique("members")
            server.create_collection({"name": collection, "type": "auth", "authRule": "", **definition})
        email = f"{unique('a')}@example.com"
        record = server.create_record(collection, email=email, password=PASSWORD, **(members or {}))
        return Account(server, collection, email, record["id"], http)

    return made


@pytest.fixture(scope="module")
def member(make: MakeAccount) -> Account:
    """An account of the collection `users`, for tests that leave it as it is."""
    return make("users")


@pytest.fixture
def guarded(make: MakeAccount) -> Account:
    """An account that needs a second factor."""
    return make(mfa={"enabled": True, "duration": 600}, otp={"enabled": True, "duration": 180, "length": 8})


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, '{"token":"TOKEN"}'),
        ({"Content-Type": "application/json; charset=utf-8"}, '{"token":"TOKEN"}'),
        (JSON, '  {"token":"TOKEN"}\n\n'),
        (JSON, '{"token":"TOKEN"} and bytes after it'),
        (JSON, '{"token":"TOKEN"}{"token":"another"}'),
        (JSON, '{"token":"TOKEN","unknown":{"deep":[1]}}'),
        (JSON, '{"token":"TOKEN","mfaId":5}'),
        (JSON, '{"token":"TOKEN","mfaId":null}'),
        (JSON, '{"token":"TOKEN","mfaId":"no session needs it"}'),
        (FORM, "token=TOKEN"),
        (FORM, "token=TOKEN&token=another"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, "FORM"),
    ],
)
def test_a_body_that_signs_in(member: Account, headers: dict[str, str], body: str) -> None:
    """JSON, forms and multipart, with what each ignores."""
    part = '--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nTOKEN\r\n--b--\r\n'
    token = member.bound()
    content = body.replace("FORM", part).replace("TOKEN", token)
    answer = member.post("auth-with-token", content=content.encode(), headers=headers)
    assert answer.status_code == 200
    assert answer.json()["record"]["id"] == member.id


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        *[(JSON, body, LOADING) for body in (b"{token", b"[]", b'"t"', b"5", b"true", b'{"token":5}', b'{"token":[]}')],
        (JSON, b'{"token":{}}', LOADING),
        (JSON, b'{"token":true}', LOADING),
        (JSON, b"\xef\xbb\xbf{}", LOADING),
        (FORM, b"token=%zz", LOADING),
        ({"Content-Type": "multipart/form-data"}, b"no boundary", LOADING),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"no part", LOADING),
        (XML, b"<form><Token>t</form>", LOADING),
        ({"Content-Type": "text/plain"}, b'{"token":"t"}', UNSUPPORTED),
        ({"Content-Type": "application/octet-stream"}, b"t", UNSUPPORTED),
        ({}, b'{"token":"t"}', UNSUPPORTED),
    ],
)
@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
def test_a_body_that_cannot_be_read(
    member: Account, action: str, headers: dict[str, str], body: bytes, message: str
) -> None:
    """400, and the same words from each of the three."""
    assert_refused(member.post(action, content=body, headers=headers), 400, message)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        (JSON, b""),
        ({"Content-Type": "text/plain"}, b""),
        (JSON, b"null"),
        (JSON, b"{}"),
        (JSON, b'{"token":null,"email":null,"password":""}'),
        (FORM, b"other=1"),
        (XML, b"<form/>"),
        (XML, b"<form><token>names of members are capitalised in XML</token></form>"),
    ],
)
def test_a_body_without_fields(member: Account, headers: dict[str, str], body: bytes) -> None:
    """Every member is said to be missing, in the order of their names."""
    answer = member.post("bind-token", content=body, headers=headers)
    assert_refused(answer, 400, VALIDATING, email=BLANK, password=BLANK, token=BLANK)
    assert_refused(member.post("auth-with-token", content=body, headers=headers), 400, VALIDATING, token=BLANK)


def test_a_binding_as_xml(member: Account) -> None:
    """XML binds and unbinds; a sign-in by XML is refused, as the server's own are."""
    token = unique("token")
    body = f"<f><Email>{member.email}</Email><Password>{PASSWORD}</Password><Token>{token}</Token></f>".encode()
    assert member.post("bind-token", content=body, headers=XML).status_code == 204
    assert member.login(token).status_code == 200
    answer = member.post("auth-with-token", content=f"<f><Token>{token}</Token></f>".encode(), headers=XML)
    assert_refused(answer, 400, "Something went wrong while processing your request.")
    assert member.post("unbind-token", content=body, headers={"Content-Type": "application/xml"}).status_code == 204
    assert_refused(member.login(token), 400, UNKNOWN)


@pytest.mark.parametrize("letter", ["z", "ä", "🔑"], ids=["1 byte", "2 bytes", "4 bytes"])
def test_a_token_has_1_to_1024_bytes(member: Account, letter: str) -> None:
    """Counted in bytes, not in letters: the longest binds and signs in, one byte more is refused."""
    width = len(letter.encode())
    longest = letter * (1024 // width)
    assert member.login(member.bound(longest)).status_code == 200
    assert member.login(member.bound(unique(letter))).status_code == 200
    for too_long in (longest + "z", longest + letter):
        assert_refused(member.change("bind-token", too_long), 400, VALIDATING, token=out_of_range(1024))
        assert_refused(member.login(too_long), 400, VALIDATING, token=out_of_range(1024))


@pytest.mark.parametrize("letter", ["p", "ä", "🔑"], ids=["1 byte", "2 bytes", "4 bytes"])
def test_a_password_has_1_to_255_bytes(member: Account, letter: str) -> None:
    """255 bytes are a wrong password, 256 are none."""
    width = len(letter.encode())
    longest = letter * (255 // width) + "p" * (255 % width)
    assert_refused(member.change("bind-token", "t", password=longest), 400, "Failed to bind token.")
    answer = member.change("unbind-token", "t", password=longest + "p")
    assert_refused(answer, 400, VALIDATING, password=out_of_range(255))


def test_an_email_has_1_to_255_bytes(member: Account) -> None:
    """The length is told before the form."""
    for email in ("a" * 244 + "@example.com", "ä" * 122 + "@example.com"):
        assert len(email.encode()) == 256
        assert_refused(member.change("bind-token", "t", email=email), 400, VALIDATING, email=out_of_range(255))
    assert_refused(member.change("bind-token", "t", email="a" * 255), 400, VALIDATING, email=NO_EMAIL)


@pytest.mark.parametrize("email", [" a@example.com", "a@example.com ", "a@", "a", "a b@example.com", "\n"])
def test_an_email_has_the_form_of_one(member: Account, email: str) -> None:
    """Nothing is trimmed."""
    assert_refused(member.change("bind-token", "t", email=email), 400, VALIDATING, email=NO_EMAIL)


def test_several_members_are_refused_at_once(member: Account) -> None:
    """Each with its own reason."""
    answer = member.change("unbind-token", "", email="x", password="p" * 256)
    assert_refused(answer, 400, VALIDATING, email=NO_EMAIL, password=out_of_range(255), token=BLANK)


def test_an_email_in_another_case_is_another_account(member: Account) -> None:
    """And so is one that nobody has."""
    assert_refused(member.change("bind-token", "t", email=member.email.upper()), 400, "Failed to bind token.")
    assert_refused(member.change("unbind-token", "t", email="no@example.com"), 400, "Failed to unbind token.")


def test_an_unknown_email_costs_as_much_time_as_a_wrong_password(member: Account) -> None:
    """Whatever the length of the password: accounts cannot be told apart by time."""

    def median(email: str, password: str) -> float:
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            member.change("bind-token", "t", email=email, password=password)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    for password in ("wrong", "p" * 200):  # bcrypt refuses to hash more than 72 bytes, and at once
        assert median(member.email, password) < 5 * median("nobody@example.com", password)


def test_a_binding_belongs_to_the_last_who_bound_the_value(make: MakeAccount, member: Account) -> None:
    """Another's unbinding leaves it; unbinding what was never bound is no error."""
    other = make("users")
    token = member.bound()
    other.bound(token)
    assert member.login(token).json()["record"]["id"] == other.id
    assert member.change("unbind-token", token).status_code == 204
    assert member.login(token).json()["record"]["id"] == other.id
    assert other.change("unbind-token", token).status_code == 204
    assert_refused(member.login(token), 400, UNKNOWN)
    assert member.change("unbind-token", unique("never bound")).status_code == 204


def test_the_collection_by_its_id_and_in_another_case(make: MakeAccount) -> None:
    """All three name the same collection, and the same bindings."""
    account = make()
    names = [account.collection, account.collection.upper(), account.server.api(
        "GET", f"/api/collections/{account.collection}")["id"]]  # fmt: skip
    for binding in names:
        account.collection = binding
        token = account.bound()
        for name in names:
            account.collection = name
            assert account.login(token).json()["record"]["collectionName"] == names[0]


@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
def test_a_collection_that_has_no_accounts(server: LiveServer, http: httpx.Client, action: str) -> None:
    """404 before anything else is looked at."""
    base = unique("posts")
    server.create_collection({"name": base, "type": "base"})
    for name, kind in ((base, "auth collection"), (unique("none"), "collection"), ("a%2Fb", "collection")):
        answer = http.post(f"{server.url}/api/collections/{name}/{action}", content=b"{", headers=JSON)
        assert_refused(answer, 404, f"Missing or invalid {kind} context.")


def test_password_authentication_is_off(make: MakeAccount) -> None:
    """403 before the body is read; tokens bound before sign in still."""
    account = make()
    token = account.bound()
    settings = {"passwordAuth": {"enabled": False}, "otp": {"enabled": True}}
    account.server.api("PATCH", f"/api/collections/{account.collection}", settings)
    for action in ("bind-token", "unbind-token"):
        answer = account.post(action, content=b"{", headers=JSON)
        assert_refused(answer, 403, "The collection is not configured to allow password authentication.")
    assert account.login(token).status_code == 200


@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "FOO"])
def test_another_method_is_not_found(server: LiveServer, http: httpx.Client, method: str, action: str) -> None:
    """404, not 405, with a body or none."""
    url = f"{server.url}/api/collections/users/{action}"
    assert_refused(http.request(method, url), 404, NOT_FOUND)
    assert_refused(http.request(method, url, json={"token": "t"}), 404, NOT_FOUND)


@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
def test_head_and_options(server: LiveServer, http: httpx.Client, action: str) -> None:
    """HEAD is not found, without a body; OPTIONS says what a browser may send."""
    url = f"{server.url}/api/collections/users/{action}"
    head = http.head(url)
    assert (head.status_code, head.content) == (404, b"")
    plain = http.options(url)
    assert (plain.status_code, plain.content) == (204, b"")
    preflight = http.options(url, headers={"Origin": "http://app.test", "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/collections/users/auth-with-token/",
        "/api/collections/users/auth-with-tokens",
        "/api/collections/users/x/auth-with-token",
        "/API/collections/users/auth-with-token",
        "/api/collections/users/bind_token",
        "/api/auth-with-token",
    ],
)
def test_another_path_is_not_found(server: LiveServer, http: httpx.Client, path: str) -> None:
    """In the API's words, for a GET under /api/ too."""
    assert_refused(http.post(server.url + path, json={"token": "t"}), 404, NOT_FOUND)
    if path.startswith("/api/"):
        assert_refused(http.get(server.url + path), 404, NOT_FOUND)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/api/collections//auth-with-token", "/api/collections/auth-with-token"),
        ("/api/collections/users//bind-token", "/api/collections/users/bind-token"),
        ("//api/collections/users/unbind-token", "/api/collections/users/unbind-token"),
    ],
)
def test_a_doubled_slash_is_a_redirect(server: LiveServer, http: httpx.Client, path: str, there: str) -> None:
    """307 to the path with one."""
    answer = http.post(server.url + path, json={"token": "t"})
    assert answer.status_code == 307
    assert answer.headers["location"] == there


def test_what_stands_in_the_headers(member: Account) -> None:
    """The server's own security headers, and no cookie."""
    token = member.bound()
    for answer in (member.login(token), member.login("unknown"), member.change("bind-token", token)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "set-cookie" not in answer.headers
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("authorization", ["Bearer garbage", "garbage", ""])
def test_an_authorization_header_changes_nothing(member: Account, authorization: str) -> None:
    """Not even one that is none."""
    answer = member.post("auth-with-token", json={"token": member.bound()}, headers={"Authorization": authorization})
    assert answer.status_code == 200


def test_expand_and_fields(make: MakeAccount) -> None:
    """As on the server's own sign-in."""
    server = make("users").server
    team = server.create_collection({"name": unique("teams"), "type": "base", "viewRule": "", "fields": [
        {"name": "title", "type": "text"}]})  # fmt: skip
    red = server.create_record(team["name"], title="red")
    relation = {"name": "team", "type": "relation", "collectionId": team["id"], "maxSelect": 1}
    account = make(fields=[relation], members={"team": red["id"]})
    token = account.bound()
    expanded = account.login(token, "?expand=team").json()["record"]["expand"]
    assert expanded["team"]["title"] == "red"
    assert (
        account.login(token, "?expand=nothing").json()["record"].keys() == account.login(token).json()["record"].keys()
    )
    picked = account.login(token, "?fields=record.id,token&expand=team").json()
    assert picked.keys() == {"record", "token"}
    assert picked["record"] == {"id": account.id}
    assert_refused(account.login("unknown", "?fields=token"), 400, UNKNOWN)


def test_the_auth_rule(make: MakeAccount) -> None:
    """A rule that is not met, or null, keeps the token out and leaves binding alone."""
    account = make()
    token = account.bound()
    assert account.login(token).status_code == 200
    for rule in ("verified = true", None):
        account.server.api("PATCH", f"/api/collections/{account.collection}", {"authRule": rule})
        assert_refused(account.login(token), 403, RULE)
        account.bound(token)
    assert_refused(account.login("unknown"), 400, UNKNOWN)


def test_a_binding_survives_new_credentials_and_a_new_name(make: MakeAccount) -> None:
    """The password, the email, the collection's name."""
    account = make()
    token = account.bound()
    account.server.update_record(account.collection, account.id, password="changed12345")
    account.server.update_record(account.collection, account.id, email=f"{unique('b')}@example.com")
    old, account.collection = account.collection, unique("renamed")
    account.server.api("PATCH", f"/api/collections/{old}", {"name": account.collection})
    assert account.login(token).json()["record"]["collectionName"] == account.collection
    assert account.post("auth-with-token", json={"token": token}).status_code == 200
    account.collection = old
    assert_refused(account.login(token), 404, "Missing or invalid collection context.")


def bindings(server: LiveServer, *records: str) -> int:
    """How many bindings there are of these records."""
    data = server_data(server)
    with closing(sqlite3.connect(f"file:{data / 'data.db'}?mode=ro", uri=True)) as database:
        marks = ", ".join("?" * len(records))
        found = database.execute(f"SELECT count(*) FROM _token_bindings WHERE recordRef IN ({marks})", records)
        return int(found.fetchone()[0])


def server_data(server: LiveServer) -> Path:
    """The server's data folder, from its command line."""
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
    found = re.search(r"--dir=([^\0]+)", command)
    assert found
    return Path(found[1])


def test_bindings_go_with_their_record(make: MakeAccount) -> None:
    """No row of it stays behind."""
    member = make("users")
    tokens = [member.bound() for _ in range(3)]
    assert bindings(member.server, member.id) == 3
    member.server.delete_record("users", member.id)
    assert_refused(member.login(tokens[0]), 400, UNKNOWN)
    assert bindings(member.server, member.id) == 0


def test_bindings_go_with_their_collection(make: MakeAccount) -> None:
    """All of them; a new collection of the same name begins empty."""
    account = make()
    token = account.bound()
    account.server.api("DELETE", f"/api/collections/{account.collection}")
    assert_refused(account.login(token), 404, "Missing or invalid collection context.")
    assert bindings(account.server, account.id) == 0
    account.server.create_collection({"name": account.collection, "type": "auth"})
    assert_refused(account.login(token), 400, UNKNOWN)


def test_bindings_go_with_a_truncated_collection(make: MakeAccount) -> None:
    """The collection stays, and its accounts and their bindings go."""
    account = make()
    second = make(account.collection)
    tokens = [account.bound(), second.bound()]
    account.server.api("DELETE", f"/api/collections/{account.collection}/truncate")
    for token in tokens:
        assert_refused(account.login(token), 400, UNKNOWN)
    assert bindings(account.server, account.id, second.id) == 0


def test_bindings_go_by_a_cascade(make: MakeAccount) -> None:
    """The account goes with a record that it belongs to."""
    server = make("users").server
    team = server.create_collection({"name": unique("teams"), "type": "base"})
    red = server.create_record(team["name"])
    relation = {"name": "team", "type": "relation", "collectionId": team["id"], "maxSelect": 1, "cascadeDelete": True}
    account = make(fields=[relation], members={"team": red["id"]})
    token = account.bound()
    server.delete_record(team["name"], red["id"])
    assert_refused(account.login(token), 400, UNKNOWN)
    assert bindings(server, account.id) == 0


def test_bindings_stay_where_a_batch_is_rolled_back(server: LiveServer, make: MakeAccount) -> None:
    """An account deleted in a batch that fails is there again, and its token signs in."""
    account = make()
    token = account.bound()
    server.api("PATCH", "/api/settings", {"batch": {"enabled": True}})
    path = f"/api/collections/{account.collection}/records"
    deletion = {"method": "DELETE", "url": f"{path}/{account.id}"}
    failing = {"method": "POST", "url": path, "body": {"email": "no email"}}
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        server.api("POST", "/api/batch", {"requests": [deletion, failing]})
    assert account.login(token).json()["record"]["id"] == account.id
    server.api("POST", "/api/batch", {"requests": [deletion]})
    assert_refused(account.login(token), 400, UNKNOWN)
    assert bindings(server, account.id) == 0


def test_bindings_stay_where_their_record_cannot_go(make: MakeAccount) -> None:
    """Another record needs the account: nothing of it is deleted."""
    account = make()
    token = account.bound()
    members = account.server.api("GET", f"/api/collections/{account.collection}")["id"]
    owner = {"name": "owner", "type": "relation", "collectionId": members, "maxSelect": 1, "required": True}
    things = account.server.create_collection({"name": unique("things"), "type": "base", "fields": [owner]})
    account.server.create_record(things["name"], owner=account.id)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        account.server.delete_record(account.collection, account.id)
    assert account.login(token).json()["record"]["id"] == account.id


# --- more than one factor ---


def test_a_token_is_the_first_factor_or_the_second(guarded: Account) -> None:
    """Then a password, or after one; with the id in the body or the query, which is read first."""
    token = guarded.bound()
    login = {"identity": guarded.email, "password": PASSWORD}
    first = guarded.first_factor("token", token)
    assert guarded.post("auth-with-password", json={**login, "mfaId": first}).status_code == 200
    assert guarded.login(token, mfaId=guarded.first_factor("password")).status_code == 200
    assert guarded.login(token, f"?mfaId={guarded.first_factor('password')}").status_code == 200
    assert_refused(guarded.login(token, "?mfaId=none", mfaId=guarded.first_factor("password")), 400, SPENT)
    assert guarded.login(token, f"?mfaId={guarded.first_factor('password')}", mfaId="none").status_code == 200
    form = guarded.post("auth-with-token", data={"token": token, "mfaId": guarded.first_factor("password")})
    assert form.status_code == 200


def test_two_tokens_are_one_method(guarded: Account) -> None:
    """The id stays good for another method."""
    token, other = guarded.bound(), guarded.bound()
    first = guarded.first_factor("token", token)
    for again in (token, other):
        assert_refused(guarded.login(again, mfaId=first), 400, "A different authentication method is required.")
    login = {"identity": guarded.email, "password": PASSWORD, "mfaId": first}
    assert guarded.post("auth-with-password", json=login).status_code == 200


def test_an_mfa_id_works_once(guarded: Account) -> None:
    """By any method."""
    token = guarded.bound()
    spent = guarded.first_factor("password")
    assert guarded.login(token, mfaId=spent).status_code == 200
    assert_refused(guarded.login(token, mfaId=spent), 400, SPENT)
    login = {"identity": guarded.email, "password": PASSWORD, "mfaId": spent}
    assert_refused(guarded.post("auth-with-password", json=login), 400, SPENT)


def test_an_mfa_id_of_another_account_or_collection(make: MakeAccount, guarded: Account) -> None:
    """It is of no use to them, and still good for its own."""
    other = make(guarded.collection)
    elsewhere = make(mfa={"enabled": True, "duration": 600}, otp={"enabled": True})
    first = guarded.first_factor("password")
    for stranger in (other, elsewhere):
        assert_refused(stranger.login(stranger.bound(), mfaId=first), 400, "Invalid MFA session.")
    assert guarded.login(guarded.bound(), mfaId=first).status_code == 200


@pytest.mark.parametrize("odd", [5, True, ["a"], {"a": 1}])
def test_an_mfa_id_of_another_type(guarded: Account, odd: object) -> None:
    """Told apart from one that is wrong; null and "" are as none."""
    token = guarded.bound()
    assert_refused(guarded.login(token, mfaId=odd), 400, "Failed to read MFA Id.")
    assert guarded.login(token, mfaId=None).status_code == 401
    assert guarded.login(token, mfaId="").status_code == 401


def test_binding_asks_for_no_second_factor(guarded: Account) -> None:
    """Nor does unbinding."""
    token = guarded.bound()
    assert guarded.change("unbind-token", token).status_code == 204
    assert_refused(guarded.login(token), 400, UNKNOWN)


def at_the_same_moment(server: LiveServer, requests: list[tuple[str, dict[str, str]]]) -> list[int]:
    """The statuses of requests (action, body) that are all there but for a byte when their last bytes are sent."""
    port = int(server.url.rpartition(":")[2])
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in requests]
        bodies = [json.dumps(body).encode() for _, body in requests]
        for connection, (path, _), body in zip(connections, requests, bodies, strict=True):
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
        time.sleep(0.05)
        for connection, body in zip(connections, bodies, strict=True):
            connection.sendall(body[-1:])
        return [int(connection.recv(4096).split()[1]) for connection in connections]


@pytest.mark.parametrize("passwords", [0, 4], ids=["8 tokens", "4 tokens and 4 passwords"])
def test_an_mfa_id_works_once_for_8_requests_at_the_same_moment(guarded: Account, passwords: int) -> None:
    """One signs in, seven are refused, in each round."""
    path = f"/api/collections/{guarded.collection}"
    token = guarded.bound()
    for _ in range(4 if passwords else 10):  # a password takes its time
        mfa_id = guarded.first_factor("password")
        by_token = (f"{path}/auth-with-token", {"token": token, "mfaId": mfa_id})
        login = {"identity": guarded.email, "password": PASSWORD, "mfaId": mfa_id}
        requests = [(f"{path}/auth-with-password", login)] * passwords + [by_token] * (8 - passwords)
        assert sorted(at_the_same_moment(guarded.server, requests)) == [200, *[400] * 7]


class Inbox:
    """Keeps the mails that the server sends."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, message: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        assert isinstance(message.content, bytes)
        self.mails.append(message.content.decode())
        return "250 OK"

    def code_for(self, email: str) -> str:
        """The one-time password that was mailed to an address."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            for mail in reversed(self.mails):
                found = re.search(r"\b(\d{8})\b", mail)
                if email in mail and found:
                    self.mails.remove(mail)
                    return found[1]
            time.sleep(0.02)
        raise AssertionError("no mail came")


@pytest.fixture
def inbox(server: LiveServer) -> Iterator[Inbox]:
    """A mail server on this machine that the embedded server sends to."""
    inbox = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        mail = {"enabled": True, "host": "127.0.0.1", "port": port, "tls": False}
        server.api("PATCH", "/api/settings", {"smtp": mail, "meta": {"senderAddress": "server@example.com"}})
        yield inbox
    finally:
        server.api("PATCH", "/api/settings", {"smtp": {"enabled": False}})
        controller.stop()


def test_a_one_time_password_before_and_after_a_token(guarded: Account, inbox: Inbox) -> None:
    """Each is the other's second factor."""
    token = guarded.bound()

    def one_time_password(**members: str) -> httpx.Response:
        otp = guarded.post("request-otp", json={"email": guarded.email}).json()["otpId"]
        code = inbox.code_for(guarded.email)
        return guarded.post("auth-with-otp", json={"otpId": otp, "password": code, **members})

    first = one_time_password()
    assert first.status_code == 401
    assert guarded.login(token, mfaId=first.json()["mfaId"]).status_code == 200
    assert one_time_password(mfaId=guarded.first_factor("token", token)).status_code == 200


def test_superusers_with_two_factors(http: httpx.Client) -> None:
    """The same for superusers: binding asks for none, a sign-in does."""
    with LiveServer() as server:
        made = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
        root = Account(server, "_superusers", "root@example.com", made["id"], http)
        token = root.bound()
        assert root.login(token).json()["record"]["collectionName"] == "_superusers"
        settings = {"mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}
        server.api("PATCH", "/api/collections/_superusers", settings)
        assert root.change("bind-token", "another").status_code == 204
        assert root.login(token, mfaId=root.first_factor("password")).status_code == 200
        first = root.first_factor("token", token)
        assert_refused(root.login(token, mfaId=first), 400, "A different authentication method is required.")


@pytest.mark.parametrize(
    ("headers", "told"),
    [(JSON, True), (FORM, True), (JSON, False)],
    ids=["JSON", "form", "JSON in chunks"],
)
def test_a_body_of_more_than_32_mib(member: Account, headers: dict[str, str], told: bool) -> None:
    """413; one whose length is told is not read at all."""
    body = (b'{"token":"' if headers is JSON else b"token=") + b"a" * (33 << 20)
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    Path(f"/proc/{member.server.pid}/clear_refs").write_text("5")  # forget the peak of memory
    before = memory(member.server, "VmRSS")
    answer = member.post("auth-with-token", content=body if told else pieces, headers=headers)
    assert_refused(answer, 413, "Request entity too large.")
    if told:
        assert memory(member.server, "VmHWM") - before < 16 << 20


def memory(server: LiveServer, name: str) -> int:
    """What the kernel tells of a process, in bytes."""
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1]) << 10
