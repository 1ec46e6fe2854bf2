"""The report as an HTML page, which requests nothing from other hosts, and as JUnit XML, which CI systems read."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ._report import Outcome, Report, Result

_ORDER: Final = (Outcome.BROKEN, Outcome.UNFINISHED, Outcome.ADVICE, Outcome.NOT_TRIED, Outcome.OK, Outcome.NOT_REACHED)
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


def to_html(report: Report) -> str:
    """The whole page, with what is broken first."""
    results = sorted(report.results, key=lambda result: _ORDER.index(result.outcome))
    outcome = next((outcome for outcome in _ORDER[:3] if report.of(outcome)), Outcome.OK)
    texts = {
        "url": report.url,
        "collection": report.collection,
        "verdict": _VERDICTS[outcome],
        "outcome": outcome.value,
        "summary": report.summary,
    }
    template = Template((files("bosbase_wrapper.check") / "report.html").read_text(encoding="utf-8"))
    escaped = {name: escape(text) for name, text in texts.items()}
    return template.substitute(escaped, rows="".join(map(_row, results)))


def _row(result: Result) -> str:
    detail = f'<div class="detail">{_marked(result.detail)}</div>' if result.detail else ""
    outcome = f'<th scope="row" class="{result.outcome.value}">{result.outcome.value}</th>'
    return f"<tr>{outcome}<td><code>{escape(result.name)}</code></td><td>{_marked(result.what)}{detail}</td></tr>\n"


def _marked(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))


def to_junit(report: Report) -> str:
    """One test case for each check. Advice passes, and is in its test case's output."""
    tags = [_JUNIT_TAGS.get(result.outcome) for result in report.results]
    counts = {"failures": tags.count("failure"), "errors": tags.count("error"), "skipped": tags.count("skipped")}
    attributes = {"name": "bosbase-tokens check", "tests": str(len(tags)), "time": f"{report.seconds:.3f}"}
    attributes |= {name: str(count) for name, count in counts.items()}
    suites = Element("testsuites", attributes)
    suite = SubElement(suites, "testsuite", attributes)
    properties = SubElement(suite, "properties")
    for name, value in (("url", report.url), ("collection", report.collection)):
        SubElement(properties, "property", name=name, value=value)
    for result, tag in zip(report.results, tags, strict=True):
        case = SubElement(suite, "testcase", classname="bosbase-tokens.check", name=f"{result.name}: {result.what}")
        if tag:
            message = result.detail.partition("\n")[0] or result.outcome.value
            SubElement(case, tag, message=message, type=result.outcome.value).text = result.detail
        elif result.outcome is Outcome.ADVICE:
            SubElement(case, "system-out").text = f"Advice: {result.detail}"
    indent(suites)
    return _NOT_IN_XML.sub("?", tostring(suites, encoding="unicode", xml_declaration=True)) + "\n"
