"""What the commands say: results to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bosbase_wrapper import ApiError, BosBaseError, ConfigurationError, MfaRequiredError, TokenRotationError

REFUSED: Final = 1
WRONG_USAGE: Final = 2
NO_ANSWER: Final = 3


def write(text: str) -> None:
    """A result, at once. Raises a usage error where standard output cannot be written: a result must not get lost."""
    if sys.stdout is None:
        raise Failure("standard output is closed", WRONG_USAGE)
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        abandon()
        raise Failure(f"standard output cannot be written: {error.strerror}", WRONG_USAGE) from None


def abandon() -> None:
    """Let go of what standard output did not take: Python would write it, and fail, once more at its end."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def write_json(data: Mapping[str, Any]) -> None:
    """A result for programs, as one line."""
    write(json.dumps(data))


def note(text: str) -> None:
    """A line for people."""
    with contextlib.suppress(OSError):  # nobody is there to be told
        print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """A text without what would steer a terminal: a server's message may hold anything."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


class Failure(Exception):  # noqa: N818  # a command's end, which no caller handles as an error
    """How a command ends that could not do what it was asked: a line, and the exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code: Final = exit_code

    def show(self) -> None:
        """Tell it."""
        note(f"Error: {self}")


class CallFailure(Failure):
    """A call of the server that failed."""

    def __init__(self, error: BosBaseError, *, as_json: bool) -> None:
        super().__init__(_in_words(error), _exit_code(error))
        self._error = error
        self._as_json = as_json

    def show(self) -> None:
        """Tell it, as JSON where that was asked for."""
        if self._as_json:
            note(json.dumps({"error": _in_json(self._error)}))
        else:
            super().show()


def _exit_code(error: BosBaseError) -> int:
    if isinstance(error, ConfigurationError):
        return WRONG_USAGE
    return REFUSED if isinstance(_reason(error), ApiError) else NO_ANSWER


def _reason(error: BosBaseError) -> BaseException | None:
    return error.__cause__ if isinstance(error, TokenRotationError) else error


def _in_words(error: BosBaseError) -> str:
    if isinstance(error, TokenRotationError):
        return f"{error}: {error.__cause__}"
    if isinstance(error, MfaRequiredError):
        return f"{error} Sign in by another method first, and give its mfaId in BOSBASE_MFA_ID."
    return str(error)


def _in_json(error: BosBaseError) -> dict[str, Any]:
    reason = _reason(error)
    described: dict[str, Any] = {"type": type(error).__name__, "message": str(error), "attempts": error.attempts}
    if reason is not error:
        described["cause"] = {"type": type(reason).__name__, "message": str(reason)}
    if isinstance(reason, ApiError):
        described["status"] = reason.status
        described["data"] = {name: vars(field) for name, field in reason.data.items()}
    return described
