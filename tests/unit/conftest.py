"""What the unit tests share: clients over a transport that answers what the test says."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bosbase_wrapper import BosBase, Collection

Answering = Callable[..., Collection]

SIGNED_IN: dict[str, Any] = {
    "token": "jwt.jwt.jwt",
    "record": {"id": "r1", "collectionId": "c1", "collectionName": "users"},
}


class Recorder:
    """A transport that keeps the requests and answers each with the same answer."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)


@pytest.fixture
def recorder() -> Recorder:
    """A server that signs everybody in."""
    return Recorder(lambda _: httpx.Response(200, json=SIGNED_IN))


@pytest.fixture
def users(recorder: Recorder) -> Collection:
    """The users of the recorder's server."""
    return BosBase("http://localhost", transport=httpx.MockTransport(recorder)).collection("users")


@pytest.fixture
def answering() -> Answering:
    """Makes a collection whose server answers every call with one answer; nothing is sent again."""

    def make(status: int, **answer: Any) -> Collection:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))
        return BosBase("http://localhost", transport=transport, retries=0).collection("users")

    return make


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is nine hours ahead of UTC."""
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()
