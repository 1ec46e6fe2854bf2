"""rotate_custom_token: the new token is bound before the old one goes, and no failure leaves one in the dark."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    BosBase,
    BosBaseError,
    ConfigurationError,
    ForbiddenError,
    InvalidCredentialsError,
    RequestTimeoutError,
    ServerError,
    TokenRotationError,
    TransportError,
    UnexpectedResponseError,
    is_generated_token,
)

Answer = httpx.Response | Exception
OLD, NEW, PASSWORD = "canary-old", "canary-new", "canary-password"
REFUSED = {"status": 400, "message": "Failed to bind token.", "data": {}}


class Scripted:
    """A server that gives one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Of each request, the operation and the token."""
        return [
            (request.url.path.rpartition("/")[2], json.loads(request.content)["token"]) for request in self.requests
        ]


def sync(server: Scripted, *arguments: Any, retries: int = 0, **options: Any) -> str:
    """With the sync client."""
    with BosBase("http://localhost", transport=httpx.MockTransport(server), retries=retries) as client:
        return client.collection("users").rotate_custom_token("a@example.com", PASSWORD, *arguments, **options)


def tasks(server: Scripted, *arguments: Any, retries: int = 0, **options: Any) -> str:
    """With the async client."""

    async def main() -> str:
        transport = httpx.MockTransport(server)
        async with AsyncBosBase("http://localhost", transport=transport, retries=retries) as client:
            users = client.collection("users")
            return await users.rotate_custom_token("a@example.com", PASSWORD, *arguments, **options)

    return anyio.run(main)


Rotate = Callable[..., str]


@pytest.fixture(params=[sync, tasks], ids=["sync", "async"])
def rotate(request: pytest.FixtureRequest) -> Rotate:
    """The sync client's method and the async client's."""
    chosen: Rotate = request.param
    return chosen


def done() -> httpx.Response:
    """What a bind and an unbind answer."""
    return httpx.Response(204)


def test_the_new_token_is_bound_and_then_the_old_one_unbound(rotate: Rotate) -> None:
    """The new one comes back."""
    server = Scripted(done(), done())
    assert rotate(server, OLD, NEW) == NEW
    assert server.calls == [("bind-token", NEW), ("unbind-token", OLD)]


def test_without_a_new_token_one_is_generated(rotate: Rotate) -> None:
    """It is the one that was bound."""
    server = Scripted(done(), done())
    token = rotate(server, OLD)
    assert is_generated_token(token)
    assert server.calls == [("bind-token", token), ("unbind-token", OLD)]


def test_the_options_go_with_both_calls(rotate: Rotate) -> None:
    """body, query, headers and timeout."""
    server = Scripted(done(), done())
    rotate(server, OLD, NEW, body={"a": 1}, query={"b": 2}, headers={"X-C": "3"}, timeout=4)
    for request in server.requests:
        assert (json.loads(request.content)["a"], request.url.query, request.headers["x-c"]) == (1, b"b=2", "3")
        assert request.extensions["timeout"]["read"] == 4


@pytest.mark.parametrize(
    ("old", "new"), [(OLD, OLD), (5, NEW), (OLD, 5), (OLD, "\ud800")], ids=["same", "old", "new", "surrogate"]
)
def test_what_cannot_be_is_refused_before_anything_is_sent(rotate: Rotate, old: Any, new: Any) -> None:
    """The same token twice above all: it would be unbound."""
    server = Scripted()
    with pytest.raises(ConfigurationError) as caught:
        rotate(server, old, new)
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json=REFUSED), InvalidCredentialsError),
        (httpx.Response(403, json={**REFUSED, "status": 403}), ForbiddenError),
        (httpx.ConnectError("refused"), TransportError),
        (httpx.PoolTimeout("pool"), RequestTimeoutError),
    ],
)
def test_a_bind_that_was_not_done_raises_its_own_error(
    rotate: Rotate, answer: Answer, error: type[BosBaseError]
) -> None:
    """Nothing has changed; the old token is not touched."""
    server = Scripted(answer)
    with pytest.raises(error):
        rotate(server, OLD, NEW)
    assert server.calls == [("bind-token", NEW)]


UNKNOWN: list[tuple[Answer, type[BosBaseError]]] = [
    (httpx.ReadTimeout("late"), RequestTimeoutError),
    (httpx.ReadError("cut"), TransportError),
    (httpx.Response(500), ServerError),
    (httpx.Response(200, json={}), UnexpectedResponseError),
]


@pytest.mark.parametrize(("answer", "cause"), UNKNOWN)
def test_a_bind_that_may_have_been_done_tells_the_new_token(
    rotate: Rotate, answer: Answer, cause: type[BosBaseError]
) -> None:
    """Else a generated one would be lost, and stay bound."""
    server = Scripted(answer)
    with pytest.raises(TokenRotationError) as caught:
        rotate(server, OLD)
    assert server.calls == [("bind-token", caught.value.new_token)]
    assert type(caught.value.__cause__) is cause


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (httpx.Response(400, json=REFUSED), InvalidCredentialsError),
        (httpx.ConnectError("refused"), TransportError),
        *UNKNOWN,
    ],
)
def test_an_unbind_that_fails_tells_the_new_token(rotate: Rotate, answer: Answer, cause: type[BosBaseError]) -> None:
    """It is bound, and the old one may still be."""
    server = Scripted(done(), answer)
    with pytest.raises(TokenRotationError) as caught:
        rotate(server, OLD, NEW)
    assert server.calls == [("bind-token", NEW), ("unbind-token", OLD)]
    assert caught.value.new_token == NEW
    assert type(caught.value.__cause__) is cause


def test_a_refusal_after_an_attempt_that_may_have_been_done_is_no_proof(rotate: Rotate) -> None:
    """The first attempt may have bound the token all the same."""
    server = Scripted(httpx.ReadError("cut"), httpx.Response(400, json=REFUSED))
    with pytest.raises(TokenRotationError) as caught:
        rotate(server, OLD, NEW, retries=1)
    assert isinstance(caught.value.__cause__, InvalidCredentialsError)
    assert caught.value.attempts == 2


def test_the_error_tells_how_often_the_call_that_failed_was_sent(rotate: Rotate) -> None:
    """Of the bind, or of the unbind; also in a copy."""
    for server in (Scripted(httpx.ReadTimeout("late")), Scripted(done(), httpx.Response(501))):
        with pytest.raises(TokenRotationError) as caught:
            rotate(server, OLD, NEW, retries=1)
        assert (caught.value.attempts, copy.copy(caught.value).attempts) == (1, 1)


def test_both_calls_are_retried_as_any_call(rotate: Rotate) -> None:
    """Each for itself."""
    busy = {"Retry-After": "0"}
    server = Scripted(httpx.Response(503, headers=busy), done(), httpx.Response(429, headers=busy), done())
    assert rotate(server, OLD, NEW, retries=1) == NEW
    assert [name for name, _ in server.calls] == ["bind-token", "bind-token", "unbind-token", "unbind-token"]


def test_the_error_shows_no_secret_and_keeps_the_new_token(rotate: Rotate) -> None:
    """Copied and pickled too, with its cause."""
    with pytest.raises(TokenRotationError) as caught:
        rotate(Scripted(done(), httpx.Response(501)), OLD, NEW)
    error = caught.value
    shown = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    assert "canary" not in "".join(shown)
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (twin.new_token, str(twin), type(twin.__cause__)) == (NEW, str(error), ServerError)
