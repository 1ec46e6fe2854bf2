"""The rules that every answer must keep."""

from __future__ import annotations

import re
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
    "no-cookie": "No answer sets a cookie but a load balancer's",
}
# Cookies by which well-known gateways find the same server again, or tell robots.
_BALANCER: Final = re.compile(
    "AWSALB|AWSELB|GCLB|ARRAffinity|BIGipServer|INGRESSCOOKIE|SERVERID|ROUTEID|__cf|cf_|incap_|visid_incap|nlbi_|ak_|bm_"
)


class Rules:
    """What broke them so far, by rule."""

    def __init__(self, contract: Contract) -> None:
        self._contract: Final = contract
        self._faults: Final[dict[str, set[str]]] = {rule: set() for rule in RULES}

    def fault(self, rule: str, place: str) -> None:
        """Notes a breach."""
        self._faults[rule].add(place)

    def faults(self, rule: str) -> list[str]:
        """The breaches of a rule."""
        return sorted(self._faults[rule])

    def observe(self, operation: str, answer: Answer) -> None:
        """Holds an answer of one of the three operations against the rules."""
        place = f"{operation} {answer.status}"
        cookies = answer.headers.get_list("Set-Cookie")
        self._ask("no-cookie", all(map(_BALANCER.match, cookies)), place)
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
