"""The parts of `bosbase-tokens check` without a server: reports, generated cases, secrets, bodies."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import junitparser
import pytest

from bosbase_wrapper.check import (
    CHECKS,
    LAST,
    Account,
    Check,
    NotTriedError,
    Outcome,
    Probe,
    Report,
    Result,
    run_checks,
)
from bosbase_wrapper.check._connection import Response
from bosbase_wrapper.check._document import BIND, SIGN_IN, UNBIND, Document
from bosbase_wrapper.check._fuzz import _safe
from bosbase_wrapper.check._secrets import Secrets

ACCOUNT = Account("http://localhost", "users", "a@example.com", "password1234")
REFUSED = Document().errors[SIGN_IN]["credentials"]


# --- reports ---


def _report(*outcomes: Outcome, refused: bool = False) -> Report:
    report = Report("https://example.com", "users", requests=12, seconds=3.21, refused=refused)
    for number, outcome in enumerate(outcomes):
        detail = "" if outcome is Outcome.OK else "seen\nand more"
        report.results.append(Result(outcome, f"check-{number}", f"What `{number}` asks", detail))
    return report


@pytest.mark.parametrize(
    ("report", "code", "strict"),
    [
        (_report(Outcome.OK, Outcome.NOT_TRIED), 0, 0),
        (_report(Outcome.OK, Outcome.ADVICE), 0, 1),
        (_report(Outcome.BROKEN, Outcome.UNFINISHED), 1, 1),
        (_report(Outcome.UNFINISHED, Outcome.ADVICE), 3, 3),
        (_report(Outcome.UNFINISHED, refused=True), 1, 1),
    ],
)
def test_exit_codes(report: Report, code: int, strict: int) -> None:
    """Broken beats unfinished, unfinished beats advice. A refused account counts as refused by the server."""
    assert (report.exit_code(), report.exit_code(strict=True)) == (code, strict)
    assert report.ok == (code == 0)


def test_the_table() -> None:
    """One line for each check that was reached, what was seen below it, and a sum at the end."""
    assert str(_report(Outcome.OK, Outcome.BROKEN, Outcome.NOT_REACHED)).splitlines() == [
        "https://example.com, collection users",
        "",
        "        ok  check-0                  What `0` asks",
        "    BROKEN  check-1                  What `1` asks",
        "                                     -> seen",
        "                                     -> and more",
        "",
        "1 broken, 1 ok, 1 not reached; 12 requests in 3.2 s",
    ]


def test_json() -> None:
    """The same for programs."""
    found = json.loads(_report(Outcome.OK).to_json())
    check = {"outcome": "ok", "name": "check-0", "what": "What `0` asks", "detail": ""}
    head = {"url": "https://example.com", "collection": "users", "ok": True, "requests": 12, "seconds": 3.21}
    assert found == {**head, "checks": [check]}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((Outcome.OK,), "The API is implemented"),
        ((Outcome.OK, Outcome.ADVICE), "The API is implemented, with advice"),
        ((Outcome.UNFINISHED, Outcome.ADVICE), "The check could not be finished"),
        ((Outcome.OK, Outcome.BROKEN, Outcome.UNFINISHED), "The server breaks the API"),
    ],
)
def test_the_page(outcomes: tuple[Outcome, ...], verdict: str) -> None:
    """It says the verdict first, requests nothing from other hosts, runs no script, and has what is broken on top."""
    text = _report(*outcomes).to_html()
    page = _Page(text)
    assert f">{verdict}<" in text
    assert (page.addresses, page.tags.count("script"), page.tags.count("tr")) == ([], 0, len(outcomes) + 1)
    assert "default-src 'none'" in text
    assert "<code>0</code>" in text
    if Outcome.BROKEN in outcomes:
        assert text.index("check-1") < text.index("check-0")


def test_the_page_escapes_what_it_shows() -> None:
    """A name of a collection cannot become a tag."""
    report = Report("https://example.com", "<script>$url")
    assert "&lt;script&gt;$url" in report.to_html()


def test_junit() -> None:
    """Failures, errors and skipped test cases, as Jenkins, GitLab and GitHub's reporters read them. Advice passes."""
    text = _report(*Outcome).to_junit()
    [suite] = list(junitparser.JUnitXml.fromstring(text.encode()))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 1, 1, 2)
    found = [(case.classname, type(case.result[0]).__name__ if case.result else "", case.is_passed) for case in suite]
    assert found == [
        ("bosbase-tokens.check", "Failure", False),
        ("bosbase-tokens.check", "Error", False),
        ("bosbase-tokens.check", "", True),
        ("bosbase-tokens.check", "Skipped", False),
        ("bosbase-tokens.check", "", True),
        ("bosbase-tokens.check", "Skipped", False),
    ]
    cases = list(suite)
    assert (cases[0].result[0].message, cases[0].result[0].text) == ("seen", "seen\nand more")
    assert cases[2].system_out == "Advice: seen\nand more"
    properties = {one.name: one.value for one in suite.properties()}  # type: ignore[no-untyped-call]
    assert properties == {"url": "https://example.com", "collection": "users"}


