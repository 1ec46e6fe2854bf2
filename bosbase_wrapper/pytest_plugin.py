"""The pytest plugin: fixtures `bosbase_server`, `bosbase_client` and `bosbase_contract`, and `--bosbase-url`.

Every run of pytest in the environment loads this module: what takes time to import is imported in the fixtures.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import pytest

if TYPE_CHECKING:
    from bosbase_wrapper import BosBase
    from bosbase_wrapper.check import Report
    from bosbase_wrapper.server import LiveServer

_SERVER: Final = pytest.StashKey["LiveServer"]()


class RunningServer:
    """The server of `--bosbase-url`: it has a `url`, and all else of LiveServer is a usage error."""

    def __init__(self, url: str) -> None:
        self.url: Final = url

    def __repr__(self) -> str:
        return f"RunningServer({self.url!r})"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise pytest.UsageError(f"bosbase_server.{name} needs the embedded server: leave out --bosbase-url")


class Contract(Protocol):
    """The type of `bosbase_contract`."""

    def __call__(
        self, url: str, account: Mapping[str, str], *, strict: bool = False, fuzz: int | None = None
    ) -> Report:
        """Fails the test where the server at `url` breaks the contract."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--bosbase-url`."""
    text = "Let bosbase_server and bosbase_client use the server at URL instead of an embedded one."
    parser.getgroup("bosbase").addoption("--bosbase-url", metavar="URL", help=text)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test of a server that died at once, with the end of its log."""
    server = item.config.stash.get(_SERVER, None)
    if server and "bosbase_server" in getattr(item, "fixturenames", ()):
        with _in_plain_words():
            server.require_running()


@contextmanager
def _in_plain_words() -> Generator[None]:
    """Shows the log of a server that is gone, and no traceback of ours."""
    try:
        yield
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def bosbase_server(pytestconfig: pytest.Config) -> Generator[LiveServer | RunningServer]:
    """An embedded server for the session, or with `--bosbase-url` that server, of which the URL alone is known."""
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

    try:
        client = BosBase(bosbase_server.url)
    except ConfigurationError as error:
        raise pytest.UsageError(f"--bosbase-url: {error}") from None
    with client:
        yield client


@pytest.fixture
def bosbase_contract() -> Contract:
    """`bosbase_contract(url, account)` fails the test, with a table, where a server breaks the contract.

    `account` maps `email` and `password`, and `collection` where it is not `users`. With `strict` advice fails too;
    `fuzz` adds that many generated cases an operation. Returns the Report.
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
