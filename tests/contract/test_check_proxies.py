"""Passing faults, proxies and other servers: the check does not call them broken, and says what is in the way."""

import gzip
import itertools
import json
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import trustme

from bosbase_wrapper import ConfigurationError
from bosbase_wrapper.check import CHECKS, LAST, Account, Check, Outcome, Probe, Report, run, run_checks
from bosbase_wrapper.server import LiveServer

from ..passwords import hash_fast
from .broken import Answer, BrokenServer, Dropped, Request, Sound, error
from .check_world import World
from .document import example

SOME = CHECKS[:8]  # enough of all kinds
FEW = CHECKS[:3]
PAGE = [("Content-Type", "text/html")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sound server with every kind of account."""
    with World() as world:
        yield world


@dataclass
class Time:
    """A clock that only waiting moves, what was said, and what the requests held."""

    now: float = 0.0
    told: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        """Waits in no time."""
        self.now += seconds


Spoiler = Callable[[Request, Sound], Answer]


def _examine(world: World, spoil: Spoiler, time: Time | None = None, checks: object = SOME) -> tuple[Report, int]:
    """What the check says of an account behind a proxy, and how many tokens are bound in the end."""
    time = time or Time()
    account = world.account()
    before = world.bindings()

    def noting(request: Request, server: Sound) -> Answer:
        time.requests.append(request)
        return spoil(request, server)

    with BrokenServer(world.server.url, noting) as url, httpx.Client(timeout=30, verify=False) as client:
        probe = Probe(
            replace(account, url=url), client, pause=time.pause, clock=lambda: time.now, tell=time.told.append
        )
        last = LAST if checks is CHECKS else ()
        report = run_checks(probe, checks, last=last)  # type: ignore[arg-type]
    assert account.password not in str(report)
    return report, world.bindings() - before


def _unfinished(report: Report) -> str:
    assert report.broken == [], str(report)
    assert report.exit_code() == 3
    return report.unfinished[0].detail


# --- what is no BosBase ---


def _documented(name: str) -> Answer:
    """An error of openapi.yaml, by the name of its example."""
    status, body = example("authWithToken", name)
    return error(status, body["message"])


def _page(status: int, *headers: tuple[str, str]) -> Spoiler:
    return lambda request, server: Answer(status, b"<html>Nothing here.</html>", [*PAGE, *headers])


def _json(status: int, text: bytes) -> Spoiler:
    return lambda request, server: Answer(status, text, [("Content-Type", "application/json")])


def _stock(request: Request, server: Sound) -> Answer:
    """PocketBase without the extension."""
    return _documented("otherPath") if request.operation else server(request)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_page(404), "This is no BosBase server: it responds to a sign-in with 404 and text/html."),
        (_page(200), "This is no BosBase server: it responds to a sign-in with 200 and text/html."),
        (_page(405), "This is no BosBase server: it responds to a sign-in with 405 and text/html."),
        (_page(301, ("Location", "https://example.com/api/x")), "redirects (301) to https://example.com."),
        (_page(302, ("Location", "/login")), "redirects (302) to another path."),
        (_page(401), "a proxy in front of the server responds with 401"),
        (_page(403), "a proxy in front of the server responds with 403"),
        (_json(404, b'{"detail":"Not Found"}'), "This is no BosBase server"),
        (_json(200, b'{"status":"ok"}'), "This is no BosBase server"),
        (_json(400, b"[[["), "This is no BosBase server"),
        (_stock, "This server has no custom-token endpoints. If it is a PocketBase, install the extension"),
    ],
)
def test_another_server_is_told_in_one_line(world: World, spoil: Spoiler, words: str) -> None:
    """It is recognized by the first request or two, before a password is sent."""
    time = Time()
    report, _ = _examine(world, spoil, time)
    assert words in _unfinished(report)
    assert len(time.requests) <= 3
    assert not any(b"password" in request.body for request in time.requests)
    assert {result.outcome for result in report.results} == {Outcome.UNFINISHED, Outcome.NOT_REACHED}
    assert len(str(report).splitlines()) == 6


def test_nothing_listens() -> None:
    """The reason is the operating system's, and nothing is called ok that was never tried."""
    report = run("http://127.0.0.1:9", "users", "a@example.com", "password1234")
    assert "does not answer (no connection: " in _unfinished(report)
    assert "refused" in _unfinished(report)
    assert report.of(Outcome.OK) == []


def test_a_certificate_that_is_not_trusted() -> None:
    """The words of the TLS library are shown, and the certificate is not tried again."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = HTTPServer(("localhost", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        report = run(f"https://localhost:{server.server_address[1]}", "users", "a@example.com", "password1234")
    finally:
        server.shutdown()
        server.server_close()
    assert "CERTIFICATE_VERIFY_FAILED" in _unfinished(report)
    assert report.requests == 1


# --- passing faults ---


def _every(number: int, fault: Callable[[], Answer]) -> Spoiler:
    """A fault for every so many requests, the others are answered."""
    count = itertools.count(1)

    def spoil(request: Request, server: Sound) -> Answer:
        return fault() if request.operation and next(count) % number == 0 else server(request)

    return spoil


def _while(when: Callable[[int, int], bool], fault: Callable[[], Answer]) -> Spoiler:
    """A fault for as long as `when` says so of the number of the request and the faults so far."""
    count, faults = itertools.count(1), itertools.count()

    def spoil(request: Request, server: Sound) -> Answer:
        number = next(count)
        return fault() if number > 40 and when(number, next(faults)) else server(request)

    return spoil


def _fails() -> Answer:
    return error(500, "A fault of the database.")


def _drops() -> Answer:
    raise Dropped


def _gateway() -> Answer:
    return Answer(502, b"<html>Bad Gateway</html>", PAGE)


FAULTS = [_fails, _drops, _gateway]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_retried(world: World, fault: Callable[[], Answer]) -> None:
    """Here and there, for some requests in a row, or for half of the nodes behind a balancer."""
    spoilers = [_every(30, fault), _while(lambda _, faults: faults < 9, fault)]
    spoilers += [] if fault is _drops else [_every(2, fault)]
    for spoil, checks in zip(spoilers, (SOME, FEW, FEW), strict=False):
        report, left = _examine(world, spoil, checks=checks)
        assert (report.exit_code(), left) == (0, 0), str(report)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_unfinished(world: World, fault: Callable[[], Answer]) -> None:
    """A server that no longer answers anything is not blamed for it, and its tokens are named."""
    time = Time()
    report, left = _examine(world, _while(lambda *_: True, fault), time)
    assert "The server " in _unfinished(report)
    assert report.unfinished[1].name == "left-behind"
    assert left > 0
    assert time.now < 200
    assert any("trying again in 4.0 s" in line for line in time.told)


def test_an_operation_that_always_fails_is_unfinished(world: World) -> None:
    """A database that cannot be written to: binding fails, signing in does not."""

    def read_only(request: Request, server: Sound) -> Answer:
        bound = server.memory.setdefault("bound", 0)
        server.memory["bound"] += request.operation == "bind-token"
        return _fails() if bound > 3 and request.operation == "bind-token" else server(request)

    report, left = _examine(world, read_only)
    assert "responds with 500" in _unfinished(report)
    assert left == 0


def test_a_request_that_alone_fails_is_broken(world: World) -> None:
    """It fails again and again, while others of its operation are answered: nothing passes there."""
    for fault in (_fails, _drops):

        def odd(request: Request, server: Sound, fault: Callable[[], Answer] = fault) -> Answer:
            return fault() if "\U0001f511" in request.text("token") else server(request)

        report, _ = _examine(world, odd, checks=[check for check in CHECKS if check.name == "odd-token"])
        assert "odd-token" in [result.name for result in report.broken]


def test_a_node_that_just_started_refuses_for_a_moment(world: World) -> None:
    """BosBase answers 400 to a sign-in while it starts: the check is run again when the server is well."""
    count = itertools.count(1)

    def spoil(request: Request, server: Sound) -> Answer:
        number = next(count)
        if 40 < number <= 44:
            raise Dropped
        return _documented("credentials") if 44 < number <= 47 else server(request)

    report, left = _examine(world, spoil)
    assert (report.exit_code(), left) == (0, 0), str(report)


def test_a_check_that_is_disturbed_each_time_is_unfinished(world: World) -> None:
    """What is found amid faults proves nothing."""
    count = itertools.count()

    def spoil(request: Request, server: Sound) -> Answer:
        if request.operation == "unbind-token" and next(count) % 2:
            return _fails()
        answer = server(request)
        return _documented("credentials") if answer.status == 200 and request.operation else answer

    report, _ = _examine(world, spoil, checks=[check for check in CHECKS if check.name == "bind-and-unbind"])
    details = {result.name: result.detail for result in report.unfinished}
    assert details["bind-and-unbind"].startswith("the server had faults in each of 3 runs; in the last one: ")


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [FEW, pytest.param(CHECKS, marks=pytest.mark.long)], ids=len)
def test_a_server_that_restarts(tmp_path: Path, checks: Sequence[Check]) -> None:
    """Killed and started again in the middle: connections are refused for a while, and nothing is left bound."""
    with LiveServer(data_dir=tmp_path / "data") as server:
        hash_fast(server, "users")
        server.create_record("users", email="a@example.com", password="password1234")
        port = int(server.url.rpartition(":")[2])
        server.stop()
    again = LiveServer(data_dir=tmp_path / "data", port=port)
    started: list[threading.Thread] = []

    def progress(line: str) -> None:
        if line.startswith("[3/") and not started:  # a check that is tried again is announced again
            again.kill()
            started.append(threading.Timer(0.5, again.start))
            started[0].start()

    with again, httpx.Client(timeout=30) as client:
        probe = Probe(Account(again.url, "users", "a@example.com", "password1234"), client, tell=progress)
        report = run_checks(probe, checks, last=LAST if checks is CHECKS else ())
        started[0].join()
    assert report.exit_code() == 0, str(report)
    assert {"left-behind", "state"} <= {result.name for result in report.of(Outcome.OK)}


# --- limits ---


def _limit(time: Time, most: int, seconds: float, limited: Callable[[], Answer], operations: str = "") -> Spoiler:
    """A limit of requests in a number of seconds."""
    passed: list[float] = []

    def spoil(request: Request, server: Sound) -> Answer:
        if not request.operation or (operations and request.operation not in operations):
            return server(request)
        recent = [moment for moment in passed if moment > time.now - seconds]
        if len(recent) >= most:
            return limited()
        passed.append(time.now)
        return server(request)

    return spoil


def _too_many() -> Answer:
    return _documented("rateLimit")


@pytest.mark.parametrize(("most", "seconds", "operations"), [(2, 3, "auth-with-token"), (5, 60, ""), (20, 60, "")])
def test_a_rate_limit_is_told_and_waited_for_only_if_it_helps(
    world: World, most: int, seconds: float, operations: str
) -> None:
    """The run ends soon with what is in the way and how long it would take. It cleans up with patience of its own."""
    time = Time()
    report, left = _examine(world, _limit(time, most, seconds, _too_many, operations), time)
    text = _unfinished(report)
    assert "A rate limit is in the way: " in text
    assert "minutes longer" in text
    assert left == 0
    assert time.now < 400
    assert any("waiting" in line for line in time.told)


@pytest.mark.untraced
def test_a_rate_limit_that_only_slows_the_check_down(world: World) -> None:
    """PocketBase's own, 300 requests in 10 s, costs some waiting; here a fifth of it."""
    time = Time()
    report, left = _examine(world, _limit(time, 60, 2, _too_many), time)
    assert (report.exit_code(), left) == (0, 0), str(report)
    assert 2 < time.now < 120


def test_a_proxy_that_limits_requests_with_503(world: World) -> None:
    """nginx limit_req: retried, and told as what it may be if it takes too long."""
    time = Time()
    report, left = _examine(world, _limit(time, 5, 60, lambda: Answer(503, b"<html></html>", PAGE)), time)
    assert "It may be a proxy's limit for requests." in _unfinished(report)
    time = Time()
    report, left = _examine(world, _limit(time, 1, 0.05, lambda: Answer(503, b"<html></html>", PAGE)), time, FEW)
    assert (report.broken, left) == ([], 0), str(report)


@pytest.mark.parametrize(
    "limited",
    [
        Answer(429, b"local_rate_limited", [("Content-Type", "text/plain")]),
        Answer(429, b"<html></html>", PAGE),
        Answer(429),
    ],
    ids=["text", "page", "nothing"],
)
def test_a_rate_limit_of_a_proxy_is_no_fault_of_the_server(world: World, limited: Answer) -> None:
    """Envoy, nginx and a CDN answer 429 in words of their own. It is waited for, and told if it takes too long."""
    time = Time()
    report, left = _examine(world, _limit(time, 5, 60, lambda: limited), time, FEW)
    assert "A rate limit is in the way: " in _unfinished(report)
    assert "in front of the server" in _unfinished(report)
    assert left == 0
    time = Time()
    report, left = _examine(world, _limit(time, 30, 2, lambda: limited), time, FEW)
    assert (report.exit_code(), left) == (0, 0), str(report)
    assert time.now > 0


def test_a_retry_after_is_waited_for(world: World) -> None:
    """Not shorter than the server asks. One of hours ends the run."""
    for asked, waited in (("7", 7.0), ("Wed, 25 Nov 2026 02:00:00 GMT", 1.0), ("7200", 2.0)):  # the last: to clean up
        time = Time()
        count = itertools.count()

        def spoil(request: Request, server: Sound, asked: str = asked, count: Iterator[int] = count) -> Answer:
            return _too_many().with_header("Retry-After", asked) if next(count) == 3 else server(request)

        report, left = _examine(world, spoil, time, FEW)
        assert report.broken == []
        assert (time.now, left) == (waited, 0)


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_a_proxy_that_refuses_large_bodies_is_advice(world: World, kind: str) -> None:
    """nginx allows 1 MiB unless it is configured otherwise, and answers with a page. Envoy answers with text/plain."""

    def spoil(request: Request, server: Sound) -> Answer:
        large = Answer(413, b"Payload Too Large", [("Content-Type", kind)])
        return large if len(request.body) > 1 << 20 else server(request)

    checks = [check for check in CHECKS if check.name in ("large-body", "too-large")]
    report, left = _examine(world, spoil, checks=checks)
    assert (report.exit_code(), left) == (0, 0), str(report)
    details = {result.name: result.detail for result in report.advice}
    assert "responds with 413 to 2 MiB; nginx: client_max_body_size" in details["large-body"]
    assert "too-large" in {result.name for result in report.of(Outcome.NOT_TRIED)}


def test_a_firewall_that_refuses_markup_is_advice(world: World) -> None:
    """A page of its own says nothing about the server behind it."""

    def spoil(request: Request, server: Sound) -> Answer:
        return Answer(403, b"<html></html>", PAGE) if b"<b>" in request.body else server(request)

    report, left = _examine(world, spoil, checks=[check for check in CHECKS if check.name == "odd-token"])
    assert (report.exit_code(), left) == (0, 0), str(report)
    assert "odd-token" in {result.name for result in report.advice}


# --- slow and strange responses ---


def test_a_server_that_is_slow_is_told_at_once(world: World) -> None:
    """A mail server that hangs costs 15 s for each sign-in. The check says what it may be, and ends."""
    time = Time()

    def slow(request: Request, server: Sound) -> Answer:
        answer = server(request)
        time.now += 15 if request.operation == "auth-with-token" and answer.status == 200 else 0
        return answer

    report, left = _examine(world, slow, time)
    assert "Perhaps it waits for a mail server" in time.told[0]
    assert "takes up to 15 s for one request. Perhaps it waits for a mail server" in _unfinished(report)
    assert time.now < 60
    assert left == 0


def test_a_server_that_is_slow_for_ever_is_given_up(world: World) -> None:
    """The run ends after a quarter of an hour, even if each response is fast enough."""
    time = Time()

    def slow(request: Request, server: Sound) -> Answer:
        time.now += 4.5
        return server(request)

    report, left = _examine(world, slow, time, CHECKS[:10])
    assert "15 minutes" in _unfinished(report)
    assert left == 0


def _bomb(request: Request, server: Sound) -> Answer:
    """A response that unpacks to a gigabyte."""
    if request.operation != "auth-with-token":
        return server(request)
    headers = [("Content-Type", "application/json"), ("Content-Encoding", server.memory["coding"])]
    return Answer(400, server.memory["bomb"], headers)


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [FEW[:2], pytest.param(FEW, marks=pytest.mark.long)], ids=len)
@pytest.mark.parametrize("times", [1, 2])
def test_a_response_that_unpacks_to_a_gigabyte_costs_no_memory(
    world: World, times: int, checks: Sequence[Check]
) -> None:
    """An uncompressed response is asked for, and what a server packs nevertheless is unpacked in part."""
    bomb = gzip.compress(b"\0" * (64 << 20), compresslevel=1)
    for _ in range(times - 1):
        bomb = gzip.compress(bomb)
    time = Time()

    def spoil(request: Request, server: Sound) -> Answer:
        server.memory |= {"bomb": bomb, "coding": ", ".join(["gzip"] * times)}
        return _bomb(request, server)

    tracemalloc.start()
    report, _ = _examine(world, spoil, time, checks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 << 20
    assert report.exit_code() == 1
    assert {request.headers.get("Accept-Encoding") for request in time.requests} == {"identity"}


def test_a_proxy_that_compresses_unasked(world: World) -> None:
    """gzip is read, and one that is damaged is not."""

    def spoil(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if not request.operation or answer.status == 204:
            return answer
        return replace(answer, body=gzip.compress(answer.body)).with_header("Content-Encoding", "gzip")

    report, _ = _examine(world, spoil, checks=FEW)
    assert report.exit_code() == 0, str(report)
    damaged, _ = _examine(world, lambda request, server: spoil(request, server).with_header("Content-Encoding", "gzip"))
    assert damaged.exit_code() != 0


@pytest.mark.parametrize("checks", [FEW[:2], pytest.param(FEW, marks=pytest.mark.long)], ids=len)
def test_a_response_without_an_end_is_broken(world: World, checks: Sequence[Check]) -> None:
    """No more than 4 MiB of a response are read."""

    def spoil(request: Request, server: Sound) -> Answer:
        answer = server(request)
        return answer.saying(more="x" * (5 << 20)) if answer.status == 400 else answer

    report, _ = _examine(world, spoil, checks=checks)
    assert report.exit_code() == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"mfaId":"\\ud800\\udfff\\ud800"}',
        b'{"token":"a.b.c","record":{"id":"\\ud800","collectionId":"../x","collectionName":"\\u0000"}}',
        b'{"token":"e30.' + b"W" * 5000 + b'.x","record":' + b"[" * 990 + b"]" * 990 + b"}",
        b'{"token":["x"],"record":"text","meta":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
        b'{"token":NaN}',
        b'{"message":"Nope.\\nThe check was finished.","data":{"\\u001b[2J":1},"status":400}',
        b"9" * 5000,
        b"\xff\xfe\x00",
    ],
)
@pytest.mark.parametrize("status", [200, *(pytest.param(one, marks=pytest.mark.untraced) for one in (401, 400))])
def test_strange_bodies_break_nothing_here(world: World, body: bytes, status: int) -> None:
    """The server is blamed in words of ours, on lines of ours, and the tokens are unbound."""

    def spoil(request: Request, server: Sound) -> Answer:
        answer = server(request)
        strange = request.operation == "auth-with-token" and answer.status == 200
        return replace(answer, body=body, status=status) if strange else answer

    names = ("jwt", "jwt-works", "record", "fields", "same-account", "collection-names")
    report, left = _examine(world, spoil, checks=[check for check in CHECKS if check.name in names])
    assert report.exit_code() in (1, 3)
    assert "was finished." not in str(report)
    assert "\x1b" not in str(report)
    assert left == 0
    json.loads(report.to_json())


