"""The sound server is never blamed, whatever state it is in, and nothing stays bound on it."""

import base64
import json
import os
import random
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import junitparser
import pytest

from bosbase_wrapper import BosBase, ConfigurationError
from bosbase_wrapper.check import (
    CHECKS,
    LAST,
    MOST_REQUESTS,
    Account,
    Check,
    Outcome,
    Probe,
    Report,
    run,
    run_checks,
)
from bosbase_wrapper.cli import main

from ..locks import ends_in_a_lock
from ..passwords import FAST
from .broken import Answer, BrokenServer, Dropped, Request, Sound, error, sound
from .check_world import World
from .document import message

ALL_BUT_LARGE = [check for check in CHECKS if check.name != "too-large"]  # 33 MiB take half a second each time


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sound server with every kind of account."""
    with World() as world:
        yield world


def _run(account: Account) -> Report:
    return run(account.url, account.collection, account.email, account.password)


def _examine(
    account: Account, checks: Sequence[Check] = CHECKS, pause: Callable[[float], None] = lambda _: None
) -> Report:
    """The report of a run that does not wait for anything."""
    with httpx.Client(timeout=30) as client:
        return run_checks(Probe(account, client, pause=pause), checks, last=LAST if checks is CHECKS else ())


def _names(report: Report, outcome: Outcome) -> set[str]:
    return {result.name for result in report.of(outcome)}


def _named(*names: str) -> list[Check]:
    return [check for check in CHECKS if check.name in names]


# What depends on how the collection is called, on how JSON is read, and what looks at the record and the JWT.
OF_NAMES = _named(
    "bind-and-unbind", "other-collection", "collection-names", "jwt", "record", "fields", "unknown-collection"
)
OF_HABITS = _named(
    "bind-and-unbind", "same-account", "record", "required-fields", "unreadable-body", "odd-text", "ignored"
)
OF_RECORDS = _named("bind-and-unbind", "same-end", "same-account", "jwt", "jwt-works", "record", "fields", "ignored")


# --- every state ---

ADVICE = {
    "user": set[str](),
    "mfa": {"mfa-by-password-alone"},
    "kept-out": {"account"},
    "related": set[str](),
    "no-password": {"account"},
    "superuser": set[str](),
}


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("kind", "checks"),
    [
        ("user", CHECKS),
        ("mfa", ALL_BUT_LARGE),
        ("kept-out", ALL_BUT_LARGE),
        ("no-password", ALL_BUT_LARGE),
        ("related", OF_RECORDS),
        ("superuser", [*OF_NAMES, *OF_RECORDS]),
        *(pytest.param(kind, ALL_BUT_LARGE, marks=pytest.mark.long) for kind in ("related", "superuser")),
    ],
)
def test_a_sound_server_is_not_blamed(
    world: World, kind: str, checks: Sequence[Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the account is: exit 0, no more requests than announced, the right advice, nothing left behind."""
    account = world.account(kind)
    with monkeypatch.context() as environment:
        if kind == "user":  # `run` reaches a server on this machine without a proxy, which would read the password
            environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            environment.setenv("SSL_CERT_FILE", "/nowhere")
        report = _run(account) if kind == "user" else _examine(account, checks)
    assert (report.broken, report.unfinished) == ([], [])
    assert report.exit_code() == 0
    assert report.requests <= MOST_REQUESTS
    last = {"rate-limits"} if kind == "user" else set[str]()
    assert _names(report, Outcome.ADVICE) - {"told-apart-by-time"} == {*ADVICE[kind], *last}
    assert _bound_by(world, account) == 0


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("kind", "not_tried"),
    [
        ("user", {"password-auth-off", "second-factor", "plain-http", "mfa-by-password-alone", "mfa-id-at-once"}),
        pytest.param("mfa", {"password-auth-off", "plain-http"}, marks=pytest.mark.long),
    ],
)
def test_the_order_of_the_checks_does_not_matter(world: World, kind: str, not_tried: set[str]) -> None:
    """Shuffled checks find nothing either, and the same do not apply: none depends on another."""
    report = _examine(world.account(kind), random.sample(ALL_BUT_LARGE, len(ALL_BUT_LARGE)))
    assert report.exit_code() == 0, str(report)
    assert _names(report, Outcome.NOT_TRIED) == not_tried


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [ALL_BUT_LARGE[::8], pytest.param(ALL_BUT_LARGE, marks=pytest.mark.long)], ids=len)
def test_each_check_runs_alone(world: World, checks: list[Check]) -> None:
    """A check needs no other check before it."""
    for check in checks:
        report = world.examine(sound, checks=[check])
        assert report.exit_code() == 0, str(report)


