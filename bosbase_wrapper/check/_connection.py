"""Sends requests until the server answers them: waits for rate limits, and retries passing faults. Holds responses."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import httpx

from bosbase_wrapper._errors import RequestTimeoutError
from bosbase_wrapper._reply import Reply, transport_error
from bosbase_wrapper._retry import retry_after
from bosbase_wrapper._send import SyncSender, run
from bosbase_wrapper.cli._threads import in_thread

JSON: Final = {"Content-Type": "application/json"}
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)  # a server that mails an alert may take 15 s
_SECONDS: Final = 80.0  # that a response may take as a whole
_MOST_SECONDS: Final = 900.0  # of a run
_LIMIT_SECONDS: Final = 120.0  # that a run waits for rate limits, in all
_CLEAN_UP_LIMIT_SECONDS: Final = 300.0
_ESTIMATE_AFTER: Final = 10.0  # seconds of waiting for rate limits
_FAULT_SECONDS: Final = 60.0  # that a run waits for a server with a fault, in all
_FIRST_SECONDS: Final = 2.0  # that it waits for a server that was never there
_RECENT_SECONDS: Final = 15.0
_TRIES: Final = 4  # of a request, before an ordinary one shows whether it alone has a fault
_MOST_DROPS: Final = 4  # of a run: a proxy may close an idle connection, and a server may restart
SLOW_SECONDS: Final = 5.0
_MOST_SLOW_SECONDS: Final = 40.0  # of all slow responses together
_PERHAPS: Final = "Perhaps it waits for a mail server that does not answer (the auth alert of the collection)."
_RULES: Final = "of the server (rules such as *:auth, *:bindToken, *:authWithToken, /api/)"
_NO_JSON: Final = object()

Tell = Callable[[str], None]
Pause = Callable[[float], None]
Clock = Callable[[], float]
Limited = Callable[["Response"], None]
Pairs = Mapping[str, str]


@dataclass(frozen=True)
class Response(Reply):
    """A response, or with the status 0 the `problem` that left none.

    `seconds` is the time from the request's first byte to the response's last. `dropped`: the server closed the
    connection after it had accepted it.
    """

    seconds: float = 0.0
    dropped: bool = False

    @property
    def is_fault(self) -> bool:
        """Whether the server did not answer, or has a fault."""
        return self.status == 0 or self.status >= 500

    @cached_property
    def json(self) -> Any:
        """The body as JSON in UTF-8. If it is not JSON, a value that equals nothing else."""
        try:
            return json.loads(self.body.decode(), parse_constant=int)  # int refuses NaN and Infinity
        except (ValueError, RecursionError):
            return _NO_JSON

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return self.json is not _NO_JSON

    @property
    def content_type(self) -> str:
        """The content type without its parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    @property
    def is_of_proxy(self) -> bool:
        """Whether a proxy made it: an HTML page, a limit in words of its own, or a status that only gateways return."""
        page = self.content_type == "text/html" and self.status in (401, 403, 406, 500)
        in_words = self.content_type in ("text/html", "text/plain", "") and not self.is_json
        return page or (in_words and self.status in (413, 429)) or self.status in (502, 503, 504)

    def field(self, *path: str) -> Any:
        """A field of the body, by its path. None if there is none."""
        value = self.json
        for name in path:
            value = as_object(value).get(name)
        return value

    def text(self, *path: str) -> str:
        """A field that is text which UTF-8 can encode, else ""."""
        value = self.field(*path)
        return value if isinstance(value, str) and value == value.encode(errors="ignore").decode() else ""


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object. {} for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def texts(value: Any) -> Iterable[str]:
    """Every name and every text in a JSON value, however deep."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest += [*as_object(one).keys(), *as_object(one).values()]
        elif isinstance(one, list):
            rest += one


def jwt_part(token: str, index: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a JWT. {} if there are none."""
    try:
        return as_object(json.loads(base64.urlsafe_b64decode(token.split(".")[index] + "==")))
    except (IndexError, ValueError, RecursionError):
        return {}


class UnfinishedError(Exception):
    """The run cannot go on, and the server's API is not to blame."""


