"""What a check is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ._probe import Probe


@dataclass(frozen=True)
class Check:
    """A function that tries a part of the API. The first line of its docstring is all that is said about it."""

    attempt: Callable[[Probe], None]
    name: str
    what: str

    @classmethod
    def of(cls, attempt: Callable[[Probe], None]) -> Self:
        """A function as a check with the function's name."""
        first, _, _ = (attempt.__doc__ or "").partition("\n")
        return cls(attempt, attempt.__name__.replace("_", "-"), first.rstrip("."))