def test_a_second_factor_is_tried_if_one_is_required(world: World) -> None:
    """And only then."""
    tried = {"second-factor", "mfa-id-at-once"}
    assert _names(world.examine(sound, "mfa", checks=_named(*tried)), Outcome.OK) >= tried
    assert _names(world.examine(sound, checks=_named(*tried)), Outcome.NOT_TRIED) >= tried


@pytest.mark.parametrize("checks", [OF_NAMES, pytest.param(ALL_BUT_LARGE, marks=pytest.mark.long)], ids=len)
@pytest.mark.parametrize("kind", ["user", "mfa", "kept-out", "superuser"])
def test_the_collection_may_be_given_by_its_id(world: World, kind: str, checks: list[Check]) -> None:
    """Names are found in any case, ids only as they are. Neither `users` nor another name is missed."""
    account = world.account(kind)
    collection_id = world.server.api("GET", f"/api/collections/{account.collection}")["id"]
    report = _examine(replace(account, collection=collection_id), checks)
    assert report.exit_code() == 0, str(report)
    assert _bound_by(world, account) == 0


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [OF_NAMES, pytest.param(CHECKS, marks=pytest.mark.long)], ids=len)
@pytest.mark.parametrize("collection_id", ["MyOwnId", "an_id_of_mine"])
def test_the_id_of_a_collection_may_be_ones_own(world: World, collection_id: str, checks: Sequence[Check]) -> None:
    """An id with capital letters is not looked for in other case."""
    name = f"name{collection_id}"
    world.server.create_collection({"id": collection_id, "name": name, "type": "auth", "fields": [FAST]})
    world.server.create_record(name, email="a@example.com", password="password1234")
    report = _examine(Account(world.server.url, collection_id, "a@example.com", "password1234"), checks)
    assert report.exit_code() == 0, str(report)
    world.server.api("DELETE", f"/api/collections/{name}")


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [OF_RECORDS, pytest.param(CHECKS, marks=pytest.mark.long)], ids=len)
def test_what_a_superuser_put_into_a_record_is_no_leak(world: World, checks: Sequence[Check]) -> None:
    """A JWT, a bcrypt hash, the password as text and fields called tokenHash or passwordHash are the user's own."""
    names = ("session", "legacy_hash", "note", "tokenHash", "passwordHash")
    fields = [{"name": name, "type": "text", "max": 5000} for name in names]
    world.server.create_collection({"name": "odd_fields", "type": "auth", "fields": [FAST, *fields]})
    session = {"email": "a@example.com", "password": "password1234"}
    stored = world.server.create_record("odd_fields", **session)
    login = {"identity": session["email"], "password": session["password"]}
    jwt = world.server.api("POST", "/api/collections/odd_fields/auth-with-password", login)["token"]
    texts = {"session": jwt, "legacy_hash": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}
    texts |= {"note": "The password is password1234.", "tokenHash": "5" * 64, "passwordHash": "x"}
    world.server.api("PATCH", f"/api/collections/odd_fields/records/{stored['id']}", texts)
    report = _examine(Account(world.server.url, "odd_fields", session["email"], session["password"]), checks)
    assert report.exit_code() == 0, str(report)
    world.server.api("DELETE", "/api/collections/odd_fields")


