"""What the commands write: results to standard output, everything else to standard error."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from bosbase_wrapper import (
    ApiError,
    BosBaseError,
    ConfigurationError,
    InvalidCredentialsError,
    MfaRequiredError,
)

REFUSED: Final = 1
WRONG_USAGE: Final = 2
NO_RESPONSE: Final = 3


class Failure(Exception):  # noqa: N818  # it ends a command, and no caller handles it as an error
    """Ends a command with a message and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code: Final = exit_code

    def show(self, *, as_json: bool) -> None:
        """Write the message, or one line of JSON, to standard error."""
        lines = [json.dumps({"error": self.for_programs()})] if as_json else f"Error: {self}".split("\n")
        note(*lines)

    def for_programs(self) -> dict[str, Any]:
        """The error as `--json` shows it."""
        return {"type": "CommandError", "message": str(self)}


class CallFailure(Failure):
    """Ends a command because a call failed. `context` says what that means where the error alone does not."""

    def __init__(self, error: BosBaseError, *, context: str = "", kind: str = "") -> None:
        super().__init__(f"{context}: {_in_words(error)}" if context else _in_words(error), _exit_code(error))
        self._error = error
        self._kind = kind

    def for_programs(self) -> dict[str, Any]:
        """The error as `--json` shows it, with what the server told."""
        return _in_json(self._error, str(self), self._kind)


def write(text: str) -> None:
    """Write a result to standard output, now. Raises Failure if that is not possible: a result must not get lost."""
    if sys.stdout is None:
        raise Failure("standard output is closed", WRONG_USAGE)
    encoding = sys.stdout.encoding or "ascii"
    line = f"{text}\n".encode(encoding, "backslashreplace")
    try:
        sys.stdout.flush()
        stream: BinaryIO | None = getattr(sys.stdout, "buffer", None)
        if stream:
            _write_all(stream, line)
        else:  # a StringIO of the program that called `main`
            print(line.decode(encoding), end="", flush=True)
    except OSError as error:
        raise lost_output(error) from None


def _write_all(stream: BinaryIO, line: bytes) -> None:
    """Write all of a line. Under PYTHONUNBUFFERED a text stream drops, without an error, what its file did not take."""
    while line:
        written = stream.write(line)
        if not written:  # what an unbuffered file returns if a write would have to wait
            raise BlockingIOError(errno.EAGAIN, "write could not complete without blocking")
        line = line[written:]
    stream.flush()


@contextlib.contextmanager
def writing(path: Path) -> Generator[None]:
    """Name the file, or what is wrong with its folder, if it cannot be written in the block."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or path}: {error.strerror}", WRONG_USAGE) from None


def write_json(data: Mapping[str, Any]) -> None:
    """Write a result for programs, as one line."""
    write(json.dumps(data))


def flush() -> None:
    """Write out what standard output holds back. Raises Failure if that is not possible."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise lost_output(error) from None


def note(*lines: str) -> None:
    """Write lines for people to standard error."""
    if sys.stderr is None:  # `2>&-`; print would write to standard output
        return
    with contextlib.suppress(OSError):  # nobody can be told
        print(*map(one_line, lines), sep="\n", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """A text with line breaks and control characters as escapes: a server's text must not steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def lost_output(error: OSError) -> Failure:
    """Let go of what standard output did not take: Python would write it, and fail, once more at its end."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return Failure(f"standard output cannot be written: {error.strerror}", WRONG_USAGE)


def _exit_code(error: BosBaseError) -> int:
    if isinstance(error, ConfigurationError):
        return WRONG_USAGE
    return REFUSED if isinstance(error, ApiError) else NO_RESPONSE


def _in_words(error: BosBaseError) -> str:
    """One line, whatever the server's message holds."""
    words = [str(error)]
    if isinstance(error, ApiError):
        fields = [f"{name}: {field.message} ({field.code})" for name, field in error.data.items()]
        words = [words[0].removesuffix("".join(f"\n  {field}" for field in fields)), *fields]
    if isinstance(error, MfaRequiredError):
        words.append("Sign in by another method first, and set BOSBASE_MFA_ID to its mfaId.")
    if isinstance(error, InvalidCredentialsError):
        words.append("(wrong email, password or token)")
    return one_line(" ".join(words))


def _in_json(error: BosBaseError, message: str, kind: str) -> dict[str, Any]:
    described: dict[str, Any] = {"type": kind or type(error).__name__, "message": message, "attempts": error.attempts}
    if kind:
        described["cause"] = {"type": type(error).__name__, "message": _in_words(error)}
    if isinstance(error, ApiError):
        described["status"] = error.status
        described["data"] = {name: vars(field) for name, field in error.data.items()}
    return described
