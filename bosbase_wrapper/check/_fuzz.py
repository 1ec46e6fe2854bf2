"""Generated cases for each operation, made safe for a server in production."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from schemathesis import GenerationMode

from ._answer import Answer, as_object
from ._checks import Check
from ._contract import SEGMENTS
from ._probe import Probe, seen
from ._secrets import new_token

_NO_MATTER: Final = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass(frozen=True)
class _Case:
    """What was generated; `ours`: the members are replaced by the account's own and a token that is ours."""

    body: Any
    query: dict[str, Any]
    ours: bool


def fuzz_checks(cases: int) -> list[Check]:
    """One check for each operation."""
    what = "Generated bodies and parameters are answered by the contract: {}"
    return [
        Check(f"fuzz-{segment}", what.format(segment), partial(_fuzz, operation=operation, most=cases))
        for operation, segment in SEGMENTS.items()
    ]


def _fuzz(probe: Probe, *, operation: str, most: int) -> None:
    for case in _cases(probe, operation, most):
        _send(probe, operation, case)


def _cases(probe: Probe, operation: str, most: int) -> list[_Case]:
    """The same cases in each run: they are generated first and sent then, so that an answer changes none."""
    cases: list[_Case] = []

    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=_NO_MATTER,
    )
    @given(case=_strategy(probe, operation), ours=st.booleans())
    def collect(case: Any, ours: bool) -> None:
        cases.append(_Case(case.body, dict(case.query or {}), ours))

    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)  # else it makes a folder `.hypothesis` wherever the user is
        try:
            collect()
        finally:
            set_hypothesis_home_dir(None)
    return cases


def _strategy(probe: Probe, operation: str) -> st.SearchStrategy[Any]:
    schema = schemathesis.openapi.from_dict(probe.contract.document)
    described = cast("Any", schema[f"/api/collections/{{collection}}/{SEGMENTS[operation]}"]["POST"])
    return st.one_of(*(described.as_strategy(generation_mode=mode) for mode in _MODES))


def _send(probe: Probe, operation: str, case: _Case) -> None:
    body = _safe(case.body)
    ours = case.ours and isinstance(body, dict)
    if ours:
        body = {**as_object(body), **_own(probe, operation)}
    query = {name: _text(str(value)) for name, value in case.query.items() if name != "mfaId"}
    token = as_object(body).get("token")
    answer = probe.post_raw(operation, json.dumps(body).encode(), token=token, query=query)
    _judge(probe, operation, answer, ours=ours)


def _own(probe: Probe, operation: str) -> dict[str, str]:
    return {"token": probe.token} if operation == "authWithToken" else probe.credentials(new_token())


def _judge(probe: Probe, operation: str, answer: Answer, *, ours: bool) -> None:
    if not ours:
        probe.expect(answer.status == 400, f"what cannot be right: {seen(answer)}, not 400")
    elif operation != "authWithToken":
        probe.done(answer, "what is right")


def _safe(value: Any) -> Any:
    """The same value without a NUL, which costs BosBase its log, and with a token that can be nobody's."""
    if isinstance(value, dict):
        members = {_text(str(name)): _safe(member) for name, member in as_object(value).items()}
        return members | {"token": _ours(members["token"])} if isinstance(members.get("token"), str) else members
    if isinstance(value, list):
        return [_safe(member) for member in value]  # pyright: ignore[reportUnknownVariableType]  # any JSON
    if isinstance(value, str):
        return _text(value)
    return value if isinstance(value, int | float) else None


def _text(value: str) -> str:
    return value.encode(errors="ignore").decode().replace("\0", "")


def _ours(text: str) -> str:
    """A generated token with random letters at its end."""
    return text[:200] + new_token() if 0 < len(text) <= 1024 else text