def test_junit_holds_nothing_that_xml_forbids() -> None:
    """A parser refuses control characters and half letters."""
    report = Report("https://example.com", "a\x00\ufffe\ud800b&<")
    [suite] = list(junitparser.JUnitXml.fromstring(report.to_junit().encode()))
    values = [one.value for one in suite.properties()]  # type: ignore[no-untyped-call]
    assert values[1] == "a???b&<"


# --- checks ---


def _run(checks: list[Check], answering: Any = None) -> Report:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answering(request) if answering else None
        return found or _streamed(400, json.dumps(REFUSED).encode())

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return run_checks(Probe(ACCOUNT, client, pause=lambda _: None), checks)


def _streamed(status: int, content: bytes, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, headers={"Content-Type": "application/json", **headers}, stream=httpx.ByteStream(content)
    )


def test_a_check_is_described_once() -> None:
    """By the first line of its docstring, which every report prints. Names are unique."""
    checks = [*CHECKS, *LAST]
    for check in checks:
        assert check.what in (check.attempt.__doc__ or "")
        assert check.what
    assert len({check.name for check in checks}) == len(checks)


def test_what_was_seen_before_a_check_gave_up_is_told() -> None:
    """A check that cannot go on has not forgotten what was broken until then."""

    def half(probe: Probe) -> None:
        """Half of a check."""
        probe.expect(False, "something is broken")
        raise NotTriedError("there is no more to try")

    report = _run([Check.of(half)])
    assert [(one.name, one.what, one.detail) for one in report.broken] == [
        ("half", "Half of a check", "something is broken")
    ]


def test_the_connection_of_33_mib_may_end() -> None:
    """A gateway may end it before its response can be read. A rate limit says nothing about the size either."""

    def drop(request: httpx.Request) -> httpx.Response | None:
        if len(request.content) > 1 << 20:
            raise httpx.WriteError("", request=request)
        return None

    def limit(request: httpx.Request) -> httpx.Response | None:
        return _streamed(429, b"{}") if len(request.content) > 1 << 20 else None

    for answering in (drop, limit):
        report = _run([check for check in CHECKS if check.name == "too-large"], answering)
        assert "too-large" in [result.name for result in report.of(Outcome.NOT_TRIED)]


def test_a_load_balancer_may_set_its_cookie() -> None:
    """A cookie that routes to the same server is no session's. Any other is."""
    for cookie, broken in (("AWSALB=x; Path=/", False), ("session=x", True)):
        headers = {"Set-Cookie": cookie}
        content = json.dumps(REFUSED).encode()
        report = _run([CHECKS[0]], lambda _, headers=headers, content=content: _streamed(400, content, **headers))
        assert ("no-cookie" in [result.name for result in report.broken]) is broken


def test_the_document_says_what_the_server_says() -> None:
    """Paths, limits, messages and fields come from openapi.yaml."""
    document = Document()
    assert document.segments == {BIND: "bind-token", UNBIND: "unbind-token", SIGN_IN: "auth-with-token"}
    assert document.limits[BIND] == {"email": 255, "password": 255, "token": 1024}
    assert (REFUSED["status"], REFUSED["data"]) == (400, {})
    assert document.errors[BIND]["emailFormat"]["data"]["email"].keys() == {"code", "message"}
    for status, body, faults in (
        (200, {"token": 5, "record": {"x": 1, "created": 2}}, ["record.created breaks type", "token breaks type"]),
        (400, {"data": {"unknown": 5}, "message": "", "status": 1}, ["data.* breaks type"]),
        (400, [], ["the body breaks type"]),
    ):
        response = Response(status, httpx.Headers(), json.dumps(body).encode())
        assert document.faults(SIGN_IN, response) == faults
    assert document.faults(SIGN_IN, Response(400, httpx.Headers(), b"")) == ["no JSON"]


