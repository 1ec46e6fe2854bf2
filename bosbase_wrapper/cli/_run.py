"""Runs a command. Every outcome becomes an exit code and a line of text, never a traceback."""

import contextlib
import sys
import warnings
from collections.abc import Sequence

import click

from ._commands import PROGRAM, bosbase_tokens
from ._output import Failure, flush, lost_output, note, one_line
from ._signals import interruptible


def run(args: Sequence[str] | None) -> int:
    """The exit code of a command."""
    with warnings.catch_warnings(), interruptible() as interruption:
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = _show_warning
        try:
            return _exit_code(args)
        except (click.Abort, KeyboardInterrupt):
            note("Interrupted.")
            return interruption.exit_code


def _exit_code(args: Sequence[str] | None) -> int:
    as_json = "--json" in (sys.argv[1:] if args is None else args)  # click may fail before it has read the options
    try:
        return _invoke(args)
    except click.ClickException as error:
        if as_json:
            Failure(error.format_message(), error.exit_code).show(as_json=True)
        else:
            with contextlib.suppress(OSError):  # standard error cannot be written
                error.show()
        return error.exit_code
    except Failure as failure:
        failure.show(as_json=as_json)
        return failure.exit_code


def _invoke(args: Sequence[str] | None) -> int:
    try:
        # A command returns None or its exit code. `--help` returns 0.
        code = int(bosbase_tokens.main(args, PROGRAM, standalone_mode=False) or 0)
    except OSError as error:  # click cannot print what a shell asked for, to complete a word
        raise lost_output(error) from None
    flush()
    return code


def _show_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    note(f"Warning: {one_line(str(message))}")
