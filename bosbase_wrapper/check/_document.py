"""openapi.yaml: the paths, the limits, the error messages and the schemas that the checks compare with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import yaml
from jsonschema import Draft202012Validator, ValidationError

from ._response import as_object

BIND: Final = "bindToken"
UNBIND: Final = "unbindToken"
SIGN_IN: Final = "authWithToken"

# A wheel has the document in the package. An editable install has it at the root of the repository.
_PLACES: Final = (files("bosbase_wrapper") / "openapi.yaml", Path(__file__).parents[2] / "openapi.yaml")


class Document:
    """The document. An error example is found by its operation and its key."""

    def __init__(self) -> None:
        text = next(place for place in _PLACES if place.is_file()).read_text(encoding="utf-8")
        self.raw: Final[dict[str, Any]] = yaml.safe_load(text)
        self._paths: Final[dict[str, str]] = {
            path["post"]["operationId"]: name for name, path in self.raw["paths"].items()
        }
        self._operations: Final = {path["post"]["operationId"]: path["post"] for path in self.raw["paths"].values()}
        self._validators: Final = {
            name: {int(status): self._validator(response) for status, response in operation["responses"].items()}
            for name, operation in self._operations.items()
        }
        self.operations: Final = tuple(self._operations)
        self.words: Final = json.dumps([self._operations, self.raw["components"]])
        self.messages: Final = frozenset(
            error["message"] for name in self.operations for error in self._errors(name).values()
        )
        record = self.raw["components"]["schemas"]["AuthRecord"]["properties"]
        self.record_fields: Final = frozenset(record) - {"expand"}  # the API's own
        self.names: Final = frozenset(
            name for schema in self.raw["components"]["schemas"].values() for name in schema["properties"]
        )

    def path(self, operation: str, collection: str) -> str:
        """The path of an operation."""
        return self._paths[operation].replace("{collection}", quote(collection, safe="", errors="replace"))

    def segment(self, operation: str) -> str:
        """The last segment of an operation's path."""
        return self._paths[operation].rpartition("/")[2]

    def error(self, operation: str, key: str) -> dict[str, Any]:
        """The error body in an operation's example with this key."""
        return self._errors(operation)[key]

    def field_error(self, operation: str, field: str, key: str) -> dict[str, Any]:
        """What the example with this key says of a field."""
        return as_object(self.error(operation, key)["data"][field])

    def messages_of(self, operation: str, status: int) -> frozenset[str]:
        """The messages of an operation's errors with one status."""
        errors = self._errors(operation).values()
        return frozenset(error["message"] for error in errors if error["status"] == status)

    def limits(self, operation: str) -> dict[str, int]:
        """The most bytes of each required field of an operation's body."""
        body = self._of(self._operations[operation]["requestBody"])["content"]["application/json"]["schema"]
        schema = self._of(body)
        return {name: schema["properties"][name]["maxLength"] for name in schema["required"]}

    def statuses(self, operation: str) -> frozenset[int]:
        """The documented statuses of an operation."""
        return frozenset(self._validators[operation])

    def faults(self, operation: str, status: int, body: Any) -> list[str]:
        """What is wrong with a JSON body: the place and the rule, never the value, which may be a secret."""
        errors = cast("Iterable[ValidationError]", self._validators[operation][status].iter_errors(body))  # pyright: ignore[reportUnknownMemberType]  # jsonschema has no types of its own
        return sorted({f"{self._place(error.absolute_path)} breaks {error.validator}" for error in errors})

    def _place(self, path: Iterable[str | int]) -> str:
        known = (str(part) if part in self.names or isinstance(part, int) else "*" for part in path)
        return ".".join(known) or "the body"

    def _errors(self, operation: str) -> dict[str, dict[str, Any]]:
        return {
            key: self._of(example)["value"]
            for response in self._operations[operation]["responses"].values()
            for key, example in self._json(response).get("examples", {}).items()
            if "message" in self._of(example)["value"]
        }

    def _validator(self, response: dict[str, Any]) -> Draft202012Validator:
        schema = self._json(response).get("schema", {})
        return Draft202012Validator({**schema, "components": self.raw["components"]})

    def _json(self, response: dict[str, Any]) -> dict[str, Any]:
        return as_object(self._of(response).get("content", {}).get("application/json"))

    def _of(self, value: dict[str, Any]) -> dict[str, Any]:
        """The value that a reference names, or the value itself."""
        while "$ref" in value:
            _, _, kind, name = value["$ref"].split("/")
            value = self.raw["components"][kind][name]
        return value
