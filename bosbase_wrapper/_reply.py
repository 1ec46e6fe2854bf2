"""What one attempt of a call ends in: a `Reply`, or a `TransportError` if no response could be read."""

import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from ._errors import RequestTimeoutError, TransportError

MAX_BODY_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that was read. `problem` says why its body cannot be used, and is "" if it can."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    problem: str = ""

    @property
    def outcome_unknown(self) -> bool:
        """Whether the server may have done what was asked: gateways answer 502 or 504 without knowing."""
        return self.status >= 500


def decoded(body: bytes, coding: str) -> tuple[bytes, str]:
    """Return the body without its content coding, at most 4 MiB of it, and what is wrong with it.

    httpx has no limit for a decoded body, so a small response could fill the memory.
    """
    problem = ""
    if coding in ("gzip", "x-gzip", "deflate"):
        try:
            body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MAX_BODY_BYTES + 1)
        except zlib.error:
            problem = "its compression is broken"
    elif coding not in ("", "identity"):
        problem = "its content coding was not asked for"
    if len(body) > MAX_BODY_BYTES:
        problem = "it is larger than 4 MiB"
    return body, problem


def transport_error(error: Exception, redact: Callable[[str], str]) -> TransportError:
    """Return our error for an error of httpx. `redact` hides the secrets of the call in what the system said.

    The text of httpx's own error may repeat the request, so it is not used.
    """
    if isinstance(error, httpx.ConnectTimeout):
        return RequestTimeoutError("the connection was not made in time", retriable=True)
    if isinstance(error, httpx.PoolTimeout):
        return RequestTimeoutError("no connection of the pool was free in time")
    if isinstance(error, httpx.TimeoutException):
        return RequestTimeoutError("the response did not arrive in time", outcome_unknown=True)
    if isinstance(error, httpx.ConnectError):
        return TransportError(f"no connection: {redact(_innermost(error))}", retriable=True)
    if isinstance(error, httpx.ProxyError):
        return TransportError("the proxy refused the connection", retriable=True)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return TransportError(f"the transport cannot send this request: {redact(str(error))}")
    if isinstance(error, httpx.NetworkError | ssl.SSLError) or _was_cut_off(error):
        reason = "the connection was dropped before the response ended"
        return TransportError(reason, retriable=True, outcome_unknown=True)
    if isinstance(error, httpx.StreamError):
        return TransportError("an event hook has used up the response: let it call read()", outcome_unknown=True)
    return TransportError("the response is not valid HTTP", outcome_unknown=True)


def _innermost(error: BaseException) -> str:
    """Return what the system said: the libraries in between wrap it in texts of their own, or in none."""
    inner = error.__cause__ or next(iter(error.args), None)  # httpcore cuts the chain, and keeps the cause in args
    return _innermost(inner) if isinstance(inner, BaseException) else str(error)


def _was_cut_off(error: Exception) -> bool:
    # httpx has one class for a dropped connection and for a response that is not HTTP.
    return isinstance(error, httpx.RemoteProtocolError) and (
        "disconnected" in str(error) or "peer closed" in str(error)
    )
