"""TokenAuth signs requests in: when, how often, where to, and what comes out when it cannot."""

import inspect
import io
import json
import logging
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

import bosbase_wrapper
from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    BosBase,
    BosBaseError,
    ConfigurationError,
    InvalidCredentialsError,
    MemoryAuthStore,
    MfaRequiredError,
    Record,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
)

from .auth_server import AIO, SIGN_IN_PATH, THREADS, TOKEN, TRIO, URL, Driver, Server, jwt, statuses


@pytest.fixture(params=[THREADS, AIO, TRIO], ids=["threads", "asyncio", "trio"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """Threads, asyncio and trio, one after the other."""
    return request.param


def client(auth: Any, handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> httpx.Client:
    """A user's own client over a server in memory."""
    return httpx.Client(transport=httpx.MockTransport(handler), auth=auth, **options)


def test_the_first_request_signs_in_and_every_request_carries_the_jwt(driver: Driver) -> None:
    """The sign-in is the collection's own request; nothing of the user's client is on it."""
    server = Server()
    auth = driver.token_auth(server)
    assert statuses(driver.get(auth, server, 1) + driver.get(auth, server, 1)) == {200}
    assert [request.headers["authorization"] for request in server.requests] == [server.issued[0]] * 2
    (sign_in,) = server.sign_ins
    assert (sign_in.method, str(sign_in.url)) == ("POST", "http://localhost/api/collections/users/auth-with-token")
    assert json.loads(sign_in.content) == {"token": TOKEN}


def test_nothing_of_the_signed_client_is_on_the_sign_in() -> None:
    """It does not pass through that client: no hook sees it, no cookie of it comes back."""
    server = Server()
    seen: list[httpx.URL] = []
    options: dict[str, Any] = {"cookies": {"a": "canary"}, "params": {"key": "canary"}, "headers": {"X-Key": "canary"}}
    auth = THREADS.token_auth(server)
    hooks = {"request": [lambda request: seen.append(request.url)]}
    with client(auth, server, event_hooks=hooks, **options) as http:
        http.get(URL)
        auth.clear()
        response = http.get(URL, headers={"Authorization": "canary"})
    assert len(server.sign_ins) == len(seen) == 2
    assert all("canary" not in f"{request.headers.raw} {request.url}" for request in server.sign_ins)
    assert [request.headers["authorization"] for request in server.requests] == server.issued
    assert response.history == []


@pytest.mark.untraced
def test_any_number_of_requests_at_once_cause_one_sign_in(driver: Driver) -> None:
    """Threads and tasks alike; they wait for it."""
    server = Server()
    assert statuses(driver.get(driver.token_auth(server), server, 1000)) == {200}
    assert (len(server.sign_ins), len(server.requests)) == (1, 1000)


def test_a_jwt_that_is_hardly_alive_serves_all_who_waited_for_it(driver: Driver) -> None:
    """Else each of them would sign in again."""
    server = Server(lives=1)
    assert statuses(driver.get(driver.token_auth(server), server, 50)) == {200}
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize(
    ("lives", "leeway", "sign_ins"),
    [(30, 60, 3), (30, 0, 1), (90, 60, 1), (-1, 0, 3), (None, 60, 1), (100 * 365 * 86400, 60, 1), (1e15, 60, 1)],
)
def test_when_it_signs_in_again(lives: float | None, leeway: float, sign_ins: int) -> None:
    """Before the JWT's `exp` less the leeway; a JWT without one, or with one past the year 9999, goes on for ever."""
    server = Server(lives=lives)
    auth = THREADS.token_auth(server, leeway=leeway)
    for _ in range(3):
        assert statuses(THREADS.get(auth, server)) == {200}
    assert len(server.sign_ins) == sign_ins


@pytest.mark.untraced
def test_a_revoked_jwt_causes_one_sign_in_for_all(driver: Driver) -> None:
    """Each request that got a 401 is sent once more, with the new JWT."""
    server = Server()
    auth = driver.token_auth(server)
    driver.get(auth, server, 1)
    server.revoke()
    assert statuses(driver.get(auth, server, 1000)) == {200}
    assert len(server.sign_ins) == 2
    assert server.requests[-1].headers["authorization"] == server.issued[1]


def test_a_401_that_comes_after_another_request_has_signed_in_causes_no_sign_in() -> None:
    """The JWT that the request carried is not the present one."""
    server = Server()
    auth = THREADS.token_auth(server)
    THREADS.get(auth, server)

    def slow(request: httpx.Request) -> httpx.Response:
        if len(server.sign_ins) == 1:
            server.revoke()
            assert statuses(THREADS.get(auth, server)) == {200}
        return server(request)

    with client(auth, slow) as http:
        assert http.get(URL).status_code == 200
    assert len(server.sign_ins) == 2


class Stubborn(Server):
    """Answers 401, whatever the JWT."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        return answer if request in self.sign_ins else httpx.Response(401)


def test_a_second_401_is_handed_to_the_caller(driver: Driver) -> None:
    """It is about something else than the JWT."""
    server = Stubborn()
    assert statuses(driver.get(driver.token_auth(server), server, 1)) == {401}
    assert (len(server.sign_ins), len(server.requests)) == (2, 2)


class Forgetful(Server):
    """Issues the same JWT at each sign-in, and takes it from the second sign-in on."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        if request in self.sign_ins:
            return httpx.Response(200, json={"token": "same", "record": {"id": "r1"}})
        return httpx.Response(200) if len(self.sign_ins) > 1 else answer


def test_a_server_that_issues_the_same_jwt_again_is_asked_once_for_all(driver: Driver) -> None:
    """Within one second, JWTs of one account are alike; what counts is the sign-in that a request came from."""
    server = Forgetful()
    assert statuses(driver.get(driver.token_auth(server), server, 20)) == {200}
    assert len(server.sign_ins) == 2


def chunks() -> Iterator[bytes]:
    """A body that can be read once."""
    yield b"part"


class Pipe(io.RawIOBase):
    """A file that cannot be rewound."""

    def __init__(self) -> None:
        self._left = [b"part"]

    def read(self, _size: int = -1) -> bytes:
        """The one part, then nothing."""
        return self._left.pop() if self._left else b""


@pytest.mark.parametrize(
    ("made", "again"),
    [
        (dict, True),
        (lambda: {"content": b"part"}, True),
        (lambda: {"json": {"a": 1}}, True),
        (lambda: {"data": {"a": "1"}}, True),
        (lambda: {"files": {"file": b"part"}, "data": {"a": "1"}}, True),
        (lambda: {"files": {"file": io.BytesIO(b"part")}}, True),
        (lambda: {"files": {"file": Pipe()}}, False),
        (lambda: {"content": chunks()}, False),
        (lambda: {"content": io.BytesIO(b"part")}, False),
    ],
    ids=["none", "bytes", "json", "form", "multipart", "file", "pipe", "generator", "file-as-stream"],
)
def test_a_body_that_cannot_be_sent_twice_keeps_its_401(made: Callable[[], dict[str, Any]], *, again: bool) -> None:
    """The others are sent a second time, the same."""
    server, body = Server(), made()
    auth = THREADS.token_auth(server)
    sent: list[bytes] = []

    def drained(request: httpx.Request) -> httpx.Response:
        sent.append(b"".join(request.stream))  # type: ignore[arg-type]  # of the sync client
        return httpx.Response(200 if request.headers.get("authorization") in server.valid else 401)

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return drained(request)

    with httpx.Client(transport=Transport(), auth=auth) as http:
        http.get(URL)
        server.revoke()
        sent.clear()
        assert http.post(URL, **body).status_code == (200 if again else 401)
    assert len(server.sign_ins) == (2 if again else 1)
    assert (len(sent), sent[0]) == ((2, sent[1]) if again else (1, sent[0]))
    assert body == {} or sent[0]


@pytest.mark.parametrize(
    ("base_url", "url", "attached"),
    [
        ("http://localhost/", "http://localhost:80/a", True),
        ("http://localhost/", "http://localhost/a/../b", True),
        ("http://localhost/", "http://localhost/a/%2e%2e/b", True),
        ("https://localhost:443/base/", "https://LOCALHOST/base/a", True),
        ("https://localhost/base", "https://localhost/base", True),
        ("https://localhost/base", "https://localhost/base/?q=../..", True),
        ("https://localhost/base", "https://localhost/base/a..b/...", True),
        ("https://localhost/base", "https://localhost/", False),
        ("https://localhost/base", "https://localhost/base2/a", False),
        ("https://localhost/base", "https://localhost/BASE/a", False),
        ("https://localhost/base", "https://localhost//base/a", False),
        ("https://localhost/base", "https://localhost/base/../a", False),
        ("https://localhost/base", "https://localhost/base/%2e%2E/a", False),
        ("https://localhost/base", "https://localhost/base/x%2F..%2f..%2Fa", False),
        ("https://localhost/base", "https://localhost/base/%5C..%5Ca", False),
        ("https://localhost/a/b", "https://localhost/a/b/c", True),
        ("https://localhost/a/b", "https://localhost/a/c", False),
        ("http://localhost", "https://localhost/a", False),
        ("http://localhost", "http://localhost:8090/a", False),
        ("http://localhost", "http://127.0.0.1/a", False),
        ("http://localhost", "http://localhost.example/a", False),
    ],
)
def test_it_signs_only_requests_below_the_base_url(base_url: str, url: str, *, attached: bool) -> None:
    """Scheme, host, port and path must be the server's. For any other request there is no sign-in either."""
    server, seen = Server(), []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    def sign_in(request: httpx.Request) -> httpx.Response:
        return server(httpx.Request("POST", f"http://localhost{SIGN_IN_PATH}", content=request.content))

    bosbase = BosBase(base_url, transport=httpx.MockTransport(sign_in))
    with client(bosbase.collection("users").token_auth(TOKEN), handle) as http:
        http.get(url)
    assert seen[0].headers.get("authorization") == (server.issued[0] if attached else None)
    assert len(server.sign_ins) == attached


def test_a_header_of_the_users_own_stays_on_a_request_of_another_origin() -> None:
    """It is the user's affair."""
    auth = THREADS.token_auth(Server())
    with client(auth, lambda request: httpx.Response(200, json=dict(request.headers))) as http:
        answer = http.get("http://elsewhere.example/", headers={"Authorization": "own"})
    assert answer.json()["authorization"] == "own"


def test_a_redirect_to_another_origin_carries_no_jwt() -> None:
    """And its 401 causes no sign-in: it is not about the JWT."""
    server = Server()
    auth = THREADS.token_auth(server)
    THREADS.get(auth, server, 1)
    elsewhere: list[httpx.Request] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost":
            return httpx.Response(307, headers={"location": "http://elsewhere.example/"})
        elsewhere.append(request)
        return httpx.Response(401)

    with client(auth, redirect, follow_redirects=True) as http:
        assert http.get(URL).status_code == 401
    assert ["authorization" in request.headers for request in elsewhere] == [False]
    assert len(server.sign_ins) == 1


ENVELOPE: dict[str, Any] = {"status": 400, "message": "Failed to authenticate.", "data": {}}
REFUSALS = [
    (httpx.Response(400, json=ENVELOPE), InvalidCredentialsError),
    (httpx.Response(503, text="<html>"), ServerError),
    (httpx.Response(401, json={"mfaId": "canary-mfa"}), MfaRequiredError),
    (httpx.Response(200, json={"token": "a\nb", "record": {}}), UnexpectedResponseError),
    (httpx.Response(204), UnexpectedResponseError),
    (httpx.ConnectError(TOKEN), TransportError),
    (httpx.ReadTimeout(TOKEN), RequestTimeoutError),
]


@pytest.mark.parametrize(("answer", "error"), REFUSALS, ids=lambda value: getattr(value, "__name__", None))
def test_a_sign_in_that_fails_raises_what_auth_with_token_raises(
    driver: Driver, answer: httpx.Response | Exception, error: type[BosBaseError]
) -> None:
    """For each who waits, an error of its own after one sign-in; the next request tries again."""
    server = Server()
    auth = driver.token_auth(server)
    server.answer = answer
    outcomes = driver.get(auth, server, 20)
    assert statuses(outcomes) == {error}
    assert (len(server.sign_ins), len(server.requests), len(set(map(id, outcomes)))) == (1, 0, 20)
    assert {getattr(outcome, "attempts", None) for outcome in outcomes} == {1}
    shown = "".join("".join(traceback.format_exception(outcome)) for outcome in outcomes)
    assert "canary" not in shown  # neither the token nor the mfa id
    server.answer, server.on_sign_in = None, bool
    assert statuses(driver.get(auth, server, 1)) == {200}
    assert len(server.sign_ins) == 2


def test_every_waiting_caller_of_a_mfa_collection_gets_the_mfa_id(driver: Driver) -> None:
    """Each has what it needs for the second factor."""
    server = Server()
    server.answer = httpx.Response(401, json={"mfaId": "mfa1"})
    errors = driver.get(driver.token_auth(server), server, 5)
    assert [error.mfa_id for error in errors if isinstance(error, MfaRequiredError)] == ["mfa1"] * 5


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("driver", [AIO, TRIO], ids=["asyncio", "trio"])
def test_a_cancelled_sign_in_is_taken_over_by_one_who_waits(driver: Any, revoked: bool) -> None:
    """Neither an error nor a lock is left behind, by the first sign-in and by that after a 401."""
    server, hangs = Server(), not revoked

    async def main() -> list[int]:
        began = anyio.Event()
        found: list[int] = []

        async def sign_in(request: httpx.Request) -> httpx.Response:
            nonlocal hangs
            if hangs:
                hangs = False
                began.set()
                await anyio.sleep_forever()
            return await server.serve(request)

        async def get() -> None:
            found.append((await http.get(URL)).status_code)

        nonlocal hangs
        bosbase = AsyncBosBase("http://localhost", transport=httpx.MockTransport(sign_in))
        auth = bosbase.collection("users").token_auth(TOKEN)
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(server.serve), auth=auth) as http,
            anyio.create_task_group() as group,
        ):
            if revoked:
                await http.get(URL)
                server.revoke()
                hangs = True
            leading = anyio.CancelScope()

            async def lead() -> None:
                with leading:
                    await get()

            group.start_soon(lead)
            await began.wait()
            for _ in range(10):
                group.start_soon(get)
            await anyio.wait_all_tasks_blocked()
            leading.cancel()
        return found

    assert anyio.run(main, backend=driver.backend) == [200] * 10
    assert len(server.sign_ins) == 1 + revoked


def test_a_leader_that_is_interrupted_is_replaced_by_one_who_waits() -> None:
    """KeyboardInterrupt, or an error of a caller's own hook: nobody waits for ever, and the error is the leader's."""
    server = Server()
    began, release = threading.Event(), threading.Event()

    def interrupt() -> None:
        server.on_sign_in = bool
        began.set()
        release.wait(10)
        raise KeyboardInterrupt

    auth = THREADS.token_auth(server)
    server.on_sign_in = interrupt
    with client(auth, server) as http, ThreadPoolExecutor(2) as pool:
        leader = pool.submit(http.get, URL)
        began.wait(10)
        waiter = pool.submit(http.get, URL)
        release.set()
        assert isinstance(leader.exception(10), KeyboardInterrupt)
        assert waiter.result(10).status_code == 200
    assert len(server.issued) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_sign_in_is_not_redirected_with_its_token(driver: Driver, status: int) -> None:
    """The error says where the redirect points."""
    server = Server()
    server.answer = httpx.Response(status, headers={"location": f"http://elsewhere.example/{TOKEN}"})
    (outcome,) = driver.get(driver.token_auth(server), server)
    assert isinstance(outcome, UnexpectedResponseError)
    assert "to http://elsewhere.example," in str(outcome)
    assert (len(server.sign_ins), len(server.requests)) == (1, 0)


def test_an_error_of_the_network_after_the_sign_in_stays_httpxs() -> None:
    """It is about the user's own request."""
    server = Server()

    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("cut")

    with client(THREADS.token_auth(server), handle) as http, pytest.raises(httpx.ReadError):
        http.get(URL)


@pytest.mark.parametrize("kind", [bosbase_wrapper.Collection, bosbase_wrapper.AsyncCollection])
def test_the_leeway_is_a_minute(kind: Any) -> None:
    """Where no other is asked for."""
    assert inspect.signature(kind.token_auth).parameters["leeway"].default == 60


@pytest.mark.parametrize("leeway", [-1, float("nan"), float("inf"), "60", True, None])
def test_a_leeway_that_is_no_number_of_seconds_is_refused(leeway: Any) -> None:
    """When the TokenAuth is made."""
    with pytest.raises(ConfigurationError, match=r"^leeway must be a number of seconds, 0 or more$"):
        THREADS.token_auth(Server(), leeway=leeway)


def test_a_store_that_is_none_and_a_token_that_cannot_be_sent_are_refused(users: bosbase_wrapper.Collection) -> None:
    """When the TokenAuth is made; a path is easily taken for a store."""
    with pytest.raises(ConfigurationError, match=r"^store must have the methods load, save and clear$"):
        THREADS.token_auth(Server(), store="session.json")
    with pytest.raises(ConfigurationError, match=r"^store must have the methods load, save and clear$"):
        THREADS.token_auth(Server(), store=MemoryAuthStore)
    with pytest.raises(ConfigurationError, match="token"):
        users.token_auth("\ud800")


def test_it_shows_no_secret(driver: Driver) -> None:
    """Neither itself, nor what httpx keeps of the sign-in in an answer's history, nor a pickle."""
    server = Server()
    auth = driver.token_auth(server, store=MemoryAuthStore())
    driver.get(auth, server, 1)
    assert repr(auth) == str(auth) == f"{type(auth).__name__}('users', 'http://localhost')"
    with pytest.raises(TypeError) as caught:
        pickle.dumps(auth)
    assert TOKEN not in str(caught.value)
    assert "canary" not in repr(server.sign_ins)


def test_the_logger_tells_of_each_sign_in(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """As of every call, and without a secret; httpx and httpcore show none either."""
    caplog.set_level(logging.DEBUG)
    server = Server()
    auth = driver.token_auth(server)
    driver.get(auth, server, 1)
    auth.clear()
    server.answer = httpx.ConnectError("refused")
    driver.get(auth, server, 1)
    told = [record.getMessage() for record in caplog.records if record.name == "bosbase_wrapper"]
    assert [text.partition(" in ")[0] for text in told] == [
        "authWithToken 'users': 200",
        "authWithToken 'users': TransportError",
    ]
    assert "canary" not in caplog.text
    assert server.issued[0] not in caplog.text


def test_clear_forgets_the_session_also_in_the_store(driver: Driver) -> None:
    """The next request signs in."""
    store, server = MemoryAuthStore(), Server()
    auth = driver.token_auth(server, store=store)
    driver.get(auth, server, 1)
    assert store.load() is not None
    auth.clear()
    assert store.load() is None
    assert statuses(driver.get(auth, server, 1)) == {200}
    assert len(server.sign_ins) == 2


def test_a_sign_in_that_ends_after_clear_serves_its_own_request_alone() -> None:
    """It is not kept, and not stored."""
    store, server = MemoryAuthStore(), Server()
    auth = THREADS.token_auth(server, store=store)
    auth.clear()
    server.on_sign_in = auth.clear
    assert statuses(THREADS.get(auth, server)) == {200}
    assert store.load() is None
    server.on_sign_in = bool
    assert statuses(THREADS.get(auth, server)) == {200}
    assert len(server.sign_ins) == 2


def test_clear_while_a_session_is_saved(driver: Driver) -> None:
    """The store forgets it all the same."""
    server = Server()

    class Store(MemoryAuthStore):
        def save(self, result: AuthResult) -> None:
            auth.clear()
            super().save(result)

    store = Store()
    auth = driver.token_auth(server, store=store)
    assert statuses(driver.get(auth, server, 1)) == {200}
    assert store.load() is None


def session(number: int = 7, lives: float | None = 3600, collection: str = "users") -> AuthResult:
    """A session that a store may hold."""
    return AuthResult(jwt(number, lives), Record({"id": "r1", "collectionId": "c1", "collectionName": collection}))


def stored(result: AuthResult) -> MemoryAuthStore:
    """A store that holds a session."""
    store = MemoryAuthStore()
    store.save(result)
    return store


@pytest.mark.parametrize("collection", ["users", "USERS", "c1"])
def test_a_stored_session_is_used_without_a_sign_in(driver: Driver, collection: str) -> None:
    """The collection may be named in any case, or by its id."""
    server, held = Server(), session()
    server.valid = {held.token}
    assert statuses(driver.get(driver.token_auth(server, store=stored(held), collection=collection), server, 5)) == {
        200
    }
    assert server.sign_ins == []


def test_a_store_is_read_once() -> None:
    """Its session serves the requests that follow."""
    loads: list[int] = []

    class Counting(MemoryAuthStore):
        def load(self) -> AuthResult | None:
            loads.append(1)
            return super().load()

    server, held, store = Server(), session(), Counting()
    store.save(held)
    server.valid = {held.token}
    auth = THREADS.token_auth(server, store=store)
    assert statuses([*THREADS.get(auth, server), *THREADS.get(auth, server)]) == {200}
    assert (len(loads), len(server.sign_ins)) == (1, 0)


def test_a_stored_session_is_used_until_it_expires() -> None:
    """Then the next request signs in. One without an end is used for ever."""
    for lives, sign_ins in ((2, 1), (None, 0)):
        server, held = Server(), session(lives=lives)
        server.valid = {held.token}
        auth = THREADS.token_auth(server, store=stored(held), leeway=0)
        assert statuses(THREADS.get(auth, server)) == {200}
        assert server.sign_ins == []
        while lives is not None and not held.is_expired():
            time.sleep(0.05)
        assert statuses(THREADS.get(auth, server)) == {200}
        assert len(server.sign_ins) == sign_ins


USER = Record({"id": "r1", "collectionId": "c1", "collectionName": "users"})
BAD_JWTS: list[Any] = [AuthResult(token, USER) for token in ("", "a\nb", "\u00fc", 5)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "held", [session(lives=30), session(lives=-5), session(collection="members"), "no session", *BAD_JWTS]
)
def test_a_stored_session_that_cannot_serve_is_replaced(driver: Driver, held: Any) -> None:
    """Past its time, of another collection, or nothing of the kind."""
    server, store = Server(), stored(held)
    assert statuses(driver.get(driver.token_auth(server, store=store), server, 5)) == {200}
    assert len(server.sign_ins) == 1
    assert len(server.requests) == 5  # none of them a first try with what was stored
    kept = store.load()
    assert kept is not None
    assert kept.token == server.issued[0]


def test_a_stored_session_that_was_revoked_is_replaced(driver: Driver) -> None:
    """After the 401, it is not asked for again."""
    server, store = Server(), stored(session())
    assert statuses(driver.get(driver.token_auth(server, store=store), server, 5)) == {200}
    assert len(server.sign_ins) == 1
    kept = store.load()
    assert kept is not None
    assert kept.token == server.issued[0]


class Broken:
    """A store of a user's own that does not work."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def load(self) -> AuthResult | None:
        """Fails."""
        raise self.error

    def save(self, result: AuthResult) -> None:
        """Fails."""
        raise self.error

    def clear(self) -> None:
        """Fails."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"), [(OSError(28, "No space left on device"), "No space left"), (KeyError("canary"), "KeyError")]
)
def test_a_store_that_fails_warns_and_the_request_goes_on(driver: Driver, error: Exception, told: str) -> None:
    """The warning has the words of the system. Of another error it has only the class."""
    server = Server()
    auth = driver.token_auth(server, store=Broken(error))
    with pytest.warns(UserWarning, match="the session was not") as warned:
        assert statuses(driver.get(auth, server, 5)) == {200}
    assert len(server.sign_ins) == 1
    texts = [str(warning.message) for warning in warned]
    assert [text.split(":")[0] for text in texts] == ["the session was not loaded", "the session was not saved"]
    assert all(told in text and "canary" not in text for text in texts)
    with pytest.raises(type(error)):
        auth.clear()


