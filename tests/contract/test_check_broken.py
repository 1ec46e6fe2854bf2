"""Each broken server is caught, by the checks that broken/caught.json names."""

from collections.abc import Iterator

import pytest

from .broken import BROKEN, Broken
from .check_table import BY_NAME, caught_by, documented, needed
from .check_world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A sound server with every kind of account."""
    with World() as world:
        yield world


# Broken servers that only one part of a check notices, which tries several.
_OF_PARTS = ["auth-rule-with-data", "email-trimmed", "expand-ignored", "mfa-id-in-the-query-ignored", "put-signs-in"]
_OF_PARTS += ["unbind-ends-sessions", "unbind-of-unknown-refused", "unknown-email-is-told"]


def _sampled() -> Iterator[str]:
    """One broken server for each check and rule that is the first to catch one, and those of the parts."""
    sampled = {checks[0]: name for name, (_, checks) in documented().items()}.values()
    yield from dict.fromkeys((*sampled, *_OF_PARTS))


@pytest.mark.parametrize("broken", [BROKEN[name] for name in _sampled()], ids=_sampled())
def test_a_broken_server_is_caught(world: World, broken: Broken) -> None:
    """The first check that the table names says BROKEN, and the exit code is 1."""
    name = documented()[broken.name][1][0]
    report = world.examine(broken.spoil, broken.account, checks=needed(name))
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


ADVICE = {"account", "plain-http", "told-apart-by-time", "mfa-id-at-once", "mfa-by-password-alone"}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_check_caught_something_or_is_advice(name: str) -> None:
    """A check that no broken server fails would be worth nothing. Advice is tried elsewhere."""
    caught = {name for _, names in documented().values() for name in names}
    assert name in caught | ADVICE
