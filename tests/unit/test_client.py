"""BosBase and AsyncBosBase: what goes out, over whose connection, and what a closed client does."""

import inspect
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    AsyncCollection,
    BosBase,
    Collection,
    ConfigurationError,
    TransportError,
    __version__,
)

from .conftest import SIGNED_IN, Recorder


def sync_sign_in(transport: httpx.MockTransport, **options: Any) -> None:
    """A sign-in with each way of giving a transport."""
    with BosBase("http://localhost", transport=transport, **options) as client:
        client.collection("users").auth_with_token("tok")


def async_sign_in(transport: httpx.MockTransport, **options: Any) -> None:
    """The same, async."""

    async def main() -> None:
        async with AsyncBosBase("http://localhost", transport=transport, **options) as client:
            await client.collection("users").auth_with_token("tok")

    anyio.run(main)


@pytest.mark.parametrize("sign_in", [sync_sign_in, async_sign_in])
def test_the_headers_that_go_out(recorder: Recorder, sign_in: Callable[..., None]) -> None:
    """Ours name the package and its version; the constructor's go with every call."""
    sign_in(httpx.MockTransport(recorder), headers={"X-Team": "a"})
    request = recorder.requests[0]
    assert request.method == "POST"
    assert str(request.url) == "http://localhost/api/collections/users/auth-with-token"
    assert dict(request.headers) == {
        "host": "localhost",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "15",
        "user-agent": f"bosbase-wrapper/{__version__}",
        "x-team": "a",
    }


def busy_client(kind: type[Any], recorder: Recorder, **options: Any) -> Any:
    """A caller's own client that has something to add to every request."""
    return kind(
        transport=httpx.MockTransport(recorder),
        auth=("user", "canary"),
        cookies={"session": "canary"},
        params={"key": "canary"},
        base_url="http://canary.example/canary",
        headers={
            "Authorization": "canary",
            "Cookie": "a=canary",
            "Content-Type": "canary",
            "X-Own": "1",
            "User-Agent": "c",
        },
        timeout=1234,
        follow_redirects=True,
        **options,
    )


def test_of_an_http_client_its_transport_its_hooks_and_its_other_headers_serve(recorder: Recorder) -> None:
    """Its auth, cookies, params, base_url and timeout do not, nor its headers where ours stand."""
    hooked: list[str] = []
    hooks = {"request": [lambda _: hooked.append("request")], "response": [lambda answer: hooked.append(answer.read())]}
    with busy_client(httpx.Client, recorder, event_hooks=hooks) as http:
        users = BosBase("http://localhost", http_client=http).collection("users")
        assert users.auth_with_token("tok").record.id == "r1"
    request = recorder.requests[0]
    assert hooked[0] == "request"
    assert len(hooked) == 2
    assert (request.url.host, request.url.query) == ("localhost", b"")
    assert request.extensions["timeout"] == {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 10.0}
    assert "canary" not in repr(request.headers.raw)
    assert "authorization" not in request.headers
    assert (request.headers["x-own"], request.headers["user-agent"]) == ("1", f"bosbase-wrapper/{__version__}")


