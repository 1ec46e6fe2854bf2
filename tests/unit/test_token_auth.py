"""TokenAuth signs requests in: when, how often, where to, and what comes out when it cannot."""

from __future__ import annotations

import io
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.from_thread
import httpx
import pytest

import bosbase_wrapper
from bosbase_wrapper import (
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
    TokenAuth,
    TransportError,
    UnexpectedResponseError,
)
from bosbase_wrapper._auth import _SignIn

from .auth_server import DRIVERS, TOKEN, URL, Driver, Server, aio, jwt, statuses, threads, token_auth


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.__name__)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Threads, asyncio and trio, one after the other."""
    chosen: Driver = request.param
    return chosen


def client(auth: TokenAuth, handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> httpx.Client:
    """A user's own client over a server in memory."""
    return httpx.Client(transport=httpx.MockTransport(handler), auth=auth, **options)


def test_the_first_request_signs_in_and_every_request_carries_the_jwt(driver: Driver) -> None:
    """The sign-in is the collection's own request; nothing of the user's client is on it."""
    server, auth = Server(), token_auth()
    assert statuses(driver(auth, server, 1) + driver(auth, server, 1)) == {200}
    assert [request.headers["authorization"] for request in server.requests] == [server.issued[0]] * 2
    (sign_in,) = server.sign_ins
    assert (sign_in.method, str(sign_in.url)) == ("POST", "http://localhost/api/collections/users/auth-with-token")
    assert json.loads(sign_in.content) == {"token": TOKEN}


