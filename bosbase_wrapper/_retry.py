"""When a call is sent again, and after how long.

Our own lines instead of a library: the rules (a `Retry-After` that is obeyed or ends the call, never after a
timeout of reading, a call with an mfa id only where no connection was made) are all there is to it, and a library
would still ask for each of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from ._errors import TransportError
from ._operations import Answer

LONGEST_RETRY_AFTER: Final = 30.0
_FIRST_WAIT: Final = 0.5
_DOUBLINGS: Final = 4  # up to 8 s
_PASSING: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Fault:
    """An attempt without an answer: `reason` in our words, and `detail` in those of the network.

    `dropped`: the connection failed or was dropped, so that sending again may help. `may_be_done`: a connection was
    made, so that the server may have seen the request.
    """

    kind: type[TransportError]
    reason: str
    dropped: bool
    may_be_done: bool
    detail: str = ""


def delay_before_next(outcome: Answer | Fault, attempt: int, *, single_use: bool) -> float | None:
    """The seconds to wait before the next attempt; None where this outcome is the last."""
    if isinstance(outcome, Fault):
        again = outcome.dropped and not (single_use and outcome.may_be_done)
        return _backoff(attempt) if again else None
    if outcome.status not in _PASSING or single_use:
        return None
    asked = outcome.retry_after
    if asked is None:
        return _backoff(attempt)
    return asked if asked <= LONGEST_RETRY_AFTER else None


def _backoff(attempt: int) -> float:
    # Full jitter: clients that failed together do not come back together.
    return random.uniform(0, _FIRST_WAIT * 2 ** min(attempt - 1, _DOUBLINGS))  # noqa: S311  # no secret
