"""A client that has made thousands of calls holds no more memory than one that has made a hundred."""

import contextlib
import gc
import tracemalloc
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, BosBase, BosBaseError
from bosbase_wrapper.fast import FastTransport

from .raw_server import Connection, RawServer, answer, sound

pytestmark = pytest.mark.untraced

REFUSED = answer(400, b'{"data": {}, "message": "Failed to authenticate.", "status": 400}')
# The number of calls, and the bytes that buffers and caches may add during them.
SHORT, LONG = (300, 43 * 1024), (20_000, 128 * 1024)
PARTS = 3  # a leak grows in each of them, a buffer that is just in use does not


def mixed() -> Callable[[Connection], object]:
    """Signs in, refuses, and drops the connection in turn."""
    count = 0

    def script(connection: Connection) -> object:
        nonlocal count
        count += 1
        if count % 10 == 0:
            return None
        return (sound if count % 2 else REFUSED)(connection)

    return script


def traced_now() -> int:
    """The bytes in use, with all that is garbage collected."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def traced() -> Any:
    """Counts memory for the test's time."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("calls", "room"), [SHORT, pytest.param(*LONG, marks=pytest.mark.long)])
@pytest.mark.parametrize("make_transport", [lambda: None, FastTransport], ids=["httpx", "fast"])
def test_memory_stays_flat(
    server: RawServer, make_transport: Callable[[], httpx.BaseTransport | None], calls: int, room: int
) -> None:
    """Over values, refusals and dropped connections alike."""
    server.script = mixed()
    server.requests = deque(maxlen=1)
    with BosBase(server.url, retries=0, transport=make_transport()) as client:

        def make_calls(number: int) -> None:
            for _ in range(number):
                with contextlib.suppress(BosBaseError):
                    client.collection("users").auth_with_token("token")

        make_calls(100)
        marks = [traced_now()]
        for _ in range(PARTS):
            make_calls(calls // PARTS)
            marks.append(traced_now())
    assert min(later - earlier for earlier, later in pairwise(marks)) < room


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("calls", "room"), [SHORT, pytest.param(*LONG, marks=pytest.mark.long)])
def test_memory_stays_flat_in_tasks(server: RawServer, calls: int, room: int) -> None:
    """Ten tasks at a time, some of them cancelled."""
    server.script = mixed()
    server.requests = deque(maxlen=1)

    async def main() -> None:
        async with AsyncBosBase(server.url, retries=0) as client:

            async def one(cancelled: bool) -> None:
                with anyio.move_on_after(0 if cancelled else None), contextlib.suppress(BosBaseError):
                    await client.collection("users").auth_with_token("token")

            async def make_calls(number: int) -> None:
                for _ in range(number // 10):
                    async with anyio.create_task_group() as tasks:
                        for position in range(10):
                            tasks.start_soon(one, position == 0)

            await make_calls(100)
            marks = [traced_now()]
            for _ in range(PARTS):
                await make_calls(calls // PARTS)
                marks.append(traced_now())
        assert min(later - earlier for earlier, later in pairwise(marks)) < room

    anyio.run(main)
