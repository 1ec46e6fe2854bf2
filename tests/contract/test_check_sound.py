"""The sound server is never blamed, whatever state it is in, and nothing is left on it."""

from __future__ import annotations

import json
import os
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bosbase_wrapper import BosBase, ConfigurationError
from bosbase_wrapper.check import MOST_REQUESTS, Outcome, Report, command, run
from bosbase_wrapper.check._checks import CHECKS, Check
from bosbase_wrapper.check._probe import Probe
from bosbase_wrapper.check._run import examine
from bosbase_wrapper.check._session import Account

from . import broken as spoiling
from .broken import Answer, BrokenServer, Request, Sound, error, sound
from .check_world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sound server with every kind of account."""
    with World() as world:
        yield world


def _run(account: Account) -> Report:
    return run(account.url, account.collection, account.email, account.password)


def _examine(
    account: Account, world: World, checks: Sequence[Check] = CHECKS, pause: Callable[[float], None] = time.sleep
) -> Report:
    with httpx.Client(timeout=30) as client:
        return examine(Probe(account, world.contract, client, pause=pause), checks=checks)


def _names(report: Report, outcome: Outcome) -> set[str]:
    return {finding.name for finding in report.of(outcome)}


# --- every state ---

ALL_BUT_LARGE = [check for check in CHECKS if check.name != "too-large"]  # 33 MiB take half a second each time
ADVICE = {
    "user": set[str](),
    "mfa": set[str](),
    "kept-out": {"rule-for-nobody"},
    "related": set[str](),
    "no-password": {"password-auth"},
    "superuser": set[str](),
}


@pytest.mark.parametrize("kind", ADVICE)
def test_a_sound_server_is_not_blamed(world: World, kind: str) -> None:
    """Whoever the account is: exit 0, no more requests than were announced, the advice that fits, nothing left."""
    account = world.account(kind)
    report = _run(account) if kind == "user" else _examine(account, world, ALL_BUT_LARGE)
    assert (report.broken, report.unfinished) == ([], [])
    assert report.exit_code() == 0
    assert report.requests <= MOST_REQUESTS
    assert _names(report, Outcome.ADVICE) - {"told-apart-by-time"} == {*ADVICE[kind], "wrong-sign-ins"}
    assert _bound_by(world, account) == 0


@pytest.mark.parametrize(
    ("kind", "tried"),
    [
        ("mfa", {"second-factor", "mfa-id-in-query", "mfa-id-at-once"}),
        ("kept-out", {"auth-rule"}),
        ("related", {"expand"}),
    ],
)
def test_what_an_account_makes_possible_is_tried(world: World, kind: str, tried: set[str]) -> None:
    """A second factor, an auth rule and a relation are tried where the account has them, and only there."""
    checks = [check for check in CHECKS if check.name in {"never-bound", "bind-and-sign-in", *tried}]
    assert _names(world.examine(sound, kind, checks=checks), Outcome.KEPT) >= tried
    assert _names(world.examine(sound, checks=checks), Outcome.NOT_TRIED) == tried


def test_a_wrong_password_is_no_fault_of_the_server(world: World) -> None:
    """Exit 1 and clear words, and nothing is called broken."""
    report = _run(replace(world.account(), password="not-the-password"))
    assert report.broken == []
    assert [finding.detail for finding in report.unfinished] == ["The server refuses the email and password."]
    assert report.exit_code() == 1


def test_an_unknown_collection_is_no_fault_of_the_server(world: World) -> None:
    """The same for a collection that is not there, or that has no accounts."""
    for name in ("nowhere", "teams"):
        report = _run(replace(world.account(), collection=name))
        assert report.broken == []
        assert [finding.detail for finding in report.unfinished] == ["There is no such auth collection."]
        assert report.exit_code() == 1


def test_a_server_that_is_away() -> None:
    """Exit 3, and the kind of failure."""
    report = run("http://127.0.0.1:9", "users", "a@example.com", "password1234")
    assert [finding.detail for finding in report.unfinished] == ["The server does not answer (ConnectError)."]
    assert report.exit_code() == 3


def test_a_url_and_a_collection_that_cannot_be() -> None:
    """Wrong usage is told before anything is sent."""
    for url, collection in (("ftp://example.com", "users"), ("http://127.0.0.1:9", "a/b")):
        with pytest.raises(ConfigurationError):
            run(url, collection, "a@example.com", "password1234")


def test_a_server_behind_a_path(world: World) -> None:
    """A reverse proxy may put the server under a path of its own."""

    def under_a_path(request: Request, server: Sound) -> Answer:
        target = request.target.removeprefix("/bosbase")
        return server(replace(request, target=target)) if target != request.target else error(404, "")

    with BrokenServer(world.server.url, under_a_path) as url:
        report = _examine(world.account(url=f"{url}/bosbase"), world, CHECKS[:12])
    assert report.exit_code() == 0, str(report)


def test_what_was_bound_before_stays(world: World) -> None:
    """Neither the account's own tokens nor another's are touched, however short they are."""
    account, other = world.account(), world.account()
    tokens = dict.fromkeys(string.ascii_letters + string.digits, account) | {"   ": other, "0": other}
    with BosBase(world.server.url) as client:
        users = client.collection("users")
        for token, owner in tokens.items():
            users.bind_custom_token(owner.email, owner.password, token)
        assert _examine(account, world, ALL_BUT_LARGE).exit_code() == 0
        found = {token: users.auth_with_token(token).record.email for token in tokens}
        assert found == {token: owner.email for token, owner in tokens.items()}
        assert _bound_by(world, account) == len(tokens) - 2
        for token, owner in tokens.items():
            users.unbind_custom_token(owner.email, owner.password, token)


def test_passwords_that_bcrypt_cuts(world: World) -> None:
    """A server that ignores what follows a password's 72nd byte is not blamed for it, nor for digits without a case."""
    checks = [check for check in CHECKS if check.name in {"never-bound", "bind-and-sign-in", "exact-account"}]
    for number, password in ((7, "\u00e9" * 36), (8, "1234567890")):
        world.server.create_record("users", email=f"{number}@example.com", password=password)
        account = Account(world.server.url, "users", f"{number}@example.com", password)
        assert _examine(account, world, checks=checks).exit_code() == 0


