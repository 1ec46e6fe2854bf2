"""openapi.yaml, asked two things: which statuses an operation documents, and whether an answer has its shape."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError

# In a wheel the document lies in the package; an editable install has it at the repository's root alone.
_PLACES: Final = (files("bosbase_wrapper") / "openapi.yaml", Path(__file__).parents[2] / "openapi.yaml")

SEGMENTS: Final = {"bindToken": "bind-token", "unbindToken": "unbind-token", "authWithToken": "auth-with-token"}


def document_text() -> str:
    """The text of openapi.yaml."""
    return next(place for place in _PLACES if place.is_file()).read_text(encoding="utf-8")


class Contract:
    """The answers that the document has for each operation, by status; `words` are all that answers are told in."""

    def __init__(self, text: str) -> None:
        self.document: Final[dict[str, Any]] = yaml.safe_load(text)
        operations = [path["post"] for path in self.document["paths"].values()]
        answers = [operation["responses"] for operation in operations]
        self.words: Final = json.dumps([answers, self.document["components"]["responses"]])
        self._answers: Final = {operation["operationId"]: self._by_status(operation) for operation in operations}

    def statuses(self, operation: str) -> frozenset[int]:
        """The documented statuses of an operation."""
        return frozenset(self._answers[operation])

    def faults(self, operation: str, status: int, body: Any) -> list[str]:
        """What is wrong with a JSON body, as places and rules: never a value, which may be a secret."""
        errors = cast("Iterable[ValidationError]", self._answers[operation][status].iter_errors(body))  # pyright: ignore[reportUnknownMemberType]  # jsonschema has no types of its own
        return sorted({f"{_place(error.absolute_path)} breaks {error.validator}" for error in errors})

    def _by_status(self, operation: dict[str, Any]) -> dict[int, Draft202012Validator]:
        return {int(status): self._validator(answer) for status, answer in operation["responses"].items()}

    def _validator(self, answer: dict[str, Any]) -> Draft202012Validator:
        if "$ref" in answer:
            answer = self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        return Draft202012Validator({**schema, "components": self.document["components"]})


_NAMES: Final = frozenset({"token", "record", "meta", "mfaId", "data", "message", "status", "email", "verified"})


def _place(path: Iterable[str | int]) -> str:
    """Names that the contract knows; any other may be a secret itself."""
    return ".".join(str(part) if part in _NAMES or isinstance(part, int) else "*" for part in path) or "the answer"
