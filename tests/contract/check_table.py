"""Which checks of `bosbase-tokens check` notice which broken server. tables.py stores the result."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from .broken import BROKEN, Broken
from .check_world import World
from .tables import caught


def documented() -> dict[str, tuple[str, list[str]]]:
    """What each broken server spoils, and the checks that notice it, as measured last."""
    return {name: (BROKEN[name].what, checks) for name, checks in caught("check").items()}


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
