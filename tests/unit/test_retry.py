"""A call is sent again where that may help, after a wait that API users can count on, and never where it could harm."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from statistics import mean
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    BosBase,
    BosBaseError,
    ConfigurationError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from bosbase_wrapper._reply import Reply
from bosbase_wrapper._retry import delay_before_next

from .conftest import SIGNED_IN, Recorder

AT_ONCE = {"Retry-After": "0"}


class Scripted(Recorder):
    """Answers with each outcome in turn, and signs in from then on."""

    def __init__(self, *outcomes: httpx.Response | Exception) -> None:
        self._left = list(outcomes)
        super().__init__(self._next)

    def _next(self, _request: httpx.Request) -> httpx.Response:
        outcome = self._left.pop(0) if self._left else httpx.Response(200, json=SIGNED_IN)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sign_in(self, retries: int = 2, **options: Any) -> AuthResult | BosBaseError:
        """What a sign-in ends in."""
        users = BosBase("http://localhost", retries=retries, transport=httpx.MockTransport(self)).collection("users")
        try:
            return users.auth_with_token("token", **options)
        except BosBaseError as error:
            return error


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_status_is_tried_again(status: int) -> None:
    """The answer of the last attempt is the call's."""
    server = Scripted(httpx.Response(status, headers=AT_ONCE), httpx.Response(status, headers=AT_ONCE))
    assert isinstance(server.sign_in(), AuthResult)
    assert len(server.requests) == 3
    assert len({request.content for request in server.requests}) == 1


@pytest.mark.parametrize("status", [200, 307, 400, 401, 403, 404, 408, 413, 418, 501, 505, 599])
def test_any_other_status_is_final(status: int) -> None:
    """An answer that would be the same again is handed over at once."""
    server = Scripted(httpx.Response(status, headers=AT_ONCE))
    outcome = server.sign_in()
    assert isinstance(outcome, BosBaseError)
    assert (outcome.attempts, len(server.requests)) == (1, 1)


def test_a_call_is_sent_again_twice_by_default() -> None:
    """By both clients."""
    servers = [Scripted(*[httpx.Response(503, headers=AT_ONCE)] * 9) for _ in range(2)]
    transports = [httpx.MockTransport(server) for server in servers]
    with pytest.raises(ServerError):
        BosBase("http://localhost", transport=transports[0]).collection("users").auth_with_token("tok")
    with pytest.raises(ServerError):
        anyio.run(AsyncBosBase("http://localhost", transport=transports[1]).collection("users").auth_with_token, "tok")
    assert [len(server.requests) for server in servers] == [3, 3]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_the_last_attempt_is_raised_with_the_number_of_attempts(retries: int) -> None:
    """`retries` is how often a call is sent again, and 0 means never."""
    server = Scripted(*[httpx.Response(503, headers=AT_ONCE)] * 9)
    outcome = server.sign_in(retries)
    assert isinstance(outcome, ServerError)
    assert outcome.attempts == len(server.requests) == retries + 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("x"),
        httpx.ConnectTimeout("x"),
        httpx.ProxyError("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ],
    ids=repr,
)
def test_a_connection_that_failed_or_was_dropped_is_tried_again(error: Exception) -> None:
    """The call ends in the value of the second attempt, or, where it is the last, in an error that counts both."""
    assert isinstance(Scripted(error).sign_in(1), AuthResult)
    failed = Scripted(error, error).sign_in(1)
    assert isinstance(failed, TransportError)
    assert failed.attempts == 2


@pytest.mark.parametrize(
    ("error", "kind", "outcome_unknown"),
    [
        (httpx.ReadTimeout("x"), RequestTimeoutError, True),
        (httpx.WriteTimeout("x"), RequestTimeoutError, True),
        (httpx.PoolTimeout("x"), RequestTimeoutError, False),
        (httpx.RemoteProtocolError("illegal status line"), TransportError, True),
        (httpx.LocalProtocolError("x"), TransportError, False),
        (httpx.DecodingError("x"), TransportError, True),
        (httpx.UnsupportedProtocol("x"), TransportError, False),
    ],
    ids=repr,
)
def test_a_timeout_or_an_answer_that_is_no_http_is_final(
    error: Exception, kind: type[TransportError], outcome_unknown: bool
) -> None:
    """The server may be at work on it, and would not answer better the second time."""
    server = Scripted(error)
    outcome = server.sign_in()
    assert type(outcome) is kind
    assert (outcome.attempts, len(server.requests)) == (1, 1)
    assert outcome.outcome_unknown is outcome_unknown


