"""openapi.yaml, and the rules that every response must satisfy by it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import httpx
import yaml
from jsonschema import Draft202012Validator, ValidationError

from ._connection import Response
from ._report import Outcome, Result

BIND: Final = "bindToken"
UNBIND: Final = "unbindToken"
SIGN_IN: Final = "authWithToken"

# A wheel has the document in the package. An editable install has it at the root of the repository.
_PLACES: Final = (files("bosbase_wrapper") / "openapi.yaml", Path(__file__).parents[2] / "openapi.yaml")

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


class Document:
    """The document. Its operations are found by their operationId.

    `segments` has the last segment of each path, `errors` the bodies by the keys of their examples, `limits` the
    most bytes of each required field, and `statuses` a validator for each documented status.
    """

    def __init__(self) -> None:
        self.text: Final = next(place for place in _PLACES if place.is_file()).read_text(encoding="utf-8")
        self.raw: Final[dict[str, Any]] = yaml.safe_load(self.text)
        self.segments: Final[dict[str, str]] = {}
        self.limits: Final[dict[str, dict[str, int]]] = {}
        self.errors: Final = defaultdict[str, dict[str, dict[str, Any]]](dict)
        self.statuses: Final = defaultdict[str, dict[int, Draft202012Validator]](dict)
        for path, operations in self.raw["paths"].items():
            operation = operations["post"]
            name = operation["operationId"]
            self.segments[name] = path.rpartition("/")[2]
            body = self._follow(self._follow(operation["requestBody"])["content"]["application/json"]["schema"])
            self.limits[name] = {field: body["properties"][field]["maxLength"] for field in body["required"]}
            for status, response in operation["responses"].items():
                content = self._follow(response).get("content", {}).get("application/json", {})
                schema = {"components": self.raw["components"], **content.get("schema", {})}  # with what it refers to
                self.statuses[name][int(status)] = Draft202012Validator(schema)
                examples = content.get("examples", {}).items()
                self.errors[name] |= {key: self._follow(example)["value"] for key, example in examples}
        schemas: dict[str, Any] = self.raw["components"]["schemas"]
        self.record_fields: Final = frozenset(schemas["AuthRecord"]["properties"]) - {"expand"}  # the API's own
        self._names: Final = {name for schema in schemas.values() for name in schema["properties"]}

    def _follow(self, value: dict[str, Any]) -> dict[str, Any]:
        """What a reference names."""
        target = self.raw if "$ref" in value else value
        for name in value.get("$ref", "").split("/")[1:]:
            target = target[name]
        return target

    def faults(self, operation: str, response: Response) -> list[str]:
        """What is wrong with a body: the place and the rule, never the value, which may be a secret."""
        if not response.is_json:
            return ["no JSON"]
        validator = self.statuses[operation][response.status]
        errors = cast("Iterable[ValidationError]", validator.iter_errors(response.json))  # pyright: ignore[reportUnknownMemberType]  # jsonschema has no types of its own
        return sorted({f"{self._place(error.absolute_path)} breaks {error.validator}" for error in errors})

    def _place(self, path: Iterable[str | int]) -> str:
        known = (str(part) if part in self._names or isinstance(part, int) else "*" for part in path)
        return ".".join(known) or "the body"


openapi_document: Final = cache(Document)  # a program may run the check many times, and YAML is slow to read


class Rules:
    """Which responses broke which rule so far."""

    def __init__(self, document: Document) -> None:
        self._document: Final = document
        self._faults: Final[dict[str, set[str]]] = {}

    def ask(self, rule: str, kept: bool, place: str) -> None:
        """Notes that a rule applied, and the place if it was broken."""
        self._faults.setdefault(rule, set()).update(() if kept else (place,))

    def results(self) -> Iterator[Result]:
        """One result for each rule. A rule that never applied is not tried."""
        for rule, what in RULES.items():
            faults = sorted(self._faults.get(rule, ()))
            if rule in self._faults:
                yield Result(Outcome.BROKEN if faults else Outcome.OK, rule, what, "\n".join(faults[:10]))
            else:
                yield Result(Outcome.NOT_TRIED, rule, what, "there was no such response")

    def observe(self, operation: str, response: Response, query: httpx.QueryParams) -> None:
        """Checks a response of one of the three operations."""
        place = f"{operation} {response.status}"
        self.ask("no-cookie", all(map(_BALANCER.match, response.headers.get_list("Set-Cookie"))), place)
        documented = response.status in self._document.statuses[operation]
        self.ask("documented-status", documented, place)
        if response.status == 204:
            empty = not response.body and response.headers.get("Content-Length", "0") == "0"
            self.ask("empty-204", empty, place)
        elif documented and (response.body or "fields" not in query):  # BosBase: `fields=a:b` gives an empty 200
            self.ask("content-type", response.content_type == "application/json", place)
            faults = self._document.faults(operation, response)
            self.ask("answer-shape", not faults, "\n".join(f"{place}: {fault}" for fault in faults))
            if response.is_json and response.status >= 400 and response.field("mfaId") is None:
                self.ask("envelope-status", response.field("status") == response.status, place)
