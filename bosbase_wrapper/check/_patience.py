"""Sends a request until the server answers it: waits for rate limits, and retries passing faults."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

import httpx

from ._connection import Clock, Connection, NoResponseError, Tell, UnfinishedError
from ._response import Response

LIMIT_SECONDS: Final = 120.0  # that a run waits for rate limits, in all
FAULT_SECONDS: Final = 60.0  # that a run waits for a server with a fault, in all
_FIRST_SECONDS: Final = 2.0  # that it waits for a server that was never there
_CLEAN_UP_LIMIT_SECONDS: Final = 300.0
_TRIES: Final = 6  # of a request, before the server may be blamed for a fault
_BLAMED_OFTEN: Final = 3  # after so many faults of its own, the server is not waited for as long
_ESTIMATE_AFTER: Final = 10.0  # seconds of waiting
_TELL_AFTER: Final = 4.0  # seconds; a shorter wait for a fault is not worth a line
_RECENT_SECONDS: Final = 15.0
_RULES: Final = "of the server (rules such as *:auth, *:bindToken, *:authWithToken, /api/)"
_MOST_DROPS: Final = 4  # of a run: a proxy may close an idle connection, and a server may restart

Pause = Callable[[float], None]
Limited = Callable[[Response], None]


class Patience:
    """How long a run still waits. `limited` says whether it met a rate limit, `faults` counts the passing faults.

    A server is blamed for a 500 or a dropped connection only if the request fails again and again while an ordinary
    request of the same operation succeeds. Any other fault is retried, and ends the run if it stays.
    """

    def __init__(self, connection: Connection, pause: Pause, tell: Tell, clock: Clock) -> None:
        self.limited: bool = False
        self.faults: int = 0
        self.expected: int = 0  # requests of the whole run; 0: no estimate
        self._connection: Final = connection
        self._pause: Final = pause
        self._clock: Final = clock
        self._tell: Final = tell
        self._drops = 0  # those in a row count once
        self._dropped_before = False
        self._passed = 0
        self._blamed = 0
        self._waited = 0.0
        self._limit_seconds = LIMIT_SECONDS
        self._fault_seconds: float = _FIRST_SECONDS
        self._last_fault: float = -inf

    def renew(self) -> None:
        """Grants new patience to clean up."""
        self._connection.renew()
        self.expected = 0
        self._waited, self._limit_seconds, self._fault_seconds = 0.0, _CLEAN_UP_LIMIT_SECONDS, FAULT_SECONDS

    @property
    def had_fault_lately(self) -> bool:
        """Whether the server had a passing fault in the last seconds."""
        return self._clock() - self._last_fault < _RECENT_SECONDS

    @property
    def drops_connections(self) -> bool:
        """Whether the server drops more connections than restarts and idle connections explain."""
        return self._drops > max(_MOST_DROPS, self._connection.requests / 20)

    def send(self, request: httpx.Request, limited: Limited, is_well: Callable[[], bool]) -> Response:
        """Sends a request until the response is no 429 and no passing fault. `limited` gets every 429.

        `is_well` sends an ordinary request of the same operation. Raises NoResponseError if this request alone gets
        no response, and UnfinishedError if the server does not recover.
        """
        before, tries = (self.faults, self._last_fault, self._fault_seconds), 0
        while True:
            result = self._past_limits(request, limited)
            if isinstance(result, Response) and result.status < 500:
                self._dropped_before = False
                return result
            tries += 1
            self._note_fault(result)
            enough = _TRIES if self._blamed < _BLAMED_OFTEN else 2
            if tries >= enough and _may_be_blamed(result) and is_well():
                self._blamed += 1
                self.faults, self._last_fault, self._fault_seconds = before
                return _returned(result)
            self._wait_for_recovery(min(2**tries / 8, 4.0) if tries > 1 else 0.0, result)

    def _note_fault(self, result: Response | NoResponseError) -> None:
        self.faults += 1
        self._last_fault = self._clock()
        dropped = isinstance(result, NoResponseError) and result.dropped
        self._drops += dropped and not self._dropped_before
        self._dropped_before = dropped

    def _wait_for_recovery(self, wait: float, result: Response | NoResponseError) -> None:
        what = f"responds with {result.status}" if isinstance(result, Response) else f"does not answer ({result})"
        if wait > self._fault_seconds or "CERTIFICATE_VERIFY_FAILED" in what:
            hint = " It may be a proxy's limit for requests." if "503" in what else ""
            raise UnfinishedError(f"The server {what}.{hint}")
        if wait >= _TELL_AFTER:
            self._tell(f"The server {what}; trying again in {wait:.0f} s.")
        self._fault_seconds -= wait
        self._pause(wait)

    def _past_limits(self, request: httpx.Request, limited: Limited) -> Response | NoResponseError:
        """The result of the first attempt that is no 429."""
        wait = 1.0
        while True:
            try:
                response = self._connection.send(request)
            except NoResponseError as error:
                return error
            if not self._passed:
                self._fault_seconds = FAULT_SECONDS
            if response.status != 429:
                self._passed += 1
                return response
            limited(response)
            self._wait_for_limit(request, response, wait)
            wait = min(2 * wait, 16.0)

    def _wait_for_limit(self, request: httpx.Request, response: Response, wait: float) -> None:
        self.limited = True
        asked = response.headers.get("Retry-After", "")
        wait = max(wait, float(asked)) if asked.isdecimal() else wait
        self._waited += wait
        needed = self._waited / max(self._passed, 1) * max(self.expected - self._connection.requests, 0)
        hopeless = self._waited > _ESTIMATE_AFTER and needed > self._limit_seconds
        if hopeless or self._waited > self._limit_seconds:
            operation = request.url.path.rpartition("/")[2]
            whose = "of the proxy in front of the server" if response.is_of_proxy else _RULES
            raise UnfinishedError(
                f"A rate limit is in the way: {operation} responds with 429 after {self._passed} requests. With this "
                f"limit the check takes about {max(needed, self._waited) / 60:.0f} minutes longer. Raise the limit "
                f"{whose} for the check, and run it again."
            )
        self._tell(f"The server limits requests (429); waiting {wait:.0f} s.")
        self._pause(wait)


def _may_be_blamed(result: Response | NoResponseError) -> bool:
    """A proxy's page, and a server that cannot be reached, say nothing about the API."""
    return result.dropped if isinstance(result, NoResponseError) else not result.is_of_proxy


def _returned(result: Response | NoResponseError) -> Response:
    if isinstance(result, NoResponseError):
        raise result
    return result
