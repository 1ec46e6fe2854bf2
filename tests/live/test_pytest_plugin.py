"""The pytest plugin in suites of its users', each a run of pytest of its own."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import bosbase_wrapper.check  # noqa: F401  # see `loaded`
from bosbase_wrapper import BosBase, InvalidCredentialsError, generate_token
from bosbase_wrapper.server import LiveServer
from tests.faults.raw_server import RawServer

from ..passwords import FAST

pytest_plugins = ["pytester"]

PASSWORD = "password-canary"


@pytest.fixture(scope="module", autouse=True)
def loaded(server: LiveServer) -> None:
    """Every module of the client is imported.

    A run of pytest inside this one forgets the modules that it was the first to import. Nobody would catch the
    errors of a second copy of httpcore.
    """
    with BosBase(server.url) as client, pytest.raises(InvalidCredentialsError):
        client.collection("users").auth_with_token("token-canary")
    httpx.get(f"{server.url}/api/health", trust_env=False)


@pytest.fixture(autouse=True)
def plain(pytester: pytest.Pytester) -> None:
    """A user's suite: warnings are errors, and it is about nothing but the plugin."""
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider")


def test_a_suite_with_a_server_and_a_client(pytester: pytest.Pytester) -> None:
    """One server for the session, a client for each test, and both gone at the end, in any order of tests."""
    pytester.makepyfile(
        """
        import pytest
        from bosbase_wrapper import ConfigurationError

        seen = []

        @pytest.mark.parametrize("number", [1, 2])
        def test_life(bosbase_server, bosbase_client, number):
            email = f"user{number}@example.com"
            bosbase_server.create_record("users", email=email, password="password-1")
            users = bosbase_client.collection("users")
            users.bind_custom_token(email, "password-1", f"token-{number}")
            assert users.auth_with_token(f"token-{number}").record.id
            seen.append((bosbase_server, bosbase_client))
            if len(seen) == 2:
                assert seen[0][0] is seen[1][0]
                assert seen[0][1] is not seen[1][1]
                with pytest.raises(ConfigurationError):
                    seen[0][1].collection("users").auth_with_token("token-1")

        @pytest.fixture(scope="session", autouse=True)
        def gone(request):
            yield
            assert seen[0][0].pid is None
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_the_example_of_the_documentation(pytester: pytest.Pytester) -> None:
    """What docs/pytest-plugin.md begins with passes as it stands."""
    text = (Path(__file__).parents[2] / "docs" / "pytest-plugin.md").read_text()
    pytester.makepyfile(text.split("```python\n")[1].split("```")[0])
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_server_that_died(pytester: pytest.Pytester) -> None:
    """The next test that needs it fails at once, with the end of its log; the others go on."""
    pytester.makepyfile(
        """
        import os, signal, time

        def test_kills(bosbase_server):
            os.kill(bosbase_server.pid, signal.SIGKILL)
            time.sleep(0.2)

        def test_needs_it(bosbase_client):
            raise AssertionError("came this far")

        def test_needs_it_not():
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["the server does not run:", "*Server started at http://127.0.0.1:*"])
    result.stdout.no_fnmatch_line("*came this far*")


def test_a_server_that_does_not_start(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test that needs the server fails with the reason."""
    monkeypatch.setenv("BOSBASE_POCKETBASE", "/nonexistent/pocketbase")
    pytester.makepyfile("def test_needs_it(bosbase_server): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the server did not come up:", "*/nonexistent/pocketbase*"])


def test_a_server_that_runs_already(pytester: pytest.Pytester, server: LiveServer) -> None:
    """With --bosbase-url the client is that server's; what only an embedded one can do is a usage error."""
    pytester.makepyfile(
        f"""
        def test_client(bosbase_server, bosbase_client):
            assert bosbase_server.url == bosbase_client.base_url == {server.url!r}
            assert repr(bosbase_server) == "RunningServer({server.url!r})"
            assert not hasattr(bosbase_server, "__len__")

        def test_embedded(bosbase_server):
            bosbase_server.create_record("users")
        """
    )
    result = pytester.runpytest_inprocess("--bosbase-url", server.url)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*UsageError: bosbase_server.create_record needs the embedded server: leave out --bosbase-url"]
    )


class FreshBosBase(BaseHTTPRequestHandler):
    """A proxy that behaves as a BosBase does for 2 s after the first bind ever."""

    protocol_version = "HTTP/1.1"
    behind = ""
    settled_at = float("inf")

    def do_POST(self) -> None:
        """Passes a call on, if the table of bindings is known by now."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.path.rpartition("/")[2]
        if operation != "bind-token" and time.monotonic() < type(self).settled_at:
            refused = {"status": 400, "message": "Failed to authenticate.", "data": {}}
            self.respond(204) if operation == "unbind-token" else self.respond(400, json.dumps(refused).encode())
            return
        headers = {"Content-Type": "application/json"}
        passed_on = httpx.post(type(self).behind + self.path, content=body, headers=headers, trust_env=False)
        if type(self).settled_at == float("inf"):
            type(self).settled_at = time.monotonic() + 2
        self.respond(passed_on.status_code, passed_on.content)

    def respond(self, status: int, body: bytes = b"") -> None:
        """Sends a whole response."""
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keeps standard error to the suite."""


