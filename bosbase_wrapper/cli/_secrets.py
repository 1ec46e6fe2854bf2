"""Where passwords and tokens come from: standard input or a file, the environment, a prompt. Never an argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import click


@dataclass(frozen=True)
class Secret:
    """One secret: its name in options, what a prompt calls it, its variable of the environment."""

    name: str
    label: str
    variable: str

    @property
    def options(self) -> list[click.Parameter]:
        """The two options that say where it is."""
        from_stdin = f"Read the {self.label} from standard input, although {self.variable} is set."
        from_file = f"Read the {self.label} from a file; one newline at its end is left out."
        return [
            click.Option([f"--{self.name}-stdin"], is_flag=True, help=from_stdin),
            click.Option([f"--{self.name}-file"], type=click.Path(path_type=Path), metavar="FILE", help=from_file),
        ]


PASSWORD: Final = Secret("password", "password", "BOSBASE_PASSWORD")
TOKEN: Final = Secret("token", "custom token", "BOSBASE_TOKEN")
OLD_TOKEN: Final = Secret("token", "old custom token", "BOSBASE_TOKEN")


def read(params: Mapping[str, Any], *wanted: Secret) -> list[str]:
    """The secrets' values; those that neither a file nor the environment has are typed in or piped in.

    Raises a usage error where one is not to be had.
    """
    found = {secret: _given(params, secret) for secret in wanted}
    missing = [secret for secret, value in found.items() if not value]
    if missing:
        found.update(zip(missing, _asked_for(missing), strict=True))
    return [value or "" for value in found.values()]


def _given(params: Mapping[str, Any], secret: Secret) -> str | None:
    from_stdin: bool = params[f"{secret.name}_stdin"]
    file: Path | None = params[f"{secret.name}_file"]
    if from_stdin and file:
        raise click.UsageError(f"Give either --{secret.name}-stdin or --{secret.name}-file.")
    if file:
        return _from_file(file, f"--{secret.name}-file")
    return None if from_stdin else os.environ.get(secret.variable)


def _from_file(file: Path, option: str) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"The file of {option} cannot be read: {error.strerror}.") from None
    value = _without_newline(_text(content, f"The file of {option}"))
    if not value:
        raise click.UsageError(f"The file of {option} is empty.")
    return value


def _asked_for(missing: list[Secret]) -> list[str]:
    if sys.stdin is not None and sys.stdin.isatty():
        return [click.prompt(secret.label.capitalize(), hide_input=True, err=True) for secret in missing]
    return _from_stdin(missing)


def _from_stdin(missing: list[Secret]) -> list[str]:
    """One a line; the last takes all the rest, since a token may have a line break in it."""
    content = _text(b"" if sys.stdin is None else sys.stdin.buffer.read(), "Standard input")
    *lines, rest = content.split("\n", len(missing) - 1)
    values = [*(line.removesuffix("\r") for line in lines), _without_newline(rest)]
    for secret, value in zip_longest(missing, values):
        if not value:
            raise click.UsageError(
                f"No {secret.label}: set {secret.variable}, give --{secret.name}-file, pipe it in, "
                "or run this in a terminal to type it."
            )
    return values


def _without_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _text(content: bytes, what: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise click.UsageError(f"{what} is not UTF-8 text.") from None
