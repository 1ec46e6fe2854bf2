"""One run: a survey, every check, and a clean-up that leaves nothing bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from types import ModuleType
from typing import Final

import httpx

from bosbase_wrapper import _options
from bosbase_wrapper._http import make_client

from . import _advice, _bodies, _sign_in, _tokens
from ._connection import NoResponseError, Tell, UnfinishedError
from ._probe import Facts, NotTriedError, Probe
from ._report import Outcome, Report, Result
from ._rules import RULES
from ._secrets import fingerprint
from ._session import Account, ProxyError, Session, State
from ._survey import survey

MOST_REQUESTS: Final = 700  # of a run without `fuzz`, if no request is retried
_REQUESTS_A_CHECK: Final = 12  # about
_RUNS: Final = 3  # of a check, if the server has a passing fault meanwhile
_RECOVERY_SECONDS: Final = 3.0
_FINISHED: Final = "The run was finished"


@dataclass(frozen=True)
class Check:
    """A function that tries a part of the API. The first line of its docstring is all that is said about it."""

    attempt: Callable[[Probe], None]
    name: str
    what: str

    @classmethod
    def of(cls, attempt: Callable[[Probe], None]) -> Check:
        """A function as a check with the function's name."""
        first, _, _ = (attempt.__doc__ or "").partition("\n")
        return cls(attempt, attempt.__name__.replace("_", "-"), first.rstrip("."))


def _in(module: ModuleType) -> list[Check]:
    """The public functions of a module of checks."""
    functions = [function for function in vars(module).values() if inspect.isfunction(function)]
    own = [function for function in functions if function.__module__ == module.__name__]
    return [Check.of(function) for function in own if not function.__name__.startswith("_")]


def state(probe: Probe) -> None:
    """Every token is as the responses said: what was refused changed nothing."""
    probe.require_binding()
    own = [one for one in probe.session.bindings.items() if one[0].collection == probe.account.collection]
    for binding, known in own:
        if known is State.BOUND:
            probe.signed_in(probe.sign_in(binding.token), "a token that was bound")
        elif known is not State.SENT and len(binding.token.encode()) <= probe.longest:
            probe.unknown(probe.sign_in(binding.token), "a token that was unbound, or whose bind was refused")


LAST: Final = tuple(map(Check.of, (_advice.slow, _advice.wrong_sign_ins, _advice.wrong_passwords)))
_ALL: Final = [check for module in (_tokens, _sign_in, _bodies, _advice) for check in _in(module)]
CHECKS: Final = tuple(check for check in _ALL if check not in LAST)


def run(
    url: str, collection: str, email: str, password: str, *, fuzz: int | None = None, progress: Tell | None = None
) -> Report:
    """Checks a server with one ordinary account of it.

    The run binds random tokens of its own only, and unbinds each, also if it fails or is interrupted. `fuzz` adds
    that many generated cases for each operation. `progress` gets a line of text before each check, and while the run
    waits. Raises ConfigurationError for a URL, a collection or an environment that is not usable.
    """
    account = Account(str(_options.base_url(url)), _options.collection_name(collection), email, password)
    tell: Tell = progress or (lambda _: None)
    checks = list(CHECKS)
    if fuzz:
        from ._fuzz import fuzz_checks  # schemathesis takes a second to import

        checks += fuzz_checks(fuzz)
    with make_client(httpx.URL(account.url)) as client:
        return run_checks(Session(account, client, tell=tell), checks, last=LAST, progress=tell)


