"""The client in each form that people run it in: over each transport, and on each event loop."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import httpx

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, BosBaseError
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport

Outcome = AuthResult | BosBaseError
Step = Callable[[], object]
# Signs in after each step, with one client, and gives what the sign-ins ended in.
Driver = Callable[..., list[Outcome]]


def nothing() -> None:
    """A step that changes nothing."""


def sync(url: str, steps: Sequence[Step] = (nothing,), mfa_id: str | None = None, **options: Any) -> list[Outcome]:
    """The sync client."""
    outcomes: list[Outcome] = []
    with BosBase(url, **options) as client:
        users = client.collection("users")
        for step in steps:
            step()
            try:
                outcomes.append(users.auth_with_token("my-app-token", mfa_id=mfa_id))
            except BosBaseError as error:
                outcomes.append(error)
    return outcomes


def sync_http_client(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over an httpx.Client of the caller."""
    with httpx.Client() as http:
        return sync(url, steps, http_client=http, **options)


async def _steps(url: str, steps: Sequence[Step], options: dict[str, Any]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    mfa_id = options.pop("mfa_id", None)
    async with AsyncBosBase(url, **options) as client:
        users = client.collection("users")
        for step in steps:
            await anyio.to_thread.run_sync(step)
            try:
                outcomes.append(await users.auth_with_token("my-app-token", mfa_id=mfa_id))
            except BosBaseError as error:
                outcomes.append(error)
    return outcomes


def aio(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Under asyncio."""
    return anyio.run(_steps, url, steps, options)


def aio_http_client(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over an httpx.AsyncClient of the caller, under asyncio."""

    async def main() -> list[Outcome]:
        async with httpx.AsyncClient() as http:
            return await _steps(url, steps, {"http_client": http, **options})

    return anyio.run(main)


def trio(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Under trio."""
    return anyio.run(_steps, url, steps, options, backend="trio")


def fast(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over FastTransport."""
    return sync(url, steps, transport=FastTransport(), **options)


def async_fast(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over AsyncFastTransport."""
    return aio(url, steps, transport=AsyncFastTransport(), **options)


ALL: tuple[Driver, ...] = (sync, aio, trio)
FAST: tuple[Driver, ...] = (fast, async_fast)
BY_THE_CALLER: tuple[Driver, ...] = (sync_http_client, aio_http_client)
# httpx limits each read of a sync call by itself, so a head that never ends has no limit: docs/faults.md.
UNBOUNDED_HEADS: tuple[Driver, ...] = (sync, sync_http_client)


def outcome_of(sign_in: Callable[[], AuthResult]) -> Outcome:
    """The value of a sign-in, or the error that it raises."""
    try:
        return sign_in()
    except BosBaseError as error:
        return error


# Makes so many calls at once, and after a step one more of its own timeout; after another step all have ended.
Crowd = Callable[..., tuple[list[Outcome], Outcome]]


def threads(
    url: str, callers: int, before: Step, after: Step, last: httpx.Timeout, **options: Any
) -> tuple[list[Outcome], Outcome]:
    """Over the sync client, from threads."""
    with BosBase(url, **options) as client, ThreadPoolExecutor(callers) as pool:
        users = client.collection("users")
        crowd = [pool.submit(outcome_of, lambda: users.auth_with_token("my-app-token")) for _ in range(callers)]
        before()
        outcome = outcome_of(lambda: users.auth_with_token("my-app-token", timeout=last))
        after()
        return [call.result() for call in crowd], outcome


async def _crowd(
    options: dict[str, Any], url: str, callers: int, before: Step, after: Step, last: httpx.Timeout
) -> tuple[list[Outcome], Outcome]:
    outcomes: list[Outcome] = []
    async with AsyncBosBase(url, **options) as client:
        users = client.collection("users")

        async def call(into: list[Outcome], **own: Any) -> None:
            try:
                into.append(await users.auth_with_token("my-app-token", **own))
            except BosBaseError as error:
                into.append(error)

        async with anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(call, outcomes)
            await anyio.to_thread.run_sync(before)
            one: list[Outcome] = []
            await call(one, timeout=last)
            await anyio.to_thread.run_sync(after)
        return outcomes, one[0]


def tasks_aio(*arguments: Any, **options: Any) -> tuple[list[Outcome], Outcome]:
    """From tasks of asyncio."""
    return anyio.run(partial(_crowd, options, *arguments))


def tasks_trio(*arguments: Any, **options: Any) -> tuple[list[Outcome], Outcome]:
    """From tasks of trio."""
    return anyio.run(partial(_crowd, options, *arguments), backend="trio")


CROWDS: tuple[Crowd, ...] = (threads, tasks_aio, tasks_trio)
