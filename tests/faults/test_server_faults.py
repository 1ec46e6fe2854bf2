"""The embedded server under crashes, crowds, a full disk and tables of older servers."""

import hashlib
import shutil
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from .embedded import EMAIL, PASSWORD, Members, Stream, members, rows

pytestmark = pytest.mark.untraced

TABLE = "_token_bindings"
COLUMNS = "id TEXT PRIMARY KEY, collectionRef TEXT, recordRef TEXT, tokenHash TEXT, created TEXT, updated TEXT"


@pytest.mark.parametrize(
    ("rounds", "count"), [pytest.param(1, 60, id="short"), pytest.param(5, 2000, id="long", marks=pytest.mark.long)]
)
@pytest.mark.timeout(600)
def test_a_crash_loses_nothing_that_was_acknowledged(tmp_path: Path, rounds: int, count: int) -> None:
    """kill -9 in a stream of binds and unbinds; all of it is true after the restart."""
    with members(tmp_path) as collection:
        stream = Stream(collection)
        for number in range(rounds):
            stream.run(f"round-{number}", count)
            collection.server.start()
            stream.assert_kept()
        assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    print(f"{rounds} crashes: {len(stream.bound)} binds and {len(stream.unbound)} unbinds acknowledged, none lost")


@pytest.mark.parametrize("crowd", [pytest.param(32, id="short"), pytest.param(256, id="long", marks=pytest.mark.long)])
def test_a_crowd_that_binds_at_once(tmp_path: Path, crowd: int) -> None:
    """The first binds ever, all at one moment; then all accounts one value, of which one row is left."""
    emails = [f"user{number}@example.com" for number in range(crowd)]
    with members(tmp_path) as collection, ThreadPoolExecutor(crowd) as pool:
        list(pool.map(collection.add, emails))
        assert set(pool.map(collection.bind, emails, emails)) == {204}
        assert set(pool.map(collection.login, emails)) == {200}
        assert set(pool.map(collection.bind, ["one value"] * crowd, emails)) == {204}
        assert collection.login("one value") == 200
        digest = hashlib.sha256(b"one value").hexdigest()
        assert rows(tmp_path, f"SELECT count(*) FROM {TABLE} WHERE tokenHash = ?", digest) == [(1,)]
        assert rows(tmp_path, f"SELECT count(*) FROM {TABLE}") == [(crowd + 1,)]


