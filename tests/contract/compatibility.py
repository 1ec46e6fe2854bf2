"""Whether openapi.yaml breaks those who use the last release: `make check` runs it.

released/openapi.yaml is the document of the last release; `make released` puts the present one in its place when a
version goes out. A break is allowed where the newest section of CHANGELOG.md names its place in backquotes.
"""

from __future__ import annotations

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

from .checks import SPEC, resolved

RELEASED: Final = Path(__file__).with_name("released") / "openapi.yaml"
CHANGELOG: Final = SPEC.with_name("CHANGELOG.md")


@dataclass(frozen=True, order=True)
class Break:
    """What a client of the last release may trip over, and where."""

    place: str
    what: str


def breaks(old: Path, new: Path) -> list[Break]:
    """What specshift finds between two documents, and operations that lost their name."""
    before, after = (yaml.safe_load(path.read_text()) for path in (old, new))
    found = {Break(change["location"], change["message"]) for change in _changes(before, after)}
    gone = set(_operation_ids(before)) - set(_operation_ids(after))
    return sorted(
        found | {Break(name, "The operation's name is gone, and the generated code's with it.") for name in gone}
    )


def unnamed(found: list[Break], changelog: str) -> list[Break]:
    """Those that the newest section of the changelog does not name."""
    newest = changelog.partition("\n## ")[2].partition("\n## ")[0]
    text = " ".join(newest.split())  # a place may be broken over lines
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
    """The document with what its references stand for: specshift follows none to a request body or an answer."""
    if isinstance(node, list):
        return [_inlined(document, below) for below in node]
    if not isinstance(node, dict):
        return node
    found = {name: _inlined(document, below) for name, below in resolved(document, node).items()}
    if isinstance(found.get("additionalProperties"), dict):  # nor does it look into these
        found["properties"] = {**found.get("properties", {}), "*": found["additionalProperties"]}
    return found


def _operation_ids(document: dict[str, Any]) -> Iterator[str]:
    for path in document["paths"].values():
        yield from (operation["operationId"] for operation in path.values())


def main() -> int:
    """0 where nothing breaks, or each break is named."""
    found = breaks(RELEASED, SPEC)
    missing = unnamed(found, CHANGELOG.read_text())
    for one in found:
        print(f"{'NOT NAMED' if one in missing else 'named'} `{one.place}`: {one.what}")
    if missing:
        print("openapi.yaml breaks the last release: name each place in the newest section of CHANGELOG.md, as shown")
    else:
        print(f"openapi.yaml and the last release: {len(found)} breaks, all named in CHANGELOG.md")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
