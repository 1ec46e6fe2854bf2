"""A process that signs in many times, then makes and closes many clients, and prints its growth: `[MiB, MiB]`."""

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from bosbase_wrapper import BosBase

from .contestants import COLLECTION, Target


def resident_mib() -> float:
    """The memory that this process holds, according to Linux."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(step: Callable[[], object], times: int) -> float:
    """MiB that the process grows by after a tenth of the steps."""
    for _ in range(times // 10):
        step()
    before = resident_mib()
    for _ in range(times - times // 10):
        step()
    return resident_mib() - before


def transport(engine: str) -> httpx.BaseTransport | None:
    """A new transport of the engine."""
    if engine == "httpx":
        return None
    from bosbase_wrapper.fast import FastTransport

    return FastTransport()


def main() -> None:
    """Print the growth of both."""
    url, token, engine, number_of_logins, number_of_clients = sys.argv[1:]
    target = Target(url, token)

    def one_client() -> None:
        with BosBase(target.url, transport=transport(engine)) as client:
            client.collection(COLLECTION).auth_with_token(target.token)

    with BosBase(target.url, transport=transport(engine)) as client:
        users = client.collection(COLLECTION)
        logins = growth(lambda: users.auth_with_token(target.token), int(number_of_logins))
    print(json.dumps([logins, growth(one_client, int(number_of_clients))]))


if __name__ == "__main__":
    main()
