"""Runs the suite against broken servers: what notices each first?"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Final

from . import state as states
from . import tables
from .broken import BROKEN, BrokenServer, Spoiler, sound
from .run import Outcome, Run
from .steering import install
from .stories import STORIES
from .suite import check_with_one_account, generate, verdict

_NOT_NOTICED: Final = "NOT NOTICED"


def catch_all(names: list[str], *, write: bool) -> int:
    """Let the suite notice broken servers, in two processes; 0 if it notices each."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = pool.map(_catch, [part for part in (names[::2], names[1::2]) if part])
        noticed = {name: found for part in parts for name, found in part.items()}
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
        _require_sound(run, server)
        for name in names:
            failures = _outcome(run, server, BROKEN[name].spoil, 10).failures
            noticed[name] = next(iter(failures.items()), (_NOT_NOTICED, ""))
            print(f"{name}: {noticed[name][0]}", file=sys.stderr, flush=True)
        _require_sound(run, server)  # again: a broken server must not change the sound one for the next
    return noticed


def _require_sound(run: Run, server: states.State) -> None:
    failures = _outcome(run, server, sound, 0).failures
    if failures:
        raise RuntimeError(f"the sound server fails: {failures}")


def _outcome(run: Run, server: states.State, spoil: Spoiler, examples: int) -> Outcome:
    """Run the parts in turn, the fastest first, until something fails."""
    with BrokenServer(server.url, spoil) as url:
        run.begin(replace(server, url=url, unbound=set(), bound=set()))
        if "FAILED" not in (verdict(story, run) for story in STORIES):  # the first failure ends the stories
            check_with_one_account(run)
        if examples and not run.outcome.failures:
            generate(run, examples)
    return run.outcome
