"""One run: a survey, every check, and a clean-up that leaves nothing bound."""

import hashlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from types import ModuleType
from typing import Final

import httpx

from bosbase_wrapper import _options
from bosbase_wrapper._http import Client, make_client
from bosbase_wrapper._redaction import RequestFields

from . import _advice, _bodies, _tokens
from ._check import Check
from ._connection import Response, Tell, UnfinishedError, as_object
from ._document import BIND, RULES, SIGN_IN, UNBIND
from ._probe import Account, Binding, Facts, NotTriedError, Probe, ProxyError, State
from ._report import Outcome, Report, Result
from ._secrets import new_token

MOST_REQUESTS: Final = 700  # of a run without `fuzz`, if no request is retried
_REQUESTS_A_CHECK: Final = 12  # about
_RUNS: Final = 3  # of a check, if the server has a passing fault meanwhile
_RECOVERY_SECONDS: Final = 3.0
_LATE_SECONDS: Final = 2.0  # a bind without a response may finish, and another node may miss its new table, so late
_NAME: Final = re.compile(r"[\w-]{1,255}", re.ASCII)
_TRIES: Final = 6  # of the first sign-in after the first bind ever
_NO_ENDPOINTS: Final = (
    "This server has no custom-token endpoints. If it is a PocketBase, install the extension of this project."
)


class _RefusedError(UnfinishedError):
    """The server refuses the account."""


def _in(module: ModuleType) -> list[Check]:
    """The public functions of a module of checks."""
    own = [one for one in vars(module).values() if inspect.isfunction(one) and one.__module__ == module.__name__]
    return [Check.of(function) for function in own if not function.__name__.startswith("_")]


def state(probe: Probe) -> None:
    """Every token is as the responses said: what was refused changed nothing."""
    probe.require_binding()
    own = [one for one in probe.bindings.items() if one[0].collection == probe.account.collection]
    for binding, known in own:
        if known is State.BOUND:
            probe.known(binding.token, "a token that was bound")
        elif known is not State.SENT and len(binding.token.encode()) <= probe.longest:
            probe.unknown(binding.token, "a token that was unbound, or whose bind was refused")


# When nothing is bound any more: other checks would have to wait for the rate limits that these meet.
LAST: Final = tuple(map(Check.of, (_advice.slow, _advice.rate_limits)))
_ALL: Final = [check for module in (_tokens, _bodies, _advice) for check in _in(module)]
CHECKS: Final = tuple(check for check in _ALL if check not in LAST)


def run(
    url: str, collection: str, email: str, password: str, *, fuzz: int | None = None, progress: Tell = lambda _: None
) -> Report:
    """Checks a server with one ordinary account of it.

    The run binds random tokens of its own only, and unbinds each, also if it fails or is interrupted. `fuzz` adds
    that many generated cases for each operation. `progress` gets a line of text before each check, and while the run
    waits. Raises ConfigurationError for an argument or an environment that is not usable.
    """
    _options.require_texts(RequestFields(email=email, password=password))
    account = Account(str(_options.base_url(url)), _options.collection_name(collection), email, password)
    checks = list(CHECKS)
    if fuzz:
        from ._fuzz import fuzz_checks  # schemathesis takes a second to import

        checks += fuzz_checks(fuzz)
    with make_client(Client, httpx.URL(account.url)) as client:
        return run_checks(Probe(account, client, tell=progress), checks, last=LAST)