def test_an_operator_may_refuse_to_bind_where_mfa_is_on(world: World) -> None:
    """The extension's setting for that returns a documented 403. It is advice, and the rest is tried."""
    refusal = message("bindToken", "mfaOn")

    def refuse(request: Request, server: Sound) -> Answer:
        bind = request.operation == "bind-token" and request.collection in ("mfaers", "_superusers")
        return error(403, refusal) if bind else server(request)

    report = world.examine(refuse, "mfa", checks=ALL_BUT_LARGE)
    assert report.exit_code() == 0, str(report)
    assert refusal in {result.name: result.detail for result in report.advice}["account"]


@pytest.mark.parametrize(
    "change",
    [
        {"password": "not-the-password"},
        {"password": ""},
        {"password": "\u00e9" * 128},
        {"email": "nope"},
        {"email": " a@example.com"},
        {"email": f"{'a' * 256}@example.com"},
        {"email": "", "password": ""},
    ],
    ids=["wrong", "no password", "long password", "no email", "space before the email", "long email", "empty"],
)
def test_a_wrong_account_is_no_fault_of_the_server(world: World, change: dict[str, str]) -> None:
    """Also one that the server calls invalid. Exit 1 and clear words; nothing is broken, nor ok if it was not tried."""
    report = _run(replace(world.account(), **change))
    assert (report.broken, report.of(Outcome.OK)) == ([], [])
    assert [result.detail for result in report.unfinished] == ["The server refuses the email and password."]
    assert (report.exit_code(), report.requests) == (1, 3)


def test_an_unknown_collection_is_no_fault_of_the_server(world: World) -> None:
    """The same for a collection that does not exist, or that has no accounts."""
    for name in ("nowhere", "teams"):
        report = _run(replace(world.account(), collection=name))
        assert (report.broken, report.of(Outcome.OK)) == ([], [])
        assert [result.detail for result in report.unfinished] == ["There is no such auth collection."]
        assert (report.exit_code(), report.requests) == (1, 1)


def test_arguments_that_cannot_be() -> None:
    """Wrong usage is an error before anything is sent."""
    for url, collection in (("ftp://example.com", "users"), ("http://127.0.0.1:9", "a/b")):
        with pytest.raises(ConfigurationError):
            run(url, collection, "a@example.com", "password1234")
    for email, password in (("\udcffa@example.com", "password1234"), ("a@example.com", "password\udcff")):
        with pytest.raises(ConfigurationError, match="UTF-8"):
            run("http://127.0.0.1:9", "users", email, password)


def test_a_server_behind_a_path(world: World) -> None:
    """A reverse proxy may put the server under a path of its own."""

    def under_a_path(request: Request, server: Sound) -> Answer:
        target = request.target.removeprefix("/bosbase")
        return server(replace(request, target=target)) if target != request.target else error(404, "")

    with BrokenServer(world.server.url, under_a_path) as url:
        report = _examine(world.account(url=f"{url}/bosbase"), CHECKS[:8])
    assert report.exit_code() == 0, str(report)


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [CHECKS[:10], pytest.param(ALL_BUT_LARGE, marks=pytest.mark.long)], ids=len)
def test_what_was_bound_before_stays(world: World, checks: Sequence[Check]) -> None:
    """Neither the account's own tokens nor another's are touched, however short they are."""
    account, other = world.account(), world.account()
    tokens = dict.fromkeys(string.ascii_letters + string.digits, account) | {"   ": other, "0": other}
    with BosBase(world.server.url) as client:
        users = client.collection("users")
        for token, owner in tokens.items():
            users.bind_custom_token(owner.email, owner.password, token)
        assert _examine(account, checks).exit_code() == 0
        found = {token: users.auth_with_token(token).record.email for token in tokens}
        assert found == {token: owner.email for token, owner in tokens.items()}
        assert _bound_by(world, account) == len(tokens) - 2
        for token, owner in tokens.items():
            users.unbind_custom_token(owner.email, owner.password, token)


