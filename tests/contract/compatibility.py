"""Checks that openapi.yaml does not break clients of the last release. `make check` runs it.

    python -m tests.contract.compatibility [FOLDER]     the project's folder; this one by default

released/openapi.yaml is the document of the last release. Each release replaces it with `make released`; before the
first one it does not exist, and there is nothing to compare. A break is allowed if the newest section of CHANGELOG.md
names its place in backquotes.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from .document import SPEC, resolved

RELEASED: Final = Path("tests/contract/released/openapi.yaml")


@dataclass(frozen=True, order=True)
class Break:
    """A change that can break a client of the last release, and its place."""

    place: str
    what: str


def breaks(old: Path, new: Path) -> list[Break]:
    """The breaks that specshift finds between two documents, and operationIds that are gone."""
    before, after = (yaml.safe_load(path.read_text()) for path in (old, new))
    found = {Break(change["location"], change["message"]) for change in _changes(before, after)}
    gone = set(_operation_ids(before)) - set(_operation_ids(after))
    return sorted(found | {Break(name, "The operationId is gone, and so is the generated function.") for name in gone})


def unnamed(found: list[Break], changelog: str) -> list[Break]:
    """The breaks that the newest section of the changelog does not name."""
    newest = changelog.partition("\n## ")[2].partition("\n## ")[0]
    text = " ".join(newest.split())  # a place may span lines
    return [one for one in found if f"`{one.place}`" not in text]


def _changes(before: Any, after: Any) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("old.json", "new.json")]
        for path, document in zip(paths, (before, after), strict=True):
            path.write_text(json.dumps(_inlined(document, document)))
        tool = shutil.which("specshift", path=str(Path(sys.executable).parent)) or "specshift"
        command = [tool, "diff", *map(str, paths), "--format", "json", "--fail-on", "none"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    yield from (change for change in report["changes"] if change["severity"] != "info")


def _inlined(document: Any, node: Any) -> Any:
    """The document without references: specshift does not follow those to request bodies and responses."""
    if isinstance(node, list):
        return [_inlined(document, below) for below in node]
    if not isinstance(node, dict):
        return node
    found = {name: _inlined(document, below) for name, below in resolved(document, node).items()}
    if isinstance(found.get("additionalProperties"), dict):  # specshift does not compare these
        found["properties"] = {**found.get("properties", {}), "*": found["additionalProperties"]}
    return found


def _operation_ids(document: dict[str, Any]) -> Iterator[str]:
    for path in document["paths"].values():
        yield from (operation["operationId"] for operation in path.values())


def main(project: Path) -> int:
    """Print each break; 0 if there is none, or the changelog names them all."""
    released = project / RELEASED
    if not released.exists():
        print("no release yet: nothing to compare")
        return 0
    found = breaks(released, project / "openapi.yaml")
    missing = unnamed(found, (project / "CHANGELOG.md").read_text())
    for one in found:
        print(f"{'NOT NAMED' if one in missing else 'named'} `{one.place}`: {one.what}")
    if missing:
        print("openapi.yaml breaks the last release: name each place in the newest section of CHANGELOG.md, as shown")
        return 1
    print(f"openapi.yaml and the last release: {len(found)} breaks, all named in CHANGELOG.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else SPEC.parent))
