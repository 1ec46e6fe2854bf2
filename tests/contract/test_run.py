"""The contract suite as `make contract` runs it, in a short form, and that it fails if the server is wrong."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosbase_wrapper.server import LiveServer

from ..passwords import hash_fast
from . import tables
from .__main__ import main
from .broken import BROKEN, BrokenServer, Request, Response, Sound, error
from .document import SPEC, message
from .state import Account, Table

PASSWORD = "a-password-of-our-own"
pytestmark = [pytest.mark.untraced, pytest.mark.timeout(300)]  # a run takes long; its own requests have their timeouts


def contract(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the suite."""
    command = [sys.executable, "-m", "tests.contract", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=SPEC.parent, env=environment, capture_output=True, text=True)


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[tuple[LiveServer, Account, Table]]:
    """A server that is running, with one known account."""
    with LiveServer(tmp_path) as server:
        hash_fast(server, "users")
        server.create_record("users", email="somebody@example.com", password=PASSWORD)
        yield server, Account("users", "somebody@example.com", PASSWORD), Table(tmp_path)


def test_the_embedded_server_implements_the_document() -> None:
    """With 10 examples for each operation and phase a run reaches everything that it must."""
    run = contract("--examples", "10")
    assert run.returncode == 0, run.stdout
    assert "FAILED" not in run.stdout
    assert "LEFT OUT" not in run.stdout
    for line in ("operations  3 of 3", "statuses    19 of 19", "The server implements openapi.yaml"):
        assert line in run.stdout
    assert "never" not in run.stdout.partition("Reached of openapi.yaml")[2]


def as_fresh_bosbase(request: Request, server: Sound) -> Response:
    """Respond as BosBase does on a fresh database.

    For 2 s after the first bind ever it still remembers that there is no table: a sign-in returns 400, and an unbind
    returns 204 without effect. `fields` with an unknown modifier returns 200 with an empty body.
    """
    if request.is_bind:
        server.memory.setdefault("settled", time.monotonic() + 2)
    is_settled = time.monotonic() > server.memory.get("settled", 0)
    response = Response(204) if request.is_unbind and not is_settled else server(request)
    if request.is_sign_in and response.status == 200 and not is_settled:
        return error(400, message("authWithToken", "credentials"))
    is_odd = request.is_sign_in and ":" in request.query.get("fields", "")
    return Response(200, headers=[("Content-Type", "application/json")]) if is_odd else response


def test_a_fresh_bosbase_is_tested_with_one_account(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """Its first seconds and its `fields` fail no check. What needs a superuser is left out; nothing stays bound."""
    server, account, table = ordinary
    with BrokenServer(server.url, as_fresh_bosbase) as url:
        run = contract(
            "--base-url", url, "--examples", "10", BOSBASE_EMAIL=account.email, BOSBASE_PASSWORD=account.password
        )
    assert run.returncode == 0, run.stdout
    assert "LEFT OUT  the_auth_rule_applies_to_sign_ins" in run.stdout
    assert "not authWithToken 401: it needs a superuser to set up" in run.stdout
    assert table.rows() == frozenset()
    assert PASSWORD not in run.stdout + run.stderr


# In a process of its own, because schemathesis keeps its hooks for the whole process.
UNKNOWN_MODIFIER = """
from dataclasses import replace
from tests.contract import state
from tests.contract.broken import BrokenServer
from tests.contract.run import Run
from tests.contract.steering import install
from tests.contract.stories import Calls
from tests.contract.test_run import as_fresh_bosbase

with state.embedded() as server, BrokenServer(server.url, as_fresh_bosbase) as url:
    run = Run(replace(server, url=url))
    install(run)
    response = Calls(run).sign_in("users", "my-app-token", {"fields": "a:b"})
    print(response.status_code, response.content)
"""


def test_an_empty_response_to_an_unknown_modifier_is_allowed() -> None:
    """BosBase returns 200 with an empty body for `fields=a:b`, and no check of the responses fails."""
    command = [sys.executable, "-c", UNKNOWN_MODIFIER]
    run = subprocess.run(command, cwd=SPEC.parent, capture_output=True, text=True)
    assert run.stdout == "200 b''\n", run.stderr


def test_a_run_that_signs_nobody_in_fails(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """With a wrong password each response may be correct; the run says what it never reached."""
    server, account, _ = ordinary
    run = contract(
        "--base-url", server.url, "--examples", "1", BOSBASE_EMAIL=account.email, BOSBASE_PASSWORD="wrong-password"
    )
    assert run.returncode == 1
    for operation in ("bindToken", "unbindToken", "authWithToken"):
        assert f"TOO LITTLE {operation} never succeeded" in run.stdout
    assert "TOO LITTLE the link signIn was never followed to a success" in run.stdout
    assert "got past authentication" in run.stdout.rpartition("TOO LITTLE")[2]
    assert "wrong-password" not in run.stdout


# In a process of its own for the same reason. The generated requests show the most.
SHOWN_FAILURE = """
from tests.contract import state
from tests.contract.__main__ import _report
from tests.contract.broken import BROKEN, BrokenServer
from tests.contract.run import Run
from tests.contract.steering import install
from tests.contract.suite import generate

server = state.of_environment(URL)
run = Run(server)
install(run)
generate(run, 1)
server.unbind_all()
raise SystemExit(_report(run))
"""


def test_a_failure_is_shown_without_secrets(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """A failure is shown with its response, without the password that the server repeats in it."""
    server, account, _ = ordinary
    variables = {"BOSBASE_EMAIL": account.email, "BOSBASE_PASSWORD": account.password}
    with BrokenServer(server.url, BROKEN["error-repeats-password"].spoil) as url:
        command = [sys.executable, "-c", f"URL = {url!r}{SHOWN_FAILURE}"]
        environment = {**os.environ, **variables}
        run = subprocess.run(command, cwd=SPEC.parent, env=environment, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert "FAILED     no_secret_comes_back" in run.stdout
    assert "Custom check failed: `no_secret_comes_back`" in run.stdout
    assert PASSWORD not in run.stdout + run.stderr


def test_the_account_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a server that is running, the run names the variable that is missing."""
    monkeypatch.setenv("BOSBASE_EMAIL", "a@example.com")
    monkeypatch.setattr(sys, "argv", ["contract", "--base-url", "http://127.0.0.1:9"])
    with pytest.raises(SystemExit, match="BOSBASE_PASSWORD is not set"):
        main()


def test_broken_servers_are_noticed() -> None:
    """A response check, a story and a check of `bosbase-tokens check` each notice one; contract-broken tries all."""
    names = ["unbind-does-nothing", "expand-ignored", "expired-jwt"]
    run = contract("--broken", *names)
    assert run.returncode == 0, run.stdout
    assert [line.split(" | ")[2] for line in run.stdout.splitlines()] == [
        tables.caught("contract")[name] for name in names
    ]


def test_each_broken_server_was_noticed_by_both_suites() -> None:
    """`make contract-broken` measured it for every broken server."""
    for suite in ("check", "contract"):
        assert list(tables.caught(suite)) == list(BROKEN)
        assert all(tables.caught(suite).values())


def test_the_tables_of_the_docs_are_up_to_date() -> None:
    """`make tables` would change nothing."""
    texts = {page: page.read_text() for page in tables.pages()}
    assert {name for text in texts.values() for name in re.findall("<!-- table: (\\S+),", text)} == set(tables.TABLES)
    assert [page.name for page, text in texts.items() if tables.written(text) != text] == []
