"""A run names what it must reach and did not."""

from typing import Any

import pytest
import schemathesis

from .document import SPEC
from .reached import Keyword, Reached, documented_statuses, superusers_statuses

pytestmark = pytest.mark.untraced

SCHEMA = schemathesis.openapi.from_path(SPEC)
DOCUMENT: dict[str, Any] = SCHEMA.raw_schema


def everything() -> Reached:
    """A run that reached everything."""
    reached = Reached(DOCUMENT)
    reached.statuses.update(documented_statuses(DOCUMENT))
    reached.links.update(["signIn", "unbind"])
    reached.phases.update(["examples", "coverage", "fuzzing", "stateful"])
    reached.generated, reached.past = 300, 100
    return reached


def test_a_run_that_reached_all_has_no_problems() -> None:
    """A third of the requests is enough."""
    assert list(everything().problems()) == []


@pytest.mark.parametrize(("operation", "status"), sorted(documented_statuses(DOCUMENT)))
def test_a_status_that_was_not_seen_is_named(operation: str, status: int) -> None:
    """It is named with its operation, or as a missing success."""
    reached = everything()
    del reached.statuses[operation, status]
    assert reached.problems() == [f"{operation} never {'succeeded' if status < 300 else f'returned {status}'}"]
    assert any(f"not {operation} {status}" in line for line in reached.lines())


def test_statuses_that_need_a_superuser_may_be_left_out() -> None:
    """The run says why it left them out."""
    reached = everything()
    reached.left_out = superusers_statuses(DOCUMENT)
    for key in reached.left_out:
        del reached.statuses[key]
    assert reached.problems() == []
    assert "            not bindToken 403: it needs a superuser to set up" in reached.lines()


@pytest.mark.parametrize("link", ["signIn", "unbind"])
def test_a_link_that_was_not_followed_is_named(link: str) -> None:
    """A link is named as in openapi.yaml."""
    reached = everything()
    del reached.links[link]
    assert reached.problems() == [f"the link {link} was never followed to a success"]


@pytest.mark.parametrize("phase", ["examples", "coverage", "fuzzing", "stateful"])
def test_a_phase_that_sent_nothing_is_named(phase: str) -> None:
    """A phase that is switched off makes the run fail."""
    reached = everything()
    del reached.phases[phase]
    assert reached.problems() == [f"the phase {phase} sent nothing"]


def test_too_few_requests_past_authentication_are_told() -> None:
    """A run needs a third of its requests past authentication."""
    reached = everything()
    reached.past = 99
    assert reached.problems() == ["only 99 of 300 generated requests got past authentication"]


def test_keywords_are_kept_and_broken_by_values() -> None:
    """A value follows or breaks each keyword of its place; a missing value does neither."""
    reached = Reached(DOCUMENT)
    sign_in = SCHEMA.find_operation_by_id("authWithToken")
    reached.saw(sign_in.Case(path_parameters={"collection": "users"}, body={"token": "x" * 1025}), 400)
    assert Keyword("authWithToken", "body.token", "maxLength") in reached.broken
    assert Keyword("authWithToken", "body.token", "minLength") in reached.kept
    assert Keyword("authWithToken", "body", "required") in reached.kept
    assert not any(rule.place == "body.mfaId" for rule in reached.kept | reached.broken)
    assert any("never broken: authWithToken body.token minLength" in line for line in reached.lines())
    reached.saw(sign_in.Case(path_parameters={"collection": "users"}, body={"token": ""}), 400)
    assert Keyword("authWithToken", "body.token", "minLength") in reached.broken


def test_only_what_gets_past_authentication_counts() -> None:
    """A success counts, and a challenge or an auth rule at a sign-in; a wrong password does not."""
    reached = Reached(DOCUMENT)
    for name in ("bindToken", "authWithToken"):
        for status in (200, 204, 400, 401, 403, 404, 429):
            reached.responded(name, status, "fuzzing")
    reached.responded("bindToken", 204)  # a story's
    assert (reached.generated, reached.past) == (14, 6)