# --- the real server's habits ---


def _as_bosbase(request: Request, server: Sound) -> Answer:
    """Members more in each record, a lenient JSON, three sign-ins refused after the first bind ever."""
    if request.operation and request.headers.get("content-type", "").startswith("application/json"):
        request = _leniently_read(request)
    answer = server(request)
    if request.operation == "auth-with-token" and answer.status == 200 and server.memory.setdefault("refusals", 3):
        server.memory["refusals"] -= 1
        return error(400, "Failed to authenticate.")
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


def test_the_habits_of_the_real_server_are_no_breach(world: World) -> None:
    """BosBase reads JSON more leniently, adds members, and may refuse sign-ins for a moment after the first bind."""
    report = world.examine(_as_bosbase, checks=ALL_BUT_LARGE)
    assert report.exit_code() == 0, str(report)


def test_a_jwt_of_a_hundred_years_is_advice(world: World) -> None:
    """It is shown, with the years, and breaks nothing by itself."""
    names = ("never-bound", "bind-and-sign-in", "jwt", "jwt-lifetime")

    def for_ever(request: Request, server: Sound) -> Answer:
        return spoiling.of_sessions(lambda found: spoiling.with_jwt(found, exp=4_925_000_000))(request, server)

    report = world.examine(for_ever, checks=[check for check in CHECKS if check.name in names])
    [advice] = [finding.detail for finding in report.advice if finding.name == "jwt-lifetime"]
    assert "years, and unbinding does not end it" in advice
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1


def test_a_jwt_without_an_end_has_no_lifetime_to_speak_of(world: World) -> None:
    """A JWT whose exp is no time is not called short-lived, nor long-lived."""
    names = ("never-bound", "bind-and-sign-in", "jwt-lifetime")

    def without_end(request: Request, server: Sound) -> Answer:
        return spoiling.of_sessions(lambda found: spoiling.with_jwt(found, exp="never"))(request, server)

    report = world.examine(without_end, checks=[check for check in CHECKS if check.name in names])
    assert "jwt-lifetime" in _names(report, Outcome.NOT_TRIED)


