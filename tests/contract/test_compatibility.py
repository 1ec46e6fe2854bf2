"""The compatibility gate reports a change of openapi.yaml that breaks clients, until the changelog names it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .compatibility import Break, breaks, main, unnamed
from .document import SPEC

pytestmark = pytest.mark.untraced

# It is one of the linters, which `make check` installs.
pytest.importorskip("specshift", reason="specshift is not installed: `make check` installs it")

Change = Callable[[dict[str, Any]], object]


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][f"/api/collections/{{collection}}/{name}"]["post"]
    return found


# Each with a part of the message that reports it. They are made all at once, because a comparison takes seconds.
BREAKS: dict[str, Change] = {
    "Endpoint completely removed": lambda doc: doc["paths"].pop("/api/collections/{collection}/unbind-token"),
    "operationId is gone": lambda doc: operation(doc, "bind-token").update(operationId="bind"),
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
    """A new field and status of a response, and another description."""
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
    """All the breaks at once."""
    for change in BREAKS.values():
        change(document)


def test_breaks_must_be_named(tmp_path: Path) -> None:
    """The gate fails until the changelog names each place."""
    found = breaks(SPEC, changed(all_breaks, tmp_path))
    said = "\n".join(one.what for one in found)
    assert [words for words in BREAKS if words not in said] == []
    silent = "# Changelog\n\n## 2.0.0\n\nNothing.\n\n## 1.0.0\n\n"
    assert unnamed(found, silent) == found
    assert unnamed(found, silent.replace("Nothing", ", ".join(f"`{one.place}`" for one in found))) == []


def test_additions_to_responses_are_no_breaks(tmp_path: Path) -> None:
    """A new field or status of a response and another description need no entry in the changelog."""
    assert breaks(SPEC, changed(no_break, tmp_path)) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder with the files that the gate reads."""
    shutil.copy(SPEC, tmp_path)
    shutil.copy(SPEC.with_name("Makefile"), tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n")
    return tmp_path


def test_before_the_first_release_there_is_nothing_to_compare(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a released document the gate says so and passes, whatever openapi.yaml says."""
    changed(all_breaks, project)
    assert main(project) == 0
    assert capsys.readouterr().out == "no release yet: nothing to compare\n"


def test_after_a_release_the_gate_compares(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make released` keeps the document; a later break fails until the changelog names it."""
    subprocess.run(["make", "released"], cwd=project, check=True, capture_output=True)
    assert main(project) == 0
    assert "0 breaks" in capsys.readouterr().out
    changed(BREAKS["Response '404' has been removed"], project)
    assert main(project) == 1
    shown = capsys.readouterr().out
    (place,) = re.findall("NOT NAMED `(.+)`", shown)
    (project / "CHANGELOG.md").write_text(f"# Changelog\n\n## 2.0.0\n\n- `{place}` is gone.\n\n## 1.0.0\n")
    assert main(project) == 0
    assert "1 breaks, all named" in capsys.readouterr().out


def test_an_older_section_names_nothing() -> None:
    """Only the newest section counts, and a place may span lines."""
    found = [Break("POST /a > field 'b'", "It is gone.")]
    assert unnamed(found, "# Changelog\n\n## 2.0.0\n\n## 1.0.0\n\n`POST /a > field 'b'`\n") == found
    assert unnamed(found, "# Changelog\n\n## 2.0.0\n\n`POST /a >\n  field 'b'`\n\n## 1.0.0\n") == []
