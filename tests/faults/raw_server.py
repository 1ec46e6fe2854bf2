"""A server of raw sockets: each request is answered with exactly the bytes, the waits and the end that a test wants."""

import contextlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, MutableSequence
from typing import Self

SIGNED_IN = json.dumps(
    {"token": "jwt.jwt.jwt", "record": {"id": "r1", "collectionId": "c1", "collectionName": "users"}}
).encode()


TLS_HANDSHAKE = b"\x16"


class Connection:
    """One connection of a client, with what a misbehaving server does to it. `request` is the last one, whole."""

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self.sock = sock
        self.over = over
        self.request = b""

    def read_request(self) -> bytes:
        """The next request, whole; what came first, where that is TLS instead of HTTP."""
        received = self._read()
        if received.startswith(TLS_HANDSHAKE):
            return received
        while b"\r\n\r\n" not in received:
            received += self._read()
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while len(body) < int(lengths[0] if lengths else 0):
            body += self._read()
        self.request = head + b"\r\n\r\n" + body
        return self.request

    def until_closed(self) -> None:
        """Wait for the client to close the connection."""
        with contextlib.suppress(ConnectionError):
            self._read()

    def _read(self) -> bytes:
        chunk = self.sock.recv(65536)
        if not chunk:
            raise ConnectionError("the client closed the connection")
        return chunk

    def send(self, data: bytes) -> None:
        """Send all of the bytes."""
        self.sock.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Send the bytes one by one, again and again, until the client goes or the server stops."""
        while not self.over.is_set():
            for byte in data:
                self.sock.sendall(bytes([byte]))
                self.over.wait(pause)

    def pour(self, data: bytes) -> None:
        """Send the bytes again and again, as fast as they are taken."""
        while not self.over.is_set():
            self.sock.sendall(data)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


KEEP = True
# Answers one request; the connection serves on where it gives KEEP, and ends otherwise.
Script = Callable[[Connection], object]


def answer(status: int, body: bytes = b"", *headers: str) -> Script:
    """Answers as a sound server would."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", *headers, "", ""]
    whole = "\r\n".join(lines).encode() + body

    def script(connection: Connection) -> bool:
        connection.send(whole)
        return KEEP

    return script


sound = answer(200, SIGNED_IN, "Content-Type: application/json")


class RawServer:
    """Serves on a free port of 127.0.0.1; `script` answers each request, and may be changed at any time.

    `requests` keeps what was read, `open_connections` counts.
    """

    def __init__(self, script: Script = sound, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.requests: MutableSequence[bytes] = []
        self.open_connections = 0
        self._tls = tls
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[tuple[threading.Thread, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Where the server is."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_for_no_connections(self) -> None:
        """Fail unless every connection ends within 10 s."""
        ends = time.monotonic() + 10
        while self.open_connections:
            assert time.monotonic() < ends, f"{self.open_connections} connections are open"
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        # Closing alone does not wake an accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        for thread, sock in self._connections:
            with contextlib.suppress(OSError):  # a client that is still there would hold the thread
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._connections = [*(one for one in self._connections if one[0].is_alive()), (thread, sock)]
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sys.settrace(None)  # coverage makes a thread several times slower, and this one runs nothing of the package
        sock.settimeout(60)
        with self._lock:
            self.open_connections += 1
        try:
            # A client that goes in the middle is what half of the tests are about.
            with contextlib.suppress(OSError), sock:
                self._talk(sock)
        finally:
            with self._lock:
                self.open_connections -= 1

    def _talk(self, sock: socket.socket) -> None:
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_side=True)
        with sock:
            connection = Connection(sock, self._over)
            again = True
            while again and not self._over.is_set():
                self.requests.append(connection.read_request())
                again = self.script(connection) is KEEP