def test_of_the_users_client_nothing_is_on_the_sign_in() -> None:
    """Its cookies, headers and parameters are for its own requests; a cookie of a sign-in does not come back."""
    server = Server()

    def with_cookie(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        answer.headers["set-cookie"] = "session=canary"
        return answer

    options = {"cookies": {"a": "canary"}, "params": {"key": "canary"}, "headers": {"X-Key": "canary"}}
    auth = token_auth()
    with client(auth, with_cookie, **options) as http:
        http.get(URL)
        auth.clear()
        http.get(URL, headers={"Authorization": "canary"})
    assert len(server.sign_ins) == 2
    assert all("canary" not in f"{request.headers.raw} {request.url}" for request in server.sign_ins)
    assert [request.headers["authorization"] for request in server.requests] == server.issued


def test_any_number_of_requests_at_once_cause_one_sign_in(driver: Driver) -> None:
    """Threads and tasks alike; they wait for it."""
    server = Server()
    assert statuses(driver(token_auth(), server, 1000)) == {200}
    assert (len(server.sign_ins), len(server.requests)) == (1, 1000)


def test_a_jwt_that_is_hardly_alive_serves_all_who_waited_for_it(driver: Driver) -> None:
    """Else each of them would sign in again."""
    server = Server(lives=1)
    assert statuses(driver(token_auth(), server, 50)) == {200}
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize(
    ("lives", "leeway", "sign_ins"),
    [(30, 60, 3), (30, 0, 1), (90, 60, 1), (-1, 0, 3), (None, 60, 1), (100 * 365 * 86400, 60, 1), (1e15, 60, 1)],
)
def test_when_it_signs_in_again(lives: float | None, leeway: float, sign_ins: int) -> None:
    """Before the JWT's `exp` less the leeway; a JWT without one, or with one past the year 9999, goes on for ever."""
    server, auth = Server(lives=lives), token_auth(leeway=leeway)
    for _ in range(3):
        assert statuses(threads(auth, server)) == {200}
    assert len(server.sign_ins) == sign_ins


def test_a_revoked_jwt_causes_one_sign_in_for_all(driver: Driver) -> None:
    """Each request that got a 401 is sent once more, with the new JWT."""
    server, auth = Server(), token_auth()
    driver(auth, server, 1)
    server.revoke()
    assert statuses(driver(auth, server, 1000)) == {200}
    assert len(server.sign_ins) == 2
    assert server.requests[-1].headers["authorization"] == server.issued[1]


def test_a_401_that_comes_after_another_request_has_signed_in_causes_no_sign_in() -> None:
    """The JWT that the request carried is not the present one."""
    server, auth = Server(), token_auth()
    threads(auth, server)

    def slow(request: httpx.Request) -> httpx.Response:
        if len(server.sign_ins) == 1:
            server.revoke()
            assert statuses(threads(auth, server)) == {200}
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
    assert statuses(driver(token_auth(), server, 1)) == {401}
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
    assert statuses(driver(token_auth(), server, 20)) == {200}
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
    server, auth, body = Server(), token_auth(), made()
    sent: list[bytes] = []

    def drained(request: httpx.Request) -> httpx.Response:
        sent.append(b"".join(request.stream))  # type: ignore[arg-type]  # of the sync client
        known = request.headers.get("authorization") in server.valid
        return (
            server(httpx.Request("POST", request.url))
            if request.url.path != "/api/things"
            else httpx.Response(200 if known else 401)
        )

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return drained(request)

    with httpx.Client(transport=Transport(), auth=auth) as http:
        http.get(URL)
        server.revoke()
        sent.clear()
        assert http.post(URL, **body).status_code == (200 if again else 401)
    assert len(server.sign_ins) == (2 if again else 1)
    assert (len(sent), sent[0]) == ((3, sent[2]) if again else (1, sent[0]))
    assert body == {} or sent[0]


@pytest.mark.parametrize(
    ("base_url", "url", "attached"),
    [
        ("http://localhost/", "http://localhost:80/a", True),
        ("https://localhost:443/base/", "https://LOCALHOST/a", True),
        ("http://localhost", "https://localhost/a", False),
        ("http://localhost", "http://localhost:8090/a", False),
        ("http://localhost", "http://127.0.0.1/a", False),
        ("http://localhost", "http://localhost.example/a", False),
    ],
)
def test_nothing_is_attached_to_a_request_of_another_origin(base_url: str, url: str, *, attached: bool) -> None:
    """Scheme, host and port must be the server's; nor is there a sign-in for another."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"token": "a.b.c", "record": {"id": "r1"}})

    with client(token_auth(base_url), handle) as http:
        http.get(url)
    assert len(seen) == (2 if attached else 1)
    assert seen[-1].headers.get("authorization") == ("a.b.c" if attached else None)


def test_a_header_of_the_users_own_stays_on_a_request_of_another_origin() -> None:
    """It is the user's affair."""
    with client(token_auth(), lambda request: httpx.Response(200, json=dict(request.headers))) as http:
        answer = http.get("http://elsewhere.example/", headers={"Authorization": "own"})
    assert answer.json()["authorization"] == "own"


def test_a_redirect_to_another_origin_carries_no_jwt(driver: Driver) -> None:
    """And its 401 causes no sign-in: it is not about the JWT."""
    server, auth = Server(), token_auth()
    driver(auth, server, 1)
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
    server, auth = Server(), token_auth()
    server.answer = answer
    outcomes = driver(auth, server, 20)
    assert statuses(outcomes) == {error}
    assert (len(server.sign_ins), len(server.requests), len(set(map(id, outcomes)))) == (1, 0, 20)
    assert {getattr(outcome, "attempts", None) for outcome in outcomes} == {1}
    shown = "".join("".join(traceback.format_exception(outcome)) for outcome in outcomes)  # type: ignore[arg-type]
    assert "canary" not in shown  # neither the token nor the mfa id
    server.answer, server.on_sign_in = None, bool
    assert statuses(driver(auth, server, 1)) == {200}
    assert len(server.sign_ins) == 2


def test_every_waiting_caller_of_a_mfa_collection_gets_the_mfa_id(driver: Driver) -> None:
    """Each has what it needs for the second factor."""
    server = Server()
    server.answer = httpx.Response(401, json={"mfaId": "mfa1"})
    errors = driver(token_auth(), server, 5)
    assert [error.mfa_id for error in errors if isinstance(error, MfaRequiredError)] == ["mfa1"] * 5


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_sign_in_is_taken_over_by_one_who_waits(backend: str) -> None:
    """Neither an error nor a lock is left behind."""
    server, auth = Server(), token_auth()

    async def main() -> list[int]:
        began = anyio.Event()
        found: list[int] = []

        async def handle(request: httpx.Request) -> httpx.Response:
            if not server.sign_ins and not began.is_set():
                began.set()
                await anyio.sleep_forever()
            return await server.serve(request)

        async def get() -> None:
            found.append((await http.get(URL)).status_code)

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(handle), auth=auth) as http,
            anyio.create_task_group() as group,
        ):
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

    assert anyio.run(main, backend=backend) == [200] * 10
    assert len(server.sign_ins) == 1


