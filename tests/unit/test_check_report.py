"""The report of a check: the exit codes, the table, JSON and the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from bosbase_wrapper.check import Exit, Outcome, Report
from bosbase_wrapper.check._html import to_html


def _report(*outcomes: Outcome, refused: bool = False) -> Report:
    report = Report("https://example.com", "users", requests=12, seconds=3.21, refused=refused)
    for number, outcome in enumerate(outcomes):
        report.add(outcome, f"check-{number}", f"What is asked, {number}", "" if outcome is Outcome.KEPT else "seen")
    return report


@pytest.mark.parametrize(
    ("report", "code", "strict"),
    [
        (_report(Outcome.KEPT, Outcome.NOT_TRIED), Exit.KEPT, Exit.KEPT),
        (_report(Outcome.KEPT, Outcome.ADVICE), Exit.KEPT, Exit.BROKEN),
        (_report(Outcome.BROKEN, Outcome.UNFINISHED), Exit.BROKEN, Exit.BROKEN),
        (_report(Outcome.UNFINISHED, Outcome.ADVICE), Exit.NO_ANSWER, Exit.NO_ANSWER),
        (_report(Outcome.UNFINISHED, refused=True), Exit.BROKEN, Exit.BROKEN),
    ],
)
def test_exit_codes(report: Report, code: Exit, strict: Exit) -> None:
    """Broken beats unfinished, unfinished beats advice; an account that is refused counts as refused by the server."""
    assert (report.exit_code(), report.exit_code(strict=True)) == (code, strict)
    assert report.ok == (code is Exit.KEPT)


def test_the_table() -> None:
    """One line a check, what was seen below it, and a sum at the end."""
    assert str(_report(Outcome.KEPT, Outcome.BROKEN)).splitlines() == [
        "https://example.com, collection users",
        "",
        "        ok  check-0                  What is asked, 0",
        "    BROKEN  check-1                  What is asked, 1",
        "                                     -> seen",
        "",
        "1 kept, 1 broken; 12 requests in 3.2 s",
    ]


def test_json() -> None:
    """The same for programs."""
    found = json.loads(_report(Outcome.ADVICE).to_json())
    row = {"outcome": "advice", "name": "check-0", "what": "What is asked, 0", "detail": "seen"}
    head = {"url": "https://example.com", "collection": "users", "ok": True, "requests": 12, "seconds": 3.21}
    assert found == {**head, "checks": [row]}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((Outcome.KEPT,), "The contract is kept"),
        ((Outcome.KEPT, Outcome.ADVICE), "The contract is kept, with advice"),
        ((Outcome.UNFINISHED, Outcome.ADVICE), "The check could not finish"),
        ((Outcome.KEPT, Outcome.BROKEN, Outcome.UNFINISHED), "The contract is broken"),
    ],
)
def test_the_page(outcomes: tuple[Outcome, ...], verdict: str) -> None:
    """It says the verdict first, asks no host for anything, runs no script, and has what is broken on top."""
    text = to_html(_report(*outcomes))
    page = _Page(text)
    assert f">{verdict}</p>" in text
    assert page.addresses == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    if Outcome.BROKEN in outcomes:
        assert text.index(">broken<") < text.index(">unfinished<") < text.index(">kept<")


def test_the_page_escapes_what_it_shows() -> None:
    """A URL or a collection of odd letters is text, never markup."""
    report = Report("http://localhost/<b>", "<script>alert(1)</script>")
    report.add(Outcome.BROKEN, "check", "asks", "<i>seen</i>")
    assert not {"b", "i", "script"} & set(_Page(to_html(report)).tags)
