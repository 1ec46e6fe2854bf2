"""One run: every check in turn, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from bosbase_wrapper import _options

from ._checks import CHECKS, LAST, STATE, Check
from ._contract import Contract, document_text
from ._errors import NoAnswerError, NotTriedError, UnfinishedError
from ._probe import Probe
from ._report import Outcome, Report
from ._rules import RULES
from ._session import Account

MOST_REQUESTS: Final = 600  # of a run without `fuzz`, where no answer is lost and no rate limit met
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)  # a server that mails an alert may take 15 s

Progress = Callable[[str], None]


def run(
    url: str, collection: str, email: str, password: str, *, fuzz: int | None = None, progress: Progress | None = None
) -> Report:
    """Holds a server against the contract, with one ordinary account of it.

    It binds random tokens of its own alone, and unbinds each, also when it fails or is interrupted. `fuzz` adds that
    many generated cases for each operation. `progress` is called with a line of text before each check.
    Raises ConfigurationError for a URL or a collection that cannot be.
    """
    account = Account(str(_options.base_url(url)), _options.collection_name(collection), email, password)
    with httpx.Client(timeout=_TIMEOUT) as client:
        return examine(Probe(account, Contract(document_text()), client), fuzz=fuzz, progress=progress)


def examine(
    probe: Probe, *, checks: Sequence[Check] = CHECKS, fuzz: int | None = None, progress: Progress | None = None
) -> Report:
    """`run`, over a session that is there, with some of the checks."""
    report = Report(probe.account.url, probe.account.collection)
    started = time.monotonic()
    try:
        _try_all(
            [*(check for check in checks if check is not LAST), *_fuzz_checks(fuzz), STATE],
            probe,
            report,
            progress or (lambda _: None),
        )
    finally:
        left = _take_away(probe)
    _add_left(left, report)
    if LAST in checks and not report.unfinished:
        _try_all([LAST], probe, report, lambda _: None)
    _add_rules(probe, report)
    report.requests, report.seconds = probe.line.requests, time.monotonic() - started
    return report


def _fuzz_checks(fuzz: int | None) -> list[Check]:
    if not fuzz:
        return []
    from ._fuzz import fuzz_checks  # schemathesis takes a second to import

    return fuzz_checks(fuzz)


def _try_all(checks: list[Check], probe: Probe, report: Report, show: Progress) -> None:
    try:
        for number, check in enumerate(checks, 1):
            show(f"[{number}/{len(checks)}] {check.what}")
            _try(check, probe, report)
    except UnfinishedError as error:
        report.refused = error.refused
        report.add(Outcome.UNFINISHED, "finished", "The check came to its end", str(error))


def _try(check: Check, probe: Probe, report: Report) -> None:
    probe.problems, probe.hints = [], []
    try:
        _attempt(check, probe)
    except NotTriedError as reason:
        if not probe.problems:
            report.add(Outcome.NOT_TRIED, check.name, check.what, str(reason))
            return
    outcome = Outcome.BROKEN if probe.problems else Outcome.ADVICE if probe.hints else Outcome.KEPT
    report.add(outcome, check.name, check.what, "\n".join(dict.fromkeys(probe.problems or probe.hints)))


def _attempt(check: Check, probe: Probe) -> None:
    if check.binds and not probe.can_bind:
        raise NotTriedError("the collection does not allow password authentication, so that no token can be bound")
    try:
        check.attempt(probe)
    except NoAnswerError as error:
        _require_alive(probe)
        probe.problems.append(f"a request was left without an answer ({error})")


def _require_alive(probe: Probe) -> None:
    """Tells a server that drops one request from one that is away."""
    try:
        probe.line.send_once(probe.line.request("GET", "/api/health"))
    except NoAnswerError as error:
        raise UnfinishedError(f"The server does not answer ({error}).") from None


def _take_away(probe: Probe) -> int:
    try:
        return probe.clean_up()
    except KeyboardInterrupt:  # an impatient user's second one
        probe.clean_up()
        raise


def _add_left(left: int, report: Report) -> None:
    what = "Every token of the check is taken away again"
    if left:
        report.add(Outcome.UNFINISHED, "left-behind", what, f"{left} random tokens could not be unbound")
    else:
        report.add(Outcome.KEPT, "left-behind", what)


def _add_rules(probe: Probe, report: Report) -> None:
    if probe.line.drops_connections:
        probe.rules.fault("answered", "connections ended without an answer")
    for rule, what in RULES.items():
        faults = probe.rules.faults(rule)
        report.add(Outcome.BROKEN if faults else Outcome.KEPT, rule, what, "\n".join(faults[:10]))