def test_passwords_that_bcrypt_cuts(world: World) -> None:
    """A server that ignores what follows a password's 72nd byte is not blamed for it, nor for digits without a case."""
    checks = _named("wrong-credentials")
    for number, password in ((7, "\u00e9" * 36), (8, "1234567890")):
        world.server.create_record("users", email=f"{number}@example.com", password=password)
        account = Account(world.server.url, "users", f"{number}@example.com", password)
        assert _examine(account, checks).exit_code() == 0


# --- the real server's habits ---


def _as_bosbase(request: Request, server: Sound) -> Answer:
    """Members more in each record, a lenient JSON, five sign-ins refused after the first bind ever."""
    if request.operation and request.headers.get("content-type", "").startswith("application/json"):
        request = _leniently_read(request)
    answer = server(request)
    if request.operation == "auth-with-token" and answer.status == 200 and server.memory.setdefault("refusals", 5):
        server.memory["refusals"] -= 1
        return error(400, message("authWithToken", "credentials"))
    whole = "record" in answer.json and "fields" not in request.query
    return answer.with_record(createdBy="", updatedBy="") if whole else answer


def _leniently_read(request: Request) -> Request:
    text = request.body.decode(errors="replace")
    try:
        value, _ = json.JSONDecoder(object_pairs_hook=dict).raw_decode(text)
    except (ValueError, RecursionError):
        return request
    text = json.dumps(value).encode().replace(b"\\ud800", b"\\ufffd").decode()
    return replace(request, body=text.encode()) if isinstance(value, dict) else request


@pytest.mark.untraced
@pytest.mark.parametrize("checks", [OF_HABITS, pytest.param(ALL_BUT_LARGE, marks=pytest.mark.long)], ids=len)
def test_the_habits_of_the_real_server_are_no_breach(world: World, checks: list[Check]) -> None:
    """BosBase reads JSON more leniently, adds members, and may refuse sign-ins for a moment after the first bind."""
    report = world.examine(_as_bosbase, checks=checks)
    assert report.exit_code() == 0, str(report)


