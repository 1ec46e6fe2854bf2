"""One run of the suite: the server it tests, how much of openapi.yaml it reached, and what failed."""

from collections import Counter
from dataclasses import dataclass, field

from .document import DOCUMENT
from .reached import Reached, superusers_statuses
from .state import State


@dataclass
class Outcome:
    """Each check that failed with its first message, and how often it failed."""

    failures: dict[str, str] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


class Run:
    """A run. schemathesis keeps its hooks for the whole process, and they all act on one run."""

    def __init__(self, state: State) -> None:
        self.begin(state)

    def begin(self, state: State) -> None:
        """Start, or start again with another server."""
        self.state = state
        self.reached = Reached(DOCUMENT, frozenset() if state.special else superusers_statuses(DOCUMENT))
        self.outcome = Outcome()

    def found(self, check: str, message: str) -> None:
        """Add a failure. Its message is shown without secrets."""
        self.outcome.failures.setdefault(check, self.state.hide(message).strip().partition("\n")[0])
        self.outcome.times[check] += 1