def test_accounts_told_apart_by_time_are_advice(world: World) -> None:
    """An unknown email that is answered at once, while a wrong password takes long."""

    def slow_for_known(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if answer.message == "Failed to bind token." and len(request.text("password")) > 40:
            time.sleep(0.05)
        return answer

    names = ("never-bound", "bind-and-sign-in", "told-apart-by-time")
    report = world.examine(slow_for_known, checks=[check for check in CHECKS if check.name in names])
    assert "told-apart-by-time" in _names(report, Outcome.ADVICE)


def test_an_mfa_id_for_several_at_once_is_advice(world: World) -> None:
    """Where one mfaId signs in more than once at the same moment, the check says how often."""

    def generous(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if request.operation == "auth-with-token" and answer.status == 200:
            server.memory[request.text("mfaId")] = answer
        used: Answer | None = server.memory.get(request.text("mfaId"))
        return used if used and request.text("mfaId") else answer

    names = ("never-bound", "bind-and-sign-in", "mfa-id-at-once")
    report = world.examine(generous, "mfa", checks=[check for check in CHECKS if check.name in names])
    assert "mfa-id-at-once" in _names(report, Outcome.ADVICE)


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

    report = _examine(limited.account(), limited, CHECKS[:8], pause)
    assert waits == [1.0, 2.0, 4.0]
    assert (report.broken, report.unfinished, report.advice) == ([], [], [])


def test_a_rate_limit_that_stays_ends_the_check(limited: World) -> None:
    """Exit 3 within two minutes, nothing broken, nothing left behind."""
    _limit(limited, enabled=True)
    waits: list[float] = []
    report = _examine(limited.account(), limited, CHECKS[:8], waits.append)
    assert report.broken == []
    assert "rate limit" in report.unfinished[0].detail
    assert report.exit_code() == 3
    assert limited.bindings() == 0
    assert sum(waits) < 250


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
        examine(Probe(account, world.contract, client, pause=lambda _: None), checks=CHECKS[:10])
    assert _bound_by(world, account) == 0


def _bound_by(world: World, account: Account) -> int:
    path = f"/api/collections/{account.collection}/records?filter=email='{account.email}'"
    [record] = world.server.api("GET", path)["items"]
    return world.bindings(record["id"])


_SCRIPT = """
import os, sys
from bosbase_wrapper.check import command
options = dict(json_output=False, report=None, strict=False, fuzz=None)
sys.exit(command(sys.argv[1], "users", sys.argv[2], os.environ["BOSBASE_PASSWORD"], **options))
"""


@pytest.mark.parametrize(
    ("number", "sign"), [(3, signal.SIGINT), (7, signal.SIGTERM), (10, signal.SIGINT), (16, signal.SIGTERM)], ids=str
)
def test_nothing_is_left_after_a_signal(world: World, number: int, sign: signal.Signals) -> None:
    """Ctrl-C, or the end of a CI job, in the middle of a check: the process ends soon, its tokens are gone."""
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
    assert process.returncode not in (0, 1, 3)
    assert account.password.encode() not in errors
    assert _bound_by(world, account) == 0


def test_nothing_is_left_when_the_server_answers_rubbish(world: World) -> None:
    """A server that does what it is asked and answers nonsense: it is blamed, and the tokens are gone."""

    def rubbish(request: Request, server: Sound) -> Answer:
        answer = server(request)
        if request.operation != "auth-with-token":
            return answer
        return replace(answer, body=b'{"token":"a.b.c","record":[[[', status=200)

    account = world.account()
    with BrokenServer(world.server.url, rubbish) as url:
        report = _examine(replace(account, url=url), world, CHECKS[:25])
    assert report.exit_code() == 1
    assert _bound_by(world, account) == 0


def test_what_cannot_be_taken_away_is_told(world: World) -> None:
    """A server that goes away in the middle: exit 3, and how many tokens it still has."""

    def goes_away(request: Request, server: Sound) -> Answer:
        server.memory["count"] = server.memory.get("count", 0) + 1
        if server.memory["count"] > 12:
            raise spoiling.Dropped
        return server(request)

    report = world.examine(goes_away)
    [left] = [finding.detail for finding in report.unfinished if finding.name == "left-behind"]
    assert left == "1 random tokens could not be unbound"
    assert report.exit_code() == 1  # connections that end without an answer are a breach


# --- the command ---


def _command(
    account: Account,
    report: Path | None = None,
    *,
    json_output: bool = False,
    strict: bool = False,
    fuzz: int | None = None,
) -> int:
    return command(
        account.url,
        account.collection,
        account.email,
        account.password,
        json_output=json_output,
        report=report,
        strict=strict,
        fuzz=fuzz,
    )


def test_the_command(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table on stdout, the number and the progress on stderr, the report in its file, a secret in none of them."""
    account = world.account()
    page = tmp_path / "report.html"
    monkeypatch.chdir(tmp_path)
    assert _command(account, page, strict=True, fuzz=3) == 1  # there is advice
    out, errors = capsys.readouterr()
    text = page.read_text(encoding="utf-8")
    assert out.startswith(f"{account.url}, collection users\n")
    assert "fuzz-bind-token" in out
    assert errors.startswith(f"At most {MOST_REQUESTS + 27} requests, one of 33 MiB.")
    assert "[1/" in errors
    assert f"The report is in {page}" in errors
    assert "<title>The contract is kept, with advice" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    for shown in (out, errors, text):
        assert account.password not in shown
        assert "bosbase-check_" not in shown


def test_the_command_for_programs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """--json: one object on stdout and nothing else."""
    assert _command(replace(world.account(), collection="nowhere"), json_output=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["checks"][0] == {
        "outcome": "unfinished",
        "name": "finished",
        "what": "The check came to its end",
        "detail": "There is no such auth collection.",
    }


def test_a_report_that_cannot_be_written_is_told_at_once(world: World, tmp_path: Path) -> None:
    """A folder that is not there, or a name that is a folder's, is wrong usage."""
    for path in (tmp_path / "nowhere" / "report.html", tmp_path):
        with pytest.raises(ConfigurationError):
            _command(world.account(), path)


def test_the_command_in_a_thread(world: World) -> None:
    """Signals are a main thread's: in another the check runs without."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_command, replace(world.account(), collection="nowhere")).result() == 1


# --- generated cases ---


def test_generated_cases_catch_what_is_broken(world: World) -> None:
    """--fuzz finds a server that fails over a query, without a check that sends one."""

    def fails_over_a_query(request: Request, server: Sound) -> Answer:
        return error(500, "Something went wrong.") if request.query else server(request)

    report = world.examine(fails_over_a_query, checks=CHECKS[:3], fuzz=6)
    assert "fuzz-auth-with-token" in _names(report, Outcome.BROKEN)
    assert "documented-status" in _names(report, Outcome.BROKEN)


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

    report = world.examine(keep, checks=CHECKS[:3], fuzz=8)
    assert report.exit_code() == 0, str(report)
    return sent


# --- what a server or a proxy before it does not offer ---


def _without_password_login(request: Request, server: Sound) -> Answer:
    return error(404, "Not here.") if "auth-with-password" in request.target else server(request)


def _without_refresh(request: Request, server: Sound) -> Answer:
    return error(404, "Not here.") if "auth-refresh" in request.target else server(request)


def _without_users(request: Request, server: Sound) -> Answer:
    gone = request.operation and request.collection == "users"
    return error(404, "Missing or invalid collection context.") if gone else server(request)


def _without_relations(request: Request, server: Sound) -> Answer:
    return server(replace(request, target=request.target.partition("?")[0]))


def _one_at_once(request: Request, server: Sound) -> Answer:
    if request.operation == "auth-with-token" and request.text("mfaId"):
        raise spoiling.Dropped
    return server(request)


@pytest.mark.parametrize(
    ("spoil", "kind", "not_tried"),
    [
        (_without_password_login, "user", {"same-end", "same-account", "jwt-works"}),
        (_without_password_login, "mfa", {"same-end", "second-factor"}),
        (_without_refresh, "user", {"jwt-works", "jwt-outlives-unbind"}),
        (_without_relations, "related", {"expand"}),
        (_one_at_once, "mfa", {"mfa-id-at-once"}),
    ],
)
def test_what_is_not_offered_is_not_tried(
    world: World, spoil: Callable[[Request, Sound], Answer], kind: str, not_tried: set[str]
) -> None:
    """Nothing is blamed for what there is nothing to compare with."""
    checks = [check for check in CHECKS if check.name in {"never-bound", "bind-and-sign-in", *not_tried}]
    assert _names(world.examine(spoil, kind, checks=checks), Outcome.NOT_TRIED) == not_tried


def test_a_server_without_users(world: World) -> None:
    """A collection that another server has is not missed."""
    checks = [check for check in CHECKS if check.name in {"never-bound", "bind-and-sign-in", "other-collection"}]
    assert "other-collection" in _names(world.examine(_without_users, "related", checks=checks), Outcome.KEPT)