class Connection:
    """The exchanges of a run, and how long it still waits.

    `limited` says whether it met a rate limit, and `faults` holds the times of passing faults. A server is blamed for a
    500 or a dropped connection only if the request fails again and again while an ordinary request of the same
    operation succeeds. Any other fault is retried, and ends the run if it stays.
    """

    def __init__(self, url: str, client: httpx.Client, pause: Pause, clock: Clock, tell: Tell) -> None:
        self.requests: int = 0
        self.slowest: float = 0.0
        self.limited: bool = False
        self.faults: list[float] = []
        self.pause: Final = pause
        self.tell: Final = tell
        self._url: Final = url
        self._client: Final = client
        self._sender: Final = SyncSender(url, _TIMEOUT, None, 0, None, client)
        self._clock: Final = clock
        self._passed = 0
        self._drops = 0
        self._never_answered = False
        self.renew(_LIMIT_SECONDS)

    def renew(self, limit_seconds: float = _CLEAN_UP_LIMIT_SECONDS) -> None:
        """Grants new patience, by default to clean up, however long the run took."""
        self.expected = 0  # requests of the whole run; 0: no estimate
        self._limit_seconds = limit_seconds
        self._limited_for = self._faulty_for = self._slow_for = 0.0
        self._ends = self._clock() + _MOST_SECONDS

    @property
    def had_fault_lately(self) -> bool:
        """Whether the server had a passing fault in the last seconds."""
        return bool(self.faults) and self._clock() - self.faults[-1] < _RECENT_SECONDS

    @property
    def drops_requests(self) -> bool:
        """Whether the server drops a request each time, or more than restarts and idle connections explain."""
        return self._never_answered or self._drops > max(_MOST_DROPS, self.requests / 20)

    def request(
        self, method: str, path: str, content: bytes = b"", *, headers: Pairs = JSON, query: Pairs | None = None
    ) -> httpx.Request:
        """A request to a path below the URL. It asks for an uncompressed response."""
        url, headers = self._url + path, {"Accept-Encoding": "identity", **headers}
        return self._client.build_request(method, url, content=content, headers=headers, params=query, timeout=_TIMEOUT)

    def begin(self, request: httpx.Request) -> Future[Response]:
        """Begins an exchange in a thread of its own. A run that is interrupted leaves the thread behind."""
        self.requests += 1

        def exchange() -> Response:
            started = self._clock()
            try:
                reply = run(self._sender.send(request, _SECONDS))
                seconds = self._clock() - started
                return Response(reply.status, reply.headers, reply.body, reply.problem, seconds)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                failure = transport_error(error, str)  # no request has a secret where a library repeats it
                seconds = self._clock() - started if failure.outcome_unknown else 0.0
                dropped = failure.outcome_unknown and not isinstance(failure, RequestTimeoutError)
                return Response(0, httpx.Headers(), b"", str(failure), seconds, dropped)

        return in_thread(exchange)

    def attempt(self, request: httpx.Request) -> Response:
        """One exchange. Raises UnfinishedError if the run takes too long."""
        response = self.begin(request).result()
        seconds = response.seconds if len(request.content) < 1 << 20 else 0.0
        self.slowest = max(self.slowest, seconds)
        if seconds >= SLOW_SECONDS:
            self._slow_for += seconds
            self.tell(f"The server took {seconds:.0f} s for one request. {_PERHAPS}")
        if self._slow_for > _MOST_SLOW_SECONDS:
            raise UnfinishedError(f"The server takes up to {self.slowest:.0f} s for one request. {_PERHAPS}")
        if self._clock() > self._ends:
            raise UnfinishedError("The check took 15 minutes, which is too long.")
        return response

    def send(self, request: httpx.Request, limited: Limited, ordinary: Callable[[], httpx.Request]) -> Response:
        """Sends a request until the response is no 429 and no passing fault. `limited` gets every 429.

        `ordinary` makes an ordinary request of the same operation. If it is answered and this one is not even then, the
        response is the fault. Raises UnfinishedError if the server does not recover.
        """
        tries, dropped, alone = 0, False, False
        while (response := self._past_limits(request, limited)).is_fault:
            may_be_blamed = response.dropped or (response.status > 0 and not response.is_of_proxy)
            if alone and may_be_blamed:
                self._never_answered |= response.dropped
                return response
            tries += 1
            dropped |= response.dropped
            alone = tries >= _TRIES and may_be_blamed and not self.attempt(ordinary()).is_fault
            if not alone:
                self._wait_for_recovery(response, min(2**tries / 8, 4.0) if tries > 1 else 0.0)
        if tries:
            self.faults.append(self._clock())
            self._drops += dropped
        return response

    def _wait_for_recovery(self, response: Response, wait: float) -> None:
        what = f"responds with {response.status}" if response.status else f"does not answer ({response.problem})"
        self._faulty_for += wait
        too_long = self._faulty_for > (_FAULT_SECONDS if self._passed else _FIRST_SECONDS)
        if too_long or "CERTIFICATE_VERIFY_FAILED" in what:
            hint = " It may be a proxy's limit for requests." if response.status == 503 else ""
            raise UnfinishedError(f"The server {what}.{hint}")
        self.tell(f"The server {what}; trying again in {wait:.1f} s.")
        self.pause(wait)

    def _past_limits(self, request: httpx.Request, limited: Limited) -> Response:
        """The first response that is no 429."""
        wait = 1.0
        while (response := self.attempt(request)).status == 429:
            limited(response)
            self._wait_for_limit(request, response, max(wait, retry_after(response.headers) or 0.0))
            wait = min(2 * wait, 16.0)
        self._passed += response.status > 0
        return response

    def _wait_for_limit(self, request: httpx.Request, response: Response, wait: float) -> None:
        self.limited = True
        self._limited_for += wait
        needed = self._limited_for / max(self._passed, 1) * max(self.expected - self.requests, 0)
        hopeless = self._limited_for > _ESTIMATE_AFTER and needed > self._limit_seconds
        if hopeless or self._limited_for > self._limit_seconds:
            operation = request.url.path.rpartition("/")[2]
            whose = "of the proxy in front of the server" if response.is_of_proxy else _RULES
            raise UnfinishedError(
                f"A rate limit is in the way: {operation} responds with 429 after {self._passed} requests. With this "
                f"limit the check takes about {max(needed, self._limited_for) / 60:.0f} minutes longer. Raise the "
                f"limit {whose} for the check, and run it again."
            )
        self.tell(f"The server limits requests (429); waiting {wait:.0f} s.")
        self.pause(wait)