@pytest.mark.parametrize(
    ("outcome", "sent"),
    [
        (httpx.ConnectError("x"), 2),
        (httpx.ConnectTimeout("x"), 2),
        (httpx.ProxyError("x"), 2),
        (httpx.ReadError("x"), 1),
        (httpx.ReadTimeout("x"), 1),
        (httpx.PoolTimeout("x"), 1),
        *((httpx.Response(status, headers=AT_ONCE), 1) for status in (429, 500, 502, 503, 504)),
    ],
    ids=repr,
)
def test_a_call_with_an_mfa_id_is_sent_again_only_where_no_connection_was_made(outcome: Any, sent: int) -> None:
    """The server takes an id once: sent again it would be refused, though the first attempt may have signed in."""
    server = Scripted(outcome)
    server.sign_in(1, mfa_id="id")
    assert len(server.requests) == sent


def in_seconds(seconds: float) -> str:
    """An HTTP date some seconds from now."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("0", 0, 0),
        ("7", 7, 7),
        ("30", 30, 30),
        ("1.5", 1.5, 1.5),
        ("31", None, None),
        ("86400", None, None),
        ("9999999999", None, None),
        (20, 5, 20),
        (3600, None, None),
        # Nothing that can be read asks for nothing: the wait is the client's own.
        ("soon", 0, 0.5),
        (-60, 0, 0.5),
        ("-5", 0, 0.5),
        ("", 0, 0.5),
        ("٣", 0, 0.5),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 0, 0.5),
        ("Mon, 20 Nov 2026 19:12:08 +99999999999999999999", 0, 0.5),
        ("Mon, 20 Nov 2026 19:12:08 -99999999", 0, 0.5),
        ("Mon, 32 Nov 2026 19:12:08 GMT", 0, 0.5),
    ],
)
def test_retry_after_is_obeyed_up_to_half_a_minute(asked: str | int, least: float | None, most: float | None) -> None:
    """In seconds or as an HTTP date (here the whole numbers); more than 30 s, and the call ends."""
    text = asked if isinstance(asked, str) else in_seconds(asked)
    answer = Reply(503, httpx.Headers({b"Retry-After": text.encode()}))
    delay = delay_before_next(answer, 1, single_use=False)
    if least is None or most is None:
        assert delay is None
    else:
        assert delay is not None
        assert least <= delay <= most


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("asked", "seconds"), [("31", 31.0), ("2.5", 2.5), ("soon", None)])
def test_an_error_tells_what_the_server_asked_for(status: int, asked: str, seconds: float | None) -> None:
    """In seconds; and a wait that is too long is raised at once."""
    envelope = {"data": {}, "message": "Later.", "status": status}
    server = Scripted(httpx.Response(status, headers={"Retry-After": asked}, json=envelope))
    outcome = server.sign_in(retries=2 if asked == "31" else 0)
    assert isinstance(outcome, RateLimitedError | ServerError)
    assert (outcome.retry_after, outcome.attempts) == (seconds, 1)


def test_an_http_date_without_a_zone_is_read_as_utc() -> None:
    """As HTTP wants it."""
    asked = in_seconds(3600).replace(" GMT", " -0000")
    outcome = Scripted(httpx.Response(503, headers={"Retry-After": asked})).sign_in()
    assert isinstance(outcome, ServerError)
    assert outcome.retry_after is not None
    assert 3500 < outcome.retry_after <= 3600


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (50, 8.0), (5000, 8.0)]
)
@pytest.mark.parametrize(
    "outcome",
    [Reply(503, httpx.Headers()), TransportError("dropped", retriable=True, outcome_unknown=True)],
    ids=["a response", "no response"],
)
def test_waits_double_up_to_8_seconds_with_full_jitter(
    outcome: Reply | TransportError, attempt: int, longest: float
) -> None:
    """Clients that failed together spread over the whole wait."""
    waits = [delay_before_next(outcome, attempt, single_use=False) or 0.0 for _ in range(2000)]
    assert 0 <= min(waits) < 0.05 * longest
    assert 0.95 * longest < max(waits) <= longest
    assert mean(waits) == pytest.approx(longest / 2, rel=0.1)


def test_each_attempt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Operation, collection, status or kind of fault, milliseconds and number; no body, no query, no token."""
    caplog.set_level(logging.DEBUG, logger="bosbase_wrapper")
    server = Scripted(httpx.ReadError("x"), httpx.Response(503, headers=AT_ONCE))
    server.sign_in(query={"q": "query-canary"}, body={"b": "body-canary"})
    lines = [record.getMessage() for record in caplog.records if record.name == "bosbase_wrapper"]
    assert [line.partition(" in ")[0] for line in lines] == [
        "authWithToken 'users': TransportError",
        "authWithToken 'users': 503",
        "authWithToken 'users': 200",
    ]
    assert [line.partition(" ms, ")[2] for line in lines] == ["attempt 1", "attempt 2", "attempt 3"]
    assert "canary" not in caplog.text


