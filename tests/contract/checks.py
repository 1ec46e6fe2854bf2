"""Checks of every response, beside schemathesis' own. The message of a failure shows no secret."""

import base64
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import schemathesis
from schemathesis import Response

from bosbase_wrapper._contract import REQUEST_FIELDS, SECRET_FIELDS

from .document import DOCUMENT, message, messages, operations, resolved
from .state import SHORT, Account, Binding, State, token_hash

Case = schemathesis.Case[Any]
Judge = Callable[[State, Response, Case], None]

_HIDDEN: Final = {"password", "passwordHash", "tokenKey", "tokenHash"}
_JWT: Final = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+")


def operation_of(case: Case) -> str:
    """The operationId."""
    name: str = case.operation.definition.raw["operationId"]
    return name


def text(case: Case, name: str) -> str:
    """A field of the body, "" if it is not text."""
    value = case.body.get(name) if isinstance(case.body, dict) else None
    return value if isinstance(value, str) else ""


def account_of(state: State, case: Case) -> Account | None:
    """The account of the request, if the run knows it."""
    return state.named(str(case.path_parameters.get("collection")), text(case, "email"))


def bindings_match_the_response(state: State, response: Response, case: Case) -> None:
    """The table of bindings changes exactly as the response says; a refusal changes nothing."""
    if not state.special:
        return
    expected, found = _expected(state, response, case), state.special.table.rows()
    missing, surplus = len(expected - found), len(found - expected)
    returned = f"{operation_of(case)} returned {response.status_code}"
    assert expected == found, f"{returned}, but {missing} bindings are missing and {surplus} are too many"


def _expected(state: State, response: Response, case: Case) -> frozenset[Binding]:
    account = account_of(state, case)
    if response.status_code != 204 or account is None or state.special is None:
        return state.before
    own = Binding(state.special.ids[account.collection], account.record_id, token_hash(text(case, "token")))
    if operation_of(case) == "unbindToken":
        return state.before - {own}
    same = {row for row in state.before if (row.collection_id, row.token_hash) == (own.collection_id, own.token_hash)}
    return (state.before - same) | {own}


def only_the_owner_signs_in(state: State, response: Response, case: Case) -> None:
    """A sign-in succeeds only with a token of the table, and returns the record that it is bound to."""
    body = _json(response)
    if not state.special or operation_of(case) != "authWithToken" or not _is_session(response, body):
        return
    hashed, record = token_hash(text(case, "token")), body.get("record", {})
    owners = [row for row in state.before if row.token_hash == hashed]
    assert owners, "a token that is not bound signed in"
    assert not record.get("id") or record["id"] in {row.record_id for row in owners}, "another account signed in"
    collection = record.get("collectionId")
    assert not collection or collection in {row.collection_id for row in owners}, "another collection's token signed in"


def no_secret_comes_back(state: State, response: Response, case: Case) -> None:
    """The response, its headers and its JWT contain no secret of the request, also not as base64 or hash."""
    body, headers = response.content.decode(errors="replace"), str([*response.headers.values()])
    shown = "\n".join((body, headers, _claims(body)))
    for name in sorted(SECRET_FIELDS):
        found = [form for form in _forms(text(case, name)) if form in shown]
        assert not found, f"the response contains the request's {name}"
    assert "set-cookie" not in response.headers, "the response sets a cookie"
    sessions = len(_JWT.findall(body + headers))
    assert sessions <= (response.status_code == 200), "a response that is not a session contains a JWT"


def secrets_of(case: Case) -> list[str]:
    """The secrets of the request."""
    return [text(case, name) for name in SECRET_FIELDS]


# Hypothesis tries words of the code as values, so an mfaId may be the name of a field.
_NAMES: Final = frozenset(re.findall(r'"(\w+)":', json.dumps(DOCUMENT, default=str)))


def _forms(secret: str) -> tuple[str, ...]:
    """What a secret can look like. A short one is in many a response by chance."""
    if len(secret) < SHORT or secret in _NAMES:
        return ()
    encoded = base64.b64encode(secret.encode()).decode()
    return (secret, json.dumps(secret)[1:-1], quote(secret), encoded.rstrip("="), token_hash(secret))


def _claims(body: str) -> str:
    """The claims of a body's JWT, as text."""
    found = _JWT.search(body)
    return base64.urlsafe_b64decode(found[1] + "==").decode(errors="replace") if found else ""


