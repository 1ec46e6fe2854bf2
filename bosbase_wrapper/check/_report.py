"""What a check found: rows for people, findings for programs. Nothing here ever holds a secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Final


class Outcome(StrEnum):
    """How a part of the contract fared."""

    KEPT = "kept"
    BROKEN = "broken"
    ADVICE = "advice"
    NOT_TRIED = "not tried"
    UNFINISHED = "unfinished"


class Exit(IntEnum):
    """The exit codes of `bosbase-tokens check`."""

    KEPT = 0
    BROKEN = 1
    NO_ANSWER = 3


@dataclass(frozen=True)
class Finding:
    """One part of the contract: a short `name`, `what` it asks, and in `detail` what was seen instead, line by line."""

    name: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    outcome: Outcome
    finding: Finding


_MARKS: Final = {
    Outcome.KEPT: "ok",
    Outcome.BROKEN: "BROKEN",
    Outcome.ADVICE: "advice",
    Outcome.NOT_TRIED: "-",
    Outcome.UNFINISHED: "UNFINISHED",
}


@dataclass
class Report:
    """All that `run` tried; `str(report)` is the table."""

    url: str
    collection: str
    rows: list[Row] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    refused: bool = False

    def add(self, outcome: Outcome, name: str, what: str, detail: str = "") -> None:
        """Adds a row."""
        self.rows.append(Row(outcome, Finding(name, what, detail)))

    def of(self, outcome: Outcome) -> list[Finding]:
        """The findings of one outcome."""
        return [row.finding for row in self.rows if row.outcome is outcome]

    @property
    def broken(self) -> list[Finding]:
        """The parts of the contract that the server breaks."""
        return self.of(Outcome.BROKEN)

    @property
    def advice(self) -> list[Finding]:
        """What is unwise but no breach."""
        return self.of(Outcome.ADVICE)

    @property
    def unfinished(self) -> list[Finding]:
        """What kept the check from its end: no answer, a rate limit, an account that the server refuses."""
        return self.of(Outcome.UNFINISHED)

    @property
    def ok(self) -> bool:
        """Whether nothing is broken and the check came to its end."""
        return not self.broken and not self.unfinished

    def exit_code(self, *, strict: bool = False) -> Exit:
        """0 kept; 1 broken, the account refused, or with `strict` any advice; 3 no answer."""
        if self.broken or self.refused:
            return Exit.BROKEN
        if self.unfinished:
            return Exit.NO_ANSWER
        return Exit.BROKEN if strict and self.advice else Exit.KEPT

    @property
    def summary(self) -> str:
        """The result in one line."""
        counts = [f"{len(self.of(outcome))} {outcome.value}" for outcome in Outcome if self.of(outcome)]
        return f"{', '.join(counts)}; {self.requests} requests in {self.seconds:.1f} s"

    def to_json(self) -> str:
        """The report for programs: a JSON object with the rows, and the findings of each outcome by name."""
        rows = [{"outcome": row.outcome.value, **asdict(row.finding)} for row in self.rows]
        head = {"url": self.url, "collection": self.collection, "ok": self.ok}
        return json.dumps(
            head | {"requests": self.requests, "seconds": round(self.seconds, 3), "checks": rows}, indent=2
        )

    def __str__(self) -> str:
        lines = [f"{self.url}, collection {self.collection}", ""]
        for row in self.rows:
            lines.append(f"{_MARKS[row.outcome]:>10}  {row.finding.name:<24} {row.finding.what}")
            lines += [f"{'':>10}  {'':<24} -> {detail}" for detail in row.finding.detail.splitlines()]
        return "\n".join([*lines, "", self.summary])
