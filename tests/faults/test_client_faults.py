"""Whatever a server does to a connection, a call ends in its typed error, in time, and the next one works."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from bosbase_wrapper import (
    AuthResult,
    BosBaseError,
    RequestTimeoutError,
    TransportError,
    UnexpectedResponseError,
)

from . import drivers
from .drivers import Driver
from .raw_server import SIGNED_IN, Connection, RawServer, Script, answer, sound

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MEGABYTE = b" " * 1024 * 1024


def sends(data: bytes, *, then: Callable[[Connection], object] | None = None) -> Script:
    """Sends the bytes, does something more, and ends the connection."""

    def script(connection: Connection) -> None:
        connection.send(data)
        if then:
            connection.over.wait(0.05)  # so that the client reads what was sent before what comes now
            then(connection)

    return script


def drips(head: bytes, data: bytes) -> Script:
    """Sends the head at once and then bytes one by one, each long before a read's timeout."""
    return sends(head, then=lambda connection: connection.drip(data))


def pours(head: bytes, data: bytes) -> Script:
    """Sends the head and then data without an end."""
    return sends(head, then=lambda connection: connection.pour(data))


def waits(connection: Connection) -> None:
    """Says nothing more."""
    connection.over.wait(20)


def compressed(body: bytes, *codings: str) -> Script:
    """A sound answer but for the coding of its body."""
    return answer(200, body, "Content-Type: application/json", *(f"Content-Encoding: {coding}" for coding in codings))


# 64 MiB of JSON's white space in 300 KiB.
BOMB = gzip.compress(MEGABYTE * 64, compresslevel=1)