@pytest.mark.parametrize(
    ("query", "broken"), [({"fields": "odd:modifier"}, []), ({"expand": "odd"}, ["content-type", "answer-shape"])]
)
def test_a_modifier_that_does_not_exist_may_give_an_empty_body(
    world: World, query: dict[str, str], broken: list[str]
) -> None:
    """BosBase answers 200 to `fields=a:b`, with nothing in it. To another sign-in that is no response."""

    def spoil(request: Request, server: Sound) -> Answer:
        return Answer(200) if "odd" in str(request.query) else server(request)

    def odd(probe: Probe) -> None:
        """A query that the server answers with nothing."""
        probe.sign_in(probe.token, query=query)

    report = world.examine(spoil, checks=[Check.of(odd)])
    assert [result.name for result in report.broken] == broken


# --- the environment ---


@pytest.mark.parametrize(
    ("variable", "value", "url", "words"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "http://example.com", "ALL_PROXY"),
        ("HTTP_PROXY", "nonsense://x", "http://example.com", "HTTP_PROXY"),
        ("SSL_CERT_FILE", "/nowhere", "https://localhost:9", "SSL_CERT_FILE"),
        ("SSL_CERT_FILE", __file__, "https://localhost:9", "SSL_CERT_FILE"),
    ],
)
def test_an_environment_that_is_not_usable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, url: str, words: str
) -> None:
    """The error names the variables, before anything is sent."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=words):
        run(url, "users", "a@example.com", "password1234")


def test_plain_http_is_advice() -> None:
    """Passwords and tokens travel unencrypted. https is fine, and so is this machine."""
    [plain_http] = [check for check in CHECKS if check.name == "plain-http"]
    content = _documented("credentials").body
    for url, outcome in (
        ("http://example.com", Outcome.ADVICE),
        ("https://example.com", Outcome.OK),
        ("http://127.0.0.1:9", Outcome.NOT_TRIED),
    ):
        refused = httpx.MockTransport(lambda _: httpx.Response(400, stream=httpx.ByteStream(content)))
        account = Account(url, "users", "a@example.com", "password1234")
        with httpx.Client(transport=refused) as client:
            report = run_checks(Probe(account, client, pause=lambda _: None), [plain_http])
        assert [result.outcome for result in report.results if result.name == "plain-http"] == [outcome]
