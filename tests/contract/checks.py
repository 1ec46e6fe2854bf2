"""What is asked of every answer, beside schemathesis' own checks. No message of a failure shows a secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import schemathesis
import yaml
from schemathesis import Response

from .state import SHORT, Account, Binding, State, token_hash

Case = schemathesis.Case[Any]
Judge = Callable[[State, Response, Case], None]

SPEC: Final = Path(__file__).parents[2] / "openapi.yaml"
_SECRETS: Final = ("password", "token", "mfaId")
_HIDDEN: Final = {"password", "passwordHash", "tokenKey", "tokenHash"}
_JWT: Final = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+")


def operation_of(case: Case) -> str:
    """The operationId."""
    name: str = case.operation.definition.raw["operationId"]
    return name


def text(case: Case, name: str) -> str:
    """A member of the body, "" where it is no text."""
    value = case.body.get(name) if isinstance(case.body, dict) else None
    return value if isinstance(value, str) else ""


def account_of(state: State, case: Case) -> Account | None:
    """The account that the request names, where the run knows it."""
    return state.named(str(case.path_parameters.get("collection")), text(case, "email"))


def bindings_follow(state: State, response: Response, case: Case) -> None:
    """The table holds after each answer what the answer says, and a refusal leaves it as it was."""
    if not state.special:
        return
    expected, found = _expected(state, response, case), state.special.table.rows()
    missing, surplus = len(expected - found), len(found - expected)
    answer = f"{operation_of(case)} answered {response.status_code}"
    assert expected == found, f"{answer}, and of the bindings {missing} are missing and {surplus} too many"


def _expected(state: State, response: Response, case: Case) -> frozenset[Binding]:
    account = account_of(state, case)
    if response.status_code != 204 or account is None or state.special is None:
        return state.before
    own = Binding(state.special.ids[account.collection], account.record_id, token_hash(text(case, "token")))
    if operation_of(case) == "unbindToken":
        return state.before - {own}
    same = {row for row in state.before if (row.collection_id, row.token_hash) == (own.collection_id, own.token_hash)}
    return (state.before - same) | {own}


def the_owner_signs_in(state: State, response: Response, case: Case) -> None:
    """A sign-in succeeds for a token that the table holds for the collection, and gives the record it is bound to."""
    if not state.special or operation_of(case) != "authWithToken" or response.status_code != 200:
        return
    hashed, record = token_hash(text(case, "token")), response.json().get("record", {})
    owners = [row for row in state.before if row.token_hash == hashed]
    assert owners, "a token signed in that is bound to nobody"
    assert not record.get("id") or record["id"] in {row.record_id for row in owners}, "another account signed in"
    collection = record.get("collectionId")
    assert not collection or collection in {row.collection_id for row in owners}, "another collection's token signed in"


def no_secret_comes_back(state: State, response: Response, case: Case) -> None:
    """No secret of the request stands in the answer, its headers or its JWT, as it is or as base64 or hash."""
    answer, headers = response.content.decode(errors="replace"), str(dict(response.headers))
    shown = "\n".join((answer, headers, _claims(answer)))
    for name in _SECRETS:
        found = [form for form in _forms(text(case, name)) if form in shown]
        assert not found, f"the request's {name} stands in the answer"
    assert "set-cookie" not in response.headers, "the answer sets a cookie"
    sessions = len(_JWT.findall(answer + headers))
    assert sessions <= (response.status_code == 200), "a JWT stands where none belongs"


def secrets_of(case: Case) -> list[str]:
    """The secrets that the request holds."""
    return [text(case, name) for name in _SECRETS]


def _forms(secret: str) -> tuple[str, ...]:
    """What a secret may look like; what is short stands in many an answer by chance."""
    if len(secret) < SHORT:
        return ()
    encoded = base64.b64encode(secret.encode()).decode()
    return (secret, json.dumps(secret)[1:-1], quote(secret), encoded.rstrip("="), token_hash(secret))


def _claims(answer: str) -> str:
    """What the JWT of an answer says, as text."""
    found = _JWT.search(answer)
    return base64.urlsafe_b64decode(found[1] + "==").decode(errors="replace") if found else ""


def hidden_members_stay_hidden(state: State, response: Response, case: Case) -> None:
    """The record holds no password, no hash and no token key."""
    body = _json(response)
    record = body.get("record") if isinstance(body, dict) else None
    shown = _HIDDEN & set(record) if isinstance(record, dict) else set()
    assert not shown, f"the record shows {sorted(shown)}"
    assert b"$2a$" not in response.content, "a bcrypt hash stands in the answer"


def the_account_is_served(state: State, response: Response, case: Case) -> None:
    """Data that are right are accepted: the ordinary account with its own password, a token that is bound."""
    if response.status_code < 300 or not _is_json(case) or not is_right(state, case):
        return
    raise AssertionError(f"{operation_of(case)} refused what is right with {response.status_code}")


def _is_json(case: Case) -> bool:
    return case.media_type == "application/json" and "content-type" not in {name.lower() for name in case.headers}


def is_right(state: State, case: Case) -> bool:
    """Whether the request is one that the ordinary account may make."""
    token = text(case, "token")
    if str(case.path_parameters.get("collection")).lower() != state.account.collection.lower():
        return False
    if operation_of(case) == "authWithToken":
        plain = re.fullmatch(r"[A-Za-z.,*]*", str(case.query.get("fields", "")))  # of others the server cannot read all
        return token in set(state.tokens) - state.unbound and not text(case, "mfaId") and plain is not None
    right = (text(case, "email"), text(case, "password")) == (state.account.email, state.account.password)
    return right and 1 <= len(token.encode()) <= 1024


def errors_are_the_documented_ones(state: State, response: Response, case: Case) -> None:
    """An error names its own status and says one of the sentences that openapi.yaml has for it."""
    body = _json(response)
    if response.status_code < 400 or not isinstance(body, dict) or "mfaId" in body:
        return
    assert set(body) == {"data", "message", "status"}, f"an error of {sorted(body)}"
    assert body.get("status") == response.status_code, "the error names another status than the answer's"
    sentences = _sentences()[operation_of(case), response.status_code]
    assert body.get("message") in sentences, f"a message that openapi.yaml does not have: {body.get('message')!r}"
    assert bool(body["data"]) == ("validating" in body["message"]), "members are blamed by a 400 of validation alone"
    strange = set(body["data"]) - {"email", "password", "token"}
    assert not strange, f"the error blames {sorted(strange)}"


@cache
def _sentences() -> dict[tuple[str, int], set[str]]:
    """The messages of openapi.yaml's examples, by operation and status."""
    document = yaml.safe_load(SPEC.read_text())
    return {
        (operation["operationId"], int(status)): _messages(document, response)
        for path in document["paths"].values()
        for operation in path.values()
        for status, response in operation["responses"].items()
    }


