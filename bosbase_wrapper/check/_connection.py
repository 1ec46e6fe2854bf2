"""Sends single requests to the server, and reads a bounded response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from threading import Thread
from typing import Final

import httpx

from bosbase_wrapper._reply import MAX_BODY_BYTES, decoded

from ._response import Response

JSON: Final = {"Content-Type": "application/json"}
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)  # a server that mails an alert may take 15 s
_SLOW_SECONDS: Final = 5.0
_MOST_SLOW_SECONDS: Final = 40.0  # of all slow responses together
_MOST_SECONDS: Final = 900.0  # of a run
_PERHAPS: Final = "Perhaps it waits for a mail server that does not answer (the auth alert of the collection)."

Tell = Callable[[str], None]
Pairs = Mapping[str, str]
Clock = Callable[[], float]


class NoResponseError(Exception):
    """A request got no whole response. `dropped`: the server closed the connection after it had accepted it."""

    def __init__(self, detail: str, *, dropped: bool = False) -> None:
        super().__init__(detail)
        self.dropped: Final = dropped


class UnfinishedError(Exception):
    """The run cannot go on, and the server's API is not to blame. `refused`: the server refuses the account."""

    def __init__(self, detail: str, *, refused: bool = False) -> None:
        super().__init__(detail)
        self.refused: Final = refused


class Connection:
    """Counts the requests of a run, and ends a run that takes too long."""

    def __init__(self, url: str, client: httpx.Client, tell: Tell, clock: Clock) -> None:
        self.requests: int = 0
        self.slowest: float = 0.0
        self._url: Final = url
        self._client: Final = client
        self._tell: Final = tell
        self._clock: Final = clock
        self.renew()

    def renew(self) -> None:
        """Grants time, however long the run took."""
        self._slow_seconds = 0.0
        self._ends = self._clock() + _MOST_SECONDS

    def request(
        self, method: str, path: str, content: bytes = b"", *, headers: Pairs = JSON, query: Pairs | None = None
    ) -> httpx.Request:
        """A request to a path below the URL. It asks for an uncompressed response."""
        url, headers = self._url + path, {"Accept-Encoding": "identity", **headers}
        return self._client.build_request(method, url, content=content, headers=headers, params=query, timeout=_TIMEOUT)

    def send(self, request: httpx.Request) -> Response:
        """One exchange. Raises NoResponseError, or UnfinishedError if the run takes too long."""
        started = self._clock()
        try:
            response = self.begin(request).result()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            not_made = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            self._note_time(0.0 if not_made else self._clock() - started)
            raise _failure(error) from None
        self._note_time(response.seconds if len(request.content) < 1 << 20 else 0)
        return response

    def begin(self, request: httpx.Request) -> Future[Response]:
        """Begins an exchange in a thread of its own.

        An interruption, as by Ctrl-C, is an exception anywhere in the main thread. In httpx it could leave a lock
        locked for ever, and the clean-up would wait for it. A run that is interrupted leaves the thread behind.
        """
        self.requests += 1
        future: Future[Response] = Future()

        def exchange() -> None:
            try:
                future.set_result(self._exchange(request))
            except BaseException as error:  # noqa: BLE001  # `result` raises it
                future.set_exception(error)

        Thread(target=exchange, daemon=True).start()
        return future

    def _exchange(self, request: httpx.Request) -> Response:
        self._client.cookies.clear()
        started = self._clock()
        with closing(self._client.send(request, stream=True, auth=None, follow_redirects=False)) as response:
            content = _read(response, self._clock)
        return Response(response.status_code, response.headers, content, self._clock() - started)

    def _note_time(self, seconds: float) -> None:
        self.slowest = max(self.slowest, seconds)
        if seconds >= _SLOW_SECONDS:
            self._slow_seconds += seconds
            self._tell(f"The server took {seconds:.0f} s for one request. {_PERHAPS}")
        if self._slow_seconds > _MOST_SLOW_SECONDS:
            raise UnfinishedError(f"The server takes up to {self.slowest:.0f} s for one request. {_PERHAPS}")
        if self._clock() > self._ends:
            raise UnfinishedError("The check took 15 minutes, which is too long.")


def _failure(error: Exception) -> NoResponseError:
    """What went wrong. The text of a connection that could not be made holds nothing of the request."""
    not_made = isinstance(error, httpx.ConnectError)
    detail = f"{type(error).__name__}: {error}" if not_made else type(error).__name__
    return NoResponseError(detail, dropped=not not_made and not isinstance(error, httpx.TimeoutException))


def _read(response: httpx.Response, clock: Clock) -> bytes:
    """The body, decompressed if a proxy compressed it unasked. A few bytes can unpack to gigabytes, so not all."""
    content = b""
    ends = clock() + 2 * _MOST_SLOW_SECONDS
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise httpx.DecodingError("a response of more than 4 MiB")
        if clock() > ends:
            raise httpx.ReadTimeout("the body takes too long")
    body, _ = decoded(content, response.headers.get("Content-Encoding", "").strip().lower())
    return body
