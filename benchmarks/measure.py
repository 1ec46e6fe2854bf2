"""How it is measured: rounds in which each takes its turn, so that what disturbs one disturbs the others too."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .contestants import AsyncLogin, Login

# Does a thing so many times.
Run = Callable[[int], object]


@dataclass(frozen=True)
class Sample:
    """Seconds for one of what was done, on the average of a turn."""

    cpu: float  # of this process, all its threads: the server is another process
    wall: float


Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Spread:
    """The median of many figures, and the quartiles around it."""

    low: float
    median: float
    high: float


def interleaved(runs: Mapping[str, Run], times: int, rounds: int) -> Samples:
    """Samples of each run by its name; as many of each as there are rounds."""
    for run in runs.values():
        run(max(1, times // 4))
    samples: Samples = {name: [] for name in runs}
    order = list(runs)
    for _ in range(rounds):
        for name in order:
            samples[name].append(sample(runs[name], times))
        order.reverse()  # nobody runs always after the same
    return samples


def sample(run: Run, times: int) -> Sample:
    """One turn."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    run(times)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu / times, wall / times)


def spread(figures: Sequence[float]) -> Spread:
    """What many figures come to."""
    return Spread(*statistics.quantiles(figures, n=4))


def cpu_ratio(samples: Samples, one: str, other: str) -> Spread:
    """CPU of `one` over that of `other`, each turn against the other's turn of the same round."""
    return spread([a.cpu / b.cpu for a, b in zip(samples[one], samples[other], strict=True)])


def rate_ratio(samples: Samples, one: str, other: str) -> Spread:
    """How many of `one` were done in the time of one of `other`, in the same round."""
    return spread([b.wall / a.wall for a, b in zip(samples[one], samples[other], strict=True)])


def one_by_one(login: Login) -> Run:
    """One login after the other."""

    def run(times: int) -> None:
        for _ in range(times):
            login()

    return run


def in_threads(pool: ThreadPoolExecutor, threads: int, login: Login) -> Run:
    """Logins from many threads at once."""

    def run(times: int) -> None:
        list(pool.map(one_by_one(login), [times // threads] * threads))

    return run


def in_tasks(runner: asyncio.Runner, tasks: int, login: AsyncLogin) -> Run:
    """Logins from many tasks at once."""

    async def some(times: int) -> None:
        for _ in range(times):
            await login()

    async def all_tasks(times: int) -> None:
        await asyncio.gather(*(some(times // tasks) for _ in range(tasks)))

    return lambda times: runner.run(all_tasks(times))
