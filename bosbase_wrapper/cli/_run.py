"""Runs a command and turns however it ends into an exit code: no traceback reaches the user."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import click

from ._commands import PROGRAM, bosbase_tokens
from ._output import Failure, abandon, note


def run(args: Sequence[str] | None) -> int:
    """The exit code of a command."""
    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = _show_warning
        return _exit_code(args)


def _exit_code(args: Sequence[str] | None) -> int:
    try:
        # A command returns None, or an exit code of its own; `--help` ends with 0.
        return int(bosbase_tokens.main(args, PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Failure as failure:
        failure.show()
        return failure.exit_code
    except click.Abort:
        note("Interrupted.")
        return 130
    except OSError as error:
        if error.filename is None:  # no file's error, hence the output's
            abandon()
        note(f"Error: {error.filename or 'standard output'}: {error.strerror}")
        return 2


def _show_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    note(f"Warning: {message}")
