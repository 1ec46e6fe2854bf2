"""examples/fastapi_service.py over real HTTP: uvicorn in a thread, BosBase as an embedded server."""

import hashlib
import logging
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import uvicorn

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer
from examples import fastapi_service

pytestmark = pytest.mark.untraced

PASSWORD = "password1234"
app = fastapi_service.app


@app.get("/open")
async def open_route() -> dict[str, str]:
    """A route without the dependency, to compare with."""
    return {"id": "", "email": ""}


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, bosbase_url: str) -> Generator[httpx.Client]:
    """Run the service against `bosbase_url`, and give a client of it."""
    monkeypatch.setenv("BOSBASE_URL", bosbase_url)
    config = uvicorn.Config(app, port=0, log_config=None, log_level="debug", timeout_keep_alive=60)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    # httpx's pool for threads now and then closes a connection that another thread has just taken: let it close none.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=None)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
        yield client
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def service(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Generator[httpx.Client]:
    """The service, in front of the embedded server."""
    with serving(monkeypatch, server.url) as client:
        yield client


def bind(server: LiveServer, collection: str = "users") -> tuple[str, str]:
    """Bind a new token to a new account. Returns the token and the id of the account."""
    email, token = f"{secrets.token_hex(6)}@example.com", generate_token()
    record = server.create_record(collection, email=email, password=PASSWORD)
    with BosBase(server.url) as client:
        client.collection(collection).bind_custom_token(email, PASSWORD, token)
    return token, record["id"]


def bearer(token: str) -> dict[str, str]:
    """The header that a caller sends."""
    return {"Authorization": f"Bearer {token}"}


def sign_ins(caplog: pytest.LogCaptureFixture) -> int:
    """The number of sign-ins that the client logged."""
    return sum(record.name == "bosbase_wrapper" for record in caplog.records)


def test_a_thousand_requests_cost_one_sign_in(
    server: LiveServer, service: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The first hundred of them come at the same time."""
    token, record_id = bind(server)
    caplog.set_level(logging.DEBUG, "bosbase_wrapper")
    with ThreadPoolExecutor(100) as pool:
        responses = list(pool.map(lambda _: service.get("/me", headers=bearer(token)), range(1000)))
    assert {response.status_code for response in responses} == {200}
    assert {response.json()["id"] for response in responses} == {record_id}
    assert sign_ins(caplog) == 1


def test_the_cost_of_a_cached_request(server: LiveServer, service: httpx.Client) -> None:
    """`pytest -rP` shows the figures. No time is asserted: a busy machine must not fail the test."""
    token, _ = bind(server)

    def milliseconds(path: str) -> float:
        started = time.perf_counter()
        assert service.get(path, headers=bearer(token)).status_code == 200
        return (time.perf_counter() - started) * 1000

    first = milliseconds("/me")
    pairs = [(milliseconds("/open"), milliseconds("/me")) for _ in range(300)]
    plain, cached = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"first request {first:.1f} ms, cached {cached:.2f} ms, without the dependency {plain:.2f} ms")


def test_tokens_keep_their_accounts_apart(server: LiveServer, service: httpx.Client) -> None:
    """Callers with tokens of their own never see each other's account."""
    accounts = dict(bind(server) for _ in range(5))
    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(lambda t: (t, service.get("/me", headers=bearer(t)).json()["id"]), [*accounts] * 20))
    assert set(seen) == set(accounts.items())


@pytest.mark.parametrize("token", ["unknown", "x" * 1025, "x\x7fy", "ü"])
def test_a_token_that_does_not_sign_in_is_401(service: httpx.Client, token: str) -> None:
    """And the next request with it tries again."""
    for _ in range(2):
        response = service.get("/me", headers={b"Authorization": f"Bearer {token}".encode("latin-1")})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer"}])
def test_a_request_without_a_token_is_401(service: httpx.Client, headers: dict[str, str]) -> None:
    """With the challenge that RFC 6750 asks for."""
    response = service.get("/me", headers=headers)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_failed_sign_in_is_forgotten(server: LiveServer, service: httpx.Client) -> None:
    """A token that is bound later works at once."""
    email, token = f"{secrets.token_hex(6)}@example.com", generate_token()
    server.create_record("users", email=email, password=PASSWORD)
    assert service.get("/me", headers=bearer(token)).status_code == 401
    with BosBase(server.url) as client:
        client.collection("users").bind_custom_token(email, PASSWORD, token)
    assert service.get("/me", headers=bearer(token)).status_code == 200


@contextmanager
def replying(status: int, body: bytes, headers: dict[str, str]) -> Generator[str]:
    """A server that gives one response to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def envelope(status: int) -> bytes:
    """The server's error envelope."""
    return b'{"data": {}, "message": "No.", "status": %d}' % status


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected", "retry_after"),
    [
        (403, envelope(403), {}, 403, None),
        (401, b'{"mfaId": "7nbcwn14p9f2wqk"}', {}, 403, None),
        (429, envelope(429), {"Retry-After": "60"}, 429, "60"),
        (404, envelope(404), {}, 503, "5"),
        (200, b"<html>", {}, 503, "5"),
    ],
)
def test_errors_become_statuses(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    headers: dict[str, str],
    expected: int,
    retry_after: str | None,
) -> None:
    """The caller sees a status that it can act on."""
    with (
        replying(status, body, {"Content-Type": "application/json", **headers}) as url,
        serving(monkeypatch, url) as service,
    ):
        response = service.get("/me", headers=bearer("token"))
    assert response.status_code == expected
    assert response.headers.get("Retry-After") == retry_after


def test_no_server_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the client's own retries."""
    with serving(monkeypatch, "http://127.0.0.1:9") as service:
        response = service.get("/me", headers=bearer("token"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_no_log_and_no_cache_key_holds_a_secret(
    server: LiveServer, service: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at DEBUG."""
    token, _ = bind(server)
    caplog.set_level(logging.DEBUG)
    for value in (token, "unknown-canary-token"):
        service.get("/me", headers=bearer(value))
    ours = [record for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    shown: Callable[[str], bool] = lambda secret: any(secret in record.getMessage() for record in ours)  # noqa: E731
    jwt = next(iter(app.state.sessions.values())).result().token
    assert not any(map(shown, (token, "unknown-canary-token", jwt)))
    assert not any(secret in text for text in capfd.readouterr() for secret in (token, jwt))
    assert list(app.state.sessions) == [hashlib.sha256(token.encode()).digest()]