def test_an_error_of_the_users_own_hook_is_the_users_and_the_next_takes_over() -> None:
    """It says nothing of the sign-in."""
    server, auth = Server(), token_auth()
    began, release = threading.Event(), threading.Event()

    def hook(_request: httpx.Request) -> None:
        began.set()
        release.wait(10)
        raise LookupError("the user's own")

    with (
        client(auth, server, event_hooks={"request": [hook]}) as broken,
        client(auth, server) as sound,
        ThreadPoolExecutor(2) as pool,
    ):
        leader = pool.submit(broken.get, URL)
        began.wait(10)
        waiter = pool.submit(sound.get, URL)
        release.set()
        assert isinstance(leader.exception(10), LookupError)
        assert waiter.result(10).status_code == 200
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("run", ["sync", "asyncio", "trio"])
def test_a_sign_in_is_not_redirected_with_its_token(status: int, run: str, *, follow: bool) -> None:
    """Also where the user's client follows redirects."""
    elsewhere: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost":
            return httpx.Response(status, headers={"location": "http://elsewhere.example/", "content-type": "a/b"})
        elsewhere.append(request.content)
        return httpx.Response(200, json={"token": "a.b.c", "record": {"id": "planted"}})

    auth = token_auth()

    async def aget() -> None:
        transport = httpx.MockTransport(handle)
        async with httpx.AsyncClient(transport=transport, auth=auth, follow_redirects=follow) as http:
            await http.get(URL)

    def get() -> None:
        with client(auth, handle, follow_redirects=follow) as http:
            http.get(URL)

    with pytest.raises(UnexpectedResponseError, match="30") as caught:
        get() if run == "sync" else anyio.run(aget, backend=run)
    assert TOKEN.encode() not in b"".join(elsewhere)
    assert caught.value.status in ({307, 308} if status > 303 else {status})


def test_an_error_of_the_network_after_the_sign_in_stays_httpxs() -> None:
    """It is about the user's own request."""
    server = Server()

    def handle(request: httpx.Request) -> httpx.Response:
        if "auth-with-token" not in str(request.url):
            raise httpx.ReadError("cut")
        return server(request)

    with client(token_auth(), handle) as http, pytest.raises(httpx.ReadError):
        http.get(URL)


@pytest.mark.parametrize("leeway", [-1, float("nan"), float("inf"), "60", True, None])
def test_a_leeway_that_is_no_number_of_seconds_is_refused(leeway: Any) -> None:
    """When the TokenAuth is made."""
    with pytest.raises(ConfigurationError, match="leeway"):
        token_auth(leeway=leeway)


def test_a_store_that_is_none_and_a_token_that_cannot_be_sent_are_refused(users: bosbase_wrapper.Collection) -> None:
    """When the TokenAuth is made; a path is easily taken for a store."""
    with pytest.raises(ConfigurationError, match="load, save and clear"):
        token_auth(store="session.json")
    with pytest.raises(ConfigurationError, match="token"):
        users.token_auth("\ud800")


def test_it_shows_no_secret(driver: Driver) -> None:
    """Neither itself, nor what httpx keeps of the sign-in in an answer's history, nor a pickle."""
    server, auth = Server(), token_auth(store=MemoryAuthStore())
    driver(auth, server, 1)
    assert repr(auth) == str(auth) == "TokenAuth('users', 'http://localhost')"
    with pytest.raises(TypeError) as caught:
        pickle.dumps(auth)
    assert TOKEN not in str(caught.value)
    assert "canary" not in repr(server.sign_ins)


