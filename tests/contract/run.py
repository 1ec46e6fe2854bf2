"""One run of the suite: what it tests, how much it has reached, what it has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import yaml

from .checks import SPEC
from .reached import Reached, superusers_statuses
from .state import State


@dataclass
class Outcome:
    """Each check that failed, with what it said first, and how often it failed."""

    failures: dict[str, str] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


class Run:
    """A run. The hooks, which schemathesis keeps for the whole process, act on the one that they were given."""

    def __init__(self, state: State) -> None:
        self.begin(state)

    def begin(self, state: State) -> None:
        """Start, with nothing reached and nothing found; again with another server."""
        document: dict[str, Any] = yaml.safe_load(SPEC.read_text())
        self.state = state
        self.reached = Reached(document, frozenset() if state.special else superusers_statuses(document))
        self.outcome = Outcome()

    def found(self, check: str, message: str) -> None:
        """Note a failure, with no secret in what it says."""
        self.outcome.failures.setdefault(check, self.state.hide(message).strip().partition("\n")[0])
        self.outcome.times[check] += 1
