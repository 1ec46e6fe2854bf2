"""The parts of the docs that are written from code: what the suites check and notice, and the steps to regenerate.

    python -m tests.contract.tables                      write the tables (`make tables`)
    python -m tests.contract.tables --measure [NAME ...] first run `bosbase-tokens check` against broken servers

broken/caught.json holds what noticed each broken server: all checks of `bosbase-tokens check`, and what noticed it
first in the contract suite, which `python -m tests.contract --broken all --write` measures.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from . import checks, steps
from .broken import BROKEN
from .document import SPEC
from .stories import STORIES

_CAUGHT: Final = Path(__file__).with_name("broken") / "caught.json"
_DOCS: Final = SPEC.with_name("docs")
_TABLE: Final = re.compile(
    r"(<!-- table: (?P<name>\S+), written by `make tables` -->\n).*?(<!-- end of table -->)", re.DOTALL
)


def caught(suite: str) -> dict[str, Any]:
    """What notices each broken server: the checks for "check", the first to notice for "contract"."""
    found: dict[str, Any] = json.loads(_CAUGHT.read_text(encoding="utf-8"))[suite]
    return found


def keep(suite: str, noticed: Mapping[str, Any]) -> None:
    """Store what was measured, in the order of the broken servers."""
    stored = json.loads(_CAUGHT.read_text(encoding="utf-8"))
    both = {**stored[suite], **noticed}
    stored[suite] = {name: both[name] for name in BROKEN if name in both}
    _CAUGHT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def written(text: str) -> str:
    """A page with its tables written again."""
    return _TABLE.sub(
        lambda found: found[1] + "".join(f"{line}\n" for line in TABLES[found["name"]]()) + found[3], text
    )


def pages() -> Iterator[Path]:
    """The pages with tables."""
    return (page for page in sorted(_DOCS.rglob("*.md")) if _TABLE.search(page.read_text(encoding="utf-8")))


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _responses() -> Iterator[str]:
    return _rows(("check", "what must hold"), ((f"`{one.__name__}`", one.__doc__ or "") for one in checks.ALL))


def _stories() -> Iterator[str]:
    return _rows(("story", "what must hold"), ((f"`{story.name}`", story.what) for story in STORIES))


def _broken_contract() -> Iterator[str]:
    rows = ((name, BROKEN[name].what, _code(by)) for name, by in caught("contract").items())
    return _rows(("broken server", "what it spoils", "noticed by"), rows)


def _broken_check() -> Iterator[str]:
    rows = ((f"`{name}`", BROKEN[name].what, ", ".join(map(_code, names))) for name, names in caught("check").items())
    return _rows(("broken server", "what it spoils", "noticed by"), rows)


def _lines() -> Iterator[str]:
    yield (
        f"The wrapper needs {sum(one.written for one in steps.ROTATE_IN_WRAPPER)} lines, sync and async together and"
        " without docstrings:"
    )


def _example() -> Iterator[str]:
    code = (SPEC.with_name("examples") / "generated_client.py").read_text(encoding="utf-8")
    yield from ("```python", *code.splitlines(), "```")


def _code(name: str) -> str:
    """A name of ours as code; the titles of schemathesis' failures are text."""
    return f"schemathesis: {name}" if " " in name else f"`{name}`"


TABLES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "responses": _responses,
    "stories": _stories,
    "broken-contract": _broken_contract,
    "broken-check": _broken_check,
    "device-name-document": partial(steps.shown, steps.DEVICE_NAME_IN_DOCUMENT),
    "device-name-wrapper": partial(steps.shown, steps.DEVICE_NAME_IN_WRAPPER),
    "rotate-document": partial(steps.shown, steps.ROTATE_IN_DOCUMENT),
    "rotate-lines": _lines,
    "rotate-wrapper": partial(steps.shown, steps.ROTATE_IN_WRAPPER),
    "generated-client": _example,
}


def main(arguments: list[str]) -> None:
    """Write the tables of all pages."""
    if arguments[:1] == ["--measure"]:
        from .check_table import measured  # the world it needs takes a second to import

        keep("check", measured(arguments[1:] or list(BROKEN)))
    for page in pages():
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
