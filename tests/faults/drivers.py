"""The client in each form that people run it in: over each transport, and on each event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import httpx
import httpx_aiohttp

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, BosBaseError

Outcome = AuthResult | BosBaseError
Step = Callable[[], object]
# Signs in after each step, with one client, and gives what the sign-ins ended in.
Driver = Callable[..., list[Outcome]]


def nothing() -> None:
    """A step that changes nothing."""


def sync(url: str, steps: Sequence[Step] = (nothing,), mfa_id: str | None = None, **options: Any) -> list[Outcome]:
    """Over the sync client's own transport."""
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


def sync_httpx(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over httpx's transport, given by the caller."""
    return sync(url, steps, transport=httpx.HTTPTransport(), **options)


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
    """Over httpx's transport, under asyncio."""
    return anyio.run(_steps, url, steps, {"transport": httpx.AsyncHTTPTransport(), **options})


def aiohttp(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over httpx-aiohttp, which the extra `fast` brings."""
    return anyio.run(_steps, url, steps, options)


def aiohttp_client(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over a caller's own httpx client that sends over httpx-aiohttp."""

    async def main() -> list[Outcome]:
        async with httpx.AsyncClient(transport=httpx_aiohttp.AiohttpTransport()) as http:
            return await _steps(url, steps, {"http_client": http, **options})

    return anyio.run(main)


def trio(url: str, steps: Sequence[Step] = (nothing,), **options: Any) -> list[Outcome]:
    """Over httpx's transport, under trio."""
    return anyio.run(_steps, url, steps, options, backend="trio")


ALL: tuple[Driver, ...] = (sync, aio, aiohttp, trio)
BY_THE_CALLER: tuple[Driver, ...] = (sync_httpx, aiohttp_client)