def set_room(collection: Members, size: int | None) -> None:
    """Let no file of the server grow beyond a size, as a full disk would; None: as long as it likes."""
    import resource

    assert collection.server.pid is not None
    limit = resource.RLIM_INFINITY if size is None else size
    resource.prlimit(collection.server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process, which only Linux can")
@pytest.mark.parametrize("bound", [False, True], ids=["before the first bind", "after it"])
def test_a_full_disk(tmp_path: Path, bound: bool) -> None:
    """500 in the server's envelope, never a wrong "no"; sign-ins go on; with room again everything does."""
    with members(tmp_path) as collection:
        if bound:
            assert collection.bind("before") == 204
        set_room(collection, 4096)
        for action, message in (("bind-token", "Failed to bind token."), ("unbind-token", "Failed to unbind token.")):
            answer = collection.send(action, email=EMAIL, password=PASSWORD, token="before")
            if bound or action == "bind-token":
                assert answer.json() == {"data": {}, "message": message, "status": 500}
        assert collection.login("before") == (200 if bound else 400)
        set_room(collection, None)
        assert collection.logged("Custom tokens: the database failed")
        assert collection.bind("after") == 204
        assert collection.login("after") == 200
        assert collection.unbind("before") == 204
        assert collection.login("before") == 400
        assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_a_table_that_was_taken_away(tmp_path: Path) -> None:
    """A login that cannot look is a 500 and no 400, which would call a good token bad."""
    with members(tmp_path) as collection:
        assert collection.bind("t") == 204
        rows(tmp_path, f"ALTER TABLE {TABLE} RENAME TO elsewhere")
        answer = collection.send("auth-with-token", token="t")
        assert answer.json() == {"data": {}, "message": "Failed to authenticate.", "status": 500}
        rows(tmp_path, f"ALTER TABLE elsewhere RENAME TO {TABLE}")
        assert collection.login("t") == 200


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the collection and one account, and no table of bindings."""
    data = tmp_path_factory.mktemp("prepared")
    with members(data):
        pass
    return data


@pytest.fixture
def data(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(prepared, tmp_path / "data"))


def write_legacy(data: Path, name: str, columns: str = COLUMNS, repeated: int = 1) -> None:
    """A table of an older server, with a binding of the token that is called as the table."""
    with closing(sqlite3.connect(data / "data.db")) as database, database:
        database.execute(f"CREATE TABLE {name} ({columns})")
        named = "collectionRef, recordRef" + (", tokenHash" if "tokenHash" in columns else "")
        (ids,) = database.execute("SELECT c.id, m.id FROM _collections c, members m WHERE c.name = 'members'")
        values = [*ids, hashlib.sha256(name.encode()).hexdigest()][: named.count(",") + 1]
        marks = ", ".join("?" * len(values))
        for number in range(repeated):
            identity = f"'row{number}'" if "id TEXT" in columns else str(number)
            database.execute(f"INSERT INTO {name} (id, {named}) VALUES ({identity}, {marks})", values)


@pytest.mark.parametrize("first", ["login", "bind", "unbind"])
@pytest.mark.parametrize("name", ["_tokenBindings", "tokenBindings"])
def test_a_table_of_an_older_server_goes_on(data: Path, name: str, first: str) -> None:
    """Whichever of the three calls comes first, its tokens sign in, and it has the new name."""
    write_legacy(data, name)
    with members(data, make=False) as collection:
        assert getattr(collection, first)(name if first == "login" else "other") in (200, 204)
        assert collection.login(name) == 200
        assert collection.bind(name) == 204
        assert collection.unbind(name) == 204
        assert collection.login(name) == 400
    assert rows(data, "SELECT name FROM sqlite_master WHERE name LIKE '%okenBindings'") == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process, which only Linux can")
def test_a_full_disk_does_not_shut_an_older_table_out(data: Path) -> None:
    """It is taken over once there is room, and its tokens go on."""
    write_legacy(data, "_tokenBindings")
    with members(data, make=False) as collection:
        set_room(collection, 4096)
        assert collection.login("_tokenBindings") == 500
        assert collection.bind("other") == 500
        set_room(collection, None)
        assert collection.bind("other") == 204
        assert collection.login("_tokenBindings") == 200


def test_calls_at_once_take_an_older_table_over_once(data: Path) -> None:
    """Sixteen first logins: all sign in, and no complaint stands in the log."""
    write_legacy(data, "_tokenBindings")
    with members(data, make=False) as collection, ThreadPoolExecutor(16) as pool:
        assert set(pool.map(collection.login, ["_tokenBindings"] * 16)) == {200}
        assert collection.logged("a-line-of-the-log")
        assert "does not fit" not in str(collection.server.api("GET", "/api/logs?perPage=500")["items"])


def test_the_first_older_table_is_taken_and_others_are_left(data: Path) -> None:
    """And one that is beside the table of today is not looked at."""
    write_legacy(data, "_tokenBindings")
    write_legacy(data, "tokenBindings")
    with members(data, make=False) as collection:
        assert collection.login("_tokenBindings") == 200
        assert collection.login("tokenBindings") == 400
        assert collection.bind("new") == 204
    assert rows(data, "SELECT count(*) FROM tokenBindings") == [(1,)]
    with members(data, make=False) as collection:
        assert collection.login("tokenBindings") == 400
        assert collection.login("new") == 200


@pytest.mark.parametrize(
    ("columns", "repeated"),
    [
        (COLUMNS, 2),
        (COLUMNS.replace("tokenHash", "hash"), 1),
        (COLUMNS + ", owner TEXT NOT NULL DEFAULT 'x' CHECK (owner <> 'x' OR recordRef <> '')", 1),
        (COLUMNS.replace("id TEXT", "id INTEGER"), 1),
    ],
    ids=["duplicate rows", "a column is missing", "a rule that we do not keep", "ids of another type"],
)
def test_an_older_table_that_does_not_fit_is_left(data: Path, columns: str, repeated: int) -> None:
    """It stays as it is, the log tells it, and the three calls serve from a new table beside it."""
    write_legacy(data, "_tokenBindings", columns, repeated)
    before = rows(data, "SELECT * FROM _tokenBindings")
    with members(data, make=False) as collection:
        assert collection.login("_tokenBindings") == 400
        assert collection.unbind("t") == 204
        assert collection.bind("t") == 204
        assert collection.login("t") == 200
        assert collection.logged("a table does not fit and was left")
    assert rows(data, "SELECT * FROM _tokenBindings") == before


CANARIES = ("canary-password-1", "canary-password-2", "canary-token-1", "canary-token-2")


def test_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    """Passwords, tokens and JWTs are in no file of the server; mfa ids in no log."""
    mfa = {"mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}
    password, wrong, token, other = CANARIES
    with members(tmp_path) as collection:
        collection.server.create_record("members", email="canary@example.com", password=password)
        account = {"email": "canary@example.com", "password": password}
        assert collection.send("bind-token", **account, token=token).status_code == 204
        jwt = collection.send("auth-with-token", token=token).json()["token"]
        for action in ("bind-token", "unbind-token"):
            collection.send(action, email=EMAIL, password=wrong, token=other)
            collection.send(action, email=wrong, password=wrong, token=other)
            collection.send(action, email=EMAIL, password=wrong * 40, token=other * 100)
            url = f"{collection.server.url}/api/collections/members/{action}?token={other}&password={wrong}"
            collection.http.post(url, data={"email": EMAIL})
            collection.http.post(url, content=f'{{"token":"{other}",'.encode(), headers={"Content-Type": "text/plain"})
        collection.send("auth-with-token", token=other)
        collection.server.api("PATCH", "/api/collections/members", mfa)
        mfa_ids = [collection.send("auth-with-token", token=token).json()["mfaId"] for _ in range(3)]
        collection.send(f"auth-with-token?mfaId={mfa_ids[0]}", token=token)
        login = {"identity": "canary@example.com", "password": password}
        assert collection.send(f"auth-with-password?mfaId={mfa_ids[1]}", **login).status_code == 200
        collection.send("auth-with-token", token=token, mfaId=mfa_ids[2])
        assert collection.logged("mfaId=hidden")
        log = str(collection.server.api("GET", "/api/logs?perPage=500"))
        assert [secret for secret in (*CANARIES, jwt, *mfa_ids) if secret in log] == []
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name == "data.db-wal" for path in files)
        assert any(hashlib.sha256(token.encode()).hexdigest().encode() in path.read_bytes() for path in files)
        written = b"".join(path.read_bytes() for path in files)
    assert [secret for secret in (*CANARIES, jwt) if secret.encode() in written] == []
