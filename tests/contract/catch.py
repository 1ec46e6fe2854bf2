"""Runs the suite against broken servers: what notices each first?"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Final

from bosbase_wrapper.check import Check

from . import state as states
from . import tables
from .broken import BROKEN, BrokenServer, Spoiler, sound
from .check_table import documented, needed
from .run import Outcome, Run
from .steering import install
from .stories import STORIES
from .suite import check_with_one_account, generate, verdict

_NOT_NOTICED: Final = "NOT NOTICED"
_FEW: Final = 8  # broken servers, for which a second process and server would take longer


def catch_all(names: list[str], *, write: bool) -> int:
    """Let the suite notice broken servers, many of them in two processes; 0 if it notices each."""
    if len(names) <= _FEW:
        noticed = _catch(names)
    else:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            first, second = pool.map(_catch, (names[::2], names[1::2]))
        noticed = first | second
    for name in names:
        print(f"| {name} | {BROKEN[name].what} | {' | '.join(noticed[name])} |")
    if write:
        tables.keep("contract", {name: check for name, (check, _) in noticed.items()})
    missed = [name for name, (check, _) in noticed.items() if check == _NOT_NOTICED]
    print(f"not noticed: {', '.join(missed) or 'none'}", file=sys.stderr)
    return 1 if missed else 0


def _catch(names: list[str]) -> dict[str, tuple[str, str]]:
    """What notices each of some broken servers first, and its message."""
    noticed: dict[str, tuple[str, str]] = {}
    with states.embedded() as server:
        run = Run(server)
        install(run)
        for name in names:
            known = [check for noticed_by in documented()[name][1] for check in needed(noticed_by)]
            failures = _outcome(run, server, BROKEN[name].spoil, 10, known).failures
            noticed[name] = next(iter(failures.items()), (_NOT_NOTICED, ""))
            print(f"{name}: {noticed[name][0]}", file=sys.stderr, flush=True)
        failures = _outcome(run, server, sound, 0).failures
        if failures:  # last, because a broken server must not change the sound one for the next
            raise RuntimeError(f"the sound server fails: {failures}")
    return noticed


def _outcome(run: Run, server: states.State, spoil: Spoiler, examples: int, known: Sequence[Check] = ()) -> Outcome:
    """Run the parts in turn, the fastest first, until something fails. `known` are the checks that may notice it."""
    with BrokenServer(server.url, spoil) as url:
        run.begin(replace(server, url=url, unbound=set(), bound=set()))
        if "FAILED" not in (verdict(story, run) for story in STORIES):  # the first failure ends the stories
            check_with_one_account(run, known)
            if known and not run.outcome.failures:
                check_with_one_account(run)
        if examples and not run.outcome.failures:
            generate(run, examples)
    return run.outcome
