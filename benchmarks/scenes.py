"""What is measured: each scene gives the samples of all who play in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer

from . import contestants as who
from .contestants import Target
from .measure import Run, Samples, in_tasks, in_threads, interleaved, one_by_one

AT_ONCE: Final = 32
FIXED_HEADER: Final = "fixed header"
TOKEN_AUTH: Final = "TokenAuth"
LOGIN_EACH: Final = "a login for each request"


@dataclass(frozen=True)
class Effort:
    """How much of it: rounds, and what is done in each turn."""

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
    rounds=7, calls=200, logins=64, logins_at_once=256, interpreters=7, memory_logins=4_000, memory_clients=200
)


@contextmanager
def live_target() -> Iterator[Target]:
    """An embedded server with one user and a token of his."""
    with LiveServer() as server:
        account = {"email": "ada@example.com", "password": generate_token("password")}
        server.create_record("users", name="Ada", **account)
        target = Target(server.url, generate_token())
        with BosBase(server.url) as client:
            client.collection("users").bind_custom_token(account["email"], account["password"], target.token)
        yield target


def recorded(target: Target) -> httpx.MockTransport:
    """No network: the answer that the live server gave, as it came."""
    answer = httpx.post(target.endpoint, json=target.members)
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=answer.headers, content=answer.content))


def no_network(target: Target, effort: Effort) -> Samples:
    """Logins over httpx.MockTransport: what a client costs by itself."""
    transport = recorded(target)
    with asyncio.Runner() as runner, ExitStack() as stack:
        ours = stack.enter_context(who.ours(target, transport))
        bare = stack.enter_context(who.bare_httpx(target, transport))
        entered = AsyncExitStack()
        ours_async = runner.run(entered.enter_async_context(who.ours_async(target, transport)))
        bare_async = runner.run(entered.enter_async_context(who.bare_async_httpx(target, transport)))
        runs = {
            who.OURS: one_by_one(ours),
            who.HTTPX: one_by_one(bare),
            who.OURS_ASYNC: in_tasks(runner, 1, ours_async),
            who.ASYNC_HTTPX: in_tasks(runner, 1, bare_async),
        }
        samples = interleaved(runs, effort.calls, effort.rounds)
        runner.run(entered.aclose())
    return samples


def one_after_the_other(target: Target, effort: Effort) -> Samples:
    """Logins on the live server from one thread, or one task."""
    with everybody(target, tasks=1) as runs:
        return interleaved(runs, effort.logins, effort.rounds)


def many_at_once(target: Target, effort: Effort) -> Samples:
    """Logins on the live server from 32 threads, or 32 tasks."""
    with everybody(target, tasks=AT_ONCE) as runs:
        return interleaved(runs, effort.logins_at_once, effort.rounds)


@contextmanager
def everybody(target: Target, tasks: int) -> Iterator[dict[str, Run]]:
    """All contestants, with their connections open."""
    runs: dict[str, Run] = {}
    with asyncio.Runner() as runner, ThreadPoolExecutor(tasks) as pool, ExitStack() as stack:
        for name, contestant in who.SYNC.items():
            login = stack.enter_context(contestant(target))
            runs[name] = one_by_one(login) if tasks == 1 else in_threads(pool, tasks, login)
        entered = AsyncExitStack()
        for name, async_contestant in who.ASYNC.items():
            async_login = runner.run(entered.enter_async_context(async_contestant(target)))
            runs[name] = in_tasks(runner, tasks, async_login)
        yield runs
        runner.run(entered.aclose())


def signed_requests(target: Target, effort: Effort) -> Samples:
    """A request that TokenAuth signs, beside one whose header is fixed and one with a login of its own."""
    with BosBase(target.url) as client, ExitStack() as stack:
        users = client.collection("users")
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
