"""What the tests of TokenAuth share: a server in memory that signs in and checks JWTs, and clients of each kind."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx

from bosbase_wrapper import BosBase, TokenAuth

URL = "http://localhost/api/things"
TOKEN = "canary-custom-token"
SIGN_IN_PATH = "/api/collections/users/auth-with-token"

Outcome = httpx.Response | Exception


def token_auth(base_url: str = "http://localhost", **options: Any) -> TokenAuth:
    """Signs in as one of the users, at a server that the client's transport plays."""
    unused = httpx.MockTransport(lambda _: httpx.Response(500))
    with BosBase(base_url, timeout=options.pop("timeout", 10), transport=unused) as client:
        return client.collection(options.pop("collection", "users")).token_auth(TOKEN, **options)


def jwt(number: int, lives: float | None) -> str:
    """A JWT of its own for each number, whose `exp` is in so many seconds; None for no `exp`."""
    claims = {"n": number} if lives is None else {"n": number, "exp": int(time.time() + lives)}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.canary-signature"


class Server:
    """Issues a JWT at each sign-in; answers other requests 200, and 401 without the JWT that was issued last.

    `revoke()` makes all issued so far invalid. `answer` may be set to the answer of every sign-in, or to what it
    raises. Every request is kept, apart by kind.
    """

    def __init__(self, lives: float | None = 3600) -> None:
        self.lives = lives
        self.issued: list[str] = []
        self.valid: set[str] = set()
        self.sign_ins: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []
        self.answer: httpx.Response | Exception | None = None
        self.on_sign_in: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def revoke(self) -> None:
        """No JWT that was issued is valid any more."""
        self.valid.clear()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != SIGN_IN_PATH:
            self.requests.append(request)
            known = request.headers.get("authorization") in self.valid
            return httpx.Response(200 if known else 401, json={"sent": request.content.decode()})
        self.sign_ins.append(request)
        self.on_sign_in()
        return self._signed_in()

    async def serve(self, request: httpx.Request) -> httpx.Response:
        """The same for tasks: others get their turn during a sign-in."""
        if request.url.path == SIGN_IN_PATH:
            await anyio.sleep(0.03)
        return self(request)

    def _signed_in(self) -> httpx.Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return httpx.Response(self.answer.status_code, headers=self.answer.headers, content=self.answer.content)
        with self._lock:
            token = jwt(len(self.issued), self.lives)
            self.issued.append(token)
            self.valid.add(token)
        record = {"id": "r1", "collectionId": "c1", "collectionName": "users"}
        return httpx.Response(200, json={"token": token, "record": record})


# Sends so many GETs at once with one client, and gives what each ended in.
Driver = Callable[[TokenAuth, Server, int], list[Outcome]]


def threads(auth: TokenAuth, server: Server, number: int = 1) -> list[Outcome]:
    """Over one httpx.Client, each request in a thread of its own."""

    all_there = threading.Barrier(number)

    def get(_number: int) -> Outcome:
        try:
            all_there.wait(10)
            return http.get(URL)
        except Exception as error:  # noqa: BLE001  # the test says which it wants
            return error

    if number > 1:
        server.on_sign_in = lambda: time.sleep(0.2)  # time for all others to come and wait
    with httpx.Client(transport=httpx.MockTransport(server), auth=auth) as http, ThreadPoolExecutor(number) as pool:
        return list(pool.map(get, range(number)))


async def tasks(auth: TokenAuth, server: Server, number: int) -> list[Outcome]:
    """Over one httpx.AsyncClient, each request in a task of its own."""
    outcomes: list[Outcome] = []

    async def get() -> None:
        try:
            outcomes.append(await http.get(URL))
        except Exception as error:  # noqa: BLE001  # as above
            outcomes.append(error)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(server.serve), auth=auth) as http,
        anyio.create_task_group() as group,
    ):
        for _ in range(number):
            group.start_soon(get)
    return outcomes


def aio(auth: TokenAuth, server: Server, number: int = 1) -> list[Outcome]:
    """Under asyncio."""
    return anyio.run(tasks, auth, server, number)


def trio(auth: TokenAuth, server: Server, number: int = 1) -> list[Outcome]:
    """Under trio."""
    return anyio.run(tasks, auth, server, number, backend="trio")


DRIVERS: tuple[Driver, ...] = (threads, aio, trio)


def statuses(outcomes: list[Outcome]) -> set[Any]:
    """The statuses of the answers, and the types of the errors."""
    return {outcome.status_code if isinstance(outcome, httpx.Response) else type(outcome) for outcome in outcomes}
