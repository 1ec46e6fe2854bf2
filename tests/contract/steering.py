"""Adapts generated requests to the server's real account, and collects what schemathesis finds."""

import re
from collections.abc import Callable
from typing import Any, Final

import schemathesis
from schemathesis import CheckContext, HookContext, Response, cli
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.engine import Status, events

from . import checks
from .checks import Case
from .run import Run
from .state import EXAMPLE_TOKENS, EXAMPLES, State

_SHOWN: Final = re.compile(r'("(?:token|mfaId)":\s*")[^"]+')


def install(run: Run) -> None:
    """Register the hooks, the checks and the event handler."""

    @schemathesis.hook
    def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
        steer(run.state, case)

    @schemathesis.hook
    def after_call(context: HookContext, case: Case, response: Response) -> None:
        note(run.state, case, response.status_code)
        run.reached.saw(case, response.status_code)

    @schemathesis.hook
    def filter_failure(context: HookContext, failure: Any, case: Case, response: Response) -> bool:
        return not (_is_ignored(case, failure) or checks.is_empty_by_fields(response, case))

    @cli.handler()
    class Watch(cli.EventHandler[Any]):
        def handle_event(self, ctx: Any, event: events.EngineEvent) -> None:
            watch(run, event)

    for judge in (*checks.ALL, nothing_is_shown):
        schemathesis.check(_as_check(judge, run))


def _as_check(judge: checks.Judge, run: Run) -> schemathesis.CheckFunction:
    def check(ctx: CheckContext, response: Response, case: Case) -> None:
        try:
            judge(run.state, response, case)
        except AssertionError as failure:
            raise AssertionError(run.state.hide(str(failure), *checks.secrets_of(case))) from None

    check.__name__ = judge.__name__
    return check


def nothing_is_shown(state: State, response: Response, case: Case) -> None:
    """Not a check, but runs last: it hides the secrets of a response that schemathesis shows."""
    shown = _SHOWN.sub(r"\1[Filtered]", response.content.decode("latin-1"))
    response.content = state.hide(shown, *checks.secrets_of(case)).encode("latin-1")


def _is_ignored(case: Case, failure: Any) -> bool:
    """Whether the failure is about an mfaId that is not text: without MFA the server does not read that field."""
    odd = isinstance(case.body, dict) and not isinstance(case.body.get("mfaId", ""), str)
    return odd and isinstance(failure, AcceptedNegativeData) and 1 <= len(checks.text(case, "token").encode()) <= 1024


def steer(state: State, case: Case) -> None:
    """Replace the account of openapi.yaml's examples by the real one, and make sure that its tokens are bound."""
    real = _stand_ins(state)
    if case.path_parameters.get("collection") == EXAMPLES[0]:
        case.path_parameters["collection"] = state.account.collection
    if isinstance(case.body, dict):
        case.body = {name: real(value) for name, value in case.body.items()}
    if _is_stateful(case) and "fields" in case.query:
        case.query["fields"] = "*"  # the link to unbindToken reads the email of the record
    if checks.operation_of(case) == "authWithToken":
        state.make_sure_it_signs_in(checks.text(case, "token"))
    if checks.operation_of(case) == "bindToken" and checks.is_right(state, case):
        state.bound.add(checks.text(case, "token"))  # before it is sent: its response may be lost
    if state.special:
        state.before = state.special.table.rows()


def _stand_ins(state: State) -> Callable[[Any], Any]:
    names = (*EXAMPLES[1:], *EXAMPLE_TOKENS)
    real = dict(zip(names, (state.account.email, state.account.password, *state.tokens), strict=True))
    return lambda value: real.get(value, value) if isinstance(value, str) else value


def _is_stateful(case: Case) -> bool:
    return case.meta is not None and case.meta.phase.name.value == "stateful"


def note(state: State, case: Case, status: int) -> None:
    """Remember what a response did to the account's bindings."""
    if status != 204 or checks.account_of(state, case) != state.account:
        return
    token = checks.text(case, "token")
    if checks.operation_of(case) == "bindToken":
        state.bound.add(token)
        state.unbound.discard(token)
    else:
        state.bound.discard(token)
        state.unbound |= {token} & set(state.tokens)


def watch(run: Run, event: events.EngineEvent) -> None:
    """Take the failures and links from the events of schemathesis."""
    if isinstance(event, events.ScenarioFinished):
        _count_links(run, event)
        for check in (check for found in event.recorder.checks.values() for check in found):
            if check.status == Status.FAILURE and check.failure_info:
                run.found(check.name, check.failure_info.failure.title)
    elif isinstance(event, events.NonFatalError):
        run.found("error", f"{event.label}: {event.info.title}")
    elif isinstance(event, events.FatalError | events.Interrupted):
        run.found("interrupted", "the run did not finish")


def _count_links(run: Run, event: events.ScenarioFinished) -> None:
    for case_id, node in event.recorder.cases.items():
        interaction = event.recorder.interactions.get(case_id)
        answer = interaction.response if interaction else None
        if node.transition and node.is_transition_applied and answer and answer.status_code < 300:
            run.reached.links[_name(node.transition.id)] += 1


def _name(transition: str) -> str:
    """The link's name in what schemathesis calls "POST /... -> [204] signIn -> POST /..."."""
    return transition.split(" -> ")[1].rpartition(" ")[2]
