"""An attempt as a whole has a time limit, since httpx has one for each read: the longest timeout and a tenth."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, RequestTimeoutError

from .conftest import SIGNED_IN

BODY = json.dumps(SIGNED_IN).encode()


class Late(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose second half comes after 0.15 seconds."""

    def __iter__(self) -> Iterator[bytes]:
        yield BODY[:10]
        time.sleep(0.15)
        yield BODY[10:]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield BODY[:10]
        await anyio.sleep(0.15)
        yield BODY[10:]


def answer(_request: httpx.Request) -> httpx.Response:
    """Sign in, late."""
    return httpx.Response(200, stream=Late())


async def answer_late(_request: httpx.Request) -> httpx.Response:
    """Send the head late too."""
    await anyio.sleep(0.15)
    return httpx.Response(200, json=SIGNED_IN)


def sync(timeout: Any) -> AuthResult:
    """Over BosBase."""
    client = BosBase("http://localhost", timeout=timeout, retries=0, transport=httpx.MockTransport(answer))
    return client.collection("users").auth_with_token("tok")


def aio(timeout: Any, handler: Any = answer) -> AuthResult:
    """Over AsyncBosBase."""
    client = AsyncBosBase("http://localhost", timeout=timeout, retries=0, transport=httpx.MockTransport(handler))
    return anyio.run(client.collection("users").auth_with_token, "tok")


each_way = pytest.mark.parametrize("sign_in", [sync, aio])


# httpx lets nothing limit how long a sync transport takes to send the head.
@pytest.mark.parametrize("sign_in", [sync, aio, partial(aio, handler=answer_late)], ids=["sync", "aio", "late head"])
def test_a_response_that_takes_longer_is_an_error(sign_in: Callable[[Any], AuthResult]) -> None:
    """It may have worked, so it is not sent again."""
    with pytest.raises(RequestTimeoutError, match=r"^the response did not arrive in time$") as caught:
        sign_in(0.1)
    assert caught.value.outcome_unknown


@each_way
@pytest.mark.parametrize("longest", ["connect", "read", "write", "pool"])
def test_the_longest_timeout_counts(sign_in: Callable[[Any], AuthResult], longest: str) -> None:
    """Of the four."""
    assert sign_in(httpx.Timeout(0.1, **{longest: 10})).record.id == "r1"


@each_way
@pytest.mark.parametrize("timeout", [None, httpx.Timeout(0.1, read=None), httpx.Timeout(10, connect=None)])
def test_without_a_timeout_there_is_no_limit(sign_in: Callable[[Any], AuthResult], timeout: Any) -> None:
    """That of reading decides; the others may have none."""
    assert sign_in(timeout).record.id == "r1"
