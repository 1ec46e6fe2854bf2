"""The server that tests share, and the mark `untraced`. A test that stops, kills or breaks a server starts its own."""

import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator

import pytest

from bosbase_wrapper.server import LiveServer

from .passwords import hash_fast

# `nohup` and `&` start the tests with signals ignored, and every process that a test starts inherits that.
for _sign, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_sign) is signal.SIG_IGN:
        signal.signal(_sign, _handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is marked `untraced`, with its threads and processes, without coverage."""
    if not item.get_closest_marker("untraced"):
        return (yield)
    tracer, of_threads = sys.gettrace(), threading.gettrace()
    inherited = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COVERAGE_")}
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        os.environ.update(inherited)
        threading.settrace(of_threads)
        sys.settrace(tracer)


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """An embedded server that runs for the whole session."""
    with LiveServer() as running:
        hash_fast(running, "users", "_superusers")
        yield running
