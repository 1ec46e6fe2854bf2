"""When a call is sent again, and after how long. A retry library would need a callback for each of the rules."""

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from ._errors import TransportError
from ._reply import Reply
from ._results import utc_moment

LONGEST_RETRY_AFTER: Final = 30.0  # seconds
_FIRST_WAIT: Final = 0.5
_DOUBLINGS: Final = 4  # up to 8 s
# BosBase answers 500, not 503, to a passing fault of its database.
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})


def delay_before_next(outcome: Reply | TransportError, attempt: int, *, single_use: bool) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there is none.

    `attempt` counts from 1. `single_use` is for a call that spends an mfa id.
    """
    if isinstance(outcome, TransportError):
        again = outcome.retriable and not (single_use and outcome.outcome_unknown)
        return _backoff(attempt) if again else None
    if outcome.status not in _TRANSIENT or single_use:
        return None
    asked = retry_after(outcome.headers)
    if asked is None:
        return _backoff(attempt)
    return asked if asked <= LONGEST_RETRY_AFTER else None


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that Retry-After asks for, as a number or as an HTTP date; None if it asks for nothing."""
    text = headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]+)?", text):
        return float(text)
    moment = utc_moment(text, parsedate_to_datetime)
    seconds = 0.0 if moment is None else (moment - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None


def _backoff(attempt: int) -> float:
    # Full jitter: clients that failed together do not come back together.
    return random.uniform(0, _FIRST_WAIT * 2 ** min(attempt - 1, _DOUBLINGS))  # noqa: S311  # not for a secret
