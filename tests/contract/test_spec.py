"""openapi.yaml follows the rules that no linter knows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from .document import DOCUMENT, resolved

pytestmark = pytest.mark.untraced

SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
# A field whose name ends like this is a secret.
SECRET_NAME = re.compile("(password|token|mfaId)$", re.IGNORECASE)
ERRORS = {"400", "403", "404", "413", "429"}
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}
FIELDS = [(schema, name) for schema in SCHEMAS for name in SCHEMAS[schema].get("properties", {})]


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
    """The schema without references."""
    if isinstance(schema, dict):
        return {name: whole(value) for name, value in resolved(DOCUMENT, schema).items()}
    return [whole(value) for value in schema] if isinstance(schema, list) else schema


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Every example with its schema."""
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


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_status_is_listed(operation: str) -> None:
    """An operation has one status of success and lists each error by its number, without a `default`."""
    statuses = set(OPERATIONS[operation]["responses"])
    assert len([status for status in statuses if status.startswith("2")]) == 1
    assert statuses >= ERRORS
    assert all(status.isdigit() for status in statuses)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_credentials_have_an_example(operation: str) -> None:
    """The client raises InvalidCredentialsError for the message of the example `credentials` of a 400."""
    examples = resolved(DOCUMENT, OPERATIONS[operation]["responses"]["400"])["content"]["application/json"]["examples"]
    assert "credentials" in examples, f"the 400 of {operation} has no example `credentials`"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_names_follow_one_form(operation: str) -> None:
    """Operations and fields are camelCase, schemas PascalCase, paths the operation in kebab-case."""
    path = next(path for path, found in DOCUMENT["paths"].items() if found["post"]["operationId"] == operation)
    assert path.rpartition("/")[2] == re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), operation)
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in SCHEMAS)
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for _, name in FIELDS)


@pytest.mark.parametrize(("where", "schema", "value"), EXAMPLES, ids=[where for where, _, _ in EXAMPLES])
def test_examples_are_valid(where: str, schema: Any, value: Any) -> None:
    """The examples match their schemas."""
    problems = [
        error.message for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value)
    ]
    assert problems == [], where


def test_every_request_and_response_with_a_body_has_examples() -> None:
    """Each body has an example."""
    bodies = [
        where for where, node in nodes(DOCUMENT) if where.endswith("application/json") and not node.get("examples")
    ]
    assert bodies == []
    assert len(EXAMPLES) > 40


@pytest.mark.parametrize(("schema", "name"), FIELDS)
def test_every_field_is_described_and_has_an_example(schema: str, name: str) -> None:
    """The generated code and the documentation show both."""
    field = resolved(DOCUMENT, SCHEMAS[schema]["properties"][name])
    assert field.get("description", "").strip().endswith(".")
    assert name == "record" or field["examples"]


@pytest.mark.parametrize(("schema", "name"), FIELDS)
def test_secrets_are_marked(schema: str, name: str) -> None:
    """`format: password` hides a secret in the documentation and in the client; nothing else has it."""
    field = SCHEMAS[schema]["properties"][name]
    assert (field.get("format") == "password") == bool(SECRET_NAME.search(name)), f"{schema}.{name}"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_required_fields_exist(schema: str) -> None:
    """A required field is one of the properties."""
    assert set(SCHEMAS[schema].get("required", [])) <= set(SCHEMAS[schema]["properties"])


def test_a_session_may_leave_out_any_field() -> None:
    """The query's `fields` may leave any of them out, so none is required."""
    assert "required" not in SCHEMAS["AuthResponse"]
    assert "required" not in SCHEMAS["AuthRecord"]


@pytest.mark.parametrize(("schema", "name"), FIELDS)
def test_limits_are_told_in_bytes(schema: str, name: str) -> None:
    """`maxLength` counts characters and the server counts bytes, so the description says bytes."""
    field = SCHEMAS[schema]["properties"][name]
    if "maxLength" in field:
        assert f"{field['minLength']} to {field['maxLength']} bytes" in field["description"]


def test_json_is_the_only_content_type() -> None:
    """With several types the generator writes code that cannot be imported."""
    types = {name for _, node in nodes(DOCUMENT) for name in node.get("content", {})}
    assert types == {"application/json"}


def test_no_operation_needs_authorization() -> None:
    """The calls need no Authorization; with a `security` the generated code would need one."""
    assert DOCUMENT["security"] == []
    assert not any("security" in operation for operation in OPERATIONS.values())


def test_a_401_is_a_challenge_or_an_error() -> None:
    """The challenge is first and requires its id, because the generated code tries it first."""
    answer = OPERATIONS["authWithToken"]["responses"]["401"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in answer["anyOf"]] == ["MfaRequired", "ErrorResponse"]
    assert SCHEMAS["MfaRequired"]["required"] == ["mfaId"]


def test_links_lead_from_binding_over_signing_in_to_unbinding() -> None:
    """Tools that follow links can bind a token, sign in with it and unbind it."""
    bind, sign_in = OPERATIONS["bindToken"]["responses"]["204"], OPERATIONS["authWithToken"]["responses"]["200"]
    assert [link["operationId"] for link in bind["links"].values()] == ["authWithToken"]
    assert [link["operationId"] for link in sign_in["links"].values()] == ["unbindToken"]
