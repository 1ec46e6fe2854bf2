"""`signed` does for httpx2 what the auth does for httpx."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import httpx2
import pytest

from bosbase_wrapper import ConfigurationError
from bosbase_wrapper.httpx2 import signed

from .auth_server import AIO, THREADS, TOKEN, URL, Server


def answering(server: Server) -> Callable[[Any], httpx2.Response]:
    """Answer the requests of httpx2 as the server answers those of httpx."""

    def handle(request: Any) -> httpx2.Response:
        response = server(httpx.Request(request.method, str(request.url), headers=dict(request.headers)))
        return httpx2.Response(response.status_code)

    return handle


def test_it_signs_the_requests_of_a_client() -> None:
    """Also after a 401."""
    server = Server()
    auth = signed(THREADS.token_auth(server))

    class Transport(httpx2.BaseTransport):
        """Leaves the body unread, as a network does."""

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            return answering(server)(request)

    with httpx2.Client(transport=Transport(), auth=auth) as http:
        assert [http.get(URL).status_code for _ in range(3)] == [200] * 3
        server.revoke()
        assert http.post(URL, json={"a": 1}).status_code == 200
        server.revoke()
        assert http.post(URL, content=iter([b"part"])).status_code == 401
    assert len(server.sign_ins) == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_signs_the_requests_of_an_async_client(backend: str) -> None:
    """The same, with an AsyncTokenAuth."""
    server = Server()

    async def main() -> None:
        auth = signed(AIO.token_auth(server))
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answering(server)), auth=auth) as http:
            assert (await http.get(URL)).status_code == 200
            server.revoke()
            assert (await http.get(URL)).status_code == 200

    anyio.run(main, backend=backend)
    assert len(server.sign_ins) == 2


def test_the_wrong_pairing_is_an_error() -> None:
    """As with httpx. So is anything but one of our auths."""
    server = Server()
    with httpx2.Client(auth=signed(AIO.token_auth(server))) as http, pytest.raises(ConfigurationError, match="Async"):
        http.get(URL)
    with pytest.raises(ConfigurationError, match="TokenAuth or an AsyncTokenAuth"):
        signed(httpx.BasicAuth("a", "b"))  # type: ignore[arg-type]
    assert TOKEN not in repr(signed(THREADS.token_auth(server)))


def test_without_httpx2_the_import_says_what_to_install() -> None:
    """In a Python that cannot find it."""
    code = "import sys; sys.modules['httpx2'] = None; import bosbase_wrapper.httpx2"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: bosbase_wrapper.httpx2 needs httpx2: pip install httpx2"