def test_what_a_hook_raises_is_the_callers_own() -> None:
    """Such as `raise_for_status`: there was an answer, and a TransportError would deny it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    with httpx.Client(transport=transport, event_hooks={"response": [httpx.Response.raise_for_status]}) as http:
        users = BosBase("http://localhost", http_client=http).collection("users")
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            users.auth_with_token("tok")


@pytest.mark.parametrize("use_up", [httpx.Response.close, lambda response: list(response.iter_raw())])
def test_a_hook_that_uses_up_the_response(recorder: Recorder, use_up: Callable[[httpx.Response], object]) -> None:
    """There is nothing left to read. The error says what to do."""

    class Streamed(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"{}"

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Streamed()))
    with httpx.Client(transport=transport, event_hooks={"response": [use_up]}) as http:
        users = BosBase("http://localhost", http_client=http).collection("users")
        with pytest.raises(TransportError, match=r"let it call read\(\)"):
            users.auth_with_token("tok")


def test_a_header_of_an_http_client_need_not_be_ascii(recorder: Recorder) -> None:
    """It goes out byte for byte, as httpx sends it; one that is there twice goes out twice."""
    own = [(b"X-Name", "é".encode()), (b"X-Tag", b"a"), (b"X-Tag", b"b"), (b"AUTHORIZATION", b"canary")]
    with httpx.Client(transport=httpx.MockTransport(recorder)) as http:
        http.headers = httpx.Headers(own)
        BosBase("http://localhost", http_client=http, headers={"X-Team": "t"}).collection("users").auth_with_token("t")
    headers = recorder.requests[0].headers
    assert (headers["x-name"], headers.get_list("x-tag"), headers["x-team"]) == ("é", ["a", "b"], "t")
    assert "authorization" not in headers


def test_of_an_async_http_client_the_same_serves(recorder: Recorder) -> None:
    """Over asyncio."""

    async def main() -> None:
        async with busy_client(httpx.AsyncClient, recorder) as http:
            users = AsyncBosBase("http://localhost", http_client=http).collection("users")
            assert (await users.auth_with_token("tok")).record.id == "r1"

    anyio.run(main)
    assert recorder.requests[0].url.host == "localhost"
    assert "canary" not in repr(recorder.requests[0].headers.raw)
    assert "authorization" not in recorder.requests[0].headers


def test_a_cookie_of_an_answer_does_not_come_back() -> None:
    """Neither with our own client nor with the caller's."""
    recorder = Recorder(lambda _: httpx.Response(200, json=SIGNED_IN, headers={"set-cookie": "session=1"}))
    for options in ({"transport": httpx.MockTransport(recorder)}, {"http_client": busy_client(httpx.Client, recorder)}):
        users = BosBase("http://localhost", **options).collection("users")
        users.auth_with_token("tok")
        users.auth_with_token("tok")
    assert not any("cookie" in request.headers for request in recorder.requests)
    assert len(recorder.requests) == 4


def test_a_redirect_is_not_followed_whatever_the_http_client_does() -> None:
    """The token would be posted elsewhere."""
    recorder = Recorder(lambda _: httpx.Response(307, headers={"location": "http://elsewhere.example/"}))
    users = BosBase("http://localhost", http_client=busy_client(httpx.Client, recorder)).collection("users")
    with pytest.raises(Exception, match="307"):
        users.auth_with_token("tok")
    assert len(recorder.requests) == 1


def test_an_async_redirect_is_not_followed_either() -> None:
    """The same over asyncio."""
    recorder = Recorder(lambda _: httpx.Response(307, headers={"location": "http://elsewhere.example/"}))

    async def main() -> None:
        users = AsyncBosBase("http://localhost", http_client=busy_client(httpx.AsyncClient, recorder)).collection("u")
        with pytest.raises(Exception, match="307"):
            await users.auth_with_token("tok")

    anyio.run(main)
    assert len(recorder.requests) == 1


def test_a_closed_client_refuses_calls_and_leaves_an_http_client_open(recorder: Recorder) -> None:
    """It may be closed more than once, and is not entered again."""
    http = httpx.Client(transport=httpx.MockTransport(recorder))
    client = BosBase("http://localhost", http_client=http)
    users = client.collection("users")
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match=r"^the client is closed: make a new one, or close it later$"):
        users.auth_with_token("tok")
    with pytest.raises(ConfigurationError, match="closed"), client:
        pass
    assert not http.is_closed
    http.close()
    with pytest.raises(ConfigurationError, match="closed"):
        BosBase("http://localhost", http_client=http).collection("users").auth_with_token("tok")
    assert recorder.requests == []


def test_a_closed_async_client_does_the_same(recorder: Recorder) -> None:
    """Also where it never sent anything, and where a transport was given to it."""

    async def main() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(recorder))
        for options in ({"http_client": http}, {"transport": httpx.MockTransport(recorder)}, {}):
            client = AsyncBosBase("http://localhost", **options)
            await client.aclose()
            await client.aclose()
            with pytest.raises(ConfigurationError, match="closed"):
                await client.collection("users").auth_with_token("tok")
            with pytest.raises(ConfigurationError, match="closed"):
                async with client:
                    pass
        assert not http.is_closed
        await http.aclose()

    anyio.run(main)
    assert recorder.requests == []


