"""Runs the contract suite against a fresh embedded server, against a server that runs, or against broken ones.

Against a server that runs, BOSBASE_EMAIL and BOSBASE_PASSWORD name an ordinary account of it, and BOSBASE_COLLECTION
its collection (`users`). What needs a superuser to set up is left out then, and named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import httpx
import requests
from schemathesis import cli
from schemathesis.core.failures import CustomFailure, Failure, FailureGroup

from . import state as states
from .broken import BROKEN, BrokenServer, Spoiler, sound
from .checks import SPEC
from .run import Outcome, Run
from .scenarios import CONFIG, STORIES, Calls, Story
from .steering import install


def main() -> int:
    """Run all stories and all phases; 0 where nothing failed and enough was reached."""
    options = _options()
    with _server(options.base_url) as state:
        run = Run(state)
        install(run)
        if options.broken:
            return _catch_all(run) if options.broken == ["all"] else _catch(run, run.state, options.broken)
        for story in STORIES:
            print(f"{_verdict(story, run):9} {story.name}: {story.what}", flush=True)
        _generate(run, options.examples)
    return _report(run)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="generated requests an operation and phase")
    parser.add_argument("--base-url", default="", help="a server that runs already")
    parser.add_argument("--broken", nargs="+", help="names of broken.py, or all: tell which check caught each")
    return parser.parse_args()


@contextmanager
def _server(base_url: str) -> Iterator[states.State]:
    if not base_url:
        with states.embedded() as state:
            yield state
        return
    try:
        state = states.of_environment(base_url)
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set: an account of the server is needed")
    try:
        yield state
    finally:
        state.take_away()


def _verdict(story: Story, run: Run) -> str:
    """Tell a story, and say in a word how it ended."""
    if story.superuser and not run.state.special:
        return "LEFT OUT"
    try:
        story.tell(Calls(run))
    except FailureGroup as group:  # what the checks found in one of its answers
        for failure in group.exceptions:
            run.found(_name(failure), f"{story.name}: {failure.message or failure.title}")
    except AssertionError as failure:
        run.found(story.name, str(failure))
    except (httpx.HTTPError, requests.RequestException) as failure:
        run.found(story.name, f"no answer: {type(failure).__name__}")
    except (LookupError, TypeError, ValueError, AttributeError) as failure:
        run.found(story.name, f"an answer of another shape: {type(failure).__name__}")
    else:
        return "kept"
    return "BROKEN"


def _name(failure: Failure) -> str:
    """The check that found it: ours by its name, schemathesis' by what it says."""
    return failure.title.rpartition(": ")[2].strip("`") if isinstance(failure, CustomFailure) else failure.title


def _generate(run: Run, examples: int) -> None:
    """Run schemathesis' own command, which shows its progress."""
    arguments = ["--config-file", str(CONFIG), "run", str(SPEC), "--url", run.state.url, "--workers", "1"]
    with suppress(SystemExit):  # what failed is in the outcome
        cli.schemathesis.main([*arguments, "--max-examples", str(examples)], standalone_mode=False)


def _report(run: Run) -> int:
    problems, outcome = run.reached.problems(), run.outcome
    print("\nReached of openapi.yaml", *(f"  {line}" for line in run.reached.lines()), sep="\n")
    for check, message in outcome.failures.items():
        print(f"FAILED     {check} ({outcome.times[check]}): {message}")
    for problem in problems:
        print(f"TOO LITTLE {problem}")
    print("The contract is " + ("broken, or not proved" if outcome.failures or problems else "kept"))
    return 1 if outcome.failures or problems else 0


def _catch_all(run: Run) -> int:
    """Catch every broken server, once the sound one behind a proxy that spoils nothing is not blamed."""
    server = run.state
    blamed = _caught(run, server, sound).failures
    if blamed:
        sys.exit(f"the sound server is blamed: {blamed}")
    return _catch(run, server, BROKEN)


def _catch(run: Run, server: states.State, names: Iterable[str]) -> int:
    """Run the suite against one broken server after the other until a check notices; 0 where all are caught."""
    missed = 0
    for broken in (BROKEN[name] for name in names):
        caught = _caught(run, server, broken.spoil)
        check, message = next(iter(caught.failures.items()), ("NOT CAUGHT", ""))
        print(f"| {broken.name} | {broken.what} | {check} | {message} |", flush=True)
        missed += not caught.failures
    print(f"{missed} not caught", file=sys.stderr)
    return 1 if missed else 0


def _caught(run: Run, server: states.State, spoil: Spoiler) -> Outcome:
    with BrokenServer(server.url, spoil) as url:
        run.begin(replace(server, url=url, unbound=set(), bound=set()))
        if "BROKEN" not in (_verdict(story, run) for story in STORIES):  # no story is told after one that is broken
            _generate(run, 10)
    return run.outcome


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # what was started is stopped by now, and what was bound is unbound
        sys.exit(130)