DROPPED: dict[str, Script] = {
    "closed before the answer": sends(b""),
    "reset before the answer": Connection.reset,
    "closed in the status line": sends(b"HTTP/1.1 2"),
    "closed in the headers": sends(HEAD + b"Content-Le"),
    "reset in the headers": sends(HEAD + b"Content-Le", then=Connection.reset),
    "closed after the headers": sends(HEAD + b"Content-Length: 9\r\n\r\n"),
    "closed in the body": sends(HEAD + b"Content-Length: 999\r\n\r\n" + SIGNED_IN),
    "reset in the body": sends(HEAD + b"Content-Length: 999\r\n\r\n" + SIGNED_IN, then=Connection.reset),
    "closed in a chunk": sends(CHUNKED + b"99\r\n{"),
    "closed after a chunk": sends(CHUNKED + b"2\r\n{}\r\n", then=lambda _: None),
}
MALFORMED: dict[str, Script] = {
    "no HTTP": sends(b"220 mail.example.com ESMTP\r\n\r\n"),
    "binary": sends(bytes(range(256)) * 4),
    "a chunk that is none": sends(CHUNKED + b"xyz\r\n{}\r\n"),
    "a chunk longer than told": sends(CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n"),
    "two lengths": sends(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a negative length": sends(HEAD + b"Content-Length: -2\r\n\r\n{}"),
    "a length of 5,000 digits": sends(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}"),
    "a header of a megabyte": sends(HEAD + b"X: " + b"x" * 1024 * 1024),
    "a header without an end": pours(HEAD + b"X: ", b"x" * 1000),
    "headers without an end": pours(HEAD, b"X: x\r\n" * 100),
}
TOO_SLOW: dict[str, Script] = {
    "silence": waits,
    "silence after the headers": sends(HEAD + b"Content-Length: 9\r\n\r\n", then=waits),
    "a status line of slow bytes": drips(b"HTTP/1.1 200 ", b"x"),
    "headers of slow bytes": drips(HEAD, b"X: x\r\n"),
    "a body of slow bytes": drips(HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
    "chunks of slow bytes": drips(CHUNKED, b"1\r\n \r\n"),
    "100 Continue without an end": pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 Early Hints without an end": pours(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
}
NEVER_ENDING_HEADS: dict[str, Script] = {
    name: TOO_SLOW.pop(name)
    for name in (
        "a status line of slow bytes",
        "headers of slow bytes",
        "100 Continue without an end",
        "103 Early Hints without an end",
    )
}
UNEXPECTED: dict[str, Script] = {
    "a body without an end": pours(HEAD + b"Content-Type: application/json\r\n\r\n", MEGABYTE),
    "a body of more than 4 MiB": answer(200, MEGABYTE * 4 + SIGNED_IN),
    "an error of more than 4 MiB": answer(400, MEGABYTE * 4 + b"{}"),
    "chunks without an end": pours(CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n"),
    "gzip that unpacks to 64 MiB": compressed(BOMB, "gzip"),
    "deflate that unpacks to 64 MiB": compressed(zlib.compress(MEGABYTE * 64, level=1), "deflate"),
    "gzip in gzip": compressed(gzip.compress(BOMB), "gzip, gzip"),
    "gzip in gzip, told twice": compressed(gzip.compress(BOMB), "gzip", "gzip"),
    "a coding that nobody asked for": compressed(SIGNED_IN, "br"),
    "no gzip": compressed(SIGNED_IN, "gzip"),
    "gzip that is cut off": compressed(gzip.compress(SIGNED_IN)[:20], "gzip"),
    "a length that is too short": answer(200, SIGNED_IN[:-1], "Connection: close"),
    "a redirect": answer(307, b"", "Location: http://127.0.0.1:9/"),
    "an unknown status": answer(299, b"{}"),
    "HTML": answer(200, b"<html>", "Content-Type: text/html"),
}


def cases(kind: type[BosBaseError], scripts: dict[str, Script]) -> list[Any]:
    """The scripts as pytest's parameters. Only what takes too long reaches lines of its own."""
    marks = () if kind is RequestTimeoutError else pytest.mark.untraced
    return [pytest.param(script, kind, id=name, marks=marks) for name, script in scripts.items()]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        *cases(TransportError, DROPPED),
        *cases(TransportError, MALFORMED),
        *cases(RequestTimeoutError, TOO_SLOW),
        *cases(UnexpectedResponseError, UNEXPECTED),
    ],
)
def test_a_fault_ends_in_its_error(
    any_driver: Driver, server: RawServer, script: Script, kind: type[BosBaseError]
) -> None:
    """The call raises its error after one attempt, tells that it may have been done, and the next call works.

    Only a dropped connection would be tried again.
    """
    slow = kind is RequestTimeoutError

    def break_it() -> None:
        server.script = script

    def mend_it() -> None:
        server.script = sound

    retries = 0 if script in DROPPED.values() else 2
    failed, worked = any_driver(server.url, [break_it, mend_it], timeout=0.25 if slow else 20, retries=retries)
    assert type(failed) is kind
    assert failed.__cause__ is None
    assert failed.__context__ is None
    assert (failed.attempts, failed.outcome_unknown) == (1, True)
    assert isinstance(worked, AuthResult)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("script", NEVER_ENDING_HEADS.values(), ids=NEVER_ENDING_HEADS)
@pytest.mark.parametrize(
    "bounded",
    [one for one in (*drivers.ALL, *drivers.FAST, *drivers.BY_THE_CALLER) if one not in drivers.UNBOUNDED_HEADS],
    ids=lambda driver: driver.__name__,
)
def test_a_head_that_never_ends(bounded: Driver, server: RawServer, script: Script) -> None:
    """An attempt ends as a whole, but over httpx's own sync transport."""
    server.script = script
    (failed,) = bounded(server.url, timeout=0.25)
    assert type(failed) is RequestTimeoutError
    assert (failed.attempts, failed.outcome_unknown) == (1, True)


def test_a_later_chunk_that_is_none(driver: Driver, server: RawServer) -> None:
    """It ends in a TransportError."""
    server.script = sends(CHUNKED + b"2\r\n{}\r\n", then=lambda connection: connection.send(b"xyz\r\n"))
    (failed,) = driver(server.url, timeout=0.5, retries=0)
    assert isinstance(failed, TransportError)


@pytest.mark.untraced
@pytest.mark.parametrize("script", [pytest.param(script, id=name) for name, script in DROPPED.items()])
def test_a_dropped_connection_is_tried_again(driver: Driver, server: RawServer, script: Script) -> None:
    """The second attempt reaches a sound server, and its answer is the call's."""

    def drop_once(connection: Connection) -> None:
        server.script = sound
        script(connection)

    server.script = drop_once
    (outcome,) = driver(server.url, retries=1)
    assert isinstance(outcome, AuthResult)
    assert len(server.requests) == 2