def test_a_transport_that_was_given_is_closed_with_the_client() -> None:
    """As httpx does; also by an async client that never sent anything."""
    closed: list[str] = []

    class Noting(httpx.MockTransport):
        def close(self) -> None:
            closed.append("sync")

        async def aclose(self) -> None:
            closed.append("async")

    BosBase("http://localhost", transport=Noting(lambda _: httpx.Response(204))).close()
    anyio.run(AsyncBosBase("http://localhost", transport=Noting(lambda _: httpx.Response(204))).aclose)
    assert closed == ["sync", "async"]


def test_handles_may_be_kept_and_show_no_more_than_their_name() -> None:
    """Making one does no IO."""
    client = BosBase("http://localhost/base/")
    users = client.collection("users")
    assert (users.name, repr(users), repr(client)) == (
        "users",
        "Collection('users')",
        "BosBase('http://localhost/base')",
    )
    other = AsyncBosBase("http://localhost")
    assert repr(other.collection("u")) == "AsyncCollection('u')"
    assert repr(other) == "AsyncBosBase('http://localhost')"


@pytest.mark.parametrize("name", ["auth_with_token", "bind_custom_token", "rotate_custom_token", "unbind_custom_token"])
def test_the_async_calls_are_those_of_the_sync_client(name: str) -> None:
    """The same arguments, the same defaults, and a docstring that names its twin; a coroutine each."""
    sync, twin = getattr(Collection, name), getattr(AsyncCollection, name)
    assert inspect.signature(sync) == inspect.signature(twin)
    assert twin.__doc__ == f"See `Collection.{name}`."
    assert inspect.iscoroutinefunction(twin)
    assert not inspect.iscoroutinefunction(sync)


def test_the_two_clients_take_the_same_options() -> None:
    """But for the types of httpx that belong to each."""
    parameters = [list(inspect.signature(kind).parameters) for kind in (BosBase, AsyncBosBase)]
    assert parameters[0] == parameters[1]


@pytest.mark.parametrize("sign_in", [sync_sign_in, async_sign_in])
def test_each_attempt_is_logged_without_what_it_sent(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, sign_in: Callable[..., None]
) -> None:
    """Operation, collection, status, milliseconds and attempt, at DEBUG."""
    with caplog.at_level(logging.DEBUG, logger="bosbase_wrapper"):
        sign_in(httpx.MockTransport(recorder))
    (record,) = [record for record in caplog.records if record.name == "bosbase_wrapper"]
    assert record.levelno == logging.DEBUG
    message = record.getMessage()
    assert message.startswith("authWithToken 'users': 200 in ")
    assert message.endswith(" ms, attempt 1")
    assert "tok" not in message.replace("authWithToken", "")


def test_an_attempt_without_an_answer_is_logged_by_its_error(caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt is a line."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with caplog.at_level(logging.DEBUG, logger="bosbase_wrapper"), pytest.raises(Exception, match="no connection"):
        sync_sign_in(httpx.MockTransport(refuse), retries=1)
    lines = [record.getMessage() for record in caplog.records if record.name == "bosbase_wrapper"]
    assert [line.partition(" in ")[0] for line in lines] == ["authWithToken 'users': TransportError"] * 2
    assert [line[-1] for line in lines] == ["1", "2"]


def test_the_log_says_how_long_an_attempt_took(caplog: pytest.LogCaptureFixture) -> None:
    """In milliseconds."""

    def answer(_request: httpx.Request) -> httpx.Response:
        time.sleep(0.02)
        return httpx.Response(200, json=SIGNED_IN)

    with caplog.at_level(logging.DEBUG, logger="bosbase_wrapper"):
        sync_sign_in(httpx.MockTransport(answer))
    (took,) = re.findall(r"in ([0-9.]+) ms", caplog.text)
    assert 20 <= float(took) < 5000


OF_ANOTHER_LOOP = [
    "Event loop is closed",
    "<Lock> is bound to a different event loop",
    "must be called from async context",
]


@pytest.mark.parametrize("says", OF_ANOTHER_LOOP)
def test_a_connection_of_another_event_loop_is_replaced(says: str) -> None:
    """The transport gives it up when it fails. If the next attempt fails too, the error says why."""
    requests: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) % 3:
            raise RuntimeError(says)
        return httpx.Response(200, json=SIGNED_IN)

    transport = httpx.MockTransport(answer)
    with pytest.raises(TransportError) as caught:
        async_sign_in(transport, retries=1)
    assert str(caught.value) == "the connection belongs to another event loop or process"
    assert caught.value.attempts == 2
    async_sign_in(transport, retries=0)