def _with_exp(value: object) -> Callable[[Request, Sound], Answer]:
    """A server whose JWTs have another exp. Nobody looks at their signatures here."""

    def spoil(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if request.operation != "auth-with-token" or "token" not in answer.json:
            return answer
        head, claims, signature = str(answer.json["token"]).split(".")
        changed = {**json.loads(base64.urlsafe_b64decode(claims + "==")), "exp": value}
        encoded = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
        return answer.saying(token=f"{head}.{encoded}.{signature}")

    return spoil


def test_a_jwt_of_a_hundred_years_is_advice(world: World) -> None:
    """The advice says how many years, and breaks nothing by itself."""
    report = world.examine(_with_exp(4_925_000_000), checks=_named("jwt"))
    [advice] = [result.detail for result in report.advice if result.name == "jwt"]
    assert "years, and unbinding does not end it" in advice
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1


def test_a_jwt_without_an_end_has_no_lifetime(world: World) -> None:
    """A JWT whose exp is no time is called neither short-lived nor long-lived."""
    for value in ("never", 1e300):
        report = world.examine(_with_exp(value), checks=_named("jwt"))
        assert "jwt" in _names(report, Outcome.OK)


@pytest.mark.parametrize("slow", ["known", "unknown"])
def test_accounts_told_apart_by_time_are_advice(world: World, slow: str) -> None:
    """Whether the unknown email or the wrong password is the slow one."""

    def spoil(request: Request, server: Sound) -> Answer:
        answer = server(request)
        known = len(request.text("password")) > 40
        if answer.message == message("bindToken", "credentials") and known == (slow == "known"):
            time.sleep(0.1)
        return answer

    report = world.examine(spoil, checks=_named("told-apart-by-time"))
    assert "told-apart-by-time" in _names(report, Outcome.ADVICE)


def test_an_mfa_id_for_several_at_once_is_advice(world: World) -> None:
    """The connections are open before the requests go out, so that even a small gap shows."""
    connections: list[str] = []

    def generous(request: Request, server: Sound) -> Answer:
        if request.target == "/api/health":
            connections.append("open")
        answer = server(request)
        if request.operation == "auth-with-token" and answer.status == 200:
            server.memory[request.text("mfaId")] = answer
        used: Answer | None = server.memory.get(request.text("mfaId"))
        return used if used and request.text("mfaId") else answer

    report = world.examine(generous, "mfa", checks=_named("mfa-id-at-once", "mfa-by-password-alone"))
    assert "mfa-by-password-alone" in _names(report, Outcome.ADVICE)
    [hint] = [result.detail for result in report.advice if result.name == "mfa-id-at-once"]
    assert "for 8 requests at the same moment" in hint
    assert len(connections) == 8


# --- rate limits ---


@pytest.fixture
def limited() -> Iterator[World]:
    """A server of its own that takes three sign-ins by token a minute."""
    with World() as world:
        yield world


def _limit(world: World, enabled: bool) -> None:
    rules = [{"label": "POST /api/collections/users/auth-with-token", "maxRequests": 3, "duration": 60}]
    world.server.api("PATCH", "/api/settings", {"rateLimits": {"enabled": enabled, "rules": rules}})


def test_a_rate_limit_is_waited_for(limited: World) -> None:
    """The check waits, goes on, and does not miss a rate limit in its advice."""
    _limit(limited, enabled=True)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            _limit(limited, enabled=False)

    report = _examine(limited.account(), CHECKS[:3], pause)
    assert waits == [1.0, 2.0, 4.0]
    assert (report.broken, report.unfinished, report.advice) == ([], [], [])


def test_a_rate_limit_that_stays_ends_the_check(limited: World) -> None:
    """Exit 3 after some seconds, with the limit and how long the check would take. Nothing is left behind."""
    _limit(limited, enabled=True)
    waits: list[float] = []
    report = _examine(limited.account(), pause=waits.append)
    assert report.broken == []
    assert "A rate limit is in the way: auth-with-token responds with 429 after" in report.unfinished[0].detail
    assert "minutes longer" in report.unfinished[0].detail
    assert report.exit_code() == 3
    assert limited.bindings() == 0
    assert sum(waits) < 20


def test_a_rate_limit_that_only_wrong_tokens_meet_is_seen(world: World) -> None:
    """The last checks meet it, and give no advice to set one."""

    def limit(request: Request, server: Sound) -> Answer:
        answer = server(request)
        wrong = request.operation == "auth-with-token" and request.text("password")  # only the last checks send one
        server.memory["wrong"] = server.memory.get("wrong", 0) + bool(wrong)
        return error(429, message("authWithToken", "rateLimit")) if wrong and server.memory["wrong"] > 9 else answer

    with BrokenServer(world.server.url, limit) as url, httpx.Client(timeout=30) as client:
        report = run_checks(Probe(world.account(url=url), client, pause=lambda _: None), CHECKS[:1], last=LAST)
    [advice] = report.advice
    assert advice.detail.startswith("20 wrong passwords in a row without a 429; ")


def test_an_account_that_binds_no_token_has_no_wrong_passwords(world: World) -> None:
    """Its collection has no password authentication, so that only wrong tokens are tried."""
    with httpx.Client(timeout=30) as client:
        report = run_checks(Probe(world.account("no-password"), client), CHECKS[:1], last=LAST)
    assert [result.detail.partition(" in a row")[0] for result in report.advice] == ["20 wrong tokens"]


# --- whatever happens, nothing is left ---


class _Interrupting(httpx.HTTPTransport):
    """Interrupts after certain requests, when the server has done what they asked."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self._numbers = numbers
        self._count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self._count += 1
        if self._count in self._numbers:
            response.close()
            raise KeyboardInterrupt
        return response


@pytest.mark.parametrize("numbers", [(3,), (5,), (6, 8), (13, 14), (20,), (34, 35), (47,), (60, 63)], ids=str)
def test_nothing_is_left_when_interrupted(world: World, numbers: tuple[int, ...]) -> None:
    """At whatever request Ctrl-C comes, and also when it comes again while all is cleaned up."""
    account = world.account()
    with httpx.Client(transport=_Interrupting(*numbers)) as client, pytest.raises(KeyboardInterrupt):
        run_checks(Probe(account, client, pause=lambda _: None), CHECKS[:10])
    assert _bound_by(world, account) == 0


def _bound_by(world: World, account: Account) -> int:
    path = f"/api/collections/{account.collection}/records?filter=email='{account.email}'"
    [record] = world.server.api("GET", path)["items"]
    return world.bindings(record["id"])


_SCRIPT = """
import signal, sys
from bosbase_wrapper.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where this test runs in the background
sys.exit(main(["check", sys.argv[1], "--collection", "users", "--email", sys.argv[2]]))
"""


@pytest.mark.untraced
@pytest.mark.parametrize(("number", "sign"), [(3, signal.SIGINT), (7, signal.SIGTERM), (10, signal.SIGHUP)], ids=str)
def test_nothing_is_left_after_a_signal(world: World, number: int, sign: signal.Signals) -> None:
    """The command ends with the exit code of the signal. Its tokens are gone."""
    account = world.account()
    arguments = [sys.executable, "-c", _SCRIPT, account.url, account.email]
    environment = {**os.environ, "BOSBASE_PASSWORD": account.password}
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"[{number}/".encode()):
                break
        process.send_signal(sign)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + sign
    assert account.password.encode() not in errors
    assert _bound_by(world, account) == 0


@pytest.mark.untraced
@pytest.mark.parametrize("number", [90, 93])
def test_a_signal_inside_a_lock_of_the_http_library_ends_the_run(world: World, number: int) -> None:
    """An exception there would leave it locked for ever, and the clean-up would wait for it."""
    account = world.account()
    script = _SCRIPT.replace("sys.exit", f"{ends_in_a_lock(number)}\nsys.exit")
    arguments = [sys.executable, "-c", script, account.url, account.email]
    environment = {**os.environ, "BOSBASE_PASSWORD": account.password}
    process = subprocess.run(arguments, capture_output=True, env=environment, timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, process.stderr
    assert _bound_by(world, account) == 0


@pytest.mark.untraced
def test_a_signal_while_several_requests_wait_ends_the_run(world: World) -> None:
    """The run does not wait for the threads that send requests at the same moment."""
    account = world.account("mfa")
    waiting: list[Request] = []

    def hang(request: Request, server: Sound) -> Answer:
        if request.target == "/api/health":
            waiting.append(request)
            time.sleep(10)
        return server(request)

    script = _SCRIPT.replace("users", "mfaers")
    environment = {**os.environ, "BOSBASE_PASSWORD": account.password}
    with BrokenServer(world.server.url, hang) as url:
        arguments = [sys.executable, "-c", script, url, account.email]
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            while len(waiting) < 8:
                assert process.poll() is None
                time.sleep(0.02)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - began < 8
    assert _bound_by(world, account) == 0


@pytest.mark.untraced
def test_nothing_is_left_when_the_server_answers_rubbish(world: World) -> None:
    """A server that does what it is asked and answers nonsense: it is blamed, and the tokens are gone."""

    def rubbish(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if request.operation != "auth-with-token":
            return answer
        return replace(answer, body=b'{"token":"a.b.c","record":[[[', status=200)

    account = world.account()
    with BrokenServer(world.server.url, rubbish) as url:
        report = _examine(replace(account, url=url), CHECKS[:15])
    assert report.exit_code() == 1
    assert _bound_by(world, account) == 0


def test_what_cannot_be_taken_away_is_named(world: World) -> None:
    """A server that goes away: exit 3, and each token by the start of its hash, which finds its row in the table."""
    account = world.account()

    def goes_away(request: Request, server: Sound) -> Answer:
        server.memory["count"] = server.memory.get("count", 0) + 1
        if server.memory["count"] > 12:
            raise Dropped
        return server(request)

    with BrokenServer(world.server.url, goes_away) as url:
        report = _examine(replace(account, url=url), pause=lambda _: None)
    assert report.broken == []
    assert report.exit_code() == 3
    [detail] = [result.detail for result in report.unfinished if result.name == "left-behind"]
    named = detail.partition("a superuser finds them in _token_bindings by tokenHash: ")[2].split(", ")
    left = [digest for _, digest in world.rows() if digest[:8] in named]
    assert len(left) == _bound_by(world, account) > 0
    assert len(named) <= len(left) + 2  # one that was never sent, and the one that asked whether the server is well


# --- the command ---


def _command(account: Account, *options: object) -> int:
    arguments = ["check", account.url, "--collection", account.collection, "--email", account.email]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BOSBASE_PASSWORD", account.password)
        return main([*arguments, *map(str, options)])


def test_the_command(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table goes to stdout, progress to stderr, the reports to their files, and a secret to none of them."""
    account = world.account()
    page, junit = tmp_path / "report.html", tmp_path / "junit.xml"
    monkeypatch.chdir(tmp_path)
    assert _command(account, "--report", page, "--junit", junit, "--strict", "--fuzz", 3) == 1  # there is advice
    out, errors = capsys.readouterr()
    text = page.read_text(encoding="utf-8")
    assert out.startswith(f"{account.url}, collection users\n")
    assert "fuzz-bind-token" in out
    assert errors.startswith(f"At most {MOST_REQUESTS + 27} requests, one of 33 MiB.")
    assert "[1/" in errors
    assert f"The report is in {page}" in errors
    assert "<title>The API is implemented, with advice" in text
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "junit.xml"}
    for shown in (out, errors, text, junit.read_text(encoding="utf-8")):
        assert account.password not in shown
        assert "bosbase-check_" not in shown
    # A run that ends before its first check has the same test cases.
    other = tmp_path / "other.xml"
    assert _command(replace(account, password="not-the-password"), "--junit", other, "--fuzz", 3) == 1
    [whole], [suite] = (list(junitparser.JUnitXml.fromfile(str(path))) for path in (junit, other))
    names = sorted(case.name for case in whole)
    assert sorted(case.name for case in suite) == names
    # `state`, `left-behind`, `finished`, the rules of every response, and the generated cases
    assert len(names) == len(CHECKS) + len(LAST) + 11 + 3
    assert (suite.tests, suite.failures, suite.errors) == (len(names), 0, 1)
    assert suite.skipped == suite.tests - 1


