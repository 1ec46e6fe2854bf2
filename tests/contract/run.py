"""One run of the suite: what it tests, how much it has reached, what it has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .reached import Reached
from .state import State


@dataclass
class Outcome:
    """Each check that failed, with what it said first, and how often it failed."""

    failures: dict[str, str] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)

    def add(self, check: str, message: str) -> None:
        """Note a failure."""
        self.failures.setdefault(check, message.strip().partition("\n")[0])
        self.times[check] += 1


@dataclass
class Run:
    """A run. The hooks, which schemathesis keeps for the whole process, act on the one that they were given."""

    state: State
    reached: Reached
    outcome: Outcome = field(default_factory=Outcome)

    def begin(self, state: State, reached: Reached) -> None:
        """Start again, with another server."""
        self.state, self.reached, self.outcome = state, reached, Outcome()
