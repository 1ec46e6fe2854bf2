"""A response's content coding, and its size: at most 4 MiB, also when it is decoded."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, UnexpectedResponseError

from .conftest import SIGNED_IN

BODY = json.dumps(SIGNED_IN).encode()
MAX = 4 * 1024 * 1024


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that httpx has not read, unlike that of most mocks."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


def sync(content: bytes, coding: str) -> AuthResult:
    """Sign in; the response has this body and this Content-Encoding."""
    users = BosBase("http://localhost", transport=_transport(content, coding)).collection("users")
    return users.auth_with_token("tok")


def tasks(content: bytes, coding: str) -> AuthResult:
    """The same with the async client."""
    users = AsyncBosBase("http://localhost", transport=_transport(content, coding)).collection("users")
    return anyio.run(users.auth_with_token, "tok")


def _transport(content: bytes, coding: str) -> httpx.MockTransport:
    headers = {"content-type": "application/json"} | ({"content-encoding": coding} if coding else {})
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Body(content)))


def without_bytes(value: str | bytes) -> str:
    """Part of the name of a test: gzip writes the time into its bytes."""
    return value or "none" if isinstance(value, str) else f"{len(value)} bytes"


SignIn = Callable[[bytes, str], AuthResult]
each_client = pytest.mark.parametrize("sign_in", [sync, tasks])


@each_client
@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        (" GZip ", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("", BODY.ljust(MAX)),
        ("gzip", gzip.compress(BODY.ljust(MAX), 1)),
    ],
    ids=without_bytes,
)
def test_a_body_that_can_be_read(sign_in: SignIn, coding: str, encoded: bytes) -> None:
    """A proxy may compress it, although the client did not ask for that."""
    assert sign_in(encoded, coding).record.id == "r1"


@each_client
@pytest.mark.parametrize(
    ("coding", "encoded", "reason"),
    [
        ("gzip", b"no gzip", "its compression is broken"),
        ("br", BODY, "its content coding was not asked for"),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), "its content coding was not asked for"),
        ("", BODY.ljust(MAX + 1), "it is larger than 4 MiB"),
        ("gzip", gzip.compress(BODY.ljust(MAX + 1), 1), "it is larger than 4 MiB"),
        ("gzip", gzip.compress(BODY.ljust(20 * MAX), 1), "it is larger than 4 MiB"),
    ],
    ids=without_bytes,
)
def test_a_body_that_cannot(sign_in: SignIn, coding: str, encoded: bytes, reason: str) -> None:
    """The error says why."""
    with pytest.raises(UnexpectedResponseError) as found:
        sign_in(encoded, coding)
    assert str(found.value) == f"unexpected response with status 200 (application/json): {reason}"


class Long(httpx.AsyncByteStream):
    """64 MiB that are there at once, so that reading them never waits."""

    def __init__(self) -> None:
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for self.read in range(1, 65):
            yield b" " * 1024 * 1024


def test_a_long_body_is_left_although_reading_it_never_waits() -> None:
    """An event loop cancels only what waits."""
    body = Long()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    users = AsyncBosBase("http://localhost", transport=transport).collection("users")
    with pytest.raises(UnexpectedResponseError, match="larger than 4 MiB"):
        anyio.run(users.auth_with_token, "tok")
    assert body.read <= 6
