"""What a run found. Nothing here ever holds a secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    BROKEN = "broken"
    ADVICE = "advice"
    NOT_TRIED = "not tried"
    UNFINISHED = "unfinished"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Result:
    """What one check found: its short `name`, `what` it asks, and in `detail` what was seen instead, line by line."""

    outcome: Outcome
    name: str
    what: str
    detail: str = ""


_MARKS: Final = {Outcome.OK: "ok", Outcome.NOT_TRIED: "-", Outcome.ADVICE: "advice"}


@dataclass
class Report:
    """The results of a run. `str(report)` is the table."""

    url: str
    collection: str
    results: list[Result] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    refused: bool = False

    def of(self, outcome: Outcome) -> list[Result]:
        """The results with one outcome."""
        return [result for result in self.results if result.outcome is outcome]

    @property
    def broken(self) -> list[Result]:
        """The checks that the server failed."""
        return self.of(Outcome.BROKEN)

    @property
    def advice(self) -> list[Result]:
        """What is unwise, but allowed."""
        return self.of(Outcome.ADVICE)

    @property
    def unfinished(self) -> list[Result]:
        """What could not be finished: no response, a rate limit, an account that the server refuses."""
        return self.of(Outcome.UNFINISHED)

    @property
    def ok(self) -> bool:
        """Whether the run was finished and nothing is broken."""
        return not self.broken and not self.unfinished

    def exit_code(self, *, strict: bool = False) -> int:
        """0 ok; 1 broken, the account refused, or with `strict` any advice; 3 unfinished."""
        if self.broken or self.refused:
            return 1
        return 3 if self.unfinished else int(strict and bool(self.advice))

    @property
    def summary(self) -> str:
        """The result in one line."""
        counts = [f"{len(self.of(outcome))} {outcome.value}" for outcome in Outcome if self.of(outcome)]
        return f"{', '.join(counts)}; {self.requests} requests in {self.seconds:.1f} s"

    def to_json(self) -> str:
        """The report for programs."""
        head = {"url": self.url, "collection": self.collection, "ok": self.ok, "requests": self.requests}
        checks = [asdict(result) for result in self.results]
        return json.dumps({**head, "seconds": round(self.seconds, 3), "checks": checks}, indent=2)

    def __str__(self) -> str:
        lines = [f"{self.url}, collection {self.collection}", ""]
        for result in self.results:
            if result.outcome is not Outcome.NOT_REACHED:
                mark = _MARKS.get(result.outcome, result.outcome.value.upper())
                lines.append(f"{mark:>10}  {result.name:<24} {result.what}")
                lines += [f"{'':>10}  {'':<24} -> {detail}" for detail in result.detail.splitlines()]
        return "\n".join([*lines, "", self.summary])
