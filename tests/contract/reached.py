"""How much of openapi.yaml a run reached, and what it must reach to pass."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator

from .checks import Case, operation_of
from .document import resolved

_PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
_SHARE: Final = 1 / 3
# Keywords that a value follows or breaks. `format: password` allows any value.
_KEYWORDS: Final = ("type", "required", "minLength", "maxLength", "format")
_NOT_BROKEN: Final = {
    ("path", "type"): "a value of a path is always text",
    ("path", "minLength"): "without a name the path is another one",
    ("query", "type"): "a value of a query is always text",
}


@dataclass(frozen=True, order=True)
class Keyword:
    """A rule of openapi.yaml for a value of a request."""

    operation: str
    place: str  # "body", "body.email", "path.collection", "query.fields"
    name: str

    def __str__(self) -> str:
        return f"{self.operation} {self.place} {self.name}"

    @property
    def excuse(self) -> str:
        """Why no request can break it, "" if one can."""
        return _NOT_BROKEN.get((self.place.partition(".")[0], self.name), "")


@dataclass
class Reached:
    """What a run reached so far. `left_out` are statuses that only a superuser can set up."""

    document: dict[str, Any]
    left_out: frozenset[tuple[str, int]] = frozenset()
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    sent: set[tuple[str, str]] = field(default_factory=set)
    kept: set[Keyword] = field(default_factory=set)
    broken: set[Keyword] = field(default_factory=set)
    generated: int = 0
    past: int = 0

    def __post_init__(self) -> None:
        self._rules = dict(_rules(self.document))

    def saw(self, case: Case, status: int) -> None:
        """Count a request and its response."""
        operation = operation_of(case)
        self.responded(operation, status, case.meta.phase.name.value if case.meta else "")
        for place, value in _values(case):
            self._look_at(operation, place, value)

    def responded(self, operation: str, status: int, phase: str = "") -> None:
        """Count a response; without a phase it is not one to a generated request."""
        self.statuses[operation, status] += 1
        if phase:
            self.phases[phase] += 1
            self.generated += 1
            self.past += status < 300 or (operation == "authWithToken" and status in (401, 403))

    def _look_at(self, operation: str, place: str, value: Any) -> None:
        self.sent.add((operation, place))
        for keyword, validator in self._rules.items():
            if (keyword.operation, keyword.place) == (operation, place):
                (self.kept if validator.is_valid(value) else self.broken).add(keyword)

    def problems(self) -> list[str]:
        """What the run must reach and did not."""
        return [*self._unseen_statuses(), *self._unfollowed_links(), *self._idle_phases(), *self._few_past()]

    def _unseen_statuses(self) -> Iterator[str]:
        for operation, status in sorted(documented_statuses(self.document)):
            if not self.statuses[operation, status] and (operation, status) not in self.left_out:
                yield f"{operation} never {'succeeded' if status < 300 else f'returned {status}'}"

    def _unfollowed_links(self) -> Iterator[str]:
        for link in sorted(documented_links(self.document)):
            if not self.links[link]:
                yield f"the link {link} was never followed to a success"

    def _idle_phases(self) -> Iterator[str]:
        for phase in _PHASES:
            if not self.phases[phase]:
                yield f"the phase {phase} sent nothing"

    def _few_past(self) -> Iterator[str]:
        if self.past < self.generated * _SHARE:
            yield f"only {self.past} of {self.generated} generated requests got past authentication"

    def lines(self) -> Iterator[str]:
        """What to print of it."""
        statuses, links = documented_statuses(self.document), documented_links(self.document)
        seen = {key for key in statuses if self.statuses[key]}
        unseen = sorted(statuses - seen)
        places = {(rule.operation, rule.place) for rule in self._rules}
        breakable = {rule for rule in self._rules if not rule.excuse}
        operations = {operation for operation, _ in statuses}
        yield f"operations  {len({name for name, _ in seen})} of {len(operations)}"
        yield f"parameters  {len(places & self.sent)} of {len(places)} (with the fields of the bodies)"
        yield f"statuses    {len(seen)} of {len(statuses)}"
        for name, status in unseen:
            yield f"            not {name} {status}: {self._reason(name, status)}"
        yield f"keywords    {len(self.kept)} of {len(self._rules)} followed by a request, {self._broken(breakable)}"
        yield from self._unreached_keywords(breakable)
        yield f"links       {', '.join(f'{link} {self.links[link]} times' for link in sorted(links))}"
        yield f"requests    {self.generated} generated, {self.past} of them got past authentication"

    def _broken(self, breakable: set[Keyword]) -> str:
        return f"{len(self.broken & breakable)} of {len(breakable)} broken by one"

    def _reason(self, operation: str, status: int) -> str:
        left_out = (operation, status) in self.left_out
        return "it needs a superuser to set up" if left_out else "no response had it"

    def _unreached_keywords(self, breakable: set[Keyword]) -> Iterator[str]:
        for keyword in sorted(set(self._rules) - self.kept):
            yield f"            never followed: {keyword}"
        for keyword in sorted(breakable - self.broken):
            yield f"            never broken: {keyword}"
        for keyword in sorted(set(self._rules) - breakable - self.broken):
            yield f"            cannot be broken: {keyword} ({keyword.excuse})"


def documented_statuses(document: dict[str, Any]) -> set[tuple[str, int]]:
    """Every status of every operation."""
    return {
        (operation["operationId"], int(status))
        for operation in _operations(document)
        for status in operation["responses"]
    }


def documented_links(document: dict[str, Any]) -> set[str]:
    """The names of all links."""
    return {
        name
        for operation in _operations(document)
        for response in operation["responses"].values()
        for name in resolved(document, response).get("links", {})
    }


def superusers_statuses(document: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """The statuses that need a superuser to set up."""
    return frozenset(key for key in documented_statuses(document) if key[1] in (401, 403, 429))


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _rules(document: dict[str, Any]) -> Iterator[tuple[Keyword, Validator]]:
    for operation in _operations(document):
        for place, schema in _schemas(document, operation):
            for name in _KEYWORDS:
                if name in schema and schema[name] != "password":
                    validator = Draft202012Validator({name: schema[name]}, format_checker=FormatChecker())
                    yield Keyword(operation["operationId"], place, name), validator


def _schemas(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas of a request by place."""
    for parameter in operation["parameters"]:
        yield f"{parameter['in']}.{parameter['name']}", parameter["schema"]
    content = resolved(document, operation["requestBody"])["content"]["application/json"]
    body = resolved(document, content["schema"])
    yield "body", body
    yield from ((f"body.{name}", member) for name, member in body["properties"].items())


def _values(case: Case) -> Iterator[tuple[str, Any]]:
    """The values of a request by place."""
    yield from ((f"path.{name}", value) for name, value in case.path_parameters.items())
    yield from ((f"query.{name}", value) for name, value in (case.query or {}).items())
    if isinstance(case.body, dict | list | str | int | float | None):
        yield "body", case.body
    if isinstance(case.body, dict):
        yield from ((f"body.{name}", value) for name, value in case.body.items())
