"""An endless answer is left soon after its 4 MiB, over every transport."""

import pytest

from bosbase_wrapper import UnexpectedResponseError

from .drivers import Driver
from .raw_server import Connection, RawServer

MEGABYTE = b" " * 1024 * 1024


@pytest.mark.parametrize("chunked", [True, False])
def test_not_much_more_is_taken_than_is_kept(driver: Driver, server: RawServer, chunked: bool) -> None:
    """Some buffers of the system and of the transport, and no more."""
    sent: list[int] = []

    def pour(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n" + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"))
        while not connection.over.is_set():
            connection.send(b"100000\r\n" + MEGABYTE + b"\r\n" if chunked else MEGABYTE)
            sent.append(1)

    server.script = pour
    (failed,) = driver(server.url, timeout=20, retries=0)
    assert isinstance(failed, UnexpectedResponseError)
    assert len(sent) <= 32
