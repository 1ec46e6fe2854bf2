"""`bosbase-tokens check`."""

from __future__ import annotations

import sys
from pathlib import Path

from bosbase_wrapper._errors import ConfigurationError

from ._render import to_html, to_junit
from ._run import MOST_REQUESTS, run


def command(
    url: str,
    collection: str,
    email: str,
    password: str,
    *,
    json_output: bool = False,
    report: Path | None = None,
    junit: Path | None = None,
    strict: bool = False,
    fuzz: int | None = None,
) -> int:
    """Runs the check. The table or the JSON goes to stdout, and everything else to stderr.

    `report` and `junit` name files for HTML and JUnit XML. Returns 0 if nothing is broken; 1 if a check failed, the
    server refuses the account, or with `strict` there is advice; 3 if the run could not be finished. Raises
    ConfigurationError for wrong usage, and OSError with the file's name for a file that cannot be written. Whatever
    interrupts it, the tokens of the run are unbound first.
    """
    files = [(path, render) for path, render in ((report, to_html), (junit, to_junit)) if path]
    for path, _ in files:
        if path.is_dir() or not path.parent.is_dir():
            raise ConfigurationError(f"{path} must be a file in a folder that exists")
    most = MOST_REQUESTS + 3 * 3 * (fuzz or 0)  # a case may bind, which is checked and unbound in the end
    _tell(f"At most {most} requests, one of 33 MiB. Only random tokens are bound, and each is unbound again.")
    result = run(url, collection, email, password, fuzz=fuzz, progress=_tell)
    print(result.to_json() if json_output else result)  # this is the command's output
    for path, render in files:
        _write(path, render(result))
        _tell(f"The report is in {path}")
    return result.exit_code(strict=strict)


def _write(path: Path, text: str) -> None:
    """Writes a file that is whole or not there. An error names it."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # progress is for people