def test_a_host_that_does_not_answer_is_not_called_slow() -> None:
    """A connection that takes too long to be made says nothing about mail servers."""
    told: list[str] = []

    def hang(request: httpx.Request) -> httpx.Response:
        times.append(5.0)
        raise httpx.ConnectTimeout("", request=request)

    times: list[float] = []
    with httpx.Client(transport=httpx.MockTransport(hang)) as client:
        probe = Probe(ACCOUNT, client, pause=times.append, clock=lambda: sum(times), tell=told.append)
        report = run_checks(probe)
    assert [result.detail for result in report.unfinished] == [
        "The server does not answer (the connection was not made in time)."
    ]
    assert not any("mail" in line for line in told)
    assert sum(times) < 30


def test_a_body_without_an_end_is_given_up() -> None:
    """The check stops reading after 4 MiB. The error says how long the response took."""
    times: list[float] = []

    def drip() -> Iterator[bytes]:
        while True:
            times.append(20.0)
            yield b"x" * (1 << 20)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, stream=_Stream(drip()))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        report = run_checks(Probe(ACCOUNT, client, pause=times.append, clock=lambda: sum(times)))
    assert [result.detail.partition(" for one")[0] for result in report.unfinished] == ["The server takes up to 100 s"]


class _Stream(httpx.SyncByteStream):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


# --- bodies and secrets ---


def test_what_is_no_json_is_none() -> None:
    """Constants that JSON lacks, other encodings and nesting without end are no JSON. null is."""
    for content in (b'{"token":NaN}', '{"token":"x"}'.encode("utf-16"), b"[" * 100_000, b"\xef\xbb\xbf{}", b""):
        assert not Response(200, httpx.Headers(), content).is_json
    assert Response(200, httpx.Headers(), b"null").is_json


@pytest.mark.parametrize(("password", "found"), [("Tr0ub4dor&3", True), ("user@example.com", False), ("short", False)])
def test_a_password_is_found_unless_it_is_an_everyday_word(password: str, found: bool) -> None:
    """A password that is too short, or the account's own email, is in many responses without having leaked."""
    secrets = Secrets(password, frozenset(), "users user@example.com http://localhost")
    response = Response(400, httpx.Headers({"X-Debug": password.upper()}), b"{}")
    assert bool(secrets.found_in(response)) is found


def test_a_password_that_is_in_the_first_response_is_an_everyday_word() -> None:
    """The first request holds no password, so that its response leaks none."""
    secrets = Secrets("SAMEORIGIN", frozenset(), "")
    secrets.ignore("X-Frame-Options: SAMEORIGIN")
    assert secrets.found_in(Response(400, httpx.Headers({"X-Frame-Options": "SAMEORIGIN"}), b"{}")) == []


def test_a_jwt_of_the_server_is_no_jwt_of_a_proxy() -> None:
    """A gateway may add a JWT of its own to a header. One with a collectionId is the server's."""
    secrets = Secrets("password1234", frozenset(), "")
    for claims, places in (("eyJjb2xsZWN0aW9uSWQiOiJ4In0", ["a header"]), ("eyJpc3MiOiJnYXRld2F5In0", [])):
        headers = httpx.Headers({"X-Identity": f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl"})
        assert secrets.found_in(Response(204, headers, b"")) == places


# --- generated cases ---


def test_what_was_generated_is_made_safe() -> None:
    """No NUL, no half letter, no value that JSON lacks, and each token ends in random letters of ours."""
    body: dict[str, Any] = {"a\0b": ["x\0", 5, None, b"bytes"], "token": "somebody's\ud800", "email": "a@example.com"}
    safe = _safe(body)
    assert safe["ab"] == ["x", 5, None, None]
    assert safe["token"].startswith("somebody'sbosbase-check_")
    assert safe["email"] == "a@example.com"


def test_what_can_be_no_token_stays() -> None:
    """An empty token, one that is too long and one that is no text bind nothing, and are worth sending."""
    for token in ("", "x" * 1025, 5, ["x"]):
        assert _safe({"token": token}) == {"token": token}
