"""A proxy in front of a sound server, which may change requests and responses."""

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from ._wire import Dropped, Request, Response

_HOP_BY_HOP = {"connection", "content-length", "host", "accept-encoding", "transfer-encoding", "keep-alive"}


class Sound:
    """The server behind a spoiler, and what the proxy saw of it.

    `account`, `collection` and `tokens` are of the last bind that succeeded, `session` of the last sign-in. `memory` is
    for anything else that a spoiler must remember.
    """

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.account: dict[str, Any] = {}
        self.collection = ""
        self.tokens: dict[str, None] = {}
        self.session: dict[str, Any] = {}
        self.memory: dict[str, Any] = {}
        self._url = url
        self._client = client

    @property
    def password(self) -> str:
        """The account's password, "" before the first bind."""
        return str(self.account.get("password", ""))

    def __call__(self, request: Request) -> Response:
        """The sound response."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        answer = self._client.request(
            request.method, self._url + request.target, content=request.body, headers=headers, follow_redirects=False
        )
        kept = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _HOP_BY_HOP]
        response = Response(answer.status_code, answer.content, kept)
        self._remember(request, response)
        return response

    def _remember(self, request: Request, response: Response) -> None:
        if request.is_bind and response.status == 204 and request.json:
            self.account, self.collection = request.json, request.collection
            self.tokens[request.text("token")] = None
        if request.is_unbind and response.status == 204:
            self.tokens.pop(request.text("token"), None)
        if request.is_sign_in and response.status == 200 and "record" in response.json:
            self.session = response.json


Spoiler = Callable[[Request, Sound], Response]


def sound(request: Request, server: Sound) -> Response:
    """Spoils nothing."""
    return server(request)


class BrokenServer:
    """Serves a spoiled server on a free port of 127.0.0.1 while the context is open; the context is its URL."""

    def __init__(self, url: str, spoil: Spoiler) -> None:
        # verify=False: certificates take time to load, and the server speaks plain http.
        self._client = httpx.Client(timeout=30, trust_env=False, verify=False, headers={"Accept-Encoding": "identity"})
        self.sound = Sound(url, self._client)
        self._server = _Server(lambda request: spoil(request, self.sound))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        self._client.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        self.respond = respond
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints nothing when a client closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        sys.settrace(None)  # coverage makes a thread several times slower, and this one runs nothing of the package
        super().setup()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            response = self.server.respond(Request(self.command, self.path, dict(self.headers.items()), body))
        except Dropped:
            self.close_connection = True
            return
        self.wfile.write(self._head(response) + response.body)

    def _head(self, response: Response) -> bytes:
        """The head; it is written together with the body, because a second write may wait for 40 ms."""
        length = [] if response.status == 204 else [("Content-Length", str(len(response.body)))]
        headers = [f"{name}: {value}" for name, value in [*response.headers, *length]]
        return "\r\n".join([f"HTTP/1.1 {response.status} Status", *headers, "", ""]).encode()
