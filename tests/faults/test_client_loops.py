"""One async client in several event loops, one after the other, as with `asyncio.run` more than once."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator

import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, AsyncCollection, AuthResult, TransportError

from .raw_server import RawServer


@pytest.fixture(autouse=True)
def _unclosed_connections(server: RawServer) -> Iterator[None]:
    """A loop that ends with connections open warns of them, whoever made them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


async def three(users: AsyncCollection) -> list[AuthResult | BaseException]:
    """Three sign-ins at once."""
    return await asyncio.gather(*(users.auth_with_token("tok") for _ in range(3)), return_exceptions=True)


@pytest.mark.parametrize("proxied", [False, True])
def test_a_client_of_ours_goes_on_in_the_next_loop(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, *, proxied: bool
) -> None:
    """Over httpx-aiohttp, and over httpx's own transport, which serves where the environment names a proxy."""
    if proxied:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = AsyncBosBase(server.url, retries=0)
    for _ in range(3):
        outcomes = asyncio.run(three(client.collection("users")))
        assert [type(outcome) for outcome in outcomes] == [AuthResult] * 3
    asyncio.run(client.aclose())


def test_over_a_callers_transport_it_is_a_typed_error_or_tried_again(server: RawServer) -> None:
    """Its connections are of the loop that made them."""
    client = AsyncBosBase(server.url, retries=0, transport=httpx.AsyncHTTPTransport())
    users = client.collection("users")
    assert isinstance(asyncio.run(users.auth_with_token("tok")), AuthResult)
    with pytest.raises(TransportError, match="event loop") as caught:
        asyncio.run(users.auth_with_token("tok"))
    assert not caught.value.outcome_unknown
    patient = AsyncBosBase(server.url, transport=httpx.AsyncHTTPTransport()).collection("users")
    for _ in range(2):
        assert isinstance(asyncio.run(patient.auth_with_token("tok")), AuthResult)