def test_the_logger_tells_of_each_sign_in(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """As of every call, and without a secret; httpx and httpcore show none either."""
    caplog.set_level(logging.DEBUG)
    server, auth = Server(), token_auth()
    driver(auth, server, 1)
    auth.clear()
    server.answer = httpx.ConnectError("refused")
    driver(auth, server, 1)
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
    auth = token_auth(store=store)
    driver(auth, server, 1)
    assert store.load() is not None
    auth.clear()
    assert store.load() is None
    assert statuses(driver(auth, server, 1)) == {200}
    assert len(server.sign_ins) == 2


def test_a_sign_in_that_ends_after_clear_serves_its_own_request_alone() -> None:
    """It is not kept, and not stored."""
    store, server = MemoryAuthStore(), Server()
    auth = token_auth(store=store)
    server.on_sign_in = auth.clear
    assert statuses(threads(auth, server)) == {200}
    assert store.load() is None
    server.on_sign_in = bool
    assert statuses(threads(auth, server)) == {200}
    assert len(server.sign_ins) == 2


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
    assert statuses(driver(token_auth(store=stored(held), collection=collection), server, 5)) == {200}
    assert server.sign_ins == []


@pytest.mark.parametrize("held", [session(lives=30), session(lives=-5), session(collection="members"), "no session"])
def test_a_stored_session_that_cannot_serve_is_replaced(driver: Driver, held: Any) -> None:
    """Past its time, of another collection, or nothing of the kind."""
    server, store = Server(), stored(held)
    assert statuses(driver(token_auth(store=store), server, 5)) == {200}
    assert len(server.sign_ins) == 1
    assert len(server.requests) == 5  # none of them a first try with what was stored
    kept = store.load()
    assert kept is not None
    assert kept.token == server.issued[0]


def test_a_stored_session_that_was_revoked_is_replaced(driver: Driver) -> None:
    """After the 401, it is not asked for again."""
    server, store = Server(), stored(session())
    assert statuses(driver(token_auth(store=store), server, 5)) == {200}
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
    """The system's words are told; a user's own error by its kind alone, for its words may hold what was saved."""
    server, auth = Server(), token_auth(store=Broken(error))
    with pytest.warns(UserWarning, match="the session was not") as warned:
        assert statuses(driver(auth, server, 5)) == {200}
    assert len(server.sign_ins) == 1
    texts = [str(warning.message) for warning in warned]
    assert [text.split(":")[0] for text in texts] == ["the session was not loaded", "the session was not saved"]
    assert all(told in text and "canary" not in text for text in texts)
    with pytest.raises(type(error)):
        auth.clear()


def test_a_sync_request_on_the_thread_of_a_waiting_task_is_no_deadlock() -> None:
    """It signs in by itself: the task cannot go on before it."""
    server, auth = Server(), token_auth()

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/things" and not server.sign_ins:
            assert statuses(threads_here()) == {200}
        return await server.serve(request)

    def threads_here() -> list[Any]:
        with client(auth, server) as http:
            return [http.get(URL)]

    async def main() -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle), auth=auth) as http:
            return (await http.get(URL)).status_code

    assert anyio.run(main) == 200
    assert len(server.sign_ins) == 2


def test_threads_and_event_loops_share_one_sign_in() -> None:
    """One TokenAuth, three clients, two event loops."""
    server, auth = Server(), token_auth()
    server.on_sign_in = threading.Barrier(1).wait
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(driver, auth, server, 20) for driver in DRIVERS]
        outcomes = [outcome for run in runs for outcome in run.result(30)]
    assert (len(outcomes), statuses(outcomes)) == (60, {200})
    assert len(server.sign_ins) == 1


def test_one_who_waited_and_is_gone_does_no_harm() -> None:
    """Its event loop has ended before the sign-in has."""
    server, auth = Server(), token_auth()
    began, release = threading.Event(), threading.Event()

    def sign_in() -> None:
        began.set()
        release.wait(10)

    async def impatient() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server.serve), auth=auth) as http:
            with anyio.move_on_after(0.05):
                await http.get(URL)

    server.on_sign_in = sign_in
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(threads, auth, server)
        began.wait(10)
        anyio.run(impatient)
        anyio.run(impatient, backend="trio")
        release.set()
        assert statuses(leader.result(10)) == {200}
    assert statuses(aio(auth, server)) == {200}
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_that_comes_when_a_sign_in_is_just_over_does_not_wait(backend: str) -> None:
    """Nobody would wake it."""
    sign_in = _SignIn()
    sign_in.end()
    anyio.run(sign_in.await_end, backend=backend)


def test_a_closed_bosbase_client_is_not_needed() -> None:
    """TokenAuth has no connection of its own."""
    server = Server()
    bosbase = BosBase("http://localhost")
    auth = bosbase.collection("users").token_auth(TOKEN)
    bosbase.close()
    assert statuses(threads(auth, server)) == {200}
