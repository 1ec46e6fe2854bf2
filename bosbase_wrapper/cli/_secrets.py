"""Where passwords and tokens come from: a file, standard input, the environment or a prompt. Never an argument."""

import codecs
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Final

import click

_LARGEST: Final = 64 * 1024  # a server takes 255 bytes of password and 1,024 of token
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOM: Final = "\ufeff"  # what some editors and shells write at the start of a file


@dataclass(frozen=True)
class Secret:
    """One secret: its name in options, its label in prompts, its environment variable."""

    name: str
    label: str
    variable: str

    @property
    def options(self) -> list[click.Parameter]:
        """The two options that say where it is."""
        from_stdin = f"Read the {self.label} from standard input, even if {self.variable} is set."
        from_file = f"Read the {self.label} from a file. One newline at its end is removed."
        return [
            click.Option([f"--{self.name}-stdin"], is_flag=True, help=from_stdin),
            click.Option([f"--{self.name}-file"], type=click.Path(path_type=Path), metavar="FILE", help=from_file),
        ]


PASSWORD: Final = Secret("password", "password", "BOSBASE_PASSWORD")
TOKEN: Final = Secret("token", "custom token", "BOSBASE_TOKEN")
OLD_TOKEN: Final = Secret("token", "old custom token", "BOSBASE_TOKEN")


def read(params: Mapping[str, Any], *wanted: Secret) -> list[str]:
    """The values of secrets. Asks for those that are in no file and in no environment variable.

    Raises a usage error if one is missing or cannot be read.
    """
    found = {secret: _given(params, secret) for secret in wanted}
    missing = [secret for secret, value in found.items() if not value]
    if missing:
        found.update(zip(missing, _asked_for(missing), strict=True))
    for secret, value in found.items():
        _warn_if_odd(secret, value or "")
    return [value or "" for value in found.values()]


def from_environment(variable: str) -> str:
    """The value of an environment variable, "" if it is not set. One newline at its end is removed."""
    value = os.environ.get(variable, "")
    return _cleaned(_text(value.encode(errors="surrogateescape"), variable))


def _given(params: Mapping[str, Any], secret: Secret) -> str:
    from_stdin: bool = params[f"{secret.name}_stdin"]
    file: Path | None = params[f"{secret.name}_file"]
    if from_stdin and file:
        raise click.UsageError(f"Give either --{secret.name}-stdin or --{secret.name}-file.")
    if file:
        return _from_file(file, f"The file of --{secret.name}-file")
    return "" if from_stdin else from_environment(secret.variable)


def _from_file(file: Path, what: str) -> str:
    try:
        with file.open("rb") as opened:
            content = _read(opened, what)
    except OSError as error:
        raise click.UsageError(f"{what} cannot be read: {error.strerror}.") from None
    value = _cleaned(_text(content, what))
    if not value:
        raise click.UsageError(f"{what} is empty.")
    return value


def _asked_for(missing: list[Secret]) -> list[str]:
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            return [click.prompt(secret.label.capitalize(), hide_input=True, err=True) for secret in missing]
        except OSError as error:
            raise click.UsageError(f"The prompt cannot be shown: {error.strerror}.") from None
    return _from_stdin(missing)


def _from_stdin(missing: list[Secret]) -> list[str]:
    """One secret a line. The last one takes all the rest, since a token may contain line breaks."""
    try:
        content = b"" if sys.stdin is None else _read(sys.stdin.buffer, "Standard input")
    except OSError as error:
        raise click.UsageError(f"Standard input cannot be read: {error.strerror}.") from None
    *lines, rest = _text(content, "Standard input").removeprefix(_BOM).split("\n", len(missing) - 1)
    values = [*(line.removesuffix("\r") for line in lines), _cleaned(rest)]
    for secret, value in zip_longest(missing, values):
        if not value:
            raise click.UsageError(
                f"No {secret.label}: set {secret.variable}, give --{secret.name}-file, pipe it in, "
                "or run this command in a terminal to type it."
            )
    return values


def _read(source: IO[bytes], what: str) -> bytes:
    content = source.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise click.UsageError(f"{what} is larger than {_LARGEST // 1024} KiB.")
    return content


def _text(content: bytes, what: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        hint = " It looks like UTF-16: save it as UTF-8." if content.startswith(_UTF16) else ""
        raise click.UsageError(f"{what} is not UTF-8 text.{hint}") from None


def _cleaned(text: str) -> str:
    """Without a byte order mark and one newline, which editors, shells and secret managers add."""
    text = text.removeprefix(_BOM)
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _warn_if_odd(secret: Secret, value: str) -> None:
    if value != value.strip() or not value.isprintable():
        warnings.warn(
            f"the {secret.label} has white space at its start or end, or characters that cannot be printed; "
            "it is sent as it is",
            stacklevel=2,
        )
