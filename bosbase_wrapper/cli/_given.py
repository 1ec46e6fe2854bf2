"""What the commands share: common options, the values given to one command, and how it responds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from bosbase_wrapper import BosBaseError

from . import _output, _secrets

if TYPE_CHECKING:
    from bosbase_wrapper import Collection

T = TypeVar("T")

JSON: Final = click.Option(["--json"], is_flag=True, help="Print one JSON object, for programs. Errors are JSON too.")
COLLECTION: Final = click.Option(["--collection"], default="users", show_default=True, help="Name or id.")
EMAIL: Final = click.Option(["--email"], required=True, help="The account's email.")
_URL: Final = click.Option(
    ["--url"], envvar="BOSBASE_URL", show_envvar=True, required=True, metavar="URL", help="The server."
)
_TIMEOUT: Final = click.Option(
    ["--timeout"],
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="The limit of one attempt.  [default: 10]",
)
SERVER: Final[list[click.Parameter]] = [_URL, COLLECTION, _TIMEOUT, JSON]


class Given:
    """The values given to a command."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def __getitem__(self, option: str) -> Any:
        return self._params[option]

    @contextmanager
    def collection(self) -> Generator[Collection]:
        """The collection, on a client that is closed at the end of the block."""
        from bosbase_wrapper import BosBase  # importing httpx takes longer than `--help` should

        options = {} if self["timeout"] is None else {"timeout": self["timeout"]}
        with BosBase(self["url"], **options) as client:
            yield client.collection(self["collection"])

    def call(self, function: Callable[[], T]) -> T:
        """The value of a call of the collection. A signal ends the wait for it, so that the clean-up can begin."""
        from ._threads import in_thread  # threads and futures too are not for `--help`

        return in_thread(function).result()

    def secrets(self, *wanted: _secrets.Secret) -> list[str]:
        """The values of passwords and tokens."""
        return _secrets.read(self._params, *wanted)

    def respond(self, data: Mapping[str, Any], *, text: str = "", note: str = "") -> None:
        """Write `data` for programs. For people write `text`, the result, to stdout and `note` to stderr."""
        if self["json"]:
            _output.write_json(data)
            return
        if text:
            _output.write(text)
        if note:
            _output.note(note)

    def tell(self, note: str) -> None:
        """Write a note for people."""
        if not self["json"]:
            _output.note(note)

    def about(self, **state: str | bool | None) -> dict[str, Any]:
        """The account, for programs."""
        return {"collection": self["collection"], "email": self["email"], **state}

    def in_words(self, what: str) -> str:
        """The account, for people."""
        return f"{what} {self['email']} in {self['collection']}."


def printing(text: Callable[[click.Context], str]) -> Callable[[click.Context, click.Parameter, bool], None]:
    """The callback of an option that prints a text and ends the command. click's own exits with 1 if nobody reads."""

    def callback(context: click.Context, _option: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            _output.write(text(context))
            context.exit()

    return callback


class Helpful(click.Command):
    """Prints its help as results are printed."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """The option --help."""
        option = cast("click.Option", super().get_help_option(ctx))
        option.callback = printing(click.Context.get_help)
        return option


class Group(Helpful, click.Group):
    """The commands."""


class Command(Helpful):
    """A command that calls its function with the given values and turns errors into exit codes."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse extra arguments without repeating them, as click would: one may be a secret."""
        extra = super().parse_args(ctx, args)
        if extra and not ctx.resilient_parsing:
            raise click.UsageError("Too many arguments. Passwords and tokens are never arguments.", ctx)
        return extra

    def invoke(self, ctx: click.Context) -> Any:
        """The function's exit code, or None."""
        try:
            return ctx.invoke(cast("Callable[[Given], Any]", self.callback), Given(ctx.params))
        except BosBaseError as error:
            raise _output.CallFailure(error) from None
        except KeyboardInterrupt:
            raise click.Abort from None  # click would write to a terminal that may be gone
