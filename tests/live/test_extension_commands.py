"""The operator's commands: pocketbase tokens list, revoke and revoke-all."""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bosbase_wrapper.server import LiveServer, hooks_dir
from bosbase_wrapper.server._paths import executable

from .extension import PASSWORD, UNKNOWN, Account, MakeAccount, add_bindings, assert_refused, server_data, unique


@dataclass
class Operator:
    """Somebody who may read the server's data folder."""

    data: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands as a shell would."""
        line = [str(executable()), "tokens", *arguments, f"--dir={self.data}", f"--hooksDir={hooks_dir()}"]
        options = ["--automigrate=false", "--hooksWatch=false"]
        return subprocess.run(
            [*line, *options], capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )

    def ids(self, collection: str, email: str) -> list[str]:
        """The ids that the list shows."""
        return [line.split()[0] for line in self.run("list", collection, email).stdout.splitlines()[1:]]


@pytest.fixture(scope="module")
def operator(server: LiveServer) -> Operator:
    """The operator of the server that runs."""
    return Operator(server_data(server))


def test_list_shows_each_binding(make: MakeAccount, operator: Operator) -> None:
    """An id and two times for each, oldest first, and nothing secret."""
    account = make()
    tokens = [account.bound() for _ in range(3)]
    shown = operator.run("list", account.collection, account.email)
    assert (shown.returncode, shown.stderr) == (0, "")
    heading, *lines = shown.stdout.splitlines()
    assert heading.split() == ["ID", "CREATED", "UPDATED"]
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z"
    assert [bool(re.fullmatch(rf"\w{{15}}  {time}  {time}", line)) for line in lines] == [True] * 3
    for token in tokens:
        assert token not in shown.stdout
        assert hashlib.sha256(token.encode()).hexdigest() not in shown.stdout


def test_list_as_json(make: MakeAccount, operator: Operator) -> None:
    """An array of objects, for programs."""
    account = make()
    account.bound()
    shown = operator.run("list", account.collection, account.email, "--json")
    (row,) = json.loads(shown.stdout)
    assert list(row) == ["id", "created", "updated", "expires"]
    assert row["expires"] == ""
    assert row["id"] in operator.ids(account.collection, account.email)


def test_list_shows_when_each_binding_ends(make: MakeAccount, operator: Operator) -> None:
    """If the server limits their age."""
    account = make()
    account.bound()
    setting = {"BOSBASE_TOKENS_MAX_AGE": "86400"}
    heading, _ = operator.run("list", account.collection, account.email, **setting).stdout.splitlines()
    assert heading.split() == ["ID", "CREATED", "UPDATED", "EXPIRES"]
    (row,) = json.loads(operator.run("list", account.collection, account.email, "--json", **setting).stdout)
    updated, expires = (datetime.fromisoformat(row[name]) for name in ("updated", "expires"))
    assert (expires - updated).total_seconds() == 86400


def test_a_collection_by_name_in_any_case_or_by_id(make: MakeAccount, operator: Operator) -> None:
    """As in the path of a request."""
    account = make()
    account.bound()
    identity = account.server.api("GET", f"/api/collections/{account.collection}")["id"]
    expected = operator.ids(account.collection, account.email)
    assert len(expected) == 1
    assert operator.ids(account.collection.upper(), account.email) == expected
    assert operator.ids(identity, account.email) == expected


def test_superusers_too(server: LiveServer, http: httpx.Client, operator: Operator) -> None:
    """Their tokens are the first to look at after a leak."""
    made = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
    root = Account(server, "_superusers", "root@example.com", made["id"], http)
    root.bound()
    assert len(operator.ids("_superusers", "root@example.com")) == 1


def test_revoke_ends_one_binding(make: MakeAccount, operator: Operator) -> None:
    """The running server refuses the token at its next sign-in, and accepts the others."""
    account = make()
    first = account.bound()
    second = account.bound()
    identity = operator.ids(account.collection, account.email)[0]
    done = operator.run("revoke", identity)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Revoked the token {identity} of {account.email} in {account.collection}.\n"
    assert_refused(account.login(first), 400, UNKNOWN)
    assert account.login(second).status_code == 200
    account.bound(first)
    assert account.login(first).status_code == 200


def test_revoke_all_ends_all_bindings_of_one_account(make: MakeAccount, operator: Operator) -> None:
    """And no other account's."""
    account = make()
    other = make(account.collection)
    tokens = [account.bound() for _ in range(3)]
    kept = other.bound()
    done = operator.run("revoke-all", account.collection, account.email)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Revoked 3 tokens of {account.email} in {account.collection}.\n"
    for token in tokens:
        assert_refused(account.login(token), 400, UNKNOWN)
    assert other.login(kept).json()["record"]["id"] == other.id


