"""The three parts of a run: the checks of `bosbase-tokens check`, the stories, and generated requests."""

from collections.abc import Sequence
from contextlib import suppress

import httpx
import requests
from schemathesis import cli
from schemathesis.core.failures import CustomFailure, Failure, FailureGroup

from bosbase_wrapper import check

from .document import ACTIONS, SPEC
from .run import Run
from .stories import CONFIG, Calls, Story


def check_with_one_account(run: Run, checks: Sequence[check.Check] = ()) -> check.Report:
    """Run the checks of `bosbase-tokens check`, or some of them."""
    account = run.state.account
    if checks:
        some = check.Account(run.state.url, account.collection, account.email, account.password)
        with httpx.Client(timeout=30) as client:
            report = check.run_checks(check.Probe(some, client), checks)
    else:
        report = check.run(run.state.url, account.collection, account.email, account.password)
    for finding in (*report.broken, *report.unfinished):
        run.found(finding.name, finding.detail)
    if report.ok:  # it includes a body of 33 MiB, which no generated request has
        for operation in ACTIONS:
            run.reached.responded(operation, 413)
    return report


def verdict(story: Story, run: Run) -> str:
    """Tell a story, and say in a word how it ended."""
    if not run.state.special:
        return "LEFT OUT"
    try:
        story.tell(Calls(run), run.state.special)
    except FailureGroup as group:  # what the checks of each response found
        for failure in group.exceptions:
            run.found(_name(failure), f"{story.name}: {failure.message or failure.title}")
    except AssertionError as failure:
        run.found(story.name, str(failure))
    except (httpx.HTTPError, requests.RequestException) as failure:
        run.found(story.name, f"no response: {type(failure).__name__}")
    except (LookupError, TypeError, ValueError, AttributeError) as failure:
        run.found(story.name, f"a response of another shape: {type(failure).__name__}")
    else:
        return "passed"
    return "FAILED"


def _name(failure: Failure) -> str:
    """The name of our check, or the title of schemathesis' failure."""
    return failure.title.rpartition(": ")[2].strip("`") if isinstance(failure, CustomFailure) else failure.title


def generate(run: Run, examples: int) -> None:
    """Run schemathesis' own command, which shows its progress."""
    arguments = ["--config-file", str(CONFIG), "run", str(SPEC), "--url", run.state.url, "--workers", "1"]
    with suppress(SystemExit):  # the outcome has what failed
        cli.schemathesis.main([*arguments, "--max-examples", str(examples)], standalone_mode=False)
