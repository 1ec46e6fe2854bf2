"""The operator's settings: BOSBASE_TOKENS_MAX_AGE and BOSBASE_TOKENS_MFA_BIND."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .extension import (
    FORM,
    JSON,
    PASSWORD,
    UNKNOWN,
    Account,
    activity,
    add_bindings,
    assert_refused,
    bindings_in,
    wait_until,
)

pytestmark = pytest.mark.untraced

REFUSED = "The collection requires multi-factor authentication."
MFA: dict[str, Any] = {"mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("BOSBASE_TOKENS_MAX_AGE", value) for value in ("0", "-1", "1.5", "1e3", "3600s", "30d", " 60", "00", "ten")],
        ("BOSBASE_TOKENS_MAX_AGE", "12345678901"),
        *[("BOSBASE_TOKENS_MFA_BIND", value) for value in ("Refuse", "refuse ", "allow", "1", "true", "no")],
    ],
)
def test_a_value_that_makes_no_sense_stops_the_server(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """At the start, with a message that names the setting."""
    monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"{name} must be "), LiveServer():
        pass


def test_an_empty_value_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client) -> None:
    """As if it were unset."""
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "")
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "")
    with account_of_a_server(tmp_path, http, MFA) as account:
        account.bound()


@contextlib.contextmanager
def account_of_a_server(data: Path, http: httpx.Client, definition: dict[str, Any]) -> Iterator[Account]:
    """An account of a server of its own, which reads the settings at its start."""
    with LiveServer(data) as server:
        server.create_collection({"name": "members", "type": "auth", "authRule": "", **definition})
        made = server.create_record("members", email="a@example.com", password=PASSWORD)
        yield Account(server, "members", "a@example.com", made["id"], http)


def age(data: Path, seconds: float) -> None:
    """Let each binding be older."""
    with closing(sqlite3.connect(data / "data.db", timeout=30)) as database, database:
        database.execute(
            f"UPDATE _token_bindings SET updated = strftime('%Y-%m-%d %H:%M:%fZ', updated, '-{seconds} seconds')"
        )


def test_a_binding_that_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client) -> None:
    """It is refused like an unknown token. It can be bound again, and unbound."""
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "3600")
    with account_of_a_server(tmp_path, http, {}) as account:
        token, other = account.bound(), account.bound()
        age(tmp_path, 3500)
        assert account.login(token).status_code == 200
        age(tmp_path, 101)
        assert_refused(account.login(token), 400, UNKNOWN)
        assert_refused(account.login(other), 400, UNKNOWN)
        account.bound(token)
        assert account.login(token).status_code == 200
        assert account.change("unbind-token", other).status_code == 204
        assert bindings_in(tmp_path) == 1


@pytest.mark.parametrize("updated", ["", "no date", None])
def test_a_binding_of_unknown_age(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client, updated: str | None
) -> None:
    """Is too old."""
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "3600")
    with account_of_a_server(tmp_path, http, {}) as account:
        token = account.bound()
        with closing(sqlite3.connect(tmp_path / "data.db", timeout=30)) as database, database:
            legacy = "CREATE TABLE t AS SELECT * FROM _token_bindings; DROP TABLE _token_bindings;"
            database.executescript(legacy + "ALTER TABLE t RENAME TO _token_bindings")
            database.execute("UPDATE _token_bindings SET updated = ?", (updated,))
        assert_refused(account.login(token), 400, UNKNOWN)
        account.server.api("POST", "/api/crons/bosbase_tokens_unusable")
        wait_until(lambda: bindings_in(tmp_path) == 0)


def test_a_daily_job_removes_what_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client
) -> None:
    """All of it, in several transactions, and nothing else."""
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "3600")
    with account_of_a_server(tmp_path, http, {}) as account:
        add_bindings(tmp_path, account, 2500)
        age(tmp_path, 4000)
        kept = account.bound()
        account.server.api("POST", "/api/crons/bosbase_tokens_unusable")
        wait_until(lambda: bindings_in(tmp_path) == 1)
        assert account.login(kept).status_code == 200
        assert "removed bindings that cannot sign in any more" in activity(account.server)


def test_without_a_limit_no_binding_is_too_old(tmp_path: Path, http: httpx.Client) -> None:
    """And the daily job removes none."""
    with account_of_a_server(tmp_path, http, {}) as account:
        token = account.bound()
        age(tmp_path, 1e9)
        account.server.api("POST", "/api/crons/bosbase_tokens_unusable")
        assert account.login(token).status_code == 200
        assert bindings_in(tmp_path) == 1


def test_binding_is_refused_with_mfa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client) -> None:
    """After the password is checked; tokens that were bound before go on and can be unbound."""
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "refuse")
    with account_of_a_server(tmp_path, http, {}) as account:
        token = account.bound()
        account.server.api("PATCH", "/api/collections/members", MFA)
        assert_refused(account.change("bind-token", "t"), 403, REFUSED)
        assert_refused(account.change("bind-token", token), 403, REFUSED)
        assert_refused(account.change("bind-token", "t", password="wrong"), 400, "Failed to bind token.")
        assert_refused(account.change("bind-token", "t", email="n@example.com"), 400, "Failed to bind token.")
        assert account.login(token).status_code == 401
        assert account.change("unbind-token", token).status_code == 204
        assert_refused(account.login("t"), 400, UNKNOWN)


@pytest.mark.parametrize("rule", ["@request.context = 'password'", "id != '' && @request.body.password != ''"])
def test_a_rule_about_the_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client, rule: str
) -> None:
    """Is evaluated as for a sign-in with a password."""
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "refuse")
    with account_of_a_server(tmp_path, http, {"mfa": {**MFA["mfa"], "rule": rule}, "otp": MFA["otp"]}) as account:
        login = {"identity": account.email, "password": PASSWORD}
        assert account.post("auth-with-password", json=login).status_code == 401
        assert_refused(account.change("bind-token", "t"), 403, REFUSED)


@pytest.mark.parametrize("content", [JSON, FORM])
def test_binding_is_refused_to_accounts_that_need_mfa(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client, content: dict[str, str]
) -> None:
    """As the collection's own rule says."""
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "refuse")
    rule = {"mfa": {**MFA["mfa"], "rule": "verified = true"}, "otp": MFA["otp"]}
    with account_of_a_server(tmp_path, http, rule) as account:
        fields = {"email": account.email, "password": PASSWORD, "token": "t"}
        body = json.dumps(fields) if content is JSON else urlencode(fields)

        def bind() -> httpx.Response:
            return account.post("bind-token", content=body, headers=content)

        assert bind().status_code == 204
        account.server.update_record("members", account.id, verified=True)
        assert_refused(bind(), 403, REFUSED)
        account.server.update_record("members", account.id, verified=False)
        assert bind().status_code == 204


def test_a_token_of_before_the_account_was_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: httpx.Client
) -> None:
    """It is no second factor: somebody else may have signed up with the email, and still knows the password."""
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "refuse")
    rule = {"mfa": {**MFA["mfa"], "rule": "verified = true"}, "otp": MFA["otp"]}
    with account_of_a_server(tmp_path, http, rule) as account:
        token = account.bound()
        account.server.update_record("members", account.id, verified=True)
        assert_refused(account.login(token, mfaId=account.first_factor("password")), 400, UNKNOWN)


def test_superusers_with_mfa(monkeypatch: pytest.MonkeyPatch, http: httpx.Client) -> None:
    """The accounts that matter most."""
    monkeypatch.setenv("BOSBASE_TOKENS_MFA_BIND", "refuse")
    with LiveServer() as server:
        made = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
        root = Account(server, "_superusers", "root@example.com", made["id"], http)
        root.bound()
        server.api("PATCH", "/api/collections/_superusers", MFA)
        assert_refused(root.change("bind-token", "t"), 403, REFUSED)