def test_revoke_all_of_many_bindings(make: MakeAccount, operator: Operator) -> None:
    """Counts them all. None signs in, is listed or can be revoked again."""
    account = make()
    tokens = add_bindings(operator.data, account, 2500)
    done = operator.run("revoke-all", account.collection, account.email)
    assert done.stdout == f"Revoked 2501 tokens of {account.email} in {account.collection}.\n"
    for token in (tokens[0], tokens[-1]):
        assert_refused(account.login(token), 400, UNKNOWN)
    assert operator.run("list", account.collection, account.email).returncode == 1
    with closing(sqlite3.connect(operator.data / "data.db", timeout=30)) as database:
        (left,) = database.execute("SELECT id FROM _token_bindings WHERE recordRef = ''").fetchone()
    assert operator.run("revoke", left).stderr == f'There is no binding "{left}".\n'


def test_revocations_as_json(make: MakeAccount, operator: Operator) -> None:
    """How many there were."""
    account = make()
    account.bound()
    account.bound()
    identity = operator.ids(account.collection, account.email)[0]
    assert json.loads(operator.run("revoke", identity, "--json").stdout) == {"revoked": 1}
    assert json.loads(operator.run("revoke-all", account.collection, account.email, "--json").stdout) == {"revoked": 1}


def test_nothing_to_do(make: MakeAccount, operator: Operator) -> None:
    """One sentence, and exit code 1."""
    account = make()
    base = unique("posts")
    account.server.create_collection({"name": base, "type": "base"})
    none = f"{account.email} in {account.collection} has no tokens."
    sentences = {
        ("list", account.collection, account.email): none,
        ("revoke-all", account.collection, account.email): none,
        (
            "list",
            account.collection,
            "no@example.com",
        ): f'There is no account "no@example.com" in {account.collection}.',
        ("revoke-all", "nobody", account.email): 'There is no collection "nobody".',
        ("list", base, account.email): f"The collection {base} has no accounts.",
        ("revoke", "unknown"): 'There is no binding "unknown".',
        ("revoke", ""): 'There is no binding "".',
    }
    for arguments, sentence in sentences.items():
        shown = operator.run(*arguments)
        assert (shown.returncode, shown.stdout, shown.stderr) == (1, "", sentence + "\n")
    assert operator.run("list", account.collection, account.email, "--json").stdout == "[]\n"


@pytest.mark.parametrize("arguments", [("list",), ("list", "users"), ("revoke",), ("revoke-all", "users", "a", "b")])
def test_wrong_usage(operator: Operator, arguments: tuple[str, ...]) -> None:
    """Says what to type."""
    shown = operator.run(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"Usage: pocketbase tokens {arguments[0]} ")


