"""Responses to accounts, paths and headers, as from BosBase, beyond the recorded exchanges."""

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .extension import JSON, NOT_FOUND, RULE, UNKNOWN, Account, MakeAccount, assert_refused, unique

pytestmark = pytest.mark.untraced


def test_an_email_in_another_case_is_another_account(member: Account) -> None:
    """Its credentials are wrong, like those of an unknown email."""
    assert_refused(member.change("bind-token", "t", email=member.email.upper()), 400, "Failed to bind token.")
    assert_refused(member.change("unbind-token", "t", email="no@example.com"), 400, "Failed to unbind token.")


def test_a_token_belongs_to_the_account_that_bound_it_last(make: MakeAccount, member: Account) -> None:
    """Another account cannot unbind it. Unbinding an unknown token is no error."""
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
    """All three name the same collection and the same bindings."""
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
    """The response is 404 before anything else is checked."""
    base = unique("posts")
    server.create_collection({"name": base, "type": "base"})
    for name, kind in ((base, "auth collection"), (unique("none"), "collection"), ("a%2Fb", "collection")):
        response = http.post(f"{server.url}/api/collections/{name}/{action}", content=b"{", headers=JSON)
        assert_refused(response, 404, f"Missing or invalid {kind} context.")


def test_password_authentication_is_off(make: MakeAccount) -> None:
    """The response is 403 before the body is read. Tokens that are bound still sign in."""
    account = make()
    token = account.bound()
    settings = {"passwordAuth": {"enabled": False}, "otp": {"enabled": True}}
    account.server.api("PATCH", f"/api/collections/{account.collection}", settings)
    for action in ("bind-token", "unbind-token"):
        response = account.post(action, content=b"{", headers=JSON)
        assert_refused(response, 403, "The collection is not configured to allow password authentication.")
    assert account.login(token).status_code == 200


@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "FOO"])
def test_another_method_is_not_found(server: LiveServer, http: httpx.Client, method: str, action: str) -> None:
    """The response is 404, not 405, with or without a body."""
    url = f"{server.url}/api/collections/users/{action}"
    assert_refused(http.request(method, url), 404, NOT_FOUND)
    assert_refused(http.request(method, url, json={"token": "t"}), 404, NOT_FOUND)


@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
def test_head_and_options(server: LiveServer, http: httpx.Client, action: str) -> None:
    """HEAD gets 404 without a body. OPTIONS says what a browser may send."""
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
    """The message is the API's, also for a GET below /api/."""
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
    """It redirects with 307 to the path with one slash."""
    response = http.post(server.url + path, json={"token": "t"})
    assert response.status_code == 307
    assert response.headers["location"] == there


def test_the_headers_of_responses(member: Account) -> None:
    """The server's own security headers are there, and no cookie."""
    token = member.bound()
    for response in (member.login(token), member.login("unknown"), member.change("bind-token", token)):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "SAMEORIGIN"
        assert "set-cookie" not in response.headers
        assert "retry-after" not in response.headers


@pytest.mark.parametrize("authorization", ["Bearer garbage", "garbage", ""])
def test_an_authorization_header_changes_nothing(member: Account, authorization: str) -> None:
    """An invalid one is ignored."""
    response = member.post("auth-with-token", json={"token": member.bound()}, headers={"Authorization": authorization})
    assert response.status_code == 200


def test_expand_and_fields(make: MakeAccount) -> None:
    """Both work as on the server's own sign-in."""
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
    """A rule that is not met, or null, refuses the sign-in. Binding ignores it."""
    account = make()
    token = account.bound()
    assert account.login(token).status_code == 200
    for rule in ("verified = true", None):
        account.server.api("PATCH", f"/api/collections/{account.collection}", {"authRule": rule})
        assert_refused(account.login(token), 403, RULE)
        account.bound(token)
    assert_refused(account.login("unknown"), 400, UNKNOWN)
