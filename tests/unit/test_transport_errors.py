"""What a call raises for each error of httpx, and what the error says."""

import ssl

import httpx
import pytest

from bosbase_wrapper import BosBase, RequestTimeoutError, TransportError

DROPPED = "the connection was dropped before the response ended"
CASES: list[tuple[Exception, type[TransportError], str, bool, bool]] = [
    (httpx.ConnectTimeout("x"), RequestTimeoutError, "the connection was not made in time", True, False),
    (httpx.PoolTimeout("x"), RequestTimeoutError, "no connection of the pool was free in time", False, False),
    (httpx.ReadTimeout("x"), RequestTimeoutError, "the response did not arrive in time", False, True),
    (httpx.WriteTimeout("x"), RequestTimeoutError, "the response did not arrive in time", False, True),
    (httpx.ConnectError("refused"), TransportError, "no connection: refused", True, False),
    (httpx.ProxyError("x"), TransportError, "the proxy refused the connection", True, False),
    (httpx.UnsupportedProtocol("a"), TransportError, "the transport cannot send this request: a", False, False),
    (httpx.LocalProtocolError("b"), TransportError, "the transport cannot send this request: b", False, False),
    (httpx.ReadError("x"), TransportError, DROPPED, True, True),
    (httpx.WriteError("x"), TransportError, DROPPED, True, True),
    (ssl.SSLError("x"), TransportError, DROPPED, True, True),
    (httpx.RemoteProtocolError("Server disconnected without sending"), TransportError, DROPPED, True, True),
    (httpx.RemoteProtocolError("peer closed connection"), TransportError, DROPPED, True, True),
    (httpx.RemoteProtocolError("illegal status line"), TransportError, "the response is not valid HTTP", False, True),
    (httpx.DecodingError("x"), TransportError, "the response is not valid HTTP", False, True),
]


def raised(error: Exception) -> TransportError:
    """What a sign-in raises whose transport fails."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    users = BosBase("http://localhost", transport=httpx.MockTransport(fail), retries=0).collection("users")
    with pytest.raises(TransportError) as found:
        users.auth_with_token("tok")
    return found.value


@pytest.mark.parametrize(("error", "kind", "message", "retriable", "outcome_unknown"), CASES, ids=lambda one: repr(one))
def test_each_error_of_httpx(
    error: Exception, kind: type[TransportError], message: str, retriable: bool, outcome_unknown: bool
) -> None:
    """Its class, its message, whether it may pass, and whether the server may have done what was asked."""
    found = raised(error)
    assert type(found) is kind
    assert str(found) == message
    assert (found.retriable, found.outcome_unknown) == (retriable, outcome_unknown)


def test_the_reason_of_the_system() -> None:
    """It is the innermost error: as a cause, or as an argument where a library cut the chain."""
    inner = ConnectionRefusedError(111, "Connection refused")
    chained = httpx.ConnectError("All connection attempts failed")
    chained.__cause__ = OSError(inner)
    assert str(raised(chained)) == "no connection: [Errno 111] Connection refused"
    assert str(raised(httpx.ConnectError(""))) == "no connection: "


def test_a_reason_without_words() -> None:
    """Some errors of the system have none."""
    chained = httpx.ConnectError("x")
    chained.__cause__ = OSError()
    assert str(raised(chained)) == "no connection: "
