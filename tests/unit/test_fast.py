"""The fast transports beside httpx's own: what they send, return and raise, and what a program may do around them."""

import asyncio
import gzip
import importlib
import pickle
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trio
import trustme

from bosbase_wrapper import AsyncBosBase, BosBase, ConfigurationError
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport

from ..faults.raw_server import KEEP, Connection, RawServer, Script, answer, sound
from ..faults.test_client_connections import free_port, full_queue, wait_until
from ..faults.test_client_faults import DROPPED, MALFORMED, NEVER_ENDING_HEADS, TOO_SLOW

# Sends one request over a new transport, and returns the response, read whole.
Send = Callable[..., httpx.Response]


def over(transport: httpx.BaseTransport, method: str, url: str, **options: Any) -> httpx.Response:
    """Over a transport of `httpx.Client`."""
    timeout = options.pop("timeout", 5)
    with httpx.Client(transport=transport, timeout=timeout, trust_env=False) as client:
        return client.request(method, url, **options)


def httpx_own(method: str, url: str, **options: Any) -> httpx.Response:
    """Over httpx's own transport."""
    return over(httpx.HTTPTransport(), method, url, **options)


def fast(method: str, url: str, *, verify: bool | str | Path = True, **options: Any) -> httpx.Response:
    """Over FastTransport."""
    return over(FastTransport(verify=verify), method, url, **options)


def async_fast(method: str, url: str, *, verify: bool | str | Path = True, **options: Any) -> httpx.Response:
    """Over AsyncFastTransport."""
    timeout = options.pop("timeout", 5)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=AsyncFastTransport(verify=verify), timeout=timeout) as client:
            return await client.request(method, url, **options)

    return asyncio.run(main())


@pytest.fixture(params=[fast, async_fast], ids=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Send:
    """Each of the two."""
    chosen: Send = request.param
    return chosen


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A raw server."""
    with RawServer() as server:
        yield server


def echo(connection: Connection) -> object:
    """Sends the request's body back."""
    return answer(200, connection.request.partition(b"\r\n\r\n")[2])(connection)


def sends(data: bytes) -> Script:
    """Sends the bytes, and keeps the connection."""

    def script(connection: Connection) -> bool:
        connection.send(data)
        return KEEP

    return script


def says_nothing(connection: Connection) -> None:
    """Sends no response."""
    connection.over.wait(20)


def head_of(request: bytes) -> set[bytes]:
    """The lines of a request's head, with header names in lower case."""
    line, *headers = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    parted = (header.partition(b": ") for header in headers)
    return {line, *(name.lower() + b": " + value for name, _, value in parted)}


# --- what goes out ---


def test_the_request_arrives_as_httpx_built_it(send: Send, server: RawServer) -> None:
    """With all of its headers, and no others."""
    headers = [("X-Twice", "1"), ("X-Twice", "2"), ("X-Name", "Zoë".encode()), ("Host", "bosbase.example")]
    send("BREW", f"{server.url}/pot/a%20b?q=%2F&q=2", headers=headers, content=b"beans")
    httpx_own("BREW", f"{server.url}/pot/a%20b?q=%2F&q=2", headers=headers, content=b"beans")
    ours, theirs = server.requests
    assert head_of(ours) == head_of(theirs)
    assert ours.endswith(b"\r\n\r\nbeans")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_a_body(send: Send, server: RawServer, method: str) -> None:
    """Has the length that httpx gives it: none, or 0."""
    send(method, server.url)
    httpx_own(method, server.url)
    ours, theirs = server.requests
    assert head_of(ours) == head_of(theirs)


def test_a_body_of_a_form_with_a_file(send: Send, server: RawServer) -> None:
    """httpx streams it, and so does the transport."""
    server.script = echo
    response = send("POST", server.url, data={"name": "Ada"}, files={"file": ("a.txt", b"x" * 100_000)})
    assert b"x" * 100_000 in response.content


def after_the_last_chunk(connection: Connection) -> object:
    """Answer when the whole request is there: Python 3.13 warns of a stream that an engine leaves half-way."""
    received = connection.request
    while not received.endswith(b"\r\n0\r\n\r\n"):
        received += connection.sock.recv(65536)
    return sound(connection)


def test_a_body_that_the_caller_streams(server: RawServer) -> None:
    """In chunks, since its length is not known."""
    server.script = after_the_last_chunk

    def parts() -> Iterator[bytes]:
        yield b"beans "
        yield b"and water"

    assert fast("POST", server.url, content=parts()).status_code == 200
    assert b"transfer-encoding: chunked" in head_of(server.requests[0])


def test_a_body_that_the_caller_streams_in_tasks(server: RawServer) -> None:
    """The same under asyncio."""
    server.script = after_the_last_chunk

    async def parts() -> AsyncIterator[bytes]:
        yield b"beans "
        yield b"and water"

    assert async_fast("POST", server.url, content=parts()).status_code == 200
    assert b"transfer-encoding: chunked" in head_of(server.requests[0])


def test_an_error_of_the_callers_stream_is_raised(server: RawServer) -> None:
    """As it is."""

    def parts() -> Iterator[bytes]:
        yield b"beans "
        raise KeyError("no water")

    with pytest.raises(KeyError, match="no water"):
        fast("POST", server.url, content=parts())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"headers": {"Authorization": b"canary\xff"}}, httpx.LocalProtocolError),
        ({"headers": {"Authorization": "canary\r\nX: y"}}, httpx.LocalProtocolError),
        ({"method": "GET canary"}, httpx.LocalProtocolError),
        ({"url": "ftp://127.0.0.1/canary"}, httpx.UnsupportedProtocol),
    ],
)
def test_what_cannot_be_sent(send: Send, server: RawServer, change: dict[str, Any], error: type[Exception]) -> None:
    """Raises before anything is sent, and the message does not repeat it."""
    with pytest.raises(error) as caught:
        send(**{"method": "GET", "url": server.url, **change})
    assert "canary" not in str(caught.value)
    assert server.requests == []


