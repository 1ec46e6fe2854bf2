"""The contract suite as `make contract` runs it, in its short form, and that it fails where it should."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosbase_wrapper.server import LiveServer

from .broken import BROKEN, BrokenServer
from .checks import SPEC
from .state import Account, Table, hash_fast

PASSWORD = "a-password-of-our-own"
pytestmark = pytest.mark.timeout(300)  # a run is a long test: its own requests have their timeouts


def contract(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the suite."""
    command = [sys.executable, "-m", "tests.contract", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=SPEC.parent, env=environment, capture_output=True, text=True)


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[tuple[LiveServer, Account, Table]]:
    """A server of somebody else's, of which only one account is known."""
    with LiveServer(tmp_path) as server:
        hash_fast(server, "users")
        server.create_record("users", email="somebody@example.com", password=PASSWORD)
        yield server, Account("users", "somebody@example.com", PASSWORD), Table(tmp_path)


def test_the_embedded_server_keeps_the_contract() -> None:
    """25 examples an operation and phase, and all that must be reached is reached."""
    run = contract("--examples", "25")
    assert run.returncode == 0, run.stdout
    assert "BROKEN" not in run.stdout
    assert "LEFT OUT" not in run.stdout
    for line in ("operations  3 of 3", "statuses    19 of 19", "The contract is kept"):
        assert line in run.stdout
    assert "never" not in run.stdout.partition("Reached of openapi.yaml")[2]


def test_another_server_is_tested_with_one_account(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """What needs a superuser is left out and named; nothing stays bound, and no secret is printed."""
    server, account, table = ordinary
    run = contract(
        "--base-url", server.url, "--examples", "5", BOSBASE_EMAIL=account.email, BOSBASE_PASSWORD=account.password
    )
    assert run.returncode == 0, run.stdout
    assert "LEFT OUT  the_auth_rule_keeps_out" in run.stdout
    assert "not authWithToken 401: it needs a superuser to set up" in run.stdout
    assert table.rows() == frozenset()
    assert PASSWORD not in run.stdout + run.stderr


def test_a_run_that_signs_nobody_in_fails(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """With a wrong password every answer may be a proper one; the run says what it never saw."""
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


def test_a_broken_server_is_told_without_its_secrets(ordinary: tuple[LiveServer, Account, Table]) -> None:
    """What failed is shown with its answer, and the password that the server repeats in it is not."""
    server, account, _ = ordinary
    with BrokenServer(server.url, BROKEN["error-repeats-password"]) as url:
        run = contract(
            "--base-url", url, "--examples", "1", BOSBASE_EMAIL=account.email, BOSBASE_PASSWORD=account.password
        )
    assert run.returncode == 1
    assert "FAILED     no_secret_comes_back" in run.stdout
    assert "Custom check failed: `no_secret_comes_back`" in run.stdout
    assert PASSWORD not in run.stdout + run.stderr


def test_an_account_is_asked_for() -> None:
    """Against another server the run needs one, and names the variable."""
    run = contract("--base-url", "http://127.0.0.1:9", BOSBASE_EMAIL="a@example.com")
    assert run.returncode == 1
    assert "BOSBASE_PASSWORD is not set" in run.stderr


def test_broken_servers_are_caught() -> None:
    """A server that spoils one thing is caught by the check for it; `make contract-broken` tries them all."""
    run = contract("--broken", "unbind-does-nothing", "token-in-a-header", "expired-jwt")
    assert run.returncode == 0, run.stdout
    assert [line.split(" | ")[2] for line in run.stdout.splitlines()] == [
        "bindings_follow",
        "no_secret_comes_back",
        "the_session_is_the_accounts",
    ]
