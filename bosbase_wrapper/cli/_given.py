"""What the commands share: the options of all, what was given to one, and how it answers."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from bosbase_wrapper import BosBaseError

from . import _output, _secrets

if TYPE_CHECKING:
    from bosbase_wrapper import Collection

JSON: Final = click.Option(["--json"], is_flag=True, help="Print one JSON object, for programs; errors as JSON too.")
COLLECTION: Final = click.Option(["--collection"], default="users", show_default=True, help="Name or id.")
EMAIL: Final = click.Option(["--email"], required=True, help="The account's email.")
_URL: Final = click.Option(
    ["--url"], envvar="BOSBASE_URL", show_envvar=True, required=True, metavar="URL", help="The server."
)
_TIMEOUT: Final = click.Option(
    ["--timeout"],
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For one attempt; 10 where none is given.",
)
SERVER: Final[list[click.Parameter]] = [_URL, COLLECTION, _TIMEOUT, JSON]


class Given:
    """What was given to a command."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def __getitem__(self, option: str) -> Any:
        return self._params[option]

    @contextmanager
    def collection(self) -> Generator[Collection]:
        """The collection, over a client that ends with the command."""
        from bosbase_wrapper import BosBase  # httpx takes longer to import than `--help` should

        options = {} if self["timeout"] is None else {"timeout": self["timeout"]}
        with BosBase(self["url"], **options) as client:
            yield client.collection(self["collection"])

    def secrets(self, *wanted: _secrets.Secret) -> list[str]:
        """The values of passwords and tokens."""
        return _secrets.read(self._params, *wanted)

    def answer(self, data: Mapping[str, Any], *, text: str = "", note: str = "") -> None:
        """`data` for programs; for people `text`, which is the result, and a `note` beside it."""
        if self["json"]:
            _output.write_json(data)
            return
        if text:
            _output.write(text)
        if note:
            _output.note(note)


class Command(click.Command):
    """A command that calls its function with what was given, and turns errors into exit codes."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse stray arguments without repeating them, as click would: one may be a secret."""
        stray = super().parse_args(ctx, args)
        if stray and not ctx.resilient_parsing:
            raise click.UsageError("An argument too many. Passwords and tokens are never arguments.", ctx)
        return stray

    def invoke(self, ctx: click.Context) -> Any:
        """The function's own exit code, or None."""
        try:
            return ctx.invoke(self.callback, Given(ctx.params))  # type: ignore[arg-type]  # click has one for each command
        except BosBaseError as error:
            raise _output.CallFailure(error, as_json=ctx.params["json"]) from None
