"""Measure contestants in rounds: each has its turn in each round, so that whatever disturbs one disturbs the others."""

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .contestants import AsyncLogin, Login

# Repeats what is measured; the argument says how often.
Run = Callable[[int], object]


@dataclass(frozen=True)
class Sample:
    """Seconds for one repetition, the average of a turn."""

    cpu: float  # of all threads of this process, in which the server does not run
    wall: float


Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Spread:
    """The median of many figures, and the quartiles."""

    low: float
    median: float
    high: float


def interleaved(runs: Mapping[str, Run], times: int, rounds: int) -> Samples:
    """The samples of each run, one for each round. The order changes from round to round."""
    for run in runs.values():
        run(max(1, times // 4))
    samples: Samples = {name: [] for name in runs}
    order = list(runs)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            samples[name].append(sample(runs[name], times))
    return samples


def sample(run: Run, times: int) -> Sample:
    """One turn."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    run(times)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu / times, wall / times)


def spread(figures: Sequence[float]) -> Spread:
    """The spread of figures."""
    return Spread(*statistics.quantiles(figures, n=4))


def cpu_ratio(samples: Samples, one: str, other: str) -> Spread:
    """CPU of `one` divided by that of `other` in the same round."""
    return spread([a.cpu / b.cpu for a, b in zip(samples[one], samples[other], strict=True)])


def rate_ratio(samples: Samples, one: str, other: str) -> Spread:
    """Repetitions a second of `one` divided by those of `other` in the same round."""
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
