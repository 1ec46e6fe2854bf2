"""The page of the HTTP API, as Markdown, from openapi.yaml."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.contract import resolved

Node = dict[str, Any]


def markdown(path: Path) -> str:
    """Return every operation and every schema of a document."""
    document: Node = yaml.safe_load(path.read_text(encoding="utf-8"))
    return "\n\n".join(["", document["info"]["description"], *_operations(document), "## Schemas", *_schemas(document)])


def _operations(document: Node) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"## {operation['summary']}"
            yield f"```text\n{method.upper()} {path}\n```"
            yield operation["description"]
            yield from _parameters(document, operation)
            yield from _body(document, resolved(document, operation["requestBody"]))
            yield from _responses(document, operation["responses"])


def _parameters(document: Node, operation: Node) -> Iterator[str]:
    rows = [resolved(document, parameter) for parameter in operation["parameters"]]
    yield "**Parameters**"
    yield _table(
        ["name", "in", "required", "description"],
        [[f"`{row['name']}`", row["in"], _yes(row.get("required")), row["description"]] for row in rows],
    )


def _body(document: Node, body: Node) -> Iterator[str]:
    content = body["content"]["application/json"]
    yield "**Body** (`application/json`): " + _schema_link(content["schema"])
    yield from _examples(document, content)


def _responses(document: Node, responses: Node) -> Iterator[str]:
    for status, node in responses.items():
        response = resolved(document, node)
        yield f"**{status}**: {response['description']}"
        for content in response.get("content", {}).values():
            yield from _examples(document, content)


def _examples(document: Node, content: Node) -> Iterator[str]:
    for node in content.get("examples", {}).values():
        example = resolved(document, node)
        value = json.dumps(example["value"], indent=2, ensure_ascii=False)
        summary = re.sub(r"`(.*?)`", r"<code>\1</code>", html.escape(example["summary"], quote=False))
        yield f"<details><summary>{summary}</summary>\n\n```json\n{value}\n```\n\n</details>"


def _schemas(document: Node) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        required = schema.get("required", [])
        yield f"### {name}"
        yield schema["description"]
        yield _table(
            ["field", "type", "required", "description"],
            [
                [f"`{field}`", _type(resolved(document, value)), _yes(field in required), _described(value)]
                for field, value in schema["properties"].items()
            ],
        )


def _described(value: Node) -> str:
    if "$ref" in value:
        return _schema_link(value)
    if "$ref" in (inner := value.get("additionalProperties") or {}):
        return f"{value['description']} Each value: {_schema_link(inner)}."
    return str(value["description"])


def _type(schema: Node) -> str:
    limits = [f"{schema[key]} {text}" for key, text in _LIMITS.items() if key in schema]
    return ", ".join([schema.get("type", "any"), *limits])


_LIMITS = {"minLength": "or more characters", "maxLength": "characters at most"}


def _schema_link(schema: Node) -> str:
    names = [part["$ref"].rpartition("/")[2] for part in schema.get("anyOf", [schema])]
    return " or ".join(f"[{name}](#{name.lower()})" for name in names)


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)