def test_no_proxy_of_the_environment_is_used(send: Send, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor looked at."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send("GET", server.url).status_code == 200


@pytest.mark.parametrize(
    ("target", "sent"), [("/a/%2e%2e/b", b"/b"), ("/a\\b?q=\\", b"/a/b?q=\\"), ("/'?q='x'", b"/'?q=%27x%27")]
)
def test_what_the_engine_changes_in_a_url(send: Send, server: RawServer, target: str, sent: bytes) -> None:
    """docs/fast.md says so."""
    send("GET", server.url + target)
    assert server.requests[0].split(b" ")[1] == sent


# --- what comes back ---


def test_a_redirect_is_returned(send: Send, server: RawServer) -> None:
    """The body of the request goes to no other host."""
    server.script = answer(307, b"", f"Location: {server.url}/elsewhere")
    assert send("POST", server.url, content=b"secret").status_code == 307
    assert len(server.requests) == 1


def test_no_cookie_is_kept(server: RawServer) -> None:
    """A transport has no cookies; httpx's client has."""
    server.script = answer(200, b"", "Set-Cookie: who=canary; Path=/")
    transport = FastTransport()
    for _ in range(2):
        request = httpx.Request("GET", server.url)
        response = transport.handle_request(request)
        response.read()
        assert response.headers["set-cookie"] == "who=canary; Path=/"
    transport.close()
    assert not any(b"canary" in request for request in server.requests)


def test_headers_of_a_response(send: Send, server: RawServer) -> None:
    """Repeated ones are kept apart. One that is not ASCII is left out, since the engine does not hand it out."""
    lines = b"X: 1\r\nX-Name: Zo\xeb\r\nx: 2\r\nContent-Length: 2\r\n\r\nok"
    server.script = sends(b"HTTP/1.0 200 OK\r\n" + lines)
    response = send("GET", server.url)
    assert response.headers.get_list("X") == ["1", "2"]
    assert "X-Name" not in response.headers
    assert (response.text, response.http_version) == ("ok", "HTTP/1.0")


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_a_response_without_a_body(send: Send, server: RawServer, method: str, status: str) -> None:
    """Whatever its length says."""
    server.script = sends(f"HTTP/1.1 {status}\r\nContent-Length: {0 if '204' in status else 5}\r\n\r\n".encode())
    response = send(method, server.url)
    assert (response.status_code, response.content) == (int(status[:3]), b"")


def test_httpx_decodes_the_body(send: Send, server: RawServer) -> None:
    """And keeps the headers that the server sent."""
    body = gzip.compress(b"x" * 1000)
    server.script = answer(200, body, "Content-Encoding: gzip")
    response = send("GET", server.url)
    assert response.text == "x" * 1000
    assert response.headers["content-encoding"] == "gzip"
    assert response.num_bytes_downloaded == len(body)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_the_engine_decodes_nothing(server: RawServer, coding: str) -> None:
    """The bytes of the body are what the server sent."""
    server.script = answer(200, b"any bytes", f"Content-Encoding: {coding}")
    with FastTransport() as transport:
        response = transport.handle_request(httpx.Request("GET", server.url))
        assert b"".join(response.iter_raw()) == b"any bytes"


def test_the_head_comes_before_the_body_ends(server: RawServer) -> None:
    """As a stream of events needs it, and each part as soon as it arrives. Closing it early drops the connection."""

    def script(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nfirst")
        connection.until_closed()

    server.script = script
    with httpx.Client(transport=FastTransport(), timeout=60) as client:
        with client.stream("GET", server.url) as response:
            assert next(response.iter_raw()) == b"first"
            assert server.open_connections == 1
        wait_until(lambda: server.open_connections == 0)


def test_the_head_comes_before_the_body_ends_in_tasks(server: RawServer) -> None:
    """The same under asyncio."""

    def script(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nfirst")
        connection.until_closed()

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport(), timeout=60) as client:
            async with client.stream("GET", server.url) as response:
                assert await anext(response.aiter_raw()) == b"first"
            await asyncio.to_thread(wait_until, lambda: server.open_connections == 0)

    server.script = script
    asyncio.run(main())


def test_a_connection_is_used_again(server: RawServer) -> None:
    """After a body was read to its end."""
    with httpx.Client(transport=FastTransport()) as client:
        for _ in range(5):
            assert client.get(server.url).status_code == 200
        assert server.open_connections == 1
    wait_until(lambda: server.open_connections == 0)


def test_each_connect_timeout_has_a_pool(server: RawServer) -> None:
    """If it is shorter than the whole."""
    with httpx.Client(transport=FastTransport()) as client:
        for connect in (1, 2, 1, 2, 10):
            client.get(server.url, timeout=httpx.Timeout(10, connect=connect))
        assert server.open_connections == 3
    wait_until(lambda: server.open_connections == 0)


def test_a_connection_is_used_again_in_tasks(server: RawServer) -> None:
    """The same under asyncio."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport()) as client:
            for _ in range(5):
                assert (await client.get(server.url)).status_code == 200
            assert server.open_connections == 1
        await asyncio.to_thread(wait_until, lambda: server.open_connections == 0)

    asyncio.run(main())


# --- errors ---


@pytest.mark.parametrize("script", [pytest.param(script, id=name) for name, script in (DROPPED | MALFORMED).items()])
def test_an_error_is_that_of_httpx(send: Send, server: RawServer, script: Script) -> None:
    """Of the same class; and what tells a dropped connection from bytes that are no HTTP is in its message."""
    server.script = script
    raised: list[httpx.HTTPError] = []
    for sender in (httpx_own, send):
        with pytest.raises(httpx.HTTPError) as caught:
            sender("POST", server.url, content=b"{}")
        raised.append(caught.value)
    theirs, ours = raised
    assert type(ours) is type(theirs)
    for words in ("disconnected", "peer closed"):
        assert (words in str(ours)) == (words in str(theirs))
    assert str(server.url) not in repr(ours)


@pytest.mark.parametrize("script", [*TOO_SLOW.values(), *NEVER_ENDING_HEADS.values()])
def test_a_slow_response_ends_in_time(send: Send, server: RawServer, script: Script) -> None:
    """Also one whose every byte comes in time, which httpx lets go on for ever."""
    server.script = script
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        send("POST", server.url, content=b"{}", timeout=httpx.Timeout(0.2, connect=0.3))
    assert 0.25 < time.monotonic() - started < 2


def test_no_timeout_waits(send: Send, server: RawServer) -> None:
    """And so does one that leaves reading without a limit."""

    def takes_its_time(connection: Connection) -> object:
        connection.over.wait(0.3)
        return sound(connection)

    server.script = takes_its_time
    assert send("GET", server.url, timeout=None).status_code == 200
    assert send("GET", server.url, timeout=httpx.Timeout(0.1, read=None)).status_code == 200


def test_no_connection(send: Send) -> None:
    """Nobody listens, or the name is not known."""
    for url in (f"http://127.0.0.1:{free_port()}", "http://bosbase.invalid"):
        with pytest.raises(httpx.ConnectError, match=r"refused|not known|resolution"):
            send("GET", url)


def test_a_connection_that_is_not_made_in_time(send: Send) -> None:
    """Is told from a response that does not come, if connecting has a shorter limit."""
    with full_queue() as port:
        started = time.monotonic()
        for timeout in (httpx.Timeout(10, connect=0.2), httpx.Timeout(None, connect=0.2)):
            with pytest.raises(httpx.ConnectTimeout):
                send("GET", f"http://127.0.0.1:{port}", timeout=timeout)
        with pytest.raises(httpx.ReadTimeout):
            send("GET", f"http://127.0.0.1:{port}", timeout=0.2)
        assert time.monotonic() - started < 5


def test_no_free_connection(server: RawServer) -> None:
    """There are 100, as with httpx; the next request waits for as long as it may take as a whole."""
    release = threading.Event()

    def waits(connection: Connection) -> object:
        release.wait(20)
        return sound(connection)

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport(), timeout=20) as client:
            others = [asyncio.create_task(client.get(server.url)) for _ in range(100)]
            await asyncio.to_thread(wait_until, lambda: len(server.requests) == 100)
            with pytest.raises(httpx.PoolTimeout):
                await client.get(server.url, timeout=0.2)
            release.set()
            assert {response.status_code for response in await asyncio.gather(*others)} == {200}

    server.script = waits
    asyncio.run(main())


def test_closing_from_another_thread_ends_a_request(server: RawServer) -> None:
    """Long before its timeout. The transport can be used again."""
    server.script = says_nothing
    transport = FastTransport()
    client = httpx.Client(transport=transport, timeout=100)

    def close_later() -> None:
        wait_until(lambda: len(server.requests) == 1)
        transport.close()

    threading.Thread(target=close_later).start()
    with pytest.raises(httpx.ReadError):
        client.get(server.url)
    server.script = sound
    assert client.get(server.url).status_code == 200
    client.close()


def test_closing_from_another_task_ends_a_request(server: RawServer) -> None:
    """The same under asyncio."""
    server.script = says_nothing

    async def main() -> None:
        transport = AsyncFastTransport()
        async with httpx.AsyncClient(transport=transport, timeout=2) as client:
            call = asyncio.create_task(client.get(server.url))
            await asyncio.to_thread(wait_until, lambda: len(server.requests) == 1)
            await transport.aclose()
            with pytest.raises(httpx.ReadError):
                await call

    asyncio.run(main())


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody knows."""
    return trustme.CA()


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[RawServer]:
    """A server with a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with RawServer(tls=context) as server:
        yield server


def test_certificates(send: Send, authority: trustme.CA, tls_server: RawServer, tmp_path: Path) -> None:
    """An unknown authority is refused, unless it is named, or nothing is verified."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with pytest.raises(httpx.ConnectError, match="certificate"):
        send("GET", tls_server.url)
    assert tls_server.requests == []
    assert send("GET", tls_server.url, verify=tmp_path / "authority.pem").status_code == 200
    assert send("GET", tls_server.url, verify=str(tmp_path / "authority.pem")).status_code == 200
    assert send("GET", tls_server.url, verify=False).status_code == 200


@pytest.mark.parametrize("make", [FastTransport, AsyncFastTransport])
def test_a_file_without_certificates(make: Callable[..., object], authority: trustme.CA, tmp_path: Path) -> None:
    """Is refused when the transport is made, and so is a file with a broken certificate, also behind a sound one."""
    with pytest.raises(FileNotFoundError):
        make(verify=tmp_path / "none.pem")
    broken = b"-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n"
    for text in (b"", b"no PEM", broken, broken[:30], authority.cert_pem.bytes() + broken):
        (tmp_path / "empty.pem").write_bytes(text)
        with pytest.raises(ValueError, match=r"empty.pem contains no certificate"):
            make(verify=str(tmp_path / "empty.pem"))


@pytest.fixture(
    params=[{"SSL_CERT_FILE": "/nope"}, {"SSL_CERT_DIR": "/nope"}, {"SSL_CERT_FILE": __file__}, {"SSL_CERT_FILE": ""}],
    ids=["no file", "no folder", "no certificates", "no system files"],
)
def no_authorities(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which the engine finds no certificate authorities."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("no_authorities")
def test_plain_http_needs_no_certificates(send: Send, server: RawServer) -> None:
    """Nor does https if they are not verified."""
    assert send("GET", server.url).status_code == 200
    assert send("GET", server.url, verify=False).status_code == 200


@pytest.mark.usefixtures("no_authorities")
def test_https_without_authorities(send: Send, authority: trustme.CA, tls_server: RawServer, tmp_path: Path) -> None:
    """Raises an error that names the variables: one of httpx for httpx, and a ConfigurationError for BosBase."""
    with pytest.raises(httpx.HTTPError, match=r"No CA certificates.*SSL_CERT_FILE.*SSL_CERT_DIR") as caught:
        send("GET", tls_server.url)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), ConfigurationError)
    assert tls_server.requests == []
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    assert send("GET", tls_server.url, verify=tmp_path / "authority.pem").status_code == 200


@pytest.mark.usefixtures("no_authorities")
def test_the_clients_without_authorities(server: RawServer, tls_server: RawServer) -> None:
    """Plain http works, and a call over https raises at once."""
    server.script = tls_server.script = answer(204, b"")

    async def bind(url: str) -> None:
        async with AsyncBosBase(url, transport=AsyncFastTransport()) as client:
            await client.collection("users").bind_custom_token("a@example.com", "password", "token")

    asyncio.run(bind(server.url))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE") as caught:
        asyncio.run(bind(tls_server.url))
    assert caught.value.attempts == 0
    client = BosBase(tls_server.url, transport=FastTransport())
    with client, pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        client.collection("users").bind_custom_token("a@example.com", "password", "token")


def test_plain_http_does_not_weaken_https(server: RawServer, tls_server: RawServer) -> None:
    """A transport that has sent over plain http, which needs no certificates, verifies those of https."""
    with httpx.Client(transport=FastTransport()) as client:
        assert client.get(server.url).status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(tls_server.url)
        assert client.get(server.url).status_code == 200
    assert tls_server.requests == []


# --- what a program does around it ---

FORKS = """
import asyncio, os, sys, threading, httpx
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport

sync, tasks = httpx.Client(transport=FastTransport()), httpx.AsyncClient(transport=AsyncFastTransport())

def post(text):
    return sync.post(sys.argv[1], content=text).text

def post_in_task(text):
    async def main():
        return (await tasks.post(sys.argv[1], content=text)).text
    return asyncio.run(main())

def expect(name, times):
    for number in range(times):
        for send in (post, post_in_task):
            text = f"{name} {number}"
            assert send(text) == text, text

def forked(act):
    child = os.fork()
    if child == 0:
        act()
        sys.exit()
    _, status = os.waitpid(child, 0)
    assert status == 0, status

def grandchild():
    try:
        post("grandchild")
    except httpx.UnsupportedProtocol as error:
        assert "forked" in str(error)
    else:
        raise AssertionError("no error")

def child():
    expect(f"child {os.getpid()}", 10)
    sync.close()

expect("parent before", 1)
over = threading.Event()
busy = threading.Thread(target=lambda: [expect("thread", 1) for _ in iter(over.is_set, True)])
busy.start()
for number in range(5):
    forked(child)
    expect("parent", 5)
over.set()
busy.join()
forked(lambda: (post("child"), forked(grandchild)))
print("done")
"""


@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="this system does not fork")
def test_forks(server: RawServer) -> None:
    """A child has connections of its own, the parent keeps its own; a child's child gets an error that says so."""
    server.script = echo
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, server.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr) == ("done\n", "")