ITSELF = "^a request of the sign-in itself must not be signed in with its TokenAuth$"


def test_a_request_of_the_sign_in_itself_is_an_error_and_no_deadlock() -> None:
    """It would wait for the sign-in, which waits for it."""
    server = Server()

    class Store(MemoryAuthStore):
        def load(self) -> AuthResult | None:
            with client(auth, server) as http, pytest.raises(ConfigurationError, match=ITSELF):
                http.get(URL)
            return None

    auth = THREADS.token_auth(server, store=Store())
    with client(auth, server) as http:
        assert http.get(URL).status_code == 200
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_same_in_a_task(backend: str) -> None:
    """Also in a task that a hook of the sign-in starts."""
    server = Server()

    async def main() -> None:
        async def sign_in(request: httpx.Request) -> httpx.Response:
            async def inner() -> None:
                with pytest.raises(ConfigurationError, match=ITSELF):
                    await http.get(URL)

            async with anyio.create_task_group() as group:
                group.start_soon(inner)
            return await server.serve(request)

        bosbase = AsyncBosBase("http://localhost", transport=httpx.MockTransport(sign_in))
        auth = bosbase.collection("users").token_auth(TOKEN)
        async with httpx.AsyncClient(transport=httpx.MockTransport(server.serve), auth=auth) as http:
            assert (await http.get(URL)).status_code == 200

    anyio.run(main, backend=backend)
    assert len(server.sign_ins) == 1


