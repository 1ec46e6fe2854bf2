"""Tests a server by openapi.yaml: a fresh embedded one, a server that is running, or broken ones.

A run has three parts: what `bosbase-tokens check` checks, stories that need a superuser, and generated requests. For a
server that is running, BOSBASE_EMAIL and BOSBASE_PASSWORD are an ordinary account of it, in the collection
BOSBASE_COLLECTION (`users`). What needs a superuser is left out then, and named.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from . import state as states
from .broken import BROKEN
from .catch import catch_all
from .run import Run
from .steering import install
from .stories import STORIES
from .suite import check_with_one_account, generate, verdict


def main() -> int:
    """Run everything; 0 if nothing failed and enough was reached."""
    options = _options()
    if options.broken:
        return catch_all(list(BROKEN) if options.broken == ["all"] else options.broken, write=options.write)
    with _server(options.base_url) as state:
        run = Run(state)
        install(run)
        # The check goes first: it waits out the seconds after the first bind of a fresh BosBase.
        print(check_with_one_account(run), flush=True)
        for story in STORIES:
            print(f"{verdict(story, run):9} {story.name}: {story.what}", flush=True)
        generate(run, options.examples)
    return _report(run)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="generated requests for each operation and phase")
    parser.add_argument("--base-url", default="", help="a server that is running")
    parser.add_argument("--broken", nargs="+", help="names of broken servers, or all: say what notices each")
    parser.add_argument("--write", action="store_true", help="with --broken: keep the result for the docs")
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
        sys.exit(f"{missing.args[0]} is not set: the run needs an account of the server")
    try:
        yield state
    finally:
        state.unbind_all()


def _report(run: Run) -> int:
    problems, outcome = run.reached.problems(), run.outcome
    print("\nReached of openapi.yaml", *(f"  {line}" for line in run.reached.lines()), sep="\n")
    for name, message in outcome.failures.items():
        print(f"FAILED     {name} ({outcome.times[name]}): {message}")
    for problem in problems:
        print(f"TOO LITTLE {problem}")
    passed = not outcome.failures and not problems
    print("The server implements openapi.yaml" if passed else "The run failed, or reached too little")
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # the server is stopped by now, and everything is unbound
        sys.exit(130)
