"""The extension's commands and deletions under crashes and load."""

import hashlib
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from bosbase_wrapper.server import hooks_dir
from bosbase_wrapper.server._paths import executable

from .embedded import EMAIL, Members, members, rows

pytestmark = pytest.mark.untraced

TABLE = "_token_bindings"
MANY = 50_000
SOME = 20_000


def fill(data: Path, record: str, count: int, of_others: int = 0) -> None:
    """Give an account many bindings, among those of others. Rows that a revocation has left are replaced."""
    with closing(sqlite3.connect(data / "data.db", timeout=30)) as database, database:
        ((collection,),) = database.execute("SELECT id FROM _collections WHERE name = 'members'")
        for owner, number in [(record, count), ("others", of_others)]:
            digests = (hashlib.sha256(f"{owner} {index}".encode()).hexdigest() for index in range(number))
            made = ((digest[:15], collection, owner, digest) for digest in digests)
            database.executemany(
                f"INSERT OR REPLACE INTO {TABLE} (id, collectionRef, recordRef, tokenHash) VALUES (?, ?, ?, ?)", made
            )


def count(data: Path, record: str) -> int:
    """How many bindings an account has."""
    ((found,),) = rows(data, f"SELECT count(*) FROM {TABLE} WHERE recordRef = ?", record)
    return int(found)


def revoke_all(data: Path) -> subprocess.Popen[bytes]:
    """Start the operator's command."""
    line = [str(executable()), "tokens", "revoke-all", "members", EMAIL, f"--dir={data}", f"--hooksDir={hooks_dir()}"]
    return subprocess.Popen([*line, "--hooksWatch=false"], stdout=subprocess.PIPE)


@pytest.mark.parametrize("rounds", [pytest.param(4, id="short"), pytest.param(40, id="long", marks=pytest.mark.long)])
@pytest.mark.timeout(900)
def test_a_crash_while_all_bindings_are_revoked(tmp_path: Path, rounds: int) -> None:
    """kill -9 at any moment, or as soon as it writes: all are there, or none is. The running server goes on."""
    with members(tmp_path) as collection:
        ((record,),) = rows(tmp_path, "SELECT id FROM members")
        other = collection.add("b@example.com")
        assert collection.bind("kept", "b@example.com") == 204
        fill(tmp_path, record, SOME)
        took = time_of(tmp_path, record)
        seen = []
        for number in range(rounds):
            if count(tmp_path, record) == 0:
                fill(tmp_path, record, SOME)
            before = written(tmp_path)
            with revoke_all(tmp_path) as process:
                deadline = time.monotonic() + took * (number + 1) / rounds
                while time.monotonic() < deadline and (number % 2 or written(tmp_path) == before):
                    time.sleep(0.0005)
                process.kill()
            seen.append(count(tmp_path, record))
            assert seen[-1] in (0, SOME)
            assert collection.login("kept") == 200
        assert count(tmp_path, other) == 1
        assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    print(f"{rounds} crashes of a revocation, which takes {took:.2f} s: bindings left {seen}")


def written(data: Path) -> int:
    """When the database was last written to."""
    return (data / "data.db-wal").stat().st_mtime_ns


def time_of(data: Path, record: str) -> float:
    """How long the command takes that is not killed."""
    begin = time.monotonic()
    with revoke_all(data) as process:
        assert process.stdout is not None
        assert process.stdout.read() == f"Revoked {SOME} tokens of {EMAIL} in members.\n".encode()
    took = time.monotonic() - begin
    assert count(data, record) == 0
    fill(data, record, SOME)
    return took


def test_a_revocation_that_cannot_write(tmp_path: Path) -> None:
    """Waits for another writer, then says why it failed; nothing is revoked."""
    with members(tmp_path) as collection:
        assert collection.bind("kept") == 204
        with closing(sqlite3.connect(tmp_path / "data.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            line = [str(executable()), "tokens", "revoke-all", "members", EMAIL, f"--dir={tmp_path}"]
            done = subprocess.run(
                [*line, f"--hooksDir={hooks_dir()}"], capture_output=True, text=True, check=False, timeout=120
            )
            database.execute("ROLLBACK")
        assert (done.returncode, done.stdout) == (1, "")
        assert "database is locked" in done.stderr
        assert collection.login("kept") == 200


def test_the_deletion_of_an_account_with_many_bindings(tmp_path: Path) -> None:
    """Takes little time of the processor, and leaves it none of its bindings."""
    with members(tmp_path) as collection:
        heavy = collection.add("heavy@example.com")
        assert collection.bind("t") == 204
        fill(tmp_path, heavy, MANY)
        before = processor_seconds(collection)
        collection.server.delete_record("members", heavy)
        assert processor_seconds(collection) - before < 1
        assert count(tmp_path, heavy) == 0
        assert collection.login("t") == 200


def processor_seconds(collection: Members) -> float:
    """The time that the server's process has used. A busy machine does not change it."""
    fields = Path(f"/proc/{collection.server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.long
def test_the_deletion_of_an_account_with_many_bindings_under_load(tmp_path: Path) -> None:
    """Within 3 s among a million of others, on a quiet machine; no sign-in waits for it longer than 0.5 s."""
    with members(tmp_path) as collection:
        heavy = collection.add("heavy@example.com")
        assert collection.bind("t") == 204
        fill(tmp_path, heavy, MANY, 950_000)
        with Load(collection) as load:
            time.sleep(0.5)
            begin = time.monotonic()
            collection.server.delete_record("members", heavy)
            took = time.monotonic() - begin
        print(f"deletion {took:.2f} s, longest sign-in {load.seconds:.3f} s")
        assert count(tmp_path, heavy) == 0
        assert took < 3
        assert load.seconds < 0.5


class Load:
    """Four threads that sign in, and the longest time that a sign-in took."""

    def __init__(self, collection: Members) -> None:
        self._collection = collection
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._sign_in) for _ in range(4)]
        self.seconds = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _sign_in(self) -> None:
        while not self._over.is_set():
            begin = time.monotonic()
            assert self._collection.login("t") == 200
            self.seconds = max(self.seconds, time.monotonic() - begin)
