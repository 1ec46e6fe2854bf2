"""A process that signs in many times, and makes and closes many clients, and tells how much it grew: `[MiB, MiB]`."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bosbase_wrapper import BosBase

from .contestants import Target


def resident_mib() -> float:
    """The memory that this process holds, as Linux tells it."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(step: Callable[[], object], times: int) -> float:
    """MiB between a tenth of the steps and all of them."""
    for _ in range(times // 10):
        step()
    before = resident_mib()
    for _ in range(times - times // 10):
        step()
    return resident_mib() - before


def main() -> None:
    """Print the growth of both."""
    target = Target(sys.argv[1], sys.argv[2])

    def one_client() -> None:
        with BosBase(target.url) as client:
            client.collection("users").auth_with_token(target.token)

    with BosBase(target.url) as client:
        users = client.collection("users")
        logins = growth(lambda: users.auth_with_token(target.token), int(sys.argv[3]))
    print(json.dumps([logins, growth(one_client, int(sys.argv[4]))]))


if __name__ == "__main__":
    main()
