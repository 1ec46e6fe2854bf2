"""What the fault tests share: the forms of the client, and a raw server for each test."""

from collections.abc import Iterator

import pytest

from . import drivers
from .raw_server import RawServer


@pytest.fixture(params=drivers.ALL, ids=lambda driver: driver.__name__)
def httpx_driver(request: pytest.FixtureRequest) -> drivers.Driver:
    """One form of the client after the other, over httpx's own transports."""
    chosen: drivers.Driver = request.param
    return chosen


@pytest.fixture(params=[*drivers.ALL, *drivers.FAST], ids=lambda driver: driver.__name__)
def driver(request: pytest.FixtureRequest) -> drivers.Driver:
    """The same, and over the fast transports."""
    chosen: drivers.Driver = request.param
    return chosen


@pytest.fixture(params=[*drivers.ALL, *drivers.FAST, *drivers.BY_THE_CALLER], ids=lambda driver: driver.__name__)
def any_driver(request: pytest.FixtureRequest) -> drivers.Driver:
    """The same, and over an httpx client of the caller."""
    chosen: drivers.Driver = request.param
    return chosen


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A raw server, sound until a test gives it another script."""
    with RawServer() as server:
        yield server
