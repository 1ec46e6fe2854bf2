"""openapi.yaml keeps the rules that no linter knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from .checks import SPEC, resolved

DOCUMENT: dict[str, Any] = yaml.safe_load(SPEC.read_text())
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
SECRETS = {"password", "token", "mfaId"}
STATUSES = {
    "bindToken": {"204", "400", "403", "404", "413", "429"},
    "unbindToken": {"204", "400", "403", "404", "413", "429"},
    "authWithToken": {"200", "400", "401", "403", "404", "413", "429"},
}
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}
MEMBERS = [(schema, name) for schema in SCHEMAS for name in SCHEMAS[schema].get("properties", {})]


def nodes(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping of the document, with its place."""
    if isinstance(node, dict):
        yield where, node
        for name, below in node.items():
            yield from nodes(below, f"{where}/{name}")
    if isinstance(node, list):
        for index, below in enumerate(node):
            yield from nodes(below, f"{where}/{index}")


def whole(schema: Any) -> Any:
    """The schema with all that its references stand for."""
    if isinstance(schema, dict):
        return {name: whole(value) for name, value in resolved(DOCUMENT, schema).items()}
    return [whole(value) for value in schema] if isinstance(schema, list) else schema


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Every example with the schema that it is for."""
    for where, node in nodes(DOCUMENT):
        schema = node.get("schema")
        if isinstance(schema, dict):
            found = {name: resolved(DOCUMENT, example) for name, example in node.get("examples", {}).items()}
            yield from ((f"{where}/{name}", whole(schema), example["value"]) for name, example in found.items())
            if "example" in node:
                yield where, whole(schema), node["example"]
        if isinstance(node.get("examples"), list):
            yield from ((f"{where}/{index}", whole(node), value) for index, value in enumerate(node["examples"]))


EXAMPLES = list(examples())


@pytest.mark.parametrize("operation", STATUSES)
def test_every_status_is_spelled_out(operation: str) -> None:
    """A reader finds each status by its number, and no `default` that could mean any."""
    assert set(OPERATIONS[operation]["responses"]) == STATUSES[operation]
    assert set(OPERATIONS) == set(STATUSES)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_names_follow_one_form(operation: str) -> None:
    """Operations and members are camelCase, schemas PascalCase, paths kebab-case after the operation."""
    path = next(path for path, found in DOCUMENT["paths"].items() if found["post"]["operationId"] == operation)
    assert path.rpartition("/")[2] == re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), operation)
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in SCHEMAS)
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for _, name in MEMBERS)


@pytest.mark.parametrize(("where", "schema", "value"), EXAMPLES, ids=[where for where, _, _ in EXAMPLES])
def test_examples_are_valid(where: str, schema: Any, value: Any) -> None:
    """What the documentation shows is what the server takes and gives."""
    problems = [
        error.message for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value)
    ]
    assert problems == [], where


def test_every_request_and_answer_with_a_body_has_examples() -> None:
    """No body is left to the reader's fancy."""
    bodies = [
        where for where, node in nodes(DOCUMENT) if where.endswith("application/json") and not node.get("examples")
    ]
    assert bodies == []
    assert len(EXAMPLES) > 40


@pytest.mark.parametrize(("schema", "name"), MEMBERS)
def test_every_member_is_described_and_has_an_example(schema: str, name: str) -> None:
    """A member without a word would stand so in the generated code and in the documentation."""
    member = resolved(DOCUMENT, SCHEMAS[schema]["properties"][name])
    assert member.get("description", "").strip().endswith(".")
    assert name == "record" or member["examples"]


@pytest.mark.parametrize(("schema", "name"), MEMBERS)
def test_secrets_are_marked(schema: str, name: str) -> None:
    """`format: password` hides them in documentation pages; nothing else is hidden."""
    member = SCHEMAS[schema]["properties"][name]
    assert (member.get("format") == "password") == (name in SECRETS)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_required_members_are_known(schema: str) -> None:
    """A `required` of a member that is not there would be kept by nobody."""
    assert set(SCHEMAS[schema].get("required", [])) <= set(SCHEMAS[schema]["properties"])


def test_an_answer_may_leave_out_any_member() -> None:
    """The query's `fields` picks the members of a session, so none of them is required."""
    assert "required" not in SCHEMAS["AuthResponse"]
    assert "required" not in SCHEMAS["AuthRecord"]


@pytest.mark.parametrize(("schema", "name"), MEMBERS)
def test_limits_are_told_in_bytes(schema: str, name: str) -> None:
    """`maxLength` counts characters and the server counts bytes: the description says the server's number."""
    member = SCHEMAS[schema]["properties"][name]
    if "maxLength" in member:
        assert f"{member['minLength']} to {member['maxLength']} bytes" in member["description"]


def test_json_is_the_only_content_type() -> None:
    """Several types would make the generator write code that cannot be imported."""
    types = {name for _, node in nodes(DOCUMENT) for name in node.get("content", {})}
    assert types == {"application/json"}


def test_no_operation_asks_for_a_signature() -> None:
    """The three calls need no Authorization; a `security` would ask the generated code for one."""
    assert DOCUMENT["security"] == []
    assert not any("security" in operation for operation in OPERATIONS.values())


def test_a_401_is_a_challenge_or_an_error() -> None:
    """The challenge stands first and needs its id: generated code tries it first, and takes nothing else for it."""
    answer = OPERATIONS["authWithToken"]["responses"]["401"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in answer["anyOf"]] == ["MfaRequired", "ErrorResponse"]
    assert SCHEMAS["MfaRequired"]["required"] == ["mfaId"]


def test_links_lead_from_binding_over_signing_in_to_unbinding() -> None:
    """Tools that follow links can live the whole life of a token."""
    bind, sign_in = OPERATIONS["bindToken"]["responses"]["204"], OPERATIONS["authWithToken"]["responses"]["200"]
    assert [link["operationId"] for link in bind["links"].values()] == ["authWithToken"]
    assert [link["operationId"] for link in sign_in["links"].values()] == ["unbindToken"]