def test_several_event_loops(server: RawServer) -> None:
    """One after the other, and at the same time."""
    transport = AsyncFastTransport()
    client = httpx.AsyncClient(transport=transport)
    statuses: list[int] = []

    async def main() -> None:
        responses = await asyncio.gather(*(client.get(server.url) for _ in range(5)))
        statuses.extend(response.status_code for response in responses)

    threads = [threading.Thread(target=lambda: [asyncio.run(main()) for _ in range(5)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    asyncio.run(client.aclose())
    assert statuses == [200] * 75


def test_many_threads(server: RawServer) -> None:
    """One client serves them, and mixes nothing up."""
    server.script = echo
    wrong: list[bytes] = []
    with httpx.Client(transport=FastTransport()) as client:

        def post(thread: int) -> None:
            for number in range(20):
                text = f"{thread} {number}".encode()
                if client.post(server.url, content=text).content != text:
                    wrong.append(text)

        threads = [threading.Thread(target=post, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert len(server.requests) == 320


def test_a_cancelled_request_is_cancelled_at_once(server: RawServer) -> None:
    """The transport works on."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport(), timeout=3) as client:
            call = asyncio.create_task(client.get(server.url))
            await asyncio.to_thread(wait_until, lambda: len(server.requests) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            server.script = sound
            assert (await client.get(server.url)).status_code == 200

    server.script = says_nothing
    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 2.5


def test_a_cancel_scope_ends_a_request(server: RawServer) -> None:
    """A scope of anyio takes the cancellation as its own, while it waits for the head and for the body."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport(), timeout=3) as client:
            with anyio.move_on_after(0.1) as waiting_for_the_head:
                await client.get(server.url)
            async with client.stream("GET", server.url) as response:
                with anyio.move_on_after(0.1) as waiting_for_the_body:
                    await response.aread()
            assert waiting_for_the_head.cancelled_caught
            assert waiting_for_the_body.cancelled_caught

    def script(connection: Connection) -> None:
        if len(server.requests) > 1:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        says_nothing(connection)

    server.script = script
    anyio.run(main)


def test_trio_is_told_what_to_use(server: RawServer) -> None:
    """The engine knows asyncio only."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncFastTransport()) as client:
            with pytest.raises(httpx.UnsupportedProtocol, match=r"use httpx\.AsyncHTTPTransport under trio"):
                await client.get(server.url)

    trio.run(main)


def test_without_pyreqwest_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only that a module is missing."""
    monkeypatch.setitem(sys.modules, "pyreqwest", None)
    monkeypatch.delitem(sys.modules, "bosbase_wrapper.fast")
    with pytest.raises(ImportError, match=r'pip install "bosbase-wrapper\[fast\]"'):
        importlib.import_module("bosbase_wrapper.fast")


def test_making_a_transport_opens_nothing() -> None:
    """It is cheap, and a program that forks afterwards loses nothing."""
    started = time.perf_counter()
    for _ in range(1000):
        FastTransport()
        AsyncFastTransport()
    assert time.perf_counter() - started < 1


def test_closing_an_unused_transport() -> None:
    """Does nothing."""
    with FastTransport():
        pass

    async def main() -> None:
        async with AsyncFastTransport():
            pass

    asyncio.run(main())