def test_nothing_is_logged_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    """DEBUG is what it takes."""
    caplog.set_level(logging.INFO, logger="bosbase_wrapper")
    Scripted().sign_in()
    assert [record for record in caplog.records if record.name == "bosbase_wrapper"] == []


def test_an_attempt_that_may_have_worked_is_not_forgotten() -> None:
    """Whatever the later attempts end in, `outcome_unknown` tells of the first."""
    refused = httpx.Response(400, json={"data": {}, "message": "Failed to authenticate.", "status": 400})
    outcome = Scripted(httpx.ReadError("x"), refused).sign_in()
    assert isinstance(outcome, BosBaseError)
    assert (outcome.attempts, outcome.outcome_unknown) == (2, True)


def test_a_client_closed_between_two_attempts_sends_no_more() -> None:
    """The call ends in a ConfigurationError that counts what was sent."""
    requests: list[httpx.Request] = []
    client: BosBase

    def close(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        client.close()
        return httpx.Response(503, headers=AT_ONCE)

    client = BosBase("http://localhost", transport=httpx.MockTransport(close))
    with pytest.raises(ConfigurationError, match="closed") as caught:
        client.collection("users").auth_with_token("token")
    assert (len(requests), caught.value.attempts) == (1, 1)


def test_an_error_of_the_callers_own_transport_passes_as_it_is() -> None:
    """It is his code's, not the server's."""

    def broken(_request: httpx.Request) -> httpx.Response:
        raise failure

    users = BosBase("http://localhost", transport=httpx.MockTransport(broken)).collection("users")
    failures: tuple[Exception, ...] = (RuntimeError("mine"), ValueError("mine"), OSError("mine"))
    for failure in failures:
        with pytest.raises(type(failure), match="mine") as caught:
            users.auth_with_token("token")
        assert caught.value is failure


CALLS: dict[str, Callable[[BosBase], object]] = {
    "a call": lambda client: client.collection("users").auth_with_token("token"),
    "a handle made before": lambda client: client.collection("users").unbind_custom_token("a@b.c", "password", "t"),
    "with": lambda client: client.__enter__(),
}


@pytest.mark.parametrize("use", CALLS.values(), ids=CALLS)
def test_a_closed_client_sends_nothing(recorder: Recorder, use: Callable[[BosBase], object]) -> None:
    """Closing twice does no harm."""
    client = BosBase("http://localhost", transport=httpx.MockTransport(recorder))
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="closed") as caught:
        use(client)
    assert (caught.value.attempts, recorder.requests) == (0, [])
