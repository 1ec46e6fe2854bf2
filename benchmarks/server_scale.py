"""Does the server extension hold at a million bindings? `python -m benchmarks.server_scale [bindings]`.

Ratios of what runs side by side in one run, so that they hold on a slow machine too; the goals stand in the table.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bosbase_wrapper.server import LiveServer

EMAIL, PASSWORD, TOKEN = "a@example.com", "password1234", "the token of this benchmark"
FEW, MANY, OF_ONE_ACCOUNT, ROUNDS = 1_000, 1_000_000, 50_000, 2_000


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    found: float
    goal: float
    unit: str

    def __str__(self) -> str:
        verdict = "ok" if self.found <= self.goal else "MISSED"
        return f"{self.what:<66} {self.found:8.3f} {self.unit:<6} {self.goal:8.3f}  {verdict}"


@dataclass(frozen=True)
class Site:
    """A server, and the calls that are measured."""

    server: LiveServer
    http: httpx.Client
    heavy: str  # the account that has many bindings

    def login(self) -> httpx.Response:
        return self._post("auth-with-token", {"token": TOKEN})

    def refresh(self, jwt: str) -> httpx.Response:
        return self._post("auth-refresh", {}, {"Authorization": jwt})

    def _post(self, action: str, body: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
        url = f"{self.server.url}/api/collections/members/{action}"
        return self.http.post(url, json=body, headers=headers).raise_for_status()


def fill(data: Path, account: str, bindings: int, of_one: int) -> None:
    """Bindings of one account, and of accounts that are no more."""
    with contextlib.closing(sqlite3.connect(data / "data.db")) as database, database:
        (collection,) = database.execute("SELECT id FROM _collections WHERE name = 'members'").fetchone()
        rows = (
            (f"row{number}", collection, account if number < of_one else f"record{number % 100_000}", digest(number))
            for number in range(bindings)
        )
        database.executemany(
            "INSERT INTO _token_bindings (id, collectionRef, recordRef, tokenHash) VALUES (?, ?, ?, ?)", rows
        )


def digest(number: int) -> str:
    """A hash as a token's is."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@contextlib.contextmanager
def site(data: Path, bindings: int) -> Iterator[Site]:
    """A server with so many bindings, made while it is stopped."""
    with LiveServer(data) as server, httpx.Client(trust_env=False, timeout=120) as client:
        server.create_collection({"name": "members", "type": "auth", "authAlert": {"enabled": False}})
        server.create_record("members", email=EMAIL, password=PASSWORD)
        heavy = server.create_record("members", email="heavy@example.com", password=PASSWORD)["id"]
        account = {"email": EMAIL, "password": PASSWORD, "token": TOKEN}
        client.post(f"{server.url}/api/collections/members/bind-token", json=account).raise_for_status()
        server.stop()
        fill(data, heavy, bindings, min(bindings, OF_ONE_ACCOUNT))
        server.start()
        yield Site(server, client, heavy)


def medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each call, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def longest_login_during(place: Site, act: Callable[[], object]) -> tuple[float, float]:
    """Seconds that something took, and of the longest login beside it."""
    over = threading.Event()
    longest = [0.0]

    def sign_in() -> None:
        while not over.is_set():
            begin = time.perf_counter()
            place.login()
            longest[0] = max(longest[0], time.perf_counter() - begin)

    thread = threading.Thread(target=sign_in)
    thread.start()
    time.sleep(0.2)
    begin = time.perf_counter()
    act()
    took = time.perf_counter() - begin
    over.set()
    thread.join()
    return took, longest[0]


def measure(few: Site, many: Site, bindings: int) -> list[Row]:
    """All lines of the table."""
    jwt = few.login().json()["token"]
    sizes = {"few": few.login, "many": many.login}
    methods = {"login": few.login, "refresh": lambda: few.refresh(jwt)}
    medians(sizes, ROUNDS // 10)  # warm
    found = medians(sizes, ROUNDS) | medians(methods, ROUNDS)
    deletion, stall = longest_login_during(many, lambda: many.server.delete_record("members", many.heavy))
    print(f"medians: login {found['login'] * 1e3:.2f} ms, auth-refresh {found['refresh'] * 1e3:.2f} ms\n")
    return [
        Row(f"a login at {bindings:,} bindings, to one at {FEW:,}", found["many"] / found["few"], 1.2, "times"),
        Row("a login, to PocketBase's own auth-refresh", found["login"] / found["refresh"], 1.5, "times"),
        Row(f"deleting an account with {min(bindings, OF_ONE_ACCOUNT):,} bindings", deletion, 3, "s"),
        Row("the longest login beside it", stall, 0.5, "s"),
    ]


def main(bindings: int = MANY) -> int:
    """Print the table; 1 where a goal is missed."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        few, many = (
            stack.enter_context(site(Path(folder) / name, count)) for name, count in (("few", FEW), ("many", bindings))
        )
        rows = measure(few, many, bindings)
    print(f"{'':<66} {'found':>8} {'':<6} {'goal':>8}")
    print(*rows, sep="\n")
    return int(any(row.found > row.goal for row in rows))


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
