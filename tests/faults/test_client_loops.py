"""Clients and event loops: one after another, at the same time, of asyncio and of trio; and the end of a client."""

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, AsyncCollection, AuthResult, BosBase, BosBaseError

from .raw_server import RawServer, sound


async def three(users: AsyncCollection) -> list[AuthResult | BaseException]:
    """Three sign-ins at the same time."""
    return await asyncio.gather(*(users.auth_with_token("tok") for _ in range(3)), return_exceptions=True)


def test_one_loop_after_another(server: RawServer) -> None:
    """As with `asyncio.run` more than once. Each loop closes its connections at its end."""
    client = AsyncBosBase(server.url, retries=0)
    for _ in range(3):
        outcomes = asyncio.run(three(client.collection("users")))
        assert [type(outcome) for outcome in outcomes] == [AuthResult] * 3
        server.wait_for_no_connections()
    asyncio.run(client.aclose())


def closed_at_once(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run a coroutine as programs did before `asyncio.run`: nothing ends the async generators of the loop."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run", [anyio.run, partial(anyio.run, backend="trio"), closed_at_once])
def test_a_client_keeps_no_loop_that_has_ended(server: RawServer, run: Callable[[Any], None]) -> None:
    """A program may run one loop for each job. Only the last one may wait for the next."""
    users = AsyncBosBase(server.url, retries=0).collection("users")
    seen: list[weakref.ref[object]] = []

    async def main(users: AsyncCollection) -> None:
        seen.append(weakref.ref(anyio.lowlevel.current_token().native_token))
        await users.auth_with_token("tok")

    for _ in range(5):
        run(partial(main, users))
    gc.collect()
    assert [token() for token in seen[:-1]] == [None] * 4
    del users
    gc.collect()  # what is left of the last loop warns here


def test_two_open_loops_in_turn(server: RawServer) -> None:
    """As with a client that tests share, and an event loop for each test."""
    client = AsyncBosBase(server.url, retries=0)
    loops = [asyncio.new_event_loop() for _ in range(2)]
    for loop in (*loops, *loops, *loops):
        assert isinstance(loop.run_until_complete(client.collection("users").auth_with_token("t")), AuthResult)
    assert len(server.requests) == 6
    for loop in loops:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    server.wait_for_no_connections()


def test_asyncio_and_trio_in_turn(server: RawServer) -> None:
    """With one client."""
    users = AsyncBosBase(server.url, retries=0).collection("users")
    for backend in ("asyncio", "trio", "asyncio", "trio"):
        assert isinstance(anyio.run(users.auth_with_token, "tok", backend=backend), AuthResult)
    server.wait_for_no_connections()


def test_loops_at_the_same_time(server: RawServer) -> None:
    """Two of asyncio and two of trio, in threads, whose calls overlap."""
    together = threading.Barrier(4)

    def hold(connection: Any) -> object:
        together.wait(10)
        return sound(connection)

    server.script = hold
    users = AsyncBosBase(server.url, retries=0, timeout=20).collection("users")

    async def sign_in() -> list[AuthResult]:
        return [await users.auth_with_token("tok") for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        backends = ["asyncio", "trio", "asyncio", "trio"]
        runs = [pool.submit(partial(anyio.run, sign_in, backend=backend)) for backend in backends]
        assert [len(run.result(30)) for run in runs] == [5] * 4
    server.wait_for_no_connections()


def test_closing_in_one_loop_is_for_all(server: RawServer) -> None:
    """The connections of another loop close at its end."""
    client = AsyncBosBase(server.url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.collection("users").auth_with_token("tok"))
    asyncio.run(client.aclose())
    with pytest.raises(BosBaseError, match="closed"):
        loop.run_until_complete(client.collection("users").auth_with_token("tok"))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    server.wait_for_no_connections()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_closing_ends_the_connections_of_this_loop_at_once(server: RawServer, backend: str) -> None:
    """Not only when the loop ends."""

    async def main() -> None:
        client = AsyncBosBase(server.url)
        await client.collection("users").auth_with_token("tok")
        await client.aclose()
        await anyio.to_thread.run_sync(server.wait_for_no_connections)

    anyio.run(main, backend=backend)


def test_closing_a_sync_client_ends_its_connections(server: RawServer) -> None:
    """The client is still referred to afterwards."""
    client = BosBase(server.url)
    client.collection("users").auth_with_token("tok")
    client.close()
    server.wait_for_no_connections()
    assert client.base_url == server.url


# Python may warn of it, as of a file that nobody closes.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_that_nobody_keeps_leaves_no_connection(server: RawServer) -> None:
    """A program may forget to close it."""

    async def main() -> None:
        for _ in range(3):
            await AsyncBosBase(server.url).collection("users").auth_with_token("tok")

    asyncio.run(main())
    gc.collect()
    server.wait_for_no_connections()


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "http_client": lambda: {"http_client": httpx.AsyncClient()},
    "transport": lambda: {"transport": httpx.AsyncHTTPTransport()},
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize(
    "backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio"), ("trio", "trio")]
)
def test_what_the_caller_gave_works_or_raises_an_error_of_ours(
    server: RawServer, given: Callable[[], dict[str, Any]], backends: tuple[str, str]
) -> None:
    """Its connections belong to the event loop that made them."""
    client = AsyncBosBase(server.url, retries=0, **given())
    users = client.collection("users")
    assert isinstance(anyio.run(users.auth_with_token, "tok", backend=backends[0]), AuthResult)
    for _ in range(3):
        with contextlib.suppress(BosBaseError):
            outcome = anyio.run(users.auth_with_token, "tok", backend=backends[1])
            assert isinstance(outcome, AuthResult)  # pytest keeps the client if an assertion calls it and that raises
    del client, users
    gc.collect()  # what is left of the first loop warns here


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio")])
def test_a_client_that_its_owner_has_used_in_another_loop(server: RawServer, backends: tuple[str, str]) -> None:
    """Before it came to us."""
    http = httpx.AsyncClient()
    anyio.run(http.get, server.url, backend=backends[0])
    users = AsyncBosBase(server.url, http_client=http, retries=0).collection("users")
    with pytest.raises(BosBaseError, match="another event loop"):
        anyio.run(users.auth_with_token, "tok", backend=backends[1])
    del http, users
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_the_same_while_the_first_loop_is_open(server: RawServer, given: Callable[[], dict[str, Any]]) -> None:
    """As with two loops in turn."""
    users = AsyncBosBase(server.url, retries=0, **given()).collection("users")
    loops = [asyncio.new_event_loop() for _ in range(2)]
    for loop in (*loops, *loops):
        with contextlib.suppress(BosBaseError):
            outcome = loop.run_until_complete(users.auth_with_token("tok"))
            assert isinstance(outcome, AuthResult)
    for loop in loops:
        loop.close()
    del users
    gc.collect()
