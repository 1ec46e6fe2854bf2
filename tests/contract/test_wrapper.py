"""The wrapper has each operation of openapi.yaml, with an argument for each field and parameter."""

import inspect
import re
from collections.abc import Iterator

import pytest

from bosbase_wrapper import _operations
from bosbase_wrapper._collection import AsyncCollection, Collection
from bosbase_wrapper._operations import Operation

from .document import DOCUMENT, operations, resolved

pytestmark = pytest.mark.untraced

OPTIONS = {"self", "options"}


def fields(operation: str) -> set[str]:
    """The fields and query parameters of an operation, as Python names them."""
    found = operations()[operation]
    body = resolved(DOCUMENT, found["requestBody"])["content"]["application/json"]["schema"]
    parameters = (resolved(DOCUMENT, parameter) for parameter in found["parameters"])
    names = [*resolved(DOCUMENT, body)["properties"], *(one["name"] for one in parameters if one["in"] == "query")]
    return {re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name) for name in names}


def arguments(kind: type) -> Iterator[set[str]]:
    """The arguments of each method."""
    for _, method in inspect.getmembers(kind, inspect.isfunction):
        yield set(inspect.signature(method).parameters) - OPTIONS


@pytest.mark.parametrize("operation", operations())
def test_each_operation_is_made(operation: str) -> None:
    """A new operation needs a line in _operations.py."""
    made = {value.name for value in vars(_operations).values() if isinstance(value, Operation)}
    assert operation in made, f"bosbase_wrapper/_operations.py has no Operation for {operation}: docs/regenerate.md"


@pytest.mark.parametrize("kind", [Collection, AsyncCollection])
@pytest.mark.parametrize("operation", operations())
def test_each_field_is_an_argument(operation: str, kind: type) -> None:
    """A new operation needs a method, and a new field an argument."""
    wanted = fields(operation)
    assert wanted in list(arguments(kind)), (
        f"no method of {kind.__name__} has the arguments of {operation}, {sorted(wanted)}: docs/regenerate.md"
    )
