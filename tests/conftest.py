"""The server that tests share. A test that stops, kills or breaks one starts its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from bosbase_wrapper.server import LiveServer

from .passwords import hash_fast

# `nohup` and `&` start the tests with signals ignored, and every process that a test starts inherits that.
for _sign, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_sign) is signal.SIG_IGN:
        signal.signal(_sign, _handler)


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """An embedded server that runs for the whole session."""
    with LiveServer() as running:
        hash_fast(running, "users", "_superusers")
        yield running