def test_event_loops_at_the_same_time_sign_in_each_for_itself() -> None:
    """One AsyncTokenAuth in three threads with an event loop each. Afterwards all use the newest session."""
    server = Server()
    auth = AIO.token_auth(server)
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(driver.get, auth, server, 20) for driver in (AIO, TRIO, AIO)]
        assert statuses([outcome for run in runs for outcome in run.result(30)]) == {200}
    assert 1 <= len(server.sign_ins) <= 3
    before = len(server.sign_ins)
    assert statuses(TRIO.get(auth, server, 5)) == {200}
    assert len(server.sign_ins) == before


def test_the_wrong_pairing_is_an_error_that_says_which_to_use() -> None:
    """At the first request, before anything is sent."""
    server = Server()

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=THREADS.token_auth(server)) as http:
            with pytest.raises(ConfigurationError) as wrong:
                await http.get(URL)
        assert str(wrong.value) == (
            "TokenAuth is for httpx.Client: use AsyncBosBase and its token_auth for AsyncClient"
        )

    anyio.run(main)
    with client(AIO.token_auth(server), server) as http, pytest.raises(ConfigurationError) as wrong:
        http.get(URL)
    assert str(wrong.value) == "AsyncTokenAuth is for httpx.AsyncClient: use BosBase and its token_auth for Client"
    assert server.requests == server.sign_ins == []