def hidden_fields_stay_hidden(state: State, response: Response, case: Case) -> None:
    """The record contains no password, no hash and no token key."""
    body = _json(response)
    record = body.get("record") if isinstance(body, dict) else None
    shown = _HIDDEN & set(record) if isinstance(record, dict) else set()
    assert not shown, f"the record contains {sorted(shown)}"
    assert b"$2a$" not in response.content, "the response contains a bcrypt hash"


def valid_requests_succeed(state: State, response: Response, case: Case) -> None:
    """The ordinary account binds and unbinds with its own password, and a bound token signs in."""
    if response.status_code < 300 or not _is_json(case) or not is_right(state, case):
        return
    raise AssertionError(f"{operation_of(case)} refused a valid request with {response.status_code}")


def _is_json(case: Case) -> bool:
    return case.media_type == "application/json" and "content-type" not in {name.lower() for name in case.headers}


def is_right(state: State, case: Case) -> bool:
    """Whether the ordinary account can make the request."""
    token = text(case, "token")
    if str(case.path_parameters.get("collection")).lower() != state.account.collection.lower():
        return False
    if operation_of(case) == "authWithToken":
        plain = re.fullmatch(r"[A-Za-z.,*]*", str(case.query.get("fields", "")))  # the server cannot read all others
        return token in set(state.tokens) - state.unbound and not text(case, "mfaId") and plain is not None
    right = (text(case, "email"), text(case, "password")) == (state.account.email, state.account.password)
    return right and 1 <= len(token.encode()) <= 1024


def errors_are_documented(state: State, response: Response, case: Case) -> None:
    """An error has its own status, and a message and field errors that are examples of openapi.yaml."""
    body, operation = _json(response), operation_of(case)
    if response.status_code < 400 or not isinstance(body, dict) or "mfaId" in body:
        return
    assert set(body) == {"data", "message", "status"}, f"an error with the fields {sorted(body)}"
    assert body["status"] == response.status_code, "the status in the error is not the response's"
    known = messages(operation, response.status_code)
    assert body["message"] in known, f"a message that openapi.yaml does not have: {body['message']!r}"
    is_validation = body["message"] == message(operation, "required")
    assert bool(body["data"]) == is_validation, "only an error of validation has data"
    strange = body["data"].keys() - REQUEST_FIELDS
    assert not strange, f"the error is about {sorted(strange)}"
    odd = sorted({name for name, _ in _fields_of(body["data"]) - _field_errors(operation)})
    assert not odd, f"field errors that openapi.yaml does not have: {odd}"


@cache
def _field_errors(operation: str) -> frozenset[tuple[str, str]]:
    """The field errors of the examples for a 400."""
    response = resolved(DOCUMENT, operations()[operation]["responses"]["400"])
    examples = response["content"]["application/json"]["examples"].values()
    values = [resolved(DOCUMENT, example)["value"] for example in examples]
    return frozenset[tuple[str, str]]().union(*(_fields_of(value["data"]) for value in values))


def _fields_of(data: dict[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((name, json.dumps(found, sort_keys=True)) for name, found in data.items())


def an_empty_response_is_empty(state: State, response: Response, case: Case) -> None:
    """204 has no body."""
    if response.status_code == 204:
        assert not response.content, "204 with a body"
        assert "content-type" not in response.headers, "204 with a content type"


def a_session_is_whole(state: State, response: Response, case: Case) -> None:
    """A session without `fields` has a JWT and a record; a challenge has only its id."""
    body = _json(response)
    if operation_of(case) != "authWithToken" or not isinstance(body, dict):
        return
    if response.status_code == 401 and "mfaId" in body:
        assert set(body) == {"mfaId"}, "the challenge has more fields than its id"
        assert body["mfaId"], "the id of the challenge is empty"
    if response.status_code == 200 and "fields" not in case.query:
        assert body.get("token", "").count(".") == 2, "a session without a JWT"
        missing = {"id", "collectionId", "collectionName", "email"} - set(body.get("record", {}))
        assert not missing, f"a record without {sorted(missing)}"


def is_empty_by_fields(response: Response, case: Case) -> bool:
    """Whether it is BosBase's empty 200 for a modifier of `fields` that does not exist."""
    return response.status_code == 200 and not response.content and ":" in str((case.query or {}).get("fields", ""))


def _is_session(response: Response, body: Any) -> bool:
    return response.status_code == 200 and isinstance(body, dict)


def _json(response: Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


ALL: Final[tuple[Judge, ...]] = (
    bindings_match_the_response,
    only_the_owner_signs_in,
    no_secret_comes_back,
    hidden_fields_stay_hidden,
    valid_requests_succeed,
    errors_are_documented,
    an_empty_response_is_empty,
    a_session_is_whole,
)
