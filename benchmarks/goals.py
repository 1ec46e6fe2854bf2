"""What is to be reached, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from . import contestants as who
from . import interpreters, scenes
from .contestants import Target
from .measure import Samples, Spread, cpu_ratio, rate_ratio
from .scenes import AT_ONCE, Effort

FLAT_MIB: Final = 2.0
# The first does not import httpx, the second does.
IMPORTS: Final = ("import bosbase_wrapper", "from bosbase_wrapper import BosBase")


@dataclass(frozen=True)
class Goal:
    """A figure, and its limit."""

    what: str
    seen: Spread
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the median keeps the limit."""
        low, high = self.at_least or float("-inf"), self.at_most or float("inf")
        return low <= self.seen.median <= high


@dataclass(frozen=True)
class Results:
    """All that was measured."""

    no_network: Samples
    one_by_one: Samples
    at_once: Samples
    signed: Samples
    memory: tuple[float, float]
    imports: dict[str, Spread]
    generation_seconds: Spread


def measured(target: Target, effort: Effort) -> Results:
    """Everything, one scene after the other."""
    return Results(
        no_network=scenes.no_network(target, effort),
        one_by_one=scenes.one_after_the_other(target, effort),
        at_once=scenes.many_at_once(target, effort),
        signed=scenes.signed_requests(target, effort),
        memory=interpreters.memory_growth(target, effort),
        imports={one: interpreters.import_milliseconds(one, effort) for one in IMPORTS},
        generation_seconds=interpreters.generation_seconds(),
    )


def goals(results: Results, effort: Effort) -> list[Goal]:
    """Each goal beside what was seen."""
    return [*_of_cpu(results), *_of_rates(results.at_once), *_of_the_rest(results, effort)]


def _of_cpu(results: Results) -> list[Goal]:
    quiet, live = results.no_network, results.one_by_one
    signed = cpu_ratio(results.signed, scenes.TOKEN_AUTH, scenes.FIXED_HEADER)
    return [
        Goal("CPU of a typed login over bare httpx, no network", cpu_ratio(quiet, who.OURS, who.HTTPX), at_most=0.8),
        Goal("the same, async", cpu_ratio(quiet, who.OURS_ASYNC, who.ASYNC_HTTPX), at_most=0.8),
        Goal("CPU of a login on the live server over bare httpx", cpu_ratio(live, who.OURS, who.HTTPX), at_most=0.85),
        Goal(
            "CPU of a login on the live server, official SDK over ours", cpu_ratio(live, who.SDK, who.OURS), None, 2.5
        ),
        Goal("CPU of a request signed by TokenAuth over one with a fixed header", signed, at_most=1.05),
    ]


def _of_rates(live: Samples) -> list[Goal]:
    fast, threads, tasks = who.OURS_FAST, f"{AT_ONCE} threads", f"{AT_ONCE} tasks"
    return [
        Goal(
            f"logins a second, {tasks}, `[fast]` over httpx.AsyncClient",
            rate_ratio(live, fast, who.ASYNC_HTTPX),
            None,
            3,
        ),
        Goal(
            f"logins a second, {tasks}, `[fast]` over bare asyncio streams",
            rate_ratio(live, fast, who.STREAMS),
            None,
            0.9,
        ),
        Goal(f"logins a second, {threads}, ours over the official SDK", rate_ratio(live, who.OURS, who.SDK), None, 2.5),
    ]


def _of_the_rest(results: Results, effort: Effort) -> list[Goal]:
    logins, clients = (Spread(mib, mib, mib) for mib in results.memory)
    return [
        *(Goal(f"`{name}` over `import httpx`", seen, 15, unit=" ms") for name, seen in results.imports.items()),
        Goal(f"memory that {effort.memory_logins:,} logins add", logins, at_most=FLAT_MIB, unit=" MiB"),
        Goal(
            f"memory that {effort.memory_clients:,} clients, made and closed, add",
            clients,
            at_most=FLAT_MIB,
            unit=" MiB",
        ),
        Goal("`make generate`", results.generation_seconds, at_most=3, unit=" s"),
    ]
