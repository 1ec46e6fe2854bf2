"""What a run found, as text, JSON, an HTML page and JUnit XML. Nothing here ever holds a secret."""

import json
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring


class Outcome(StrEnum):
    """How a check ended, the worst first."""

    BROKEN = "broken"
    UNFINISHED = "unfinished"
    ADVICE = "advice"
    NOT_TRIED = "not tried"
    OK = "ok"
    NOT_REACHED = "not reached"


_MARKS: Final = {Outcome.OK: "ok", Outcome.NOT_TRIED: "-", Outcome.ADVICE: "advice"}
_VERDICTS: Final = {
    Outcome.BROKEN: "The server breaks the API",
    Outcome.UNFINISHED: "The check could not be finished",
    Outcome.ADVICE: "The API is implemented, with advice",
    Outcome.OK: "The API is implemented",
}
_JUNIT_TAGS: Final = {
    Outcome.BROKEN: "failure",
    Outcome.UNFINISHED: "error",
    Outcome.NOT_TRIED: "skipped",
    Outcome.NOT_REACHED: "skipped",
}
_NOT_IN_XML: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Result:
    """What one check found: its short `name`, `what` it asks, and in `detail` what was seen instead, line by line."""

    outcome: Outcome
    name: str
    what: str
    detail: str = ""


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

    def __str__(self) -> str:
        lines = [f"{self.url}, collection {self.collection}", ""]
        for result in self.results:
            if result.outcome is not Outcome.NOT_REACHED:
                mark = _MARKS.get(result.outcome, result.outcome.value.upper())
                lines.append(f"{mark:>10}  {result.name:<24} {result.what}")
                lines += [f"{'':>10}  {'':<24} -> {detail}" for detail in result.detail.splitlines()]
        return "\n".join([*lines, "", self.summary])

    def to_json(self) -> str:
        """The report for programs."""
        head = {"url": self.url, "collection": self.collection, "ok": self.ok, "requests": self.requests}
        checks = [asdict(result) for result in self.results]
        return json.dumps({**head, "seconds": round(self.seconds, 3), "checks": checks}, indent=2)

    def to_html(self) -> str:
        """A page that requests nothing from other hosts, with the worst first."""
        outcome = next((outcome for outcome in _VERDICTS if self.of(outcome)), Outcome.OK)
        texts = {"url": self.url, "collection": self.collection, "summary": self.summary}
        texts |= {"verdict": _VERDICTS[outcome], "outcome": outcome.value}
        rows = [_row(result) for outcome in Outcome for result in self.of(outcome)]
        template = Template((files("bosbase_wrapper.check") / "report.html").read_text(encoding="utf-8"))
        return template.substitute({name: escape(text) for name, text in texts.items()}, rows="".join(rows))

    def to_junit(self) -> str:
        """XML for CI systems, with a test case for each check. Advice passes, and is in its test case's output."""
        tags = [_JUNIT_TAGS.get(result.outcome, "") for result in self.results]
        attributes = {"name": "bosbase-tokens check", "tests": str(len(tags)), "time": f"{self.seconds:.3f}"}
        counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        attributes |= {name: str(tags.count(tag)) for name, tag in counted.items()}
        suites = Element("testsuites", attributes)
        suite = SubElement(suites, "testsuite", attributes)
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", name="url", value=self.url)
        SubElement(properties, "property", name="collection", value=self.collection)
        for result, tag in zip(self.results, tags, strict=True):
            case = SubElement(suite, "testcase", classname="bosbase-tokens.check", name=f"{result.name}: {result.what}")
            if tag:
                message = result.detail.partition("\n")[0] or result.outcome.value
                SubElement(case, tag, message=message, type=result.outcome.value).text = result.detail
            elif result.outcome is Outcome.ADVICE:
                SubElement(case, "system-out").text = f"Advice: {result.detail}"
        indent(suites)
        return _NOT_IN_XML.sub("?", tostring(suites, encoding="unicode", xml_declaration=True)) + "\n"


def _row(result: Result) -> str:
    detail = f'<div class="detail">{_marked(result.detail)}</div>' if result.detail else ""
    outcome = f'<th scope="row" class="{result.outcome.value}">{result.outcome.value}</th>'
    return f"<tr>{outcome}<td><code>{escape(result.name)}</code></td><td>{_marked(result.what)}{detail}</td></tr>\n"


def _marked(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))