def test_a_closed_bosbase_client_is_an_error(driver: Driver) -> None:
    """The sign-in is a call of it."""
    server = Server()
    transport = httpx.MockTransport(server)
    with BosBase("http://localhost", transport=transport) as bosbase:
        auth = bosbase.collection("users").token_auth(TOKEN)
    (outcome,) = THREADS.get(auth, server)
    assert isinstance(outcome, ConfigurationError)
    assert "closed" in str(outcome)
    assert server.sign_ins == []


def test_a_bosbase_client_that_is_closed_later_is_an_error_at_once() -> None:
    """Not only when the session ends, perhaps days later."""
    server = Server()
    with BosBase("http://localhost", transport=httpx.MockTransport(server)) as bosbase:
        auth = bosbase.collection("users").token_auth(TOKEN)
        assert statuses(THREADS.get(auth, server, 1)) == {200}
    (outcome,) = THREADS.get(auth, server, 1)
    assert isinstance(outcome, ConfigurationError)


def test_a_sign_in_is_retried_as_any_call(driver: Driver) -> None:
    """A server that restarts costs no error."""
    server = Server()
    server.answer = httpx.Response(500, headers={"retry-after": "0"})

    def recover() -> None:
        if len(server.sign_ins) == 2:
            server.answer = None

    server.on_sign_in = recover
    auth = driver.token_auth(server, retries=2)
    assert statuses(driver.get(auth, server)) == {200}
    assert len(server.sign_ins) == 2


