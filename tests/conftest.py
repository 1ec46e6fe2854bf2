"""The server that tests share. A test that stops, kills or breaks one starts its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bosbase_wrapper.server import LiveServer

from .passwords import hash_fast


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """An embedded server that runs for the whole session."""
    with LiveServer() as running:
        hash_fast(running, "users", "_superusers")
        yield running