def run_checks(probe: Probe, checks: Sequence[Check] = CHECKS, *, last: Sequence[Check] = ()) -> Report:
    """Runs checks in the given order, which does not matter, and those of `last` when nothing is bound any more."""
    report = Report(probe.account.url, probe.account.collection)
    started = monotonic()
    first = [*checks, Check.of(state)]
    probe.connection.expected = len(first) * _REQUESTS_A_CHECK
    try:
        stopped = _try_all(first, probe, report)
    finally:
        left_behind = _clean_up(probe)
    if not stopped and not left_behind.detail:
        stopped = _try_all(last, probe, report)
    if report.results:  # the responses of a survey alone say too little
        answered = not probe.connection.drops_requests
        probe.rules.ask("answered", answered, "connections end without a response, again and again")
        report.results += probe.rules.results()
    outcome = Outcome.UNFINISHED if stopped else Outcome.OK
    report.results += [Result(outcome, "finished", "The run was finished", stopped), left_behind]
    # What was not reached is named too, so that a CI system sees every check in every run.
    done = {result.name for result in report.results}
    expected = {check.name: check.what for check in (*first, *last)} | RULES
    report.results += [Result(Outcome.NOT_REACHED, name, what) for name, what in expected.items() if name not in done]
    report.requests, report.seconds = probe.connection.requests, monotonic() - started
    return report


def _try_all(checks: Sequence[Check], probe: Probe, report: Report) -> str:
    """Runs checks, the first of a run after a survey. Returns why they could not be finished, or ""."""
    try:
        if not report.results:
            probe.facts = _survey(probe)
        for number, check in enumerate(checks, 1):
            probe.connection.tell(f"[{number}/{len(checks)}] {check.what}")
            report.results.append(_try(check, probe))
    except (UnfinishedError, ProxyError) as error:
        report.refused = isinstance(error, _RefusedError)
        return str(error)
    return ""


def _survey(probe: Probe) -> Facts:
    """Finds out about the account, and binds the token that the checks share.

    The first request holds no password. Raises UnfinishedError if no check could be tried.
    """
    _recognize(probe, probe.sign_in(new_token()))
    unbound = probe.unbind(new_token())
    login = probe.password_login()
    invalid = as_object(unbound.field("data")).keys() & {"email", "password"}
    wrong = invalid or unbound.json == probe.document.errors[UNBIND]["credentials"]
    if wrong and login.status not in (200, 401, 403):  # a wrong account is no fault of the server
        raise _RefusedError("The server refuses the email and password.")
    before = as_object(login.field("record")) or None
    token = new_token()
    refusal = _refusal(probe, unbound, UNBIND) or _refusal(probe, probe.bind(token), BIND)
    if refusal:
        return Facts(refusal=refusal, record=before)
    first = _first_sign_in(probe, token)
    is_rule = first.status == 403 and first.text("message") == probe.document.errors[SIGN_IN]["rule"]["message"]
    mode = first.status if is_rule or (first.status == 401 and first.text("mfaId")) else 200
    opened = probe.sign_in(token, mfa_id=probe.password_login().text("mfaId") if mode == 401 else None)
    name, collection_id = opened.text("record", "collectionName"), opened.text("record", "collectionId")
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(collection_id)):
        name = collection_id = ""
    return Facts(token, mode, "", name, collection_id, before)


def _recognize(probe: Probe, first: Response) -> None:
    """Stops before a password is sent if the URL is not that of a BosBase, or if nothing can be tried."""
    errors = probe.document.errors[SIGN_IN]
    if first.json in (errors["unknown"], errors["noAuth"]):
        raise _RefusedError("There is no such auth collection.")
    probe.secrets.ignore(f"{first.body.decode(errors='replace')} {first.headers}")
    if first.status == 400 and not probe.document.faults(SIGN_IN, first):
        return
    health = probe.request("GET", "/api/health", headers={})
    if health.status != 200 or not {"message", "data"} <= as_object(health.json).keys():
        to, kind = httpx.URL(first.headers.get("Location", "")), first.content_type or "no content type"
        there = f"{to.scheme}://{to.netloc.decode()}" if to.host else "another path"
        other = f"This is no BosBase server: it responds to a sign-in with {first.status} and {kind}. Is the URL right?"
        away = f"This URL redirects ({first.status}) to {there}. Give the URL of the BosBase server itself."
        raise UnfinishedError(away if 300 <= first.status < 400 else other)
    if first.status == 404 and probe.post(BIND, {}).status == 404:
        raise UnfinishedError(_NO_ENDPOINTS)


