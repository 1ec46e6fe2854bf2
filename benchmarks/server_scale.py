"""Measures the server extension at a million bindings: `python -m benchmarks.server_scale [bindings]`.

Most figures are ratios of calls that run side by side, so they hold on a slow machine too. The goals are in the table.
authAlert is off: it writes at each sign-in, and which call came first would decide the ratio.
"""

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
FEW, MANY, OF_ONE_ACCOUNT, OTHERS, ROUNDS = 1_000, 1_000_000, 50_000, 100_000, 2_000


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


def fill(data: Path, heavy: str, bindings: int, of_heavy: int) -> None:
    """Add bindings of one account, and of others. The others need no more of a record than an id."""
    with contextlib.closing(sqlite3.connect(data / "data.db")) as database, database:
        (collection,) = database.execute("SELECT id FROM _collections WHERE name = 'members'").fetchone()
        others = [(f"record{number}", f"key{number}") for number in range(min(bindings, OTHERS))]
        database.executemany("INSERT INTO members (id, tokenKey, email) VALUES (?, ?, '')", others)
        rows = (
            (
                digest(number)[:15],
                collection,
                heavy if number < of_heavy else f"record{number % OTHERS}",
                digest(number),
            )
            for number in range(bindings)
        )
        columns = "id, collectionRef, recordRef, tokenHash"
        database.executemany(f"INSERT INTO _token_bindings ({columns}) VALUES (?, ?, ?, ?)", rows)


def digest(number: int) -> str:
    """A hash like a token's."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@contextlib.contextmanager
def site(data: Path, bindings: int) -> Iterator[Site]:
    """A server with this many bindings, which are added while it is stopped."""
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
    """The median seconds of each call. The calls take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def longest_login_during(place: Site, act: Callable[[], object]) -> tuple[float, float]:
    """The seconds that something took, and the longest sign-in meanwhile. Four threads sign in."""
    over = threading.Event()
    longest = [0.0]

    def sign_in() -> None:
        while not over.is_set():
            begin = time.perf_counter()
            place.login()
            longest[0] = max(longest[0], time.perf_counter() - begin)

    threads = [threading.Thread(target=sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    begin = time.perf_counter()
    act()
    took = time.perf_counter() - begin
    over.set()
    for thread in threads:
        thread.join()
    return took, longest[0]


def measure(few: Site, many: Site, bindings: int) -> list[Row]:
    """The lines of the table."""
    jwt = few.login().json()["token"]
    sizes = {"few": few.login, "many": many.login}
    methods = {"login": few.login, "refresh": lambda: few.refresh(jwt)}
    medians(sizes, ROUNDS // 10)  # warm
    found = medians(sizes, ROUNDS) | medians(methods, ROUNDS)
    deletion, stall = longest_login_during(many, lambda: many.server.delete_record("members", many.heavy))
    print(f"medians: sign-in {found['login'] * 1e3:.2f} ms, auth-refresh {found['refresh'] * 1e3:.2f} ms\n")
    return [
        Row(f"a sign-in at {bindings:,} bindings, to one at {FEW:,}", found["many"] / found["few"], 1.1, "times"),
        Row("a sign-in, to PocketBase's own auth-refresh", found["login"] / found["refresh"], 1.2, "times"),
        Row(f"deleting an account with {min(bindings, OF_ONE_ACCOUNT):,} bindings", deletion, 1.5, "s"),
        Row("the longest sign-in meanwhile", stall, 0.5, "s"),
    ]


def main(bindings: int = MANY) -> int:
    """Print the table. Returns 1 if a goal is missed."""
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