@pytest.mark.parametrize("arguments", [("revoke_all", "users", "a@example.com"), ("",), ()])
def test_no_such_command(operator: Operator, arguments: tuple[str, ...]) -> None:
    """A mistyped command must not look as if it had revoked something."""
    shown = operator.run(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == "Usage: pocketbase tokens list|revoke|revoke-all\n"


def test_a_database_that_fails(tmp_path: Path) -> None:
    """It is not told as an account that does not exist: the operator would stop looking."""
    with LiveServer(data_dir=tmp_path) as server:
        server.create_collection({"name": "members", "type": "auth"})
        server.create_record("members", email="a@example.com", password=PASSWORD)
        with closing(sqlite3.connect(tmp_path / "data.db")) as database, database:
            database.execute("ALTER TABLE members RENAME TO away")
        shown = Operator(tmp_path).run("revoke-all", "members", "a@example.com")
        assert (shown.returncode, shown.stdout) == (1, "")
        assert "no such table: members" in shown.stderr
        assert "There is no" not in shown.stderr


def test_a_stopped_server_without_a_table(tmp_path: Path) -> None:
    """Where nobody has bound a token yet."""
    with LiveServer(tmp_path) as server:
        server.create_record("users", email="a@example.com", password=PASSWORD)
    operator = Operator(tmp_path)
    assert operator.run("list", "users", "a@example.com").stderr == "a@example.com in users has no tokens.\n"
    assert operator.run("revoke", "x").returncode == 1


def test_a_stopped_server(tmp_path: Path, http: httpx.Client) -> None:
    """What is revoked while it is stopped stays revoked."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        account = Account(server, "users", "a@example.com", made["id"], http)
        token = account.bound()
        server.stop()
        operator = Operator(tmp_path)
        (identity,) = operator.ids("users", "a@example.com")
        assert operator.run("revoke", identity).returncode == 0
        server.start()
        assert_refused(account.login(token), 400, UNKNOWN)


@pytest.mark.parametrize("legacy", ["_tokenBindings", "tokenBindings"])
def test_a_table_of_an_older_server(tmp_path: Path, http: httpx.Client, legacy: str) -> None:
    """It is read under its new name, by the command and by the server."""
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        account = Account(server, "users", "a@example.com", made["id"], http)
        first = account.bound()
        second = account.bound()
        server.stop()
        with closing(sqlite3.connect(tmp_path / "data.db")) as database, database:
            database.execute(f"ALTER TABLE _token_bindings RENAME TO {legacy}")
        server.start()
        operator = Operator(tmp_path)
        revoked, kept = operator.ids("users", "a@example.com")
        assert operator.run("revoke", revoked).returncode == 0
        assert operator.ids("users", "a@example.com") == [kept]
        assert_refused(account.login(first), 400, UNKNOWN)
        assert account.login(second).status_code == 200


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written(make: MakeAccount, operator: Operator) -> None:
    """Is an error."""
    account = make()
    account.bound()
    line = [str(executable()), "tokens", "list", account.collection, account.email, f"--dir={operator.data}"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*line, f"--hooksDir={hooks_dir()}"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "no space left" in done.stderr


def test_bindings_in_python(server: LiveServer, make: MakeAccount) -> None:
    """LiveServer runs the same commands."""
    account = make()
    before = datetime.now(UTC)
    token = account.bound()
    (binding,) = server.tokens(account.collection, account.email)
    assert binding.created is not None
    assert binding.created == binding.updated
    assert abs((binding.created - before).total_seconds()) < 60
    assert binding.expires is None
    server.revoke(binding.id)
    assert_refused(account.login(token), 400, UNKNOWN)
    assert server.tokens(account.collection, account.email) == []
    with pytest.raises(RuntimeError, match=r"^There is no binding"):
        server.revoke(binding.id)
    with pytest.raises(RuntimeError, match=r"^There is no collection"):
        server.tokens("nobody", account.email)


def test_arguments_that_look_like_options(server: LiveServer) -> None:
    """Are arguments."""
    with pytest.raises(RuntimeError, match=r"^There is no binding \"--json\"\.$"):
        server.revoke("--json")
    with pytest.raises(RuntimeError, match=r"^There is no collection \"--dir=/\"\.$"):
        server.tokens("--dir=/", "-x")


def test_bindings_in_python_of_a_stopped_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its data folder they can be read; without one there are none."""
    monkeypatch.setenv("BOSBASE_TOKENS_MAX_AGE", "60")
    with LiveServer(tmp_path) as server:
        made = server.create_record("users", email="a@example.com", password=PASSWORD)
        with httpx.Client(trust_env=False) as http:
            Account(server, "users", "a@example.com", made["id"], http).bound()
    (binding,) = server.tokens("users", "a@example.com")
    assert binding.updated is not None
    assert binding.expires is not None
    assert (binding.expires - binding.updated).total_seconds() == 60
    with pytest.raises(RuntimeError, match="has not been started"):
        LiveServer().tokens("users", "a@example.com")