def _refusal(probe: Probe, response: Response, operation: str) -> str:
    """Why the server binds no token to this account: a documented 403, which is no fault of the server. Else ""."""
    documented = {error["message"] for error in probe.document.errors[operation].values() if error.get("status") == 403}
    message = response.text("message")
    return message if response.status == 403 and message in documented else ""


def _first_sign_in(probe: Probe, token: str) -> Response:
    """BosBase may refuse sign-ins for 2 s after the first bind ever, and another node of it for longer."""
    response, tries = probe.sign_in(token), 0
    while response.status == 400 and tries < _TRIES:
        tries += 1
        probe.connection.pause(0.5)
        response = probe.sign_in(token)
    if tries:
        probe.connection.pause(_LATE_SECONDS)
    return response


def _try(check: Check, probe: Probe, runs: int = _RUNS) -> Result:
    """Runs a check, and again if the server had a passing fault meanwhile, which may have changed a response."""
    faults = len(probe.connection.faults)
    result = _try_once(check, probe)
    disturbed = len(probe.connection.faults) != faults
    if result.outcome is not Outcome.BROKEN or not (disturbed or probe.connection.had_fault_lately):
        return result
    if runs > 1:
        probe.connection.pause(_RECOVERY_SECONDS)
        return _try(check, probe, runs - 1)
    detail = f"the server had faults in each of {_RUNS} runs; in the last one: {result.detail}"
    return replace(result, outcome=Outcome.UNFINISHED, detail=detail) if disturbed else result


def _try_once(check: Check, probe: Probe) -> Result:
    probe.problems, probe.hints = [], []
    try:
        check.attempt(probe)
    except NotTriedError as reason:
        if not probe.problems:
            return Result(Outcome.NOT_TRIED, check.name, check.what, str(reason))
    except ProxyError as error:
        probe.advise(False, f"{error}; the rest of this check was not tried")
    outcome = Outcome.BROKEN if probe.problems else Outcome.ADVICE if probe.hints else Outcome.OK
    return Result(outcome, check.name, check.what, "\n".join(dict.fromkeys(probe.problems or probe.hints)))


def _clean_up(probe: Probe) -> Result:
    left: list[str] = []
    try:
        _unbind_all(probe, left)
    finally:
        _unbind_all(probe, left)  # goes on if the first was interrupted
    prints = ", ".join(hashlib.sha256(token.encode()).hexdigest()[:8] for token in left)  # of a hash, no secret
    detail = f"{len(left)} may still be bound; a superuser finds them in _token_bindings by tokenHash: {prints}"
    outcome = Outcome.UNFINISHED if left else Outcome.OK if probe.bindings else Outcome.NOT_REACHED
    return Result(outcome, "left-behind", "Every token of the run is unbound again", detail if left else "")


def _unbind_all(probe: Probe, left: list[str]) -> None:
    """Unbinds all that may be bound, and adds the tokens that could not be unbound to `left`."""
    probe.connection.renew()
    pending = [binding for binding, known in probe.bindings.items() if known is not State.GONE]
    if State.SENT in probe.bindings.values() or (pending and not probe.facts.token):
        probe.connection.pause(_LATE_SECONDS)
    if pending and probe.connection.limited:
        probe.connection.tell("Unbinding the tokens of the run, as fast as the rate limit allows.")
    for binding in sorted(pending, key=lambda binding: probe.bindings[binding] is State.FREE):
        was_bound = probe.bindings[binding] is State.BOUND
        if not _is_unbound(probe, binding, was_bound):
            probe.connection.pause(_LATE_SECONDS)
            left += [] if _is_unbound(probe, binding, was_bound) else [binding.token]
        probe.bindings[binding] = State.GONE


def _is_unbound(probe: Probe, binding: Binding, was_bound: bool) -> bool:
    try:
        response = probe.unbind(binding.token, collection=binding.collection)
        # A token that was refused for its form, or in a collection without the account, was never bound.
        if response.status != 204:
            return not was_bound and 400 <= response.status < 500
        if not was_bound or probe.connection.limited:
            return True
        return probe.sign_in(binding.token, collection=binding.collection).status == 400
    except ProxyError:
        return not was_bound
    except UnfinishedError:
        return False
