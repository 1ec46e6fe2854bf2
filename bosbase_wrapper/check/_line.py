"""Sends the requests of a run over one connection, counts them, and waits out rate limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Final

import httpx

from ._answer import Answer
from ._errors import NoAnswerError, UnfinishedError

JSON: Final = {"Content-Type": "application/json"}
PATIENCE_SECONDS: Final = 120.0  # for all rate limits of a run together
_MOST_SECONDS: Final = 900.0  # of a run
_MOST_BYTES: Final = 4 << 20  # of an answer
_MOST_TIMEOUTS: Final = 3
_FORGIVEN_DROPS: Final = 2  # a kept connection may end between two requests


class Line:
    """`drops` says how connections ended that should not have; `limited`, whether a rate limit was met."""

    def __init__(self, url: str, client: httpx.Client, pause: Callable[[float], None]) -> None:
        self.requests = 0
        self.limited = False
        self.slowest = 0.0
        self._url: Final = url
        self._client: Final = client
        self._pause: Final = pause
        self._patience = PATIENCE_SECONDS
        self._ends = time.monotonic() + _MOST_SECONDS
        self._timeouts = 0
        self._drops: Final[list[bool]] = []  # of each, whether the connection was a new one

    @property
    def drops_connections(self) -> bool:
        """Whether connections ended without an answer, and not just because they were kept for too long."""
        return any(self._drops) or len(self._drops) > _FORGIVEN_DROPS

    def grant_time(self) -> None:
        """Time and patience to clean up, however the run went."""
        self._patience = max(self._patience, PATIENCE_SECONDS / 2)
        self._ends = max(self._ends, time.monotonic() + _MOST_SECONDS / 2)
        self._timeouts = 0

    def request(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] = JSON,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        """A request to a path below the URL."""
        return self._client.build_request(method, self._url + path, content=content, headers=headers, params=query)

    def send(self, request: httpx.Request, seen: Callable[[Answer], None]) -> Answer:
        """Sends a request until it is answered by another status than 429; `seen` gets every answer.

        Raises NoAnswerError, which names the kind of failure alone, or UnfinishedError.
        """
        wait = 1.0
        while True:
            answer = self._twice(request)
            seen(answer)
            if answer.status != 429:
                return answer
            self._wait(answer, wait)
            wait = min(2 * wait, 16.0)

    def _wait(self, answer: Answer, wait: float) -> None:
        self.limited = True
        asked = answer.headers.get("Retry-After", "")
        wait = max(wait, float(asked)) if asked.isdecimal() else wait
        if wait > self._patience:
            raise UnfinishedError("The server's rate limit stayed in the way; try again where it is higher.")
        self._patience -= wait
        self._pause(wait)

    def _twice(self, request: httpx.Request) -> Answer:
        try:
            return self.send_once(request)
        except NoAnswerError as error:
            if error.timed_out:
                raise
            return self.send_once(request)

    def send_once(self, request: httpx.Request) -> Answer:
        """One exchange."""
        if self._timeouts >= _MOST_TIMEOUTS or time.monotonic() > self._ends:
            raise UnfinishedError("The server took too long.")
        self.requests += 1
        self._client.cookies.clear()
        events: list[str] = []
        request.extensions["trace"] = partial(_note_event, events)
        started = time.perf_counter()
        try:
            response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
            with closing(response):
                content = _read(response)
        except httpx.HTTPError as error:
            raise self._noted(error, new="connection.connect_tcp.complete" in events) from None
        seconds = time.perf_counter() - started
        if response.status_code != 413:
            self.slowest = max(self.slowest, seconds)
        return Answer(response.status_code, response.headers, content, seconds)

    def _noted(self, error: httpx.HTTPError, *, new: bool) -> NoAnswerError:
        timed_out = isinstance(error, httpx.TimeoutException)
        self._timeouts += timed_out
        if not timed_out and not isinstance(error, httpx.ConnectError):
            self._drops.append(new)
        return NoAnswerError(type(error).__name__, timed_out=timed_out)


def _note_event(events: list[str], name: str, _details: object) -> None:
    events.append(name)


def _read(response: httpx.Response) -> bytes:
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise NoAnswerError("an answer of more than 4 MiB")
    return content