def test_the_command_for_programs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """--json: one object on stdout and nothing else."""
    assert _command(replace(world.account(), collection="nowhere"), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["checks"][0] == {
        "outcome": "unfinished",
        "name": "finished",
        "what": "The run was finished",
        "detail": "There is no such auth collection.",
    }


def test_a_report_that_cannot_be_written_is_told_at_once(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that does not exist, or a name that is a folder's, is wrong usage."""
    for path in (tmp_path / "nowhere" / "report.html", tmp_path):
        for name in ("--report", "--junit"):
            assert _command(world.account(), name, path) == 2
            out, errors = capsys.readouterr()
            assert str(path) in errors
            assert out == ""


def test_a_full_disk_names_the_file(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says which file could not be written. The table is there nevertheless."""
    for name in ("--report", "--junit"):
        for path in ("/proc/no-such-report.xml", "/dev/full"):
            assert _command(replace(world.account(), collection="nowhere"), name, path) == 2
            out, errors = capsys.readouterr()
            assert errors.splitlines()[-1].startswith(f"Error: {path}: ")
            assert out.startswith("http://")


# --- generated cases ---


def test_generated_cases_catch_what_is_broken(world: World) -> None:
    """--fuzz finds a server that fails over a query, without a check that sends one."""

    def fails_over_a_query(request: Request, server: Sound) -> Answer:
        return error(500, "A fault of the server.") if request.query else server(request)

    report = world.examine(fails_over_a_query, checks=CHECKS[:1], fuzz=10)
    assert "fuzz-auth-with-token" in _names(report, Outcome.BROKEN)
    assert "documented-status" in _names(report, Outcome.BROKEN)


@pytest.mark.untraced
def test_generated_cases_are_the_same_in_each_run(world: World) -> None:
    """What was found once is found again; the sound server is not blamed, and what was bound is unbound."""
    first, second = (_generated(world) for _ in range(2))
    assert first == second
    assert len(first) > 30


def _generated(world: World) -> list[tuple[dict[str, str], list[str]]]:
    sent: list[tuple[dict[str, str], list[str]]] = []

    def keep(request: Request, server: Sound) -> Answer:
        sent.append((request.query, sorted(request.json)))
        return server(request)

    report = world.examine(keep, checks=CHECKS[:1], fuzz=8)
    assert report.exit_code() == 0, str(report)
    return sent


# --- what a server or a proxy before it does not offer ---


def _without_password_login(request: Request, server: Sound) -> Answer:
    return error(404, "Not here.") if "auth-with-password" in request.target else server(request)


def _without_refresh(request: Request, server: Sound) -> Answer:
    return error(404, "Not here.") if "auth-refresh" in request.target else server(request)


def _without_users(request: Request, server: Sound) -> Answer:
    gone = request.operation and request.collection == "users"
    return error(404, message("authWithToken", "unknown")) if gone else server(request)


def _one_at_once(request: Request, server: Sound) -> Answer:
    server.memory["at once"] = server.memory.get("at once") or request.target == "/api/health"
    if request.operation == "auth-with-token" and server.memory["at once"]:
        raise Dropped
    return server(request)


@pytest.mark.parametrize(
    ("spoil", "kind", "not_tried"),
    [
        (_without_password_login, "user", {"same-end", "same-account", "jwt-works"}),
        (_without_password_login, "mfa", {"same-end", "second-factor"}),
        (_without_refresh, "user", {"jwt-works"}),
        (_one_at_once, "mfa", {"mfa-id-at-once"}),
    ],
)
def test_what_is_not_offered_is_not_tried(
    world: World, spoil: Callable[[Request, Sound], Answer], kind: str, not_tried: set[str]
) -> None:
    """Nothing is blamed for what there is nothing to compare with."""
    report = world.examine(spoil, kind, checks=_named(*not_tried))
    assert {result.name for result in report.of(Outcome.NOT_TRIED)} & {check.name for check in CHECKS} == not_tried
    assert report.broken == [], str(report)


def test_a_relation_of_another_record_is_broken(world: World) -> None:
    """`expand` must return what a sign-in by password returns, not only something."""

    def other(request: Request, server: Sound) -> Answer:
        answer = server(request)
        expanded = request.operation == "auth-with-token" and "expand" in answer.json.get("record", {})
        return answer.with_record(expand={"team": {"id": "another"}}) if expanded else answer

    [broken] = world.examine(other, "related", checks=_named("same-account")).broken
    assert broken.detail == "record.expand is another than after a sign-in by password"


def test_a_server_without_users(world: World) -> None:
    """A collection that does not exist is not missed."""
    report = world.examine(_without_users, "related", checks=_named("other-collection"))
    assert "other-collection" in _names(report, Outcome.OK)
