"""The pytest plugin: the fixtures `bosbase_server`, `bosbase_client` and `bosbase_contract`, and `--bosbase-url`.

Every run of pytest in the environment imports this module. What takes long to import is imported in the fixtures.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import pytest

if TYPE_CHECKING:
    import httpx

    from bosbase_wrapper import BosBase
    from bosbase_wrapper.check import Report
    from bosbase_wrapper.server import LiveServer

_SERVER: Final = pytest.StashKey["LiveServer"]()
_SETTLE_SECONDS: Final = 2.5


class RunningServer:
    """The server of `--bosbase-url`. It has a `url`. Any other attribute of LiveServer is a usage error."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._settled = False

    def __repr__(self) -> str:
        return f"RunningServer({self.url!r})"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise pytest.UsageError(f"bosbase_server.{name} needs the embedded server: leave out --bosbase-url")

    def settle(self, response: httpx.Response) -> None:
        """Wait after the first bind of the session.

        If it is the first bind ever, BosBase refuses sign-ins and ignores unbinds for about 2 s.
        """
        if not self._settled and response.status_code == 204 and response.request.url.path.endswith("/bind-token"):
            self._settled = True
            time.sleep(_SETTLE_SECONDS)


class Contract(Protocol):
    """The type of `bosbase_contract`."""

    def __call__(
        self, url: str, account: Mapping[str, str], *, strict: bool = False, fuzz: int | None = None
    ) -> Report:
        """Fails the test if the server at `url` does not implement the API correctly."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--bosbase-url`."""
    text = "Let bosbase_server and bosbase_client use the server at URL instead of an embedded one."
    parser.getgroup("bosbase").addoption("--bosbase-url", metavar="URL", help=text)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test at once if its server has died, with the end of the server's log."""
    server = item.config.stash.get(_SERVER, None)
    if server and "bosbase_server" in getattr(item, "fixturenames", ()):
        with _in_plain_words():
            server.require_running()


@contextmanager
def _in_plain_words() -> Generator[None]:
    """Shows the log of a server that does not run, without a traceback of this module."""
    try:
        yield
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def bosbase_server(pytestconfig: pytest.Config) -> Generator[LiveServer | RunningServer]:
    """An embedded server for the session. With `--bosbase-url` it is that server, and only its URL is known."""
    url: str | None = pytestconfig.getoption("--bosbase-url")
    if url:
        yield RunningServer(url)
        return
    from bosbase_wrapper.server import LiveServer

    server = LiveServer()
    with _in_plain_words():
        server.start()
    pytestconfig.stash[_SERVER] = server
    yield server
    del pytestconfig.stash[_SERVER]
    server.stop()


@pytest.fixture
def bosbase_client(bosbase_server: LiveServer | RunningServer) -> Generator[BosBase]:
    """A client of the server for one test."""
    from bosbase_wrapper import BosBase, ConfigurationError
    from bosbase_wrapper._http import Client, make_client
    from bosbase_wrapper._options import base_url

    if not isinstance(bosbase_server, RunningServer):
        with BosBase(bosbase_server.url) as client:
            yield client
        return
    try:
        http_client = make_client(Client, base_url(bosbase_server.url))
    except ConfigurationError as error:
        raise pytest.UsageError(f"--bosbase-url: {error}") from None
    http_client.event_hooks = {"response": [bosbase_server.settle]}
    with http_client, BosBase(bosbase_server.url, http_client=http_client) as client:
        yield client


@pytest.fixture
def bosbase_contract() -> Contract:
    """`bosbase_contract(url, account)` fails the test, with a table, if a server does not implement the API correctly.

    `account` maps `email` and `password`, and `collection` unless it is `users`. With `strict`, advice fails the test
    too. `fuzz` adds that many generated cases for each operation. Returns the Report.
    """
    try:
        from bosbase_wrapper.check import run
    except ModuleNotFoundError as error:
        text = f'bosbase_contract needs {error.name}: pip install "bosbase-wrapper[check]"'
        raise pytest.UsageError(text) from None

    def contract(url: str, account: Mapping[str, str], *, strict: bool = False, fuzz: int | None = None) -> Report:
        __tracebackhide__ = True  # the frame holds the password
        collection = account.get("collection", "users")
        report = run(url, collection, account["email"], account["password"], fuzz=fuzz)
        if report.exit_code(strict=strict):
            pytest.fail(str(report), pytrace=False)
        return report

    return contract
