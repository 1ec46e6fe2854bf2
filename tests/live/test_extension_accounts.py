"""Who a token signs in after the extension was away, and what the time of a response tells."""

import contextlib
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bosbase_wrapper.server import LiveServer
from bosbase_wrapper.server._paths import executable

from ..passwords import FAST
from .extension import (
    PASSWORD,
    UNKNOWN,
    Account,
    MakeAccount,
    activity,
    add_bindings,
    assert_refused,
    bindings_in,
    unique,
    wait_until,
)

pytestmark = pytest.mark.untraced


def without_extension(data: Path, sql: str) -> None:
    """Change accounts as PocketBase does without the extension: it knows nothing of bindings."""
    with closing(sqlite3.connect(data / "data.db", timeout=30)) as database, database:
        database.executescript(sql)


def stock(data: Path) -> contextlib.AbstractContextManager[str]:
    """PocketBase without the extension, on the same data."""

    @contextlib.contextmanager
    def running() -> Iterator[str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        line = [str(executable()), "serve", f"--http=127.0.0.1:{port}", f"--dir={data}", f"--hooksDir={data / 'none'}"]
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{url}/api/health", trust_env=False)
                    break
                time.sleep(0.05)
            yield url
            process.terminate()

    return running()


def test_a_new_account_with_the_id_of_a_deleted_one(tmp_path: Path, http: httpx.Client) -> None:
    """Its predecessor's token does not sign in."""
    with LiveServer(tmp_path) as server:
        server.api("PATCH", "/api/collections/users", {"deleteRule": "id = @request.auth.id"})
        made = server.create_record("users", email="old@example.com", password=PASSWORD)
        kept = server.create_record("users", email="kept@example.com", password=PASSWORD)
        old = Account(server, "users", "old@example.com", made["id"], http)
        other = Account(server, "users", "kept@example.com", kept["id"], http)
        token, others = old.bound(), other.bound()
        server.stop()
        with stock(tmp_path) as url:
            login = {"identity": "old@example.com", "password": PASSWORD}
            jwt = http.post(f"{url}/api/collections/users/auth-with-password", json=login).json()["token"]
            records = f"{url}/api/collections/users/records"
            assert http.delete(f"{records}/{made['id']}", headers={"Authorization": jwt}).status_code == 204
            new = {"id": made["id"], "email": "new@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}
            assert http.post(records, json=new).status_code == 200
        server.start()
        assert bindings_in(tmp_path) == 1
        assert_refused(old.login(token), 400, UNKNOWN)
        assert other.login(others).json()["record"]["id"] == other.id
        assert "removed bindings whose account is gone" in activity(server)
        old.email = "new@example.com"
        old.bound(token)
        server.stop()
        server.start()
        assert old.login(token).json()["record"]["id"] == made["id"]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM users", "DELETE FROM _collections WHERE name = 'users'; DROP TABLE users"]
)
def test_bindings_of_what_is_gone(tmp_path: Path, http: httpx.Client, sql: str) -> None:
    """Are dropped at the start."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        Account(server, "users", "a@example.com", made["id"], http).bound()
        root = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
        other = Account(server, "_superusers", "root@example.com", root["id"], http)
        token = other.bound()
        server.stop()
        without_extension(tmp_path, sql)
        server.start()
        assert bindings_in(tmp_path) == 1
        assert other.login(token).status_code == 200


def test_a_table_of_an_older_server_has_bindings_of_what_is_gone(tmp_path: Path, http: httpx.Client) -> None:
    """They are dropped when the table is adopted."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        account = Account(server, "users", "a@example.com", made["id"], http)
        token = account.bound()
        server.stop()
        later = "UPDATE users SET created = '2099-01-01 00:00:00.000Z';"
        without_extension(tmp_path, later + "ALTER TABLE _token_bindings RENAME TO tokenBindings")
        server.start()
        assert_refused(account.login(token), 400, UNKNOWN)
        assert bindings_in(tmp_path) == 0


@pytest.mark.parametrize("created", ["", "no date"])
def test_an_account_of_unknown_age_keeps_its_tokens(tmp_path: Path, http: httpx.Client, created: str) -> None:
    """As accounts do that are older than their collection's date of creation."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        account = Account(server, "users", "a@example.com", made["id"], http)
        token = account.bound()
        server.stop()
        without_extension(tmp_path, f"UPDATE users SET created = '{created}'")
        server.start()
        assert account.login(token).status_code == 200


def test_an_account_with_many_bindings(tmp_path: Path, http: httpx.Client) -> None:
    """None of them signs a new account with its id in, and a daily job removes what the deletion leaves of them."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        account = Account(server, "users", "a@example.com", made["id"], http)
        tokens = add_bindings(tmp_path, account, 2500)
        again = tokens.pop()
        assert account.login(tokens[-1]).status_code == 200
        server.delete_record("users", account.id)
        server.create_record("users", id=account.id, email="b@example.com", password=PASSWORD)
        for token in (tokens[0], tokens[-1]):
            assert_refused(account.login(token), 400, UNKNOWN)
        assert server.tokens("users", "b@example.com") == []
        account.email = "b@example.com"
        account.bound(again)
        server.api("POST", "/api/crons/bosbase_tokens_unusable")
        wait_until(lambda: bindings_in(tmp_path) == 1)
        assert account.login(again).json()["record"]["id"] == account.id


def test_the_superuser_that_each_start_makes_anew(tmp_path: Path, http: httpx.Client) -> None:
    """Loses its tokens with its password. Other superusers keep theirs."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
        kept = Account(server, "_superusers", "root@example.com", made["id"], http).bound()
        root = Account(server, "_superusers", server.admin_email, "", http)
        account = {"email": server.admin_email, "password": server.admin_password, "token": "of the old password"}
        assert root.post("bind-token", json=account).status_code == 204
        assert root.login("of the old password").status_code == 200
        server.stop()
        server.start()
        assert_refused(root.login("of the old password"), 400, UNKNOWN)
        assert root.login(kept).status_code == 200


@pytest.mark.parametrize("password", ["wrong", "p" * 200], ids=["short", "longer than bcrypt reads"])
@pytest.mark.parametrize("action", ["bind-token", "unbind-token"])
def test_an_unknown_email_takes_as_long_as_a_wrong_password(make: MakeAccount, action: str, password: str) -> None:
    """Also where the collection's passwords cost more than they did when the account was made."""
    account = make(fields=[{**FAST, "cost": 8}])  # at the least cost there is no time to compare
    definition = account.server.api("GET", f"/api/collections/{account.collection}")
    for field in definition["fields"]:
        if field["name"] == "password":
            field["cost"] = 11
    account.server.api("PATCH", f"/api/collections/{account.collection}", {"fields": definition["fields"]})
    times: dict[str, list[float]] = {account.email: [], "nobody@example.com": []}
    for _ in range(7):
        for email, found in times.items():
            begin = time.perf_counter()
            refused = account.change(action, "t", email=email, password=password)
            found.append(time.perf_counter() - begin)
            assert refused.status_code == 400
    known, unknown = (min(found) for found in times.values())  # the least disturbed
    assert 0.5 < unknown / known < 2


def test_an_email_in_a_collection_without_accounts(server: LiveServer, http: httpx.Client) -> None:
    """Is refused as any other."""
    name = unique("members")
    server.create_collection({"name": name, "type": "auth"})
    nobody = Account(server, name, "a@example.com", "", http)
    assert_refused(nobody.change("bind-token", "t"), 400, "Failed to bind token.")
