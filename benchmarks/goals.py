"""The goals, and what was measured."""

from dataclasses import dataclass
from typing import Final

from . import contestants as who
from . import interpreters, scenes
from .contestants import Target
from .measure import Samples, Spread, cpu_ratio, rate_ratio
from .scenes import AT_ONCE, Effort

ENGINES: Final = ("httpx", "FastTransport")
IMPORTS: Final = {"import bosbase_wrapper": 10, "from bosbase_wrapper import BosBase": 45}


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
        """Whether the median is within the limit."""
        low, high = self.at_least or float("-inf"), self.at_most or float("inf")
        return low <= self.seen.median <= high


@dataclass(frozen=True)
class Results:
    """Everything that was measured."""

    no_network: Samples
    one_by_one: Samples
    at_once: Samples
    signed: Samples
    memory: dict[str, tuple[float, float]]
    imports: dict[str, Spread]
    generation_seconds: Spread


def measured(target: Target, effort: Effort) -> Results:
    """Measure one scene after the other."""
    return Results(
        no_network=scenes.no_network(target, effort),
        one_by_one=scenes.one_after_the_other(target, effort),
        at_once=scenes.many_at_once(target, effort),
        signed=scenes.signed_requests(target, effort),
        memory={engine: interpreters.memory_growth(target, engine, effort) for engine in ENGINES},
        imports={one: interpreters.import_milliseconds(one, effort) for one in IMPORTS},
        generation_seconds=interpreters.generation_seconds(),
    )


def goals(results: Results, effort: Effort) -> list[Goal]:
    """Each goal beside what was measured."""
    return [*_of_cpu(results), *_of_rates(results.at_once), *_of_the_rest(results, effort)]


def bounds(results: Results) -> list[tuple[str, Spread]]:
    """What is possible: the ratios of the goals for the generated code alone, without this package."""
    live = results.one_by_one
    return [
        ("CPU, generated code / httpx.Client", cpu_ratio(live, who.GENERATED, who.HTTPX)),
        ("CPU, generated code over FastTransport / httpx.Client", cpu_ratio(live, who.GENERATED_FAST, who.HTTPX)),
        ("CPU, generated code / official SDK", cpu_ratio(live, who.GENERATED, who.SDK)),
        (
            f"logins a second, {AT_ONCE} threads, generated code over FastTransport / httpx.Client",
            rate_ratio(results.at_once, who.GENERATED_FAST, who.HTTPX),
        ),
        (
            f"logins a second, {AT_ONCE} threads, bytes over sockets / httpx.Client",
            rate_ratio(results.at_once, who.SOCKETS, who.HTTPX),
        ),
    ]


def _of_cpu(results: Results) -> list[Goal]:
    quiet, live = results.no_network, results.one_by_one
    signed = cpu_ratio(results.signed, scenes.TOKEN_AUTH, scenes.FIXED_HEADER)
    return [
        Goal("CPU of a login, BosBase / httpx.Client", cpu_ratio(live, who.OURS, who.HTTPX), 0.8),
        Goal("the same over FastTransport / httpx.Client", cpu_ratio(live, who.OURS_FAST, who.HTTPX), 0.55),
        Goal("CPU of a login, BosBase / official SDK", cpu_ratio(live, who.OURS, who.SDK), 0.45),
        Goal("CPU of a login, BosBase / generated code alone", cpu_ratio(live, who.OURS, who.GENERATED), 1.1),
        Goal("the same, both over FastTransport", cpu_ratio(live, who.OURS_FAST, who.GENERATED_FAST), 1.25),
        Goal("CPU of a login without a network, BosBase / httpx.Client", cpu_ratio(quiet, who.OURS, who.HTTPX), 0.65),
        Goal("the same, AsyncBosBase / httpx.AsyncClient", cpu_ratio(quiet, who.OURS_ASYNC, who.ASYNC_HTTPX), 0.75),
        Goal("CPU of a request signed by TokenAuth / with a fixed header", signed, 1.05),
    ]


def _of_rates(live: Samples) -> list[Goal]:
    threads, tasks = f"{AT_ONCE} threads", f"{AT_ONCE} tasks"
    sync, tasked = rate_ratio(live, who.OURS_FAST, who.HTTPX), rate_ratio(live, who.OURS_ASYNC_FAST, who.ASYNC_HTTPX)
    return [
        Goal(f"logins a second, {threads}, BosBase over FastTransport / httpx.Client", sync, at_least=2.5),
        Goal(f"logins a second, {tasks}, AsyncBosBase over AsyncFastTransport / httpx.AsyncClient", tasked, at_least=4),
    ]


def _of_the_rest(results: Results, effort: Effort) -> list[Goal]:
    imports = [
        Goal(f"`{name}` beyond `import httpx`", results.imports[name], limit, unit=" ms")
        for name, limit in IMPORTS.items()
    ]
    memory = [goal for engine in ENGINES for goal in _of_memory(engine, *results.memory[engine], effort)]
    return [*imports, *memory, Goal("`make generate`", results.generation_seconds, 1, unit=" s")]


def _of_memory(engine: str, logins: float, clients: float, effort: Effort) -> list[Goal]:
    return [
        Goal(f"memory that {effort.memory_logins:,} logins add, {engine}", _single(logins), 1, unit=" MiB"),
        Goal(f"memory that {effort.memory_clients:,} clients add, {engine}", _single(clients), 1, unit=" MiB"),
    ]


def _single(figure: float) -> Spread:
    return Spread(figure, figure, figure)