def run_checks(
    session: Session, checks: Sequence[Check] = CHECKS, *, last: Sequence[Check] = (), progress: Tell = lambda _: None
) -> Report:
    """Runs checks in the given order, which does not matter, and those of `last` when nothing is bound any more."""
    report = Report(session.account.url, session.account.collection)
    started = monotonic()
    session.patience.expected = (len(checks) + 1) * _REQUESTS_A_CHECK
    facts: list[Facts] = []

    def try_all(some: Sequence[Check]) -> None:
        try:
            facts.append(facts[0] if facts else survey(session))
            for number, check in enumerate(some, 1):
                progress(f"[{number}/{len(some)}] {check.what}")
                report.results.append(_try(check, session, facts[0]))
        except (UnfinishedError, NoResponseError, ProxyError) as error:
            _stop(report, error, [*some, *last])

    try:
        try_all([*checks, Check.of(state)])
    finally:
        _clean_up(session, report)
    if not report.unfinished:
        try_all(last)
    _add_not_reached(report, {check.name: check.what for check in last})
    if not any(result.name == "finished" for result in report.results):
        report.results.append(Result(Outcome.OK, "finished", _FINISHED))
    _add_rules(session, report)
    report.requests, report.seconds = session.connection.requests, monotonic() - started
    return report


def _try(check: Check, session: Session, facts: Facts, runs: int = _RUNS) -> Result:
    """Runs a check, and again if the server had a passing fault meanwhile, which may have changed a response."""
    faults = session.patience.faults
    result = _try_once(check, Probe(session, facts))
    disturbed = session.patience.faults != faults
    if result.outcome is not Outcome.BROKEN or not (disturbed or session.patience.had_fault_lately):
        return result
    if runs > 1:
        session.pause(_RECOVERY_SECONDS)
        return _try(check, session, facts, runs - 1)
    detail = f"the server had faults in each of {_RUNS} runs; in the last one: {result.detail}"
    return replace(result, outcome=Outcome.UNFINISHED, detail=detail) if disturbed else result


def _try_once(check: Check, probe: Probe) -> Result:
    try:
        check.attempt(probe)
    except NotTriedError as reason:
        if not probe.problems:
            return Result(Outcome.NOT_TRIED, check.name, check.what, str(reason))
    except NoResponseError as error:
        probe.session.rules.ask("answered", False, "a request gets no response, again and again")
        probe.problems.append(f"a request was left without a response ({error})")
    except ProxyError as error:
        probe.hints.append(f"{error}; the rest of this check was not tried")
    outcome = Outcome.BROKEN if probe.problems else Outcome.ADVICE if probe.hints else Outcome.OK
    return Result(outcome, check.name, check.what, "\n".join(dict.fromkeys(probe.problems or probe.hints)))


def _stop(report: Report, error: Exception, checks: Sequence[Check]) -> None:
    """Names the checks that were not reached too, so that a CI system sees every check in every run."""
    report.refused = isinstance(error, UnfinishedError) and error.refused
    detail = f"The server does not answer ({error})." if isinstance(error, NoResponseError) else str(error)
    report.results.append(Result(Outcome.UNFINISHED, "finished", _FINISHED, detail))
    _add_not_reached(report, {check.name: check.what for check in checks})


def _add_not_reached(report: Report, checks: Mapping[str, str]) -> None:
    done = {result.name for result in report.results}
    report.results += [Result(Outcome.NOT_REACHED, name, what) for name, what in checks.items() if name not in done]


def _clean_up(session: Session, report: Report) -> None:
    try:
        session.clean_up()
    finally:
        left = session.clean_up()  # goes on if the first was interrupted
    prints = ", ".join(map(fingerprint, left))
    detail = f"{len(left)} may still be bound; a superuser finds them in _token_bindings by tokenHash: {prints}"
    outcome = Outcome.UNFINISHED if left else Outcome.OK if session.bindings else Outcome.NOT_REACHED
    what = "Every token of the run is unbound again"
    report.results.append(Result(outcome, "left-behind", what, detail if left else ""))


def _add_rules(session: Session, report: Report) -> None:
    """The rules say nothing about a run that ended before its first check."""
    if any(result.outcome in (Outcome.OK, Outcome.BROKEN, Outcome.ADVICE) for result in report.results):
        kept = not session.patience.drops_connections
        session.rules.ask("answered", kept, "connections end without a response, again and again")
        report.results += session.rules.results()
    else:
        _add_not_reached(report, RULES)