@pytest.fixture
def fresh(server: LiveServer) -> Iterator[str]:
    """The URL of a BosBase to which no token was ever bound."""
    handler = type("Handler", (FreshBosBase,), {"behind": server.url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()


def test_a_fresh_bosbase(
    pytester: pytest.Pytester, server: LiveServer, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session waits once, after its first bind; a proxy of the environment is not asked for this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    email = f"{generate_token('a')}@example.com"
    server.create_record("users", email=email, password=PASSWORD)
    pytester.makepyfile(
        f"""
        import time
        import pytest
        from bosbase_wrapper import InvalidCredentialsError, generate_token

        seconds = []

        @pytest.mark.parametrize("number", [1, 2])
        def test_life(bosbase_client, number):
            users, token = bosbase_client.collection("users"), generate_token()
            account = ({email!r}, {PASSWORD!r}, token)
            started = time.monotonic()
            users.bind_custom_token(*account)
            seconds.append(time.monotonic() - started)
            assert users.auth_with_token(token).record.id
            users.unbind_custom_token(*account)
            with pytest.raises(InvalidCredentialsError):
                users.auth_with_token(token)
            assert len(seconds) == 1 or seconds[0] > 2 > seconds[1]
        """
    )
    pytester.runpytest_inprocess("--bosbase-url", fresh).assert_outcomes(passed=2)


def test_a_url_that_is_none(pytester: pytest.Pytester) -> None:
    """A malformed --bosbase-url is an error that names the option."""
    pytester.makepyfile("def test_client(bosbase_client): pass")
    result = pytester.runpytest_inprocess("--bosbase-url", "localhost:8090")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*UsageError: --bosbase-url: base_url must be an http:// or https:// URL with a host*"]
    )


def test_the_option_is_documented(pytester: pytest.Pytester) -> None:
    """`pytest --help` and `pytest --fixtures` tell what there is, each name with the prefix."""
    pytester.runpytest_inprocess("--help").stdout.fnmatch_lines(["bosbase:", "*--bosbase-url=URL*"])
    fixtures = pytester.runpytest_inprocess("--fixtures")
    fixtures.stdout.fnmatch_lines(["bosbase_server*session*", "*An embedded server for the session*"])
    fixtures.stdout.fnmatch_lines(["bosbase_client*", "*A client of the server for one test*"])
    fixtures.stdout.fnmatch_lines(["bosbase_contract*", "*fails the test, with a table*"])


# --- the contract ---


def test_a_sound_server_keeps_the_contract(server: LiveServer, pytester: pytest.Pytester) -> None:
    """The fixture gives the report, for the test to look at the advice: this collection allows few checks."""
    account = {"collection": generate_token("quick"), "email": "user@example.com", "password": PASSWORD}
    settings = {"passwordAuth": {"enabled": False}, "otp": {"enabled": True}}
    server.create_collection({"name": account["collection"], "type": "auth", "fields": [FAST], **settings})
    server.create_record(account["collection"], email=account["email"], password=PASSWORD)
    pytester.makepyfile(
        f"""
        def test_contract(bosbase_contract):
            report = bosbase_contract({server.url!r}, {account!r})
            assert report.ok and report.requests > 50 and report.advice
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.fixture
def silent() -> Iterator[RawServer]:
    """A server that hangs up on everybody."""
    with RawServer(lambda _: None) as silent:
        yield silent


def test_a_contract_that_is_not_kept(silent: RawServer, pytester: pytest.Pytester) -> None:
    """The test fails with the table, without a traceback, and without the password although locals are shown."""
    (pytester.path / "password").write_text(PASSWORD)
    pytester.makepyfile(
        f"""
        from pathlib import Path

        class Account(dict):
            def __repr__(self):
                return "<account>"

        def test_contract(bosbase_contract):
            account = Account(email="user@example.com", password=Path("password").read_text())
            bosbase_contract({silent.url!r}, account)
        """
    )
    result = pytester.runpytest_inprocess("--showlocals")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{silent.url}*collection users*", "*UNFINISHED*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line(f"*{PASSWORD}*")


def test_the_check_is_missing(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `check` was not installed: the error tells how to."""
    for name in [name for name in sys.modules if name.startswith("bosbase_wrapper.check")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    pytester.makepyfile("def test_contract(bosbase_contract): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*bosbase_contract needs jsonschema: pip install "bosbase-wrapper?check?"*'])


# --- what every run of pytest in the environment pays ---


def test_the_plugin_imports_nothing_heavy() -> None:
    """It is loaded in suites that never use it."""
    code = (
        "import pytest, sys, bosbase_wrapper.pytest_plugin\n"
        "heavy = {'httpx', 'attr', 'bosbase_client', 'bosbase_wrapper.server', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout == "[]\n"
