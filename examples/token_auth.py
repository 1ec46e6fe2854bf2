"""A service that calls its server with one session, kept in a file for its next start.

    python examples/token_auth.py

runs it on an embedded server of its own (`pip install "bosbase-wrapper[server]"`).
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bosbase_wrapper import BosBase, FileAuthStore, TokenAuth, generate_token
from bosbase_wrapper.server import LiveServer

EMAIL, PASSWORD = "service@example.com", generate_token("password")


def signed_in(url: str, token: str, file: Path) -> TokenAuth:
    """What signs the requests of any httpx client in; the token alone is enough for it."""
    with BosBase(url) as client:
        return client.collection("users").token_auth(token, store=FileAuthStore(file))


def work(url: str, auth: TokenAuth) -> None:
    """100 requests by 10 threads, and how many sign-ins they took."""
    sign_ins: list[httpx.Request] = []

    def count(request: httpx.Request) -> None:
        if request.url.path.endswith("/auth-with-token"):
            sign_ins.append(request)

    with (
        httpx.Client(base_url=url, auth=auth, event_hooks={"request": [count]}) as api,
        ThreadPoolExecutor(10) as pool,
    ):
        answers = list(pool.map(lambda _: api.post("/api/collections/users/auth-refresh"), range(100)))
    print(f"{len(answers)} requests, all {answers[0].status_code}: {len(sign_ins)} sign-in(s)")


def main() -> None:
    """The story: a first start, a second one, and one after every session was ended."""
    with LiveServer() as server, tempfile.TemporaryDirectory() as folder:
        record = server.create_record("users", email=EMAIL, password=PASSWORD)
        token = generate_token()
        with BosBase(server.url) as client:
            client.collection("users").bind_custom_token(EMAIL, PASSWORD, token)
        file = Path(folder) / "session.json"
        print("The first start signs in once:")
        work(server.url, signed_in(server.url, token, file))
        print("The next start finds the session in the file:")
        work(server.url, signed_in(server.url, token, file))
        server.update_record("users", record["id"], password=generate_token("password"))
        print("A changed password has ended every session; the token is still bound:")
        work(server.url, signed_in(server.url, token, file))


if __name__ == "__main__":
    main()
