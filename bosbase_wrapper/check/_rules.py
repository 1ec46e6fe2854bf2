"""The rules that every response must satisfy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ._document import Document
from ._report import Outcome, Result
from ._response import Response

RULES: Final = {
    "answered": "Every request gets a response",
    "documented-status": "Every response has a status that openapi.yaml documents",
    "content-type": "Every response with a body is application/json",
    "answer-shape": "Every body has the schema of openapi.yaml",
    "envelope-status": "The `status` in an error is the status of the response",
    "empty-204": "A 204 has no body",
    "no-secret": "No password, token, hash, JWT or mfaId is returned in a place where it does not belong",
    "no-cookie": "No response sets a cookie, except for a load balancer's",
}
# Cookies of well-known gateways, which route a client to the same server or detect robots.
_BALANCER: Final = re.compile(
    "AWSALB|AWSELB|GCLB|ARRAffinity|BIGipServer|INGRESSCOOKIE|SERVERID|ROUTEID|__cf|cf_|incap_|visid_incap|nlbi_|ak_|bm_"
)


class Rules:
    """Which responses broke which rule so far."""

    def __init__(self, document: Document) -> None:
        self._document: Final = document
        self._faults: Final[dict[str, set[str]]] = {}

    def ask(self, rule: str, kept: bool, place: str) -> None:
        """Notes that a rule applied, and the place if it was broken."""
        self._faults.setdefault(rule, set()).update(() if kept else (place,))

    def results(self) -> list[Result]:
        """One result for each rule. A rule that never applied is not tried."""
        return [self._result(rule, what) for rule, what in RULES.items()]

    def _result(self, rule: str, what: str) -> Result:
        if rule not in self._faults:
            return Result(Outcome.NOT_TRIED, rule, what, "there was no such response")
        faults = sorted(self._faults[rule])
        return Result(Outcome.BROKEN if faults else Outcome.OK, rule, what, "\n".join(faults[:10]))

    def observe(self, operation: str, response: Response, query: Mapping[str, str]) -> None:
        """Checks a response of one of the three operations."""
        place = f"{operation} {response.status}"
        self.ask("no-cookie", all(map(_BALANCER.match, response.headers.get_list("Set-Cookie"))), place)
        documented = response.status in self._document.statuses(operation)
        self.ask("documented-status", documented, place)
        if response.status == 204:
            empty = not response.content and response.headers.get("Content-Length", "0") == "0"
            self.ask("empty-204", empty, place)
        elif documented and (response.content or "fields" not in query):  # BosBase: `fields=a:b` gives an empty 200
            self._observe_body(operation, response, place)

    def _observe_body(self, operation: str, response: Response, place: str) -> None:
        self.ask("content-type", response.content_type == "application/json", place)
        self.ask("answer-shape", response.is_json, f"{place}: no JSON")
        if not response.is_json:
            return
        for fault in self._document.faults(operation, response.status, response.json):
            self.ask("answer-shape", False, f"{place}: {fault}")
        if response.status >= 400 and response.field("mfaId") is None:
            self.ask("envelope-status", response.field("status") == response.status, place)
