"""Which check caught which broken server: `python -m tests.contract.check_table [NAME ...]` writes docs/check.md."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .broken import BROKEN, Broken
from .check_world import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "check.md"
_HEAD = "| broken server | what is spoiled | caught by |\n|---|---|---|\n"


def documented() -> dict[str, tuple[str, list[str]]]:
    """What docs/check.md says: of each broken server what is spoiled, and the checks that catch it."""
    _, _, table = DOCUMENT.read_text(encoding="utf-8").partition(_HEAD)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {name.strip("`"): (what, checks.replace("`", "").split(", ")) for name, what, checks in rows}


def caught_by(world: World, broken: Broken) -> list[str]:
    """The checks of a whole run that a broken server fails."""
    return [finding.name for finding in world.examine(broken.spoil, broken.account).broken]


def _row(world: World, broken: Broken) -> str:
    print(broken.name, file=sys.stderr)
    return f"| `{broken.name}` | {broken.what} | {', '.join(f'`{name}`' for name in caught_by(world, broken))} |"


def main(names: list[str]) -> None:
    """Runs the whole check against the named broken servers, or against all, which takes minutes."""
    before, _, table = DOCUMENT.read_text(encoding="utf-8").partition(_HEAD)
    rows = {line.split("`")[1]: line for line in table.splitlines()}
    with World() as world, ThreadPoolExecutor(2) as pool:
        again = names or list(BROKEN)
        rows |= zip(again, pool.map(lambda name: _row(world, BROKEN[name]), again), strict=True)
    DOCUMENT.write_text(before + _HEAD + "".join(f"{rows[name]}\n" for name in BROKEN), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
