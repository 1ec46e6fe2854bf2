"""The rules that every answer must keep."""

from __future__ import annotations

from typing import Final

from ._answer import Answer
from ._contract import Contract

RULES: Final = {
    "answered": "Every request is answered",
    "documented-status": "Every answer has a status that openapi.yaml documents",
    "content-type": "Every answer with a body is application/json",
    "answer-shape": "Every body has the shape of openapi.yaml",
    "envelope-status": "The `status` in an error is the status of the answer",
    "empty-204": "A 204 has no body",
    "no-secret": "No password, token, hash, JWT or mfaId comes back where it does not belong",
    "no-cookie": "A sign-in sets no cookie of its own",
}


class Rules:
    """What broke them so far, by rule."""

    def __init__(self, contract: Contract) -> None:
        self._contract: Final = contract
        self._faults: Final[dict[str, set[str]]] = {rule: set() for rule in RULES}
        self._cookies: Final[dict[bool, set[str]]] = {True: set(), False: set()}

    def fault(self, rule: str, place: str) -> None:
        """Notes a breach."""
        self._faults[rule].add(place)

    def faults(self, rule: str) -> list[str]:
        """The breaches of a rule. A cookie that every answer sets is a load balancer's, not a session's."""
        if rule == "no-cookie" and self._cookies[True] - self._cookies[False]:
            return ["a cookie comes with a session, and with no other answer"]
        return sorted(self._faults[rule])

    def observe(self, operation: str, answer: Answer) -> None:
        """Holds an answer of one of the three operations against the rules."""
        place = f"{operation} {answer.status}"
        is_session = operation == "authWithToken" and answer.status == 200
        self._cookies[is_session].update(value.partition("=")[0] for value in answer.headers.get_list("Set-Cookie"))
        if answer.status not in self._contract.statuses(operation):
            self.fault("documented-status", place)
        elif answer.status == 204:
            self._ask("empty-204", not answer.content and answer.headers.get("Content-Length", "0") == "0", place)
        else:
            self._observe_body(operation, answer, place)

    def _observe_body(self, operation: str, answer: Answer, place: str) -> None:
        self._ask("content-type", answer.kind == "application/json", place)
        if not answer.is_json:
            self.fault("answer-shape", f"{place}: no JSON")
            return
        for fault in self._contract.faults(operation, answer.status, answer.json):
            self.fault("answer-shape", f"{place}: {fault}")
        if answer.status >= 400 and answer.member("mfaId") is None:
            self._ask("envelope-status", answer.member("status") == answer.status, place)

    def _ask(self, rule: str, kept: bool, place: str) -> None:
        if not kept:
            self.fault(rule, place)
