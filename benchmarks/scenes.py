"""The scenes: each gives the samples of all contestants."""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer

from . import contestants as who
from .contestants import AsyncContestant, Contestant, Target
from .measure import Run, Samples, in_tasks, in_threads, interleaved, one_by_one

AT_ONCE: Final = 32
FIXED_HEADER: Final = "fixed header"
TOKEN_AUTH: Final = "TokenAuth"
LOGIN_EACH: Final = "a login for each request"


@dataclass(frozen=True)
class Effort:
    """The number of rounds, and of repetitions in each turn."""

    rounds: int
    calls: int
    logins: int
    logins_at_once: int
    interpreters: int
    memory_logins: int
    memory_clients: int


FULL: Final = Effort(
    rounds=25, calls=400, logins=200, logins_at_once=640, interpreters=25, memory_logins=20_000, memory_clients=1_000
)
QUICK: Final = Effort(
    rounds=6, calls=200, logins=64, logins_at_once=192, interpreters=5, memory_logins=2_000, memory_clients=100
)


@contextmanager
def live_target() -> Iterator[Target]:
    """An embedded server with one user and a token of theirs."""
    with LiveServer() as server:
        # With authAlert a sign-in from a known place costs the server less than one from a new place, and the
        # contestant that signs in first makes its place the known one.
        server.create_collection({"name": who.COLLECTION, "type": "auth", "authAlert": {"enabled": False}})
        account = {"email": "ada@example.com", "password": generate_token("password")}
        server.create_record(who.COLLECTION, **account)
        target = Target(server.url, generate_token())
        with BosBase(server.url) as client:
            client.collection(who.COLLECTION).bind_custom_token(account["email"], account["password"], target.token)
        yield target


def recorded(target: Target) -> httpx.MockTransport:
    """A transport without a network: it returns the response of the live server again and again."""
    response = httpx.post(target.endpoint, json=target.fields)
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=response.headers, content=response.content))


def no_network(target: Target, effort: Effort) -> Samples:
    """Logins over httpx.MockTransport: the cost of the client alone."""
    transport = recorded(target)
    sync: dict[str, Contestant] = {
        who.OURS: lambda target: who.ours(target, transport),
        who.HTTPX: lambda target: who.bare_httpx(target, transport),
    }
    tasked: dict[str, AsyncContestant] = {
        who.OURS_ASYNC: lambda target: who.ours_async(target, transport),
        who.ASYNC_HTTPX: lambda target: who.bare_async_httpx(target, transport),
    }
    with logins_of(target, sync, tasked, at_once=1) as runs:
        return interleaved(runs, effort.calls, effort.rounds)


def one_after_the_other(target: Target, effort: Effort) -> Samples:
    """Logins on the live server from one thread, or one task."""
    with logins_of(target, who.SYNC, who.ASYNC, at_once=1) as runs:
        return interleaved(runs, effort.logins, effort.rounds)


def many_at_once(target: Target, effort: Effort) -> Samples:
    """Logins on the live server from 32 threads, or 32 tasks."""
    with logins_of(target, who.SYNC, who.ASYNC, at_once=AT_ONCE) as runs:
        return interleaved(runs, effort.logins_at_once, effort.rounds)


@contextmanager
def logins_of(
    target: Target, sync: Mapping[str, Contestant], tasked: Mapping[str, AsyncContestant], at_once: int
) -> Iterator[dict[str, Run]]:
    """The logins of all contestants, which keep their connections open."""
    runs: dict[str, Run] = {}
    with asyncio.Runner() as runner, ThreadPoolExecutor(at_once) as pool, ExitStack() as stack:
        for name, contestant in sync.items():
            login = stack.enter_context(contestant(target))
            runs[name] = one_by_one(login) if at_once == 1 else in_threads(pool, at_once, login)
        entered = AsyncExitStack()
        for name, async_contestant in tasked.items():
            async_login = runner.run(entered.enter_async_context(async_contestant(target)))
            runs[name] = in_tasks(runner, at_once, async_login)
        yield runs
        runner.run(entered.aclose())


def signed_requests(target: Target, effort: Effort) -> Samples:
    """A request that TokenAuth signs, one with a fixed header, and one with a login of its own."""
    with BosBase(target.url) as client, ExitStack() as stack:
        users = client.collection(who.COLLECTION)
        jwt, auth = users.auth_with_token(target.token).token, users.token_auth(target.token)
        fixed = stack.enter_context(httpx.Client(base_url=target.url, headers={"Authorization": jwt}))
        signed = stack.enter_context(httpx.Client(base_url=target.url, auth=auth))
        bare = stack.enter_context(httpx.Client(base_url=target.url))

        def login_and_request() -> object:
            headers = {"Authorization": users.auth_with_token(target.token).token}
            return bare.get("/api/health", headers=headers).json()

        runs = {
            FIXED_HEADER: one_by_one(lambda: fixed.get("/api/health").json()),
            TOKEN_AUTH: one_by_one(lambda: signed.get("/api/health").json()),
            LOGIN_EACH: one_by_one(login_and_request),
        }
        return interleaved(runs, effort.logins, effort.rounds)
