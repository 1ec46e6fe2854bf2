"""One client in a process and its forks: each has connections of its own."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, BosBase, BosBaseError, ConfigurationError
from bosbase_wrapper.fast import FastTransport

from .echo_server import Echo
from .processes import exit_code

SIGN_INS = 100


@pytest.fixture
def echo() -> Iterator[str]:
    """The URL of a server that signs each token in as an account of that name."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def sign_ins(client: BosBase, name: str, count: int = SIGN_INS) -> set[str]:
    """Return the accounts that `count` sign-ins with one token belong to."""
    users = client.collection("users")
    return {users.auth_with_token(name).record.id for _ in range(count)}


def closes(client: BosBase) -> bool:
    """Close the client, as a child does at its end."""
    client.close()
    return True


def test_parent_and_child_get_their_own_sessions(echo: str) -> None:
    """A connection that both used would mix up their responses. The child's exit does not disturb the parent."""
    with BosBase(echo) as client:
        assert sign_ins(client, "before", 1) == {"before"}
        found: list[int] = []
        child = threading.Thread(target=lambda: found.append(exit_code(lambda: sign_ins(client, "child") == {"child"})))
        child.start()
        assert sign_ins(client, "parent") == {"parent"}
        child.join()
        assert found == [0]
        assert exit_code(lambda: closes(client)) == 0
        assert sign_ins(client, "parent", 1) == {"parent"}


def test_a_client_made_before_the_fork_and_used_only_after_it(echo: str) -> None:
    """A server that loads its application before it forks its workers."""
    with BosBase(echo) as client:
        assert [exit_code(lambda: sign_ins(client, "child", 3) == {"child"}) for _ in range(3)] == [0, 0, 0]


def test_many_children_at_once(echo: str) -> None:
    """While threads of the parent are in the middle of calls."""
    over = threading.Event()
    with BosBase(echo) as client:
        found: set[str] = set()

        def busy() -> None:
            while not over.is_set():
                found.update(sign_ins(client, "parent", 1))

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        codes = [exit_code(lambda: sign_ins(client, "child", 10) == {"child"}) for _ in range(8)]
        over.set()
        for thread in threads:
            thread.join()
    assert (codes, found) == ([0] * 8, {"parent"})


def test_a_fast_transport_in_a_child(echo: str) -> None:
    """It is given by the caller, and makes connections of its own in each process."""
    with BosBase(echo, transport=FastTransport()) as client:
        assert sign_ins(client, "parent", 1) == {"parent"}
        assert [exit_code(lambda: sign_ins(client, "child", 10) == {"child"}) for _ in range(3)] == [0, 0, 0]
        assert sign_ins(client, "parent", 10) == {"parent"}


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "http_client": lambda: {"http_client": httpx.Client()},
    "transport": lambda: {"transport": httpx.HTTPTransport()},
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_what_the_caller_gave_is_refused_in_a_child(echo: str, given: Callable[[], dict[str, Any]]) -> None:
    """It may hold a connection of the parent, and nobody can tell."""
    options = given()
    client = BosBase(echo, **options)

    def is_refused() -> bool:
        try:
            sign_ins(client, "child", 1)
        except ConfigurationError as error:
            return str(error) == "transport and http_client do not survive a fork: make the client in this process"
        return False

    assert sign_ins(client, "parent", 1) == {"parent"}
    assert exit_code(is_refused) == 0
    assert sign_ins(client, "parent", 1) == {"parent"}
    for one in (client, *options.values()):
        one.close()


class Surviving(httpx.HTTPTransport):
    """A transport that makes connections of its own in each process, and says so."""

    survives_fork = True


def test_a_transport_that_survives_a_fork_is_used_in_a_child(echo: str) -> None:
    """The client asks for the attribute `survives_fork`."""
    with BosBase(echo, transport=Surviving()) as client:
        assert exit_code(lambda: sign_ins(client, "child", 1) == {"child"}) == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_client_in_a_child(echo: str, backend: str) -> None:
    """The child begins an event loop of its own."""
    client = AsyncBosBase(echo)

    async def sign_in(name: str) -> str:
        return (await client.collection("users").auth_with_token(name)).record.id

    assert anyio.run(sign_in, "parent", backend=backend) == "parent"
    assert exit_code(lambda: anyio.run(sign_in, "child", backend=backend) == "child") == 0
    assert anyio.run(sign_in, "parent", backend=backend) == "parent"


def test_a_fork_inside_of_a_running_event_loop(echo: str) -> None:
    """The child works, or gets an error that can be caught."""

    async def main() -> None:
        async with AsyncBosBase(echo) as client:
            users = client.collection("users")
            assert (await users.auth_with_token("parent")).record.id == "parent"
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if (await users.auth_with_token("child")).record.id == "child" else 3
                except BosBaseError:
                    code = 0
                finally:
                    os._exit(code)
            pid, status = await anyio.to_thread.run_sync(os.waitpid, child, 0)
            assert (pid, status) == (child, 0)
            for _ in range(20):
                assert (await users.auth_with_token("parent")).record.id == "parent"

    anyio.run(main)
