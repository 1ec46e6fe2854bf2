"""How the check sends its requests: what it waits for, what it forgives, when it gives up."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from bosbase_wrapper.check import Outcome, Report
from bosbase_wrapper.check._answer import Answer
from bosbase_wrapper.check._checks import CHECKS, Check
from bosbase_wrapper.check._contract import Contract, document_text
from bosbase_wrapper.check._errors import NoAnswerError, NotTriedError, UnfinishedError
from bosbase_wrapper.check._line import PATIENCE_SECONDS, Line
from bosbase_wrapper.check._probe import Probe
from bosbase_wrapper.check._run import examine
from bosbase_wrapper.check._secrets import Secrets
from bosbase_wrapper.check._session import Account
from tests.faults.raw_server import KEEP, Connection, RawServer, Script, answer

REFUSED = httpx.Response(400, json={"data": {}, "message": "Failed to authenticate.", "status": 400})
LIMITED = {"data": {}, "message": "Too Many Requests.", "status": 429}
SIGN_IN = [check for check in CHECKS if check.name == "never-bound"]


def _line(answering: Callable[[httpx.Request], httpx.Response], waits: list[float] | None = None) -> Line:
    client = httpx.Client(transport=httpx.MockTransport(answering))
    return Line("http://localhost", client, (waits if waits is not None else []).append)


def _send(line: Line) -> int:
    return line.send(line.request("POST", "/"), lambda _: None).status


def test_waits_grow_up_to_sixteen_seconds() -> None:
    """A server that limits without a Retry-After is asked again after 1 s, 2 s ... 16 s, for two minutes in all."""
    waits: list[float] = []
    line = _line(lambda _: httpx.Response(429, json=LIMITED), waits)
    with pytest.raises(UnfinishedError, match="rate limit"):
        _send(line)
    assert waits == [1, 2, 4, 8, 16, 16, 16, 16, 16, 16]
    assert sum(waits) <= PATIENCE_SECONDS


def test_a_retry_after_is_honoured() -> None:
    """Not sooner than the server asks; a date, which no server sends here, is no number."""
    waits: list[float] = []
    answers = iter(
        [
            httpx.Response(429, json=LIMITED, headers={"Retry-After": "7"}),
            httpx.Response(429, json=LIMITED, headers={"Retry-After": "Wed, 25 Nov 2026 02:00:00 GMT"}),
            REFUSED,
        ]
    )
    assert _send(_line(lambda _: next(answers), waits)) == 400
    assert waits == [7, 2]


def test_a_retry_after_of_hours_ends_the_check() -> None:
    """It is not waited for."""
    waits: list[float] = []
    line = _line(lambda _: httpx.Response(429, json=LIMITED, headers={"Retry-After": "7200"}), waits)
    with pytest.raises(UnfinishedError):
        _send(line)
    assert waits == []


def test_a_server_that_hangs_is_given_up() -> None:
    """A request that times out is not sent again, and after three of them the run ends."""
    calls: list[httpx.Request] = []

    def hang(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ReadTimeout("", request=request)

    line = _line(hang)
    for _ in range(3):
        with pytest.raises(NoAnswerError, match="ReadTimeout"):
            _send(line)
    with pytest.raises(UnfinishedError, match="too long"):
        _send(line)
    assert len(calls) == 3
    line.grant_time()
    with pytest.raises(NoAnswerError):
        _send(line)


def test_an_answer_without_end_is_none() -> None:
    """Of an answer no more than 4 MiB are read."""
    line = _line(lambda _: httpx.Response(200, content=b"x" * (5 << 20)))
    with pytest.raises(NoAnswerError, match="4 MiB"):
        _send(line)


# --- against sockets: which connection ended ---


def _drop_after(kept: int) -> Script:
    """A server that answers so many requests of a connection, and then ends it without a word."""
    sound = answer(400, REFUSED.content, "Content-Type: application/json")

    def script(connection: Connection) -> object:
        served = getattr(connection, "served", 0)
        if served == kept:
            return not KEEP
        setattr(connection, "served", served + 1)  # noqa: B010  # a count of the test's own
        return sound(connection)

    return script


def _send_times(script: Script, times: int) -> Line:
    with RawServer(script) as server, httpx.Client(timeout=5) as client:
        line = Line(server.url, client, lambda _: None)
        for _ in range(times):
            assert line.send(line.request("POST", "/"), lambda _: None).status == 400
        return line


def test_a_kept_connection_may_end() -> None:
    """A keep-alive that ended between two requests is forgiven, as long as it is seldom."""
    assert not _send_times(_drop_after(3), 7).drops_connections
    assert _send_times(_drop_after(3), 10).drops_connections


def test_a_new_connection_must_be_answered() -> None:
    """One that was made for the request and ended without an answer is a breach."""
    with RawServer(_drop_after(0)) as server, httpx.Client(timeout=5) as client:
        line = Line(server.url, client, lambda _: None)
        with pytest.raises(NoAnswerError):
            _send(line)
    assert line.drops_connections


# --- what a run makes of it ---


def _report(
    answering: Callable[[httpx.Request], httpx.Response], checks: list[Check] = SIGN_IN, url: str = "http://localhost"
) -> Report:
    account = Account(url, "users", "a@example.com", "password1234")
    with httpx.Client(transport=httpx.MockTransport(answering)) as client:
        return examine(Probe(account, Contract(document_text()), client, pause=lambda _: None), checks=checks)


def test_a_server_that_hangs_at_sign_ins_alone_is_broken() -> None:
    """It answers other requests: exit 1."""

    def hang(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("auth-with-token"):
            raise httpx.ReadTimeout("", request=request)
        return REFUSED

    report = _report(hang)
    assert [finding.name for finding in report.broken] == ["never-bound"]
    assert report.broken[0].detail == "a request was left without an answer (ReadTimeout)"
    assert report.exit_code() == 1


def test_a_gateway_that_ends_the_connection_of_33_mib_is_no_breach() -> None:
    """It may do so before its answer can be read; then the check says that it could not tell."""

    def drop(request: httpx.Request) -> httpx.Response:
        if len(request.content) > 1 << 20:
            raise httpx.WriteError("", request=request)
        return REFUSED

    report = _report(drop, [check for check in CHECKS if check.name == "too-large"])
    assert [finding.name for finding in report.of(Outcome.NOT_TRIED)] == ["too-large", "state"]


def test_plain_http_is_advice() -> None:
    """To this machine it is fine, and https is fine anywhere."""
    checks = [check for check in CHECKS if check.name == "plain-http"]
    for url, advised in (("http://example.com", 1), ("https://example.com", 0), ("http://127.0.0.1:9", 0)):
        report = _report(lambda _: REFUSED, checks, url)
        assert [finding.name for finding in report.advice].count("plain-http") == advised


def test_slow_answers_are_advice() -> None:
    """An answer of many seconds is told."""
    checks = [check for check in CHECKS if check.name == "slow"]
    account = Account("http://localhost", "users", "a@example.com", "password1234")
    with httpx.Client(transport=httpx.MockTransport(lambda _: REFUSED)) as client:
        probe = Probe(account, Contract(document_text()), client)
        probe.line.slowest = 12.3
        report = examine(probe, checks=checks)
    assert [finding.detail for finding in report.advice if finding.name == "slow"] == ["the slowest answer took 12 s"]


def test_what_was_seen_before_a_check_gave_up_is_told() -> None:
    """A check that cannot go on has not forgotten what was broken until then."""

    def attempt(probe: Probe) -> None:
        probe.expect(False, "something is broken")
        raise NotTriedError("there is no more to try")

    report = _report(lambda _: REFUSED, [Check("half", "Half of a check", attempt)])
    assert [finding.detail for finding in report.broken] == ["something is broken"]


def test_what_is_no_json_is_none() -> None:
    """Constants that JSON lacks, other encodings and nesting without end are no JSON; null is."""
    for content in (b'{"token":NaN}', '{"token":"x"}'.encode("utf-16"), b"[" * 100_000, b"\xef\xbb\xbf{}", b""):
        assert not Answer(200, httpx.Headers(), content, 0.0).is_json
    assert Answer(200, httpx.Headers(), b"null", 0.0).is_json


@pytest.mark.parametrize(("password", "found"), [("Tr0ub4dor&3", True), ("user@example.com", False), ("short", False)])
def test_a_password_is_found_unless_it_is_an_everyday_word(password: str, found: bool) -> None:
    """A password that is too short, or the account's own email, stands in many answers without having leaked."""
    secrets = Secrets(password, "users user@example.com http://localhost")
    answer = Answer(400, httpx.Headers({"X-Debug": password.upper()}), b"{}", 0.0)
    assert bool(secrets.found_in(answer)) is found


def test_a_load_balancer_may_set_its_cookie() -> None:
    """A cookie that finds the same server again is no session's; any other is."""
    assert "no-cookie" not in _broken_by_cookie("AWSALB=x; Path=/")
    assert "no-cookie" in _broken_by_cookie("session=x")


def _broken_by_cookie(cookie: str) -> list[str]:
    headers = {"Content-Type": "application/json", "Set-Cookie": cookie}
    report = _report(lambda _: httpx.Response(400, content=REFUSED.content, headers=headers))
    return [finding.name for finding in report.broken]
