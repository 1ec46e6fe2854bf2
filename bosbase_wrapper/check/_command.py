"""`bosbase-tokens check`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bosbase_wrapper._errors import ConfigurationError

from ._html import to_html
from ._run import MOST_REQUESTS, run


def command(
    url: str,
    collection: str,
    email: str,
    password: str,
    *,
    json_output: bool,
    report: Path | None,
    strict: bool,
    fuzz: int | None,
) -> int:
    """Runs the check; the table or JSON goes to stdout, all else to stderr, and `report` names a file for HTML.

    Returns 0 where the contract is kept; 1 where a part of it is broken, the account is refused, or with `strict`
    there is advice; 3 where there was no answer or a rate limit stayed in the way. Raises ConfigurationError for a
    URL, a collection or a file that cannot be, and KeyboardInterrupt where it was interrupted or terminated.
    """
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise ConfigurationError("the report must be a file in a folder that is there")
    most = MOST_REQUESTS + 3 * 3 * (fuzz or 0)  # a case may bind, which is looked at and unbound in the end
    _tell(f"At most {most} requests, one of 33 MiB. Only random tokens are bound, and each is unbound again.")
    with _ended_by_sigterm():
        result = run(url, collection, email, password, fuzz=fuzz, progress=_tell)
    print(result.to_json() if json_output else result)  # this is the command's output
    if report is not None:
        _write(report, to_html(result))
        _tell(f"The report is in {report}")
    return int(result.exit_code(strict=strict))


@contextmanager
def _ended_by_sigterm() -> Generator[None]:
    """A CI that ends a job sends SIGTERM: it interrupts, so that all is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # progress is for people
