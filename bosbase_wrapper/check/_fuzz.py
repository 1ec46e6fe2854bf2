"""Generated cases for each operation, made safe for a server in production."""

import json
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from schemathesis import GenerationMode

from ._check import Check
from ._connection import as_object
from ._document import SIGN_IN, Document, openapi_document
from ._probe import Probe
from ._secrets import new_token


def fuzz_checks(cases: int) -> list[Check]:
    """One check for each operation."""
    return [
        Check(partial(_fuzz, operation=name, most=cases), f"fuzz-{segment}", f"Generated cases conform: {segment}")
        for name, segment in openapi_document().segments.items()
    ]


def _fuzz(probe: Probe, *, operation: str, most: int) -> None:
    """Sends a generated body as it is, or with the account's own fields, which must be accepted."""
    own = {"token": probe.token} if operation == SIGN_IN else probe.credentials("")
    for generated, parameters, with_own in _cases(probe.document, operation, most):
        body: Any = _safe(generated)
        ours = with_own and isinstance(body, dict)
        if ours:
            body = {**as_object(body), **own, "token": own["token"] or new_token()}
        query = {name: _text(str(value)) for name, value in parameters.items()}
        token = as_object(body).get("token")
        response = probe.post(operation, json.dumps(body).encode(), token=token, query=query)
        if not ours:
            probe.status(response, "a request that cannot be right", 400)
        elif operation == SIGN_IN:  # a generated parameter may be the reason to refuse it
            probe.expect(not response.is_fault, f"a sign-in with generated parameters: {probe.seen(response)}")
        else:
            probe.status(response, "a request that is right", 204)


def _cases(document: Document, operation: str, most: int) -> list[tuple[Any, dict[str, Any], bool]]:
    """The same cases in each run: all are generated before the first is sent, so that no response changes them."""
    cases: list[tuple[Any, dict[str, Any], bool]] = []
    described = cast("Any", schemathesis.openapi.from_dict(document.raw)).find_operation_by_id(operation)
    strategies = [described.as_strategy(generation_mode=mode) for mode in GenerationMode]
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    once = settings(max_examples=most, deadline=None, database=None, derandomize=True, phases=[Phase.generate])

    @settings(once, suppress_health_check=slow)
    @given(case=st.one_of(*strategies), with_own=st.booleans())
    def collect(case: Any, with_own: bool) -> None:
        cases.append((case.body, dict(case.query or {}), with_own))

    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)  # else it makes a folder `.hypothesis` in the working directory
        try:
            collect()
        finally:
            set_hypothesis_home_dir(None)
    return cases


def _safe(value: Any) -> Any:
    """The same value without a NUL, which costs BosBase its log, and with a token that can be nobody's."""
    if isinstance(value, dict):
        fields: dict[str, Any] = {_text(str(name)): _safe(field) for name, field in as_object(value).items()}
        token = fields.get("token")
        if isinstance(token, str) and 0 < len(token) <= 1024:
            fields["token"] = token[:200] + new_token()
        return fields
    if isinstance(value, list):
        return [_safe(field) for field in value]  # pyright: ignore[reportUnknownVariableType]  # any JSON
    return _text(value) if isinstance(value, str) else value if isinstance(value, int | float) else None


def _text(value: str) -> str:
    return value.encode(errors="ignore").decode().replace("\0", "")
