"""Each broken server is caught, by the check that docs/check.md names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bosbase_wrapper.check._checks import CHECKS, Check

from bosbase_wrapper.check._rules import RULES

from .broken import BROKEN, Broken
from .check_table import caught_by, documented
from .check_world import World

BY_NAME = {check.name: check for check in CHECKS}
SETUP = [BY_NAME["never-bound"], BY_NAME["bind-and-sign-in"]]
# What makes enough requests of all kinds for a rule of every answer to be broken.
ENOUGH = [BY_NAME[name] for name in ("several-tokens", "wrong-password", "unbind")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sound server with every kind of account."""
    with World() as world:
        yield world


def _needed(name: str) -> list[Check]:
    """The checks that must run for one of them, or a rule, to speak."""
    if name in RULES:
        return [*SETUP, *ENOUGH]
    return SETUP if name not in BY_NAME or BY_NAME[name] in SETUP else [*SETUP, BY_NAME[name]]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_server_is_caught(world: World, broken: Broken) -> None:
    """The first check that the table names says BROKEN, and the exit code is 1."""
    name = documented()[broken.name][1][0]
    report = world.examine(broken.spoil, broken.account, checks=_needed(name))
    assert name in [finding.name for finding in report.broken]
    assert report.exit_code() == 1


@pytest.mark.long
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_the_table_is_what_a_whole_run_sees(world: World, broken: Broken) -> None:
    """A whole run against a broken server is caught by exactly the checks that the table names."""
    assert caught_by(world, broken) == documented()[broken.name][1]


def test_the_table_has_every_broken_server() -> None:
    """The table is complete and says of each what its code says."""
    assert {name: what for name, (what, _) in documented().items()} == {b.name: b.what for b in BROKEN.values()}


@pytest.mark.parametrize("check", [check for check in CHECKS if not check.name.startswith("password-auth")])
def test_every_check_caught_something_or_is_advice(check: Check) -> None:
    """A check that no broken server fails would be worth nothing; advice is tried elsewhere."""
    advice = {"rule-for-nobody", "plain-http", "jwt-lifetime", "told-apart-by-time", "mfa-id-at-once", "slow"}
    caught = {name for _, names in documented().values() for name in names}
    assert check.name in caught | advice
