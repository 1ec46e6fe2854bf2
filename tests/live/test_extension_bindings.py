"""Bindings survive changes of their account, and are deleted with it."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .extension import PASSWORD, UNKNOWN, MakeAccount, assert_refused, server_data, unique

pytestmark = pytest.mark.untraced


def test_a_binding_survives_new_credentials_and_a_new_name(make: MakeAccount) -> None:
    """A new password, email, or name of the collection changes nothing."""
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


@pytest.mark.parametrize("action", ["bind-token", "unbind-token"])
def test_a_password_that_changes_while_it_is_checked(make: MakeAccount, action: str) -> None:
    """Who knows only the old password changes no binding after the new one is set."""
    slow = {"name": "password", "type": "password", "system": True, "hidden": True, "required": True, "cost": 13}
    account = make(fields=[slow])
    token = account.bound()
    wanted = token if action == "unbind-token" else "thief's"
    with ThreadPoolExecutor(1) as pool:
        checking = pool.submit(account.change, action, wanted)
        time.sleep(0.15)
        account.server.update_record(
            account.collection, account.id, tokenKey="of the new password, set before its hash"
        )
        assert not checking.done()
        assert_refused(checking.result(), 400, f"Failed to {action.removesuffix('-token')} token.")
    assert account.login(token).status_code == 200
    assert_refused(account.login("thief's"), 400, UNKNOWN)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"verified": True}, 200),
        ({"password": "another1234"}, 200),
        ({"verified": True, "password": "another1234"}, 400),
    ],
)
def test_bindings_of_somebody_who_did_not_own_the_email(
    make: MakeAccount, changed: dict[str, object], status: int
) -> None:
    """An account that is verified and gets a new password in one update loses what was bound before."""
    account = make()
    token = account.bound()
    account.server.update_record(account.collection, account.id, **changed)
    assert account.login(token).status_code == status


def test_a_verified_account_keeps_its_tokens(make: MakeAccount) -> None:
    """It was verified before, so it was the owner who bound them."""
    account = make(members={"verified": True})
    token = account.bound()
    account.server.update_record(account.collection, account.id, verified=True, password="another1234")
    assert account.login(token).status_code == 200


def test_bindings_are_deleted_with_their_record(make: MakeAccount) -> None:
    """No row is left."""
    member = make("users")
    tokens = [member.bound() for _ in range(3)]
    assert bindings(member.server, member.id) == 3
    member.server.delete_record("users", member.id)
    assert_refused(member.login(tokens[0]), 400, UNKNOWN)
    assert bindings(member.server, member.id) == 0


def test_a_new_account_with_the_id_of_one_that_was_deleted_by_sql(make: MakeAccount) -> None:
    """SQL runs no hook, so the bindings stay. They end when the id is used again."""
    account = make()
    token = account.bound()
    with closing(sqlite3.connect(server_data(account.server) / "data.db")) as database, database:
        database.execute(f"DELETE FROM {account.collection}")
    account.server.create_record(account.collection, id=account.id, email=account.email, password=PASSWORD)
    assert_refused(account.login(token), 400, UNKNOWN)
    assert account.login(account.bound(token)).status_code == 200


def test_bindings_are_deleted_with_their_collection(make: MakeAccount) -> None:
    """All are deleted. A new collection of the same name has none."""
    account = make()
    token = account.bound()
    account.server.api("DELETE", f"/api/collections/{account.collection}")
    assert_refused(account.login(token), 404, "Missing or invalid collection context.")
    assert bindings(account.server, account.id) == 0
    account.server.create_collection({"name": account.collection, "type": "auth"})
    assert_refused(account.login(token), 400, UNKNOWN)


def test_bindings_are_deleted_when_a_collection_is_truncated(make: MakeAccount) -> None:
    """The collection stays. Its accounts and their bindings are deleted."""
    account = make()
    second = make(account.collection)
    tokens = [account.bound(), second.bound()]
    account.server.api("DELETE", f"/api/collections/{account.collection}/truncate")
    for token in tokens:
        assert_refused(account.login(token), 400, UNKNOWN)
    assert bindings(account.server, account.id, second.id) == 0


def test_bindings_are_deleted_by_a_cascade(make: MakeAccount) -> None:
    """The account is deleted with a record that it belongs to."""
    server = make("users").server
    team = server.create_collection({"name": unique("teams"), "type": "base"})
    red = server.create_record(team["name"])
    relation = {"name": "team", "type": "relation", "collectionId": team["id"], "maxSelect": 1, "cascadeDelete": True}
    account = make(fields=[relation], members={"team": red["id"]})
    token = account.bound()
    server.delete_record(team["name"], red["id"])
    assert_refused(account.login(token), 400, UNKNOWN)
    assert bindings(server, account.id) == 0


def test_bindings_stay_if_a_batch_is_rolled_back(server: LiveServer, make: MakeAccount) -> None:
    """If the batch fails, the account still exists and its token signs in."""
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


def test_bindings_stay_if_their_record_cannot_be_deleted(make: MakeAccount) -> None:
    """If another record needs the account, nothing is deleted."""
    account = make()
    token = account.bound()
    members = account.server.api("GET", f"/api/collections/{account.collection}")["id"]
    owner = {"name": "owner", "type": "relation", "collectionId": members, "maxSelect": 1, "required": True}
    things = account.server.create_collection({"name": unique("things"), "type": "base", "fields": [owner]})
    account.server.create_record(things["name"], owner=account.id)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        account.server.delete_record(account.collection, account.id)
    assert account.login(token).json()["record"]["id"] == account.id