@pytest.mark.parametrize("clock", [-86400, -300, 0, 300, 3600, 86400, 10 * 365 * 86400])
def test_a_wrong_clock_on_this_machine_does_no_harm(clock: float) -> None:
    """The server's own clock, in its Date header, tells how long a JWT lives."""
    server = Server(lives=600)
    server.clock = clock
    auth = THREADS.token_auth(server)
    for _ in range(20):
        assert statuses(THREADS.get(auth, server)) == {200}
    assert len(server.sign_ins) == 1
    server.lives = 0.5
    auth.clear()
    THREADS.get(auth, server)
    assert len(server.sign_ins) == 2
    THREADS.get(auth, server)
    assert len(server.sign_ins) == 3


@pytest.mark.parametrize("date", [None, "soon"])
def test_without_a_date_of_the_server_this_machines_clock_serves(date: str | None) -> None:
    """It is the best guess."""
    server = Server(lives=600)
    server.clock = None
    auth = THREADS.token_auth(server)
    THREADS.get(auth, server)
    THREADS.get(auth, server)
    assert len(server.sign_ins) == 1


def test_a_process_forked_during_a_sign_in_signs_in_by_itself() -> None:
    """The thread that signs in does not exist in the child."""
    server = Server()
    began, release = threading.Event(), threading.Event()
    auth = THREADS.token_auth(server)

    def hang() -> None:
        server.on_sign_in = bool
        began.set()
        release.wait(20)

    server.on_sign_in = hang
    transport = httpx.MockTransport(server)
    with BosBase("http://localhost") as bosbase, client(auth, server) as http, ThreadPoolExecutor(1) as pool:
        assert bosbase.base_url
        leader = pool.submit(http.get, URL)
        began.wait(10)
        child = os.fork()
        if child == 0:
            _exit_with(lambda: http.get(URL))
        assert os.waitpid(child, 0)[1] >> 8 == 0
        release.set()
        assert leader.result(10).status_code == 200
    assert transport is not None


def _exit_with(request: Callable[[], httpx.Response]) -> None:
    """End a forked process: 0 if the request raises the ConfigurationError of a transport that does not survive."""
    code = 1
    try:
        request()
    except ConfigurationError as error:
        code = 0 if "fork" in str(error) else 2
    finally:
        os._exit(code)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_request_to_another_server_is_not_signed(backend: str) -> None:
    """The same for `AsyncTokenAuth`."""
    server = Server()

    async def main() -> None:
        auth = AIO.token_auth(server)
        async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth) as http:
            await http.get("http://elsewhere.example/", headers={"Authorization": "own"})

    anyio.run(main, backend=backend)
    assert [request.headers["authorization"] for request in server.requests] == ["own"]
    assert server.sign_ins == []
