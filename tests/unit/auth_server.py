"""What the tests of TokenAuth share: a server in memory that signs in and checks JWTs, and drivers of each kind."""

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import anyio
import httpx

from bosbase_wrapper import AsyncBosBase, AsyncTokenAuth, BosBase, TokenAuth

URL = "http://localhost/api/things"
TOKEN = "canary-custom-token"
SIGN_IN_PATH = "/api/collections/users/auth-with-token"

Outcome = httpx.Response | Exception


def jwt(number: int, lives: float | None) -> str:
    """Return a JWT for each number, which expires in `lives` seconds; None for no `exp`."""
    claims = {"n": number} if lives is None else {"n": number, "exp": int(time.time() + lives)}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.canary-signature"


class Server:
    """Issues a JWT at each sign-in. Answers other requests with 200, or 401 without a valid JWT.

    `revoke()` makes all JWTs invalid. `answer` may be set to the response of every sign-in, or to what it raises.
    `clock` is the server's clock less this machine's, in seconds; None for responses without a Date.
    """

    def __init__(self, lives: float | None = 3600) -> None:
        self.lives = lives
        self.issued: list[str] = []
        self.valid: set[str] = set()
        self.sign_ins: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []
        self.answer: httpx.Response | Exception | None = None
        self.on_sign_in: Callable[[], object] = bool
        self.clock: float | None = 0.0
        self._lock = threading.Lock()

    def revoke(self) -> None:
        """No JWT that was issued is valid any more."""
        self.valid.clear()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != SIGN_IN_PATH:
            self.requests.append(request)
            known = request.headers.get("authorization") in self.valid
            return httpx.Response(200 if known else 401)
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
            lives = self.lives if self.lives is None else self.lives + (self.clock or 0.0)
            token = jwt(len(self.issued), lives)
            self.issued.append(token)
            self.valid.add(token)
        record = {"id": "r1", "collectionId": "c1", "collectionName": "users"}
        date = {} if self.clock is None else {"date": formatdate(time.time() + self.clock, usegmt=True)}
        return httpx.Response(200, json={"token": token, "record": record}, headers=date)


class Threads:
    """Signs in with a TokenAuth, and sends each request in a thread of its own."""

    def token_auth(self, server: Server, base_url: str = "http://localhost", **options: Any) -> TokenAuth:
        """Return the auth of a user of the server."""
        collection, timeout, retries = (options.pop(name, value) for name, value in DEFAULTS.items())
        transport = httpx.MockTransport(server)
        client = BosBase(base_url, timeout=timeout, retries=retries, transport=transport)
        return client.collection(collection).token_auth(TOKEN, **options)

    def get(self, auth: TokenAuth, server: Server, number: int = 1) -> list[Outcome]:
        """Send GETs at the same time with one httpx.Client, and return what each ended in."""
        all_there = threading.Barrier(number)

        def get(_number: int) -> Outcome:
            try:
                all_there.wait(60)  # a busy machine starts 1,000 threads slowly
                return http.get(URL)
            except Exception as error:  # noqa: BLE001  # the test says which it wants
                return error

        if number > 1:
            server.on_sign_in = lambda: time.sleep(0.5)  # time for all others to come and wait
        with httpx.Client(transport=httpx.MockTransport(server), auth=auth) as http, ThreadPoolExecutor(number) as pool:
            return list(pool.map(get, range(number)))


class Tasks:
    """Signs in with an AsyncTokenAuth, and sends each request in a task of its own."""

    def __init__(self, backend: str) -> None:
        self.backend = backend

    def token_auth(self, server: Server, base_url: str = "http://localhost", **options: Any) -> AsyncTokenAuth:
        """Return the auth of a user of the server."""
        collection, timeout, retries = (options.pop(name, value) for name, value in DEFAULTS.items())
        transport = httpx.MockTransport(server.serve)
        client = AsyncBosBase(base_url, timeout=timeout, retries=retries, transport=transport)
        return client.collection(collection).token_auth(TOKEN, **options)

    def get(self, auth: AsyncTokenAuth, server: Server, number: int = 1) -> list[Outcome]:
        """Send GETs at the same time with one httpx.AsyncClient, and return what each ended in."""
        return anyio.run(self._get, auth, server, number, backend=self.backend)

    async def _get(self, auth: AsyncTokenAuth, server: Server, number: int) -> list[Outcome]:
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


DEFAULTS = {"collection": "users", "timeout": 10, "retries": 0}
THREADS, AIO, TRIO = Threads(), Tasks("asyncio"), Tasks("trio")
Driver = Any  # Threads or Tasks: each takes the auth that it makes


def statuses(outcomes: list[Outcome]) -> set[Any]:
    """The statuses of the answers, and the types of the errors."""
    return {outcome.status_code if isinstance(outcome, httpx.Response) else type(outcome) for outcome in outcomes}
