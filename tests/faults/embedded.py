"""What the fault tests of the embedded server share: a fast collection, calls to it, and a look into its data."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bosbase_wrapper.server import LiveServer

EMAIL = "a@example.com"
PASSWORD = "password1234"
# bcrypt at its least cost: these tests are about the database.
MEMBERS: dict[str, Any] = {
    "name": "members",
    "type": "auth",
    "authAlert": {"enabled": False},
    "fields": [{"name": "password", "type": "password", "system": True, "cost": 4}],
}


@dataclass
class Members:
    """The collection of a server, and the three calls to it, from many threads at once."""

    server: LiveServer
    http: httpx.Client

    def add(self, email: str = EMAIL, **members: Any) -> str:
        """Make an account; returns its id."""
        return str(self.server.create_record("members", email=email, password=PASSWORD, **members)["id"])

    def send(self, action: str, **members: str) -> httpx.Response:
        """One call of the three."""
        return self.http.post(f"{self.server.url}/api/collections/members/{action}", json=members)

    def bind(self, token: str, email: str = EMAIL) -> int:
        """Bind; returns the status."""
        return self.send("bind-token", email=email, password=PASSWORD, token=token).status_code

    def unbind(self, token: str, email: str = EMAIL) -> int:
        """Unbind; returns the status."""
        return self.send("unbind-token", email=email, password=PASSWORD, token=token).status_code

    def login(self, token: str) -> int:
        """Sign in; returns the status."""
        return self.send("auth-with-token", token=token).status_code

    def logged(self, text: str) -> bool:
        """Whether the activity log tells a text, once it is written: after some seconds, or 200 lines."""
        for _ in range(200):
            self.http.get(f"{self.server.url}/api/a-line-of-the-log")
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            if text in str(self.server.api("GET", "/api/logs?perPage=500")["items"]):
                return True
            time.sleep(0.1)
        return False


@contextlib.contextmanager
def members(data: Path, *, make: bool = True) -> Iterator[Members]:
    """A server with the collection and one account, on a data folder."""
    limits = httpx.Limits(max_connections=None)
    with LiveServer(data) as server, httpx.Client(trust_env=False, timeout=60, limits=limits) as client:
        collection = Members(server, client)
        if make:
            server.create_collection(MEMBERS)
            collection.add()
        yield collection


def rows(data: Path, sql: str, *values: str) -> list[Any]:
    """What a query finds in the server's database."""
    with contextlib.closing(sqlite3.connect(data / "data.db", timeout=30)) as database, database:
        return database.execute(sql, values).fetchall()


@dataclass
class Stream:
    """Binds and unbinds from several threads, and what of it the server acknowledged."""

    members: Members
    bound: set[str] = field(default_factory=set)
    unbound: set[str] = field(default_factory=set)
    broken: threading.Event = field(default_factory=threading.Event)

    def run(self, name: str, count: int) -> None:
        """Send until so many are acknowledged, then kill the server in the midst of it."""
        wanted = len(self.bound) + len(self.unbound) + count
        self.broken.clear()
        with ThreadPoolExecutor(4) as pool:
            for thread in range(4):
                pool.submit(self._send, f"{name}-{thread}")
            while len(self.bound) + len(self.unbound) < wanted:
                time.sleep(0.005)
            self.members.server.kill()
            self.broken.set()

    def _send(self, name: str) -> None:
        number = 0
        while not self.broken.is_set():
            number += 1
            token = f"{name}-{number}"
            with contextlib.suppress(httpx.TransportError):  # not acknowledged: it may be bound, or not
                if self.members.bind(token) == 204:
                    self._take_away(token) if number % 3 == 0 else self.bound.add(token)

    def _take_away(self, token: str) -> None:
        if self.members.unbind(token) == 204:
            self.unbound.add(token)

    def assert_kept(self) -> None:
        """Every acknowledged bind signs in, every acknowledged unbind does not."""
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(self.members.login, self.bound)) == {200}
            assert set(pool.map(self.members.login, self.unbound)) == {400}