def _messages(document: dict[str, Any], response: dict[str, Any]) -> set[str]:
    examples = resolved(document, response).get("content", {}).get("application/json", {}).get("examples", {})
    values = [resolved(document, example)["value"] for example in examples.values()]
    return {value["message"] for value in values if "message" in value}


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` of the document stands for."""
    while "$ref" in node:
        target: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def an_empty_answer_is_empty(state: State, response: Response, case: Case) -> None:
    """204 comes without a body."""
    if response.status_code == 204:
        assert not response.content, "204 with a body"
        assert "content-type" not in response.headers, "204 with a content type"


def a_session_is_whole(state: State, response: Response, case: Case) -> None:
    """A sign-in of which no member was left out has a JWT and a record; a challenge has its id and nothing else."""
    body = _json(response)
    if operation_of(case) != "authWithToken" or not isinstance(body, dict):
        return
    if response.status_code == 401 and "mfaId" in body:
        assert set(body) == {"mfaId"}, "the challenge holds more than its id"
        assert body["mfaId"], "the challenge's id is empty"
    if response.status_code == 200 and "fields" not in case.query:
        assert body.get("token", "").count(".") == 2, "a session without a JWT"
        assert {"id", "collectionId", "collectionName", "email"} <= set(body.get("record", {})), "a record with gaps"


def _json(response: Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


ALL: Final[tuple[Judge, ...]] = (
    bindings_follow,
    the_owner_signs_in,
    no_secret_comes_back,
    hidden_members_stay_hidden,
    the_account_is_served,
    errors_are_the_documented_ones,
    an_empty_answer_is_empty,
    a_session_is_whole,
)
