"""openapi.yaml, as the tests read it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tools.contract import resolved

__all__ = ["ACTIONS", "DOCUMENT", "SPEC", "example", "message", "messages", "operations", "resolved"]

Json = dict[str, Any]

SPEC: Final = Path(__file__).parents[2] / "openapi.yaml"
DOCUMENT: Final[Json] = yaml.safe_load(SPEC.read_text(encoding="utf-8"))


def operations(document: Json = DOCUMENT) -> dict[str, Json]:
    """The operations by their operationId."""
    return {found["operationId"]: found for path in document["paths"].values() for found in path.values()}


# The last segment of each operation's path: {"bindToken": "bind-token", ...}.
ACTIONS: Final[Mapping[str, str]] = {
    path["post"]["operationId"]: name.rpartition("/")[2] for name, path in DOCUMENT["paths"].items()
}


@cache
def example(operation: str, name: str) -> tuple[int, Json]:
    """The status and the body of a response's example, by the name of the example."""
    for status, response in operations()[operation]["responses"].items():
        content = resolved(DOCUMENT, response).get("content", {}).get("application/json", {})
        if name in content.get("examples", {}):
            return int(status), resolved(DOCUMENT, content["examples"][name])["value"]
    raise LookupError(f"openapi.yaml has no example {name} of {operation}")


def message(operation: str, name: str) -> str:
    """The message of an error's example."""
    found: str = example(operation, name)[1]["message"]
    return found


def messages(operation: str, status: int) -> set[str]:
    """The messages that an operation has for a status."""
    response = resolved(DOCUMENT, operations()[operation]["responses"][str(status)])
    examples = response.get("content", {}).get("application/json", {}).get("examples", {})
    values = [resolved(DOCUMENT, found)["value"] for found in examples.values()]
    return {value["message"] for value in values if "message" in value}
