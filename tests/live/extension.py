"""What the tests of the extension share: accounts, calls, and the errors that they expect."""

import hashlib
import json
import re
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bosbase_wrapper.server import LiveServer

PASSWORD = "password1234"
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

LOADING = "An error occurred while loading the submitted data."
VALIDATING = "An error occurred while validating the submitted data."
UNSUPPORTED = "Unsupported Content-Type."
NOT_FOUND = "The requested resource wasn't found."
UNKNOWN = "Failed to authenticate."
RULE = "The request doesn't satisfy the collection requirements to authenticate."
SPENT = "Invalid or expired MFA session."

BLANK = {"code": "validation_required", "message": "Cannot be blank."}
NO_EMAIL = {"code": "validation_is_email", "message": "Must be a valid email address."}


def out_of_range(limit: int) -> dict[str, Any]:
    """The error of a field that is too long."""
    return {
        "code": "validation_length_out_of_range",
        "message": f"The length must be between 1 and {limit}.",
        "params": {"max": limit, "min": 1},
    }


def envelope(status: int, message: str, **data: Any) -> dict[str, Any]:
    """The body of every error."""
    return {"data": data, "message": message, "status": status}


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}_{uuid4().hex[:12]}"


@dataclass
class Account:
    """One account, and calls to its collection."""

    server: LiveServer
    collection: str
    email: str
    id: str
    http: httpx.Client

    def post(self, action: str, query: str = "", **content: Any) -> httpx.Response:
        return self.http.post(f"{self.server.url}/api/collections/{self.collection}/{action}{query}", **content)

    def change(self, action: str, token: str, **changed: Any) -> httpx.Response:
        return self.post(action, json={"email": self.email, "password": PASSWORD, "token": token, **changed})

    def bound(self, token: str = "") -> str:
        token = token or unique("token")
        assert self.change("bind-token", token).status_code == 204
        return token

    def login(self, token: str, query: str = "", **members: Any) -> httpx.Response:
        return self.post("auth-with-token", query, json={"token": token, **members})

    def first_factor(self, method: str, token: str = "") -> str:
        login = {"identity": self.email, "password": PASSWORD}
        response = self.post("auth-with-password", json=login) if method == "password" else self.login(token)
        assert response.status_code == 401
        assert list(response.json()) == ["mfaId"]
        return str(response.json()["mfaId"])


def assert_refused(response: httpx.Response, status: int, message: str, **data: Any) -> None:
    """Check the whole error: status, type and body, with the fields in the server's order."""
    assert response.headers["content-type"] == "application/json"
    assert response.text.strip() == json.dumps(envelope(status, message, **data), separators=(",", ":"))
    assert response.status_code == status


MakeAccount = Callable[..., Account]


def server_data(server: LiveServer) -> Path:
    """The server's data folder, from its command line."""
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
    found = re.search(r"--dir=([^\0]+)", command)
    assert found
    return Path(found[1])


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a job of the server is done."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def bindings_in(data: Path) -> int:
    """The number of bindings."""
    with closing(sqlite3.connect(data / "data.db", timeout=30)) as database:
        return int(database.execute("SELECT count(*) FROM _token_bindings").fetchone()[0])


def add_bindings(data: Path, account: Account, count: int) -> list[str]:
    """Bind tokens to an account without a call for each, and return them."""
    tokens = [unique("token") for _ in range(count)]
    account.bound()  # makes the table
    with closing(sqlite3.connect(data / "data.db", timeout=30)) as database, database:
        (bound,) = database.execute(
            "SELECT collectionRef, recordRef, created, updated FROM _token_bindings WHERE recordRef = ?", (account.id,)
        )
        rows = [(unique("id"), hashlib.sha256(token.encode()).hexdigest(), *bound) for token in tokens]
        columns = "id, tokenHash, collectionRef, recordRef, created, updated"
        database.executemany(f"INSERT INTO _token_bindings ({columns}) VALUES (?, ?, ?, ?, ?, ?)", rows)
    return tokens


Request = tuple[str, dict[str, str], bytes]  # path, headers, body


def at_the_same_moment(server: LiveServer, requests: list[Request]) -> list[int]:
    """Send requests whose last bytes go out together, and return their statuses."""
    port = int(server.url.rpartition(":")[2])
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in requests]
        for connection, (path, headers, body) in zip(connections, requests, strict=True):
            lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body[:-1])
        time.sleep(0.05)
        for connection, (_, _, body) in zip(connections, requests, strict=True):
            connection.sendall(body[-1:])
        return [int(connection.recv(4096).split()[1]) for connection in connections]


def activity(server: LiveServer) -> str:
    """The server's activity log. It writes a line after three seconds, or with 200 others."""
    mark = unique("mark")
    with httpx.Client(trust_env=False, timeout=60) as client:
        client.get(f"{server.url}/api/{mark}")
        for _ in range(200):
            client.get(f"{server.url}/api/health")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pages = [server.api("GET", f"/api/logs?perPage=500&sort=-@rowid&page={page}")["items"] for page in (1, 2, 3)]
        if mark in str(pages):
            return json.dumps(pages, ensure_ascii=False)
        time.sleep(0.1)
    raise AssertionError("the log was not written")


def memory(server: LiveServer, name: str) -> int:
    """A figure of the server's process, in bytes."""
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1]) << 10
