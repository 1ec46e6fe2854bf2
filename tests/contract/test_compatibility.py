"""A change of openapi.yaml that breaks a client is noticed, and allowed where the changelog names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .checks import SPEC
from .compatibility import Break, breaks, unnamed

# It comes with the linters, which `make check` installs.
pytest.importorskip("specshift", reason="specshift is not installed: `make check` brings it")

Change = Callable[[dict[str, Any]], object]


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][f"/api/collections/{{collection}}/{name}"]["post"]
    return found


# Each with the words of what must be found. They are made all at once: a comparison takes a while.
BREAKS: dict[str, Change] = {
    "Endpoint completely removed": lambda doc: doc["paths"].pop("/api/collections/{collection}/unbind-token"),
    "name is gone": lambda doc: operation(doc, "bind-token").update(operationId="bind"),
    "New required field added: 'nick'": lambda doc: schema(doc, "TokenBindingRequest").update(
        required=["email", "password", "token", "nick"],
        properties={**schema(doc, "TokenBindingRequest")["properties"], "nick": {"type": "string"}},
    ),
    "'mfaId' is now required": lambda doc: schema(doc, "AuthWithTokenRequest").update(required=["token", "mfaId"]),
    "'maxLength' changed from 1024 to 72": lambda doc: schema(doc, "AuthWithTokenRequest")["properties"][
        "token"
    ].update(maxLength=72),
    "Field 'verified' has been removed": lambda doc: schema(doc, "AuthRecord")["properties"].pop("verified"),
    "'integer' -> 'string'": lambda doc: schema(doc, "ErrorResponse")["properties"]["status"].update(type="string"),
    "Field 'code' has been removed": lambda doc: schema(doc, "FieldError")["properties"].pop("code"),
    "Parameter 'fields' (query) has been removed": lambda doc: operation(doc, "auth-with-token")["parameters"].pop(),
    "Response '404' has been removed": lambda doc: operation(doc, "bind-token")["responses"].pop("404"),
}


def no_break(document: dict[str, Any]) -> None:
    """More to answer, and other words."""
    schema(document, "AuthRecord").update(description="Other words.")
    schema(document, "AuthRecord")["properties"].update(nick={"type": "string"})
    operation(document, "bind-token")["responses"].update({"409": {"description": "Taken."}})


def changed(change: Change, folder: Path) -> Path:
    """A copy of openapi.yaml with a change."""
    document = yaml.safe_load(SPEC.read_text())
    change(document)
    path = folder / "openapi.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def all_breaks(document: dict[str, Any]) -> None:
    """Every break there is a word for."""
    for change in BREAKS.values():
        change(document)


def test_breaks_must_be_named(tmp_path: Path) -> None:
    """It fails while the changelog is silent, and passes once the changelog names each place."""
    found = breaks(SPEC, changed(all_breaks, tmp_path))
    said = "\n".join(one.what for one in found)
    assert [words for words in BREAKS if words not in said] == []
    silent = "# Changelog\n\n## 2.0.0\n\nNothing.\n\n## 1.0.0\n\n"
    assert unnamed(found, silent) == found
    assert unnamed(found, silent.replace("Nothing", ", ".join(f"`{one.place}`" for one in found))) == []


def test_what_breaks_nobody_needs_no_word(tmp_path: Path) -> None:
    """More to answer, and other words, are no breaks."""
    assert breaks(SPEC, changed(no_break, tmp_path)) == []


def test_an_older_section_names_nothing() -> None:
    """What an older version broke is no excuse for this one, and a name may be broken over lines."""
    found = [Break("POST /a > field 'b'", "It is gone.")]
    assert unnamed(found, "# Changelog\n\n## 2.0.0\n\n## 1.0.0\n\n`POST /a > field 'b'`\n") == found
    assert unnamed(found, "# Changelog\n\n## 2.0.0\n\n`POST /a >\n  field 'b'`\n\n## 1.0.0\n") == []
