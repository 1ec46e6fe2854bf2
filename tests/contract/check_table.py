"""Which checks of `bosbase-tokens check` notice which broken server. tables.py stores the result."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bosbase_wrapper.check import CHECKS, Check

from .broken import BROKEN, Broken
from .check_world import World
from .tables import caught

BY_NAME = {check.name: check for check in CHECKS}
# What makes enough requests of all kinds for the rules of every response to be broken.
ENOUGH = [BY_NAME[name] for name in ("bind-and-unbind", "several-tokens", "wrong-credentials", "content-types")]


def documented() -> dict[str, tuple[str, list[str]]]:
    """What each broken server spoils, and the checks that notice it, as measured last."""
    return {name: (BROKEN[name].what, checks) for name, checks in caught("check").items()}


def needed(name: str) -> list[Check]:
    """The checks that must run for one of them, or a rule, to notice a fault."""
    return [BY_NAME[name]] if name in BY_NAME else list(CHECKS[:20]) if name == "state" else ENOUGH


def caught_by(world: World, broken: Broken) -> list[str]:
    """The checks of a whole run that a broken server fails."""
    return [finding.name for finding in world.examine(broken.spoil, broken.account).broken]


def measured(names: Iterable[str]) -> dict[str, list[str]]:
    """Run the whole check against the named broken servers; all of them take minutes."""
    with World() as world, ThreadPoolExecutor(2) as pool:

        def measure(name: str) -> tuple[str, list[str]]:
            print(name, file=sys.stderr)
            return name, caught_by(world, BROKEN[name])

        return dict(pool.map(measure, names))
