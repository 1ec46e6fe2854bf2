"""The server that tests share. A test that stops, kills or breaks one starts its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from bosbase_wrapper.server import LiveServer


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """An embedded server that runs for the whole session."""
    with LiveServer() as running:
        yield running


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C works in the commands, although the tests themselves may run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
