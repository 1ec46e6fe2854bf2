"""The commands, their options and their help."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bosbase_wrapper import BosBaseError, FileAuthStore, TokenRotationError, __version__, generate_token

from ._given import COLLECTION, EMAIL, JSON, SERVER, Command, Given
from ._secrets import OLD_TOKEN, PASSWORD, TOKEN

if TYPE_CHECKING:
    from bosbase_wrapper import Collection

PROGRAM: Final = "bosbase-tokens"
_ACCOUNT: Final = [EMAIL, *PASSWORD.options]
_PREFIX: Final = click.Option(["--prefix"], default="bbt", show_default=True, help="What the new token begins with.")

_END: Final = """
Passwords and tokens are never arguments, which every process of the machine can read. They come from a file
(--password-file, --token-file), from the environment (BOSBASE_PASSWORD, BOSBASE_TOKEN), from a prompt without echo,
or, where standard input is no terminal, from there: one a line, the password first. --password-stdin and
--token-stdin read them from there although the environment has them.

\b
Exit codes:
  0    done
  1    refused by the server; check: a part of the contract is broken
  2    wrong usage, or a file or the output that cannot be used
  3    no answer
  130  interrupted

\b
Examples:
  bosbase-tokens serve --data ./data
  export BOSBASE_URL=http://127.0.0.1:8090
  bosbase-tokens bind --email user@example.com --generate
  bosbase-tokens login

`bosbase-tokens COMMAND --help` tells more of each.
"""


@click.group(epilog=_END, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def bosbase_tokens() -> None:
    """Bind custom tokens (API keys) to accounts of a BosBase server, and sign in with them."""


@bosbase_tokens.command(
    cls=Command,
    params=[
        click.Option(
            ["--data"], type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Keep the data here."
        ),
        click.Option(["--port"], type=click.IntRange(0, 65535), default=0, help="A free one where none is given."),
        click.Option(
            ["--show-password"], is_flag=True, help="Print the superuser's password where this is no terminal."
        ),
        JSON,
    ],
    epilog="""\b
Examples:
  bosbase-tokens serve
  bosbase-tokens serve --data ./data --port 8090
  bosbase-tokens serve --json --show-password

Ctrl-C and SIGTERM stop it; that is its regular end, exit code 0.""",
)
def serve(given: Given) -> None:
    """Run an embedded server on this machine.

    It needs the extra `server`, listens on 127.0.0.1, and prints its URL and how to sign in to its admin UI. The
    superuser's password is made anew at each start. On a terminal it is printed once; elsewhere, where a log may
    keep it, with --show-password alone.
    """
    from ._serve import serve

    serve(given)


@bosbase_tokens.command(
    cls=Command,
    params=[
        *SERVER,
        *_ACCOUNT,
        *TOKEN.options,
        click.Option(["--generate"], is_flag=True, help="Bind a new random token, and print it."),
        _PREFIX,
    ],
    epilog="""\b
Examples:
  bosbase-tokens bind --email user@example.com --generate
  bosbase-tokens bind --email user@example.com --token-file token.txt
  pass show bosbase | bosbase-tokens bind --email user@example.com --password-stdin

A value belongs to whoever binds it last: use random ones.""",
)
def bind(given: Given) -> None:
    """Bind a custom token to an account.

    The token alone signs in from then on. The account is that of --email and its password. The token is given as
    BOSBASE_TOKEN, by a file, or typed in; --generate makes a new one and prints it alone to standard output.
    """
    if given["generate"] and (given["token_stdin"] or given["token_file"]):
        raise click.UsageError("Give either a token or --generate.")
    with given.collection() as collection:
        if given["generate"]:
            _bind_new(given, collection)
            return
        password, token = given.secrets(PASSWORD, TOKEN)
        collection.bind_custom_token(given["email"], password, token)
    given.answer(_about(given, bound=True), note=_in_words(given, "The token is bound to"))


def _bind_new(given: Given, collection: Collection) -> None:
    (password,) = given.secrets(PASSWORD)
    token = generate_token(given["prefix"])
    with _handing_over(given, token, bound=None):
        collection.bind_custom_token(given["email"], password, token)
    given.answer(_about(given, token=token, bound=True), text=token, note=_in_words(given, "The token is bound to"))


@bosbase_tokens.command(
    cls=Command,
    params=[*SERVER, *_ACCOUNT, *TOKEN.options],
    epilog="""\b
Example:
  bosbase-tokens unbind --email user@example.com --token-file token.txt""",
)
def unbind(given: Given) -> None:
    """Unbind a custom token from an account.

    It signs in no more. A token that was never bound, or that is another account's, is left as it is without a
    word. Sessions that the token opened go on until their own end.
    """
    with given.collection() as collection:
        password, token = given.secrets(PASSWORD, TOKEN)
        collection.unbind_custom_token(given["email"], password, token)
    given.answer(_about(given, bound=False), note=_in_words(given, "The token is not bound any more to"))


@bosbase_tokens.command(
    cls=Command,
    params=[
        *SERVER,
        *TOKEN.options,
        click.Option(["--show-token"], is_flag=True, help="Print the JWT; without --json, it alone."),
        click.Option(
            ["--store"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Keep the session in a file that nobody else can read, for FileAuthStore.",
        ),
    ],
    epilog="""\b
Examples:
  bosbase-tokens login
  bosbase-tokens login --store session.json
  JWT=$(bosbase-tokens login --show-token)
  bosbase-tokens login --json | jq .record

Where a second factor is asked for, sign in by another method first and give the mfaId that it answers in
BOSBASE_MFA_ID.""",
)
def login(given: Given) -> None:
    """Sign in with a custom token.

    It tells who signed in and until when. The JWT, which is a secret, is printed with --show-token alone.
    """
    with given.collection() as collection:
        (token,) = given.secrets(TOKEN)
        auth = collection.auth_with_token(token, mfa_id=os.environ.get("BOSBASE_MFA_ID") or None)
    if given["store"]:
        FileAuthStore(given["store"]).save(auth)
    ends = auth.expires_at.isoformat() if auth.expires_at else None
    session = {"collection": auth.record.collection_name, "record": dict(auth.record), "expires_at": ends}
    jwt = auth.token if given["show_token"] else ""
    given.answer(
        session | ({"token": jwt} if jwt else {}),
        text=jwt,
        note=f"Signed in to {auth.record.collection_name} as {auth.record.id}, until {ends or 'an unknown time'}.",
    )


@bosbase_tokens.command(
    cls=Command,
    params=[*SERVER, *_ACCOUNT, *OLD_TOKEN.options, _PREFIX],
    epilog="""\b
Examples:
  bosbase-tokens rotate --email user@example.com --token-file token.txt
  TOKEN=$(bosbase-tokens rotate --email user@example.com)""",
)
def rotate(given: Given) -> None:
    """Replace a bound token by a new one.

    It prints the new token, a random one, which is bound first and the old one unbound then. Where that stops
    half-way, the new token is printed all the same and the exit code is not 0: bind the new one where it is not
    bound yet, then unbind the old one.
    """
    with given.collection() as collection:
        password, old = given.secrets(PASSWORD, OLD_TOKEN)
        token = generate_token(given["prefix"])
        with _handing_over(given, token, rotated=False):
            collection.rotate_custom_token(given["email"], password, old, token)
    note = _in_words(given, "The new token is bound, and the old one not any more, to")
    given.answer(_about(given, token=token, rotated=True), text=token, note=note)


@contextmanager
def _handing_over(given: Given, token: str, **state: bool | None) -> Generator[None]:
    """Prints a new token where the call fails, or is interrupted, and the server may know the token by then."""
    try:
        yield
    except (BosBaseError, KeyboardInterrupt) as error:
        refused = isinstance(error, BosBaseError) and not error.outcome_unknown
        if isinstance(error, TokenRotationError) or not refused:
            given.answer(_about(given, token=token, **state), text=token, note="The new token is bound, or may be.")
        raise


@bosbase_tokens.command(
    cls=Command,
    params=[_PREFIX, JSON],
    epilog="""\b
Examples:
  bosbase-tokens generate
  bosbase-tokens generate --prefix billing > token.txt""",
)
def generate(given: Given) -> None:
    """Print a new random token.

    No server is asked, and it is bound to nobody. It holds 256 random bits and a checksum, and begins with a
    prefix by which leak scanners find it.
    """
    token = generate_token(given["prefix"])
    given.answer({"token": token}, text=token)


@bosbase_tokens.command(
    cls=Command,
    params=[
        click.Argument(["url"], envvar="BOSBASE_URL"),
        COLLECTION,
        *_ACCOUNT,
        click.Option(["--fuzz"], type=click.IntRange(min=1), metavar="N", help="Add N generated cases an operation."),
        click.Option(["--strict"], is_flag=True, help="Exit with 1 for advice too."),
        click.Option(
            ["--report"], type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write an HTML report."
        ),
        click.Option(
            ["--junit"], type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML for CI."
        ),
        JSON,
    ],
    epilog="""\b
Examples:
  bosbase-tokens check https://example.com --email user@example.com
  bosbase-tokens check https://example.com --email user@example.com --report report.html --strict""",
)
def check(given: Given) -> int:
    """Tell whether a server keeps the contract.

    It needs the extra `check`, takes one ordinary account, binds random tokens of its own alone, and takes every
    one away again. Exit code 1 tells that a part of the contract is broken.
    """
    (password,) = given.secrets(PASSWORD)
    options = {name: given[name] for name in ("report", "junit", "strict", "fuzz")}
    try:
        from bosbase_wrapper.check import command

        return command(
            given["url"], given["collection"], given["email"], password, json_output=given["json"], **options
        )
    except ModuleNotFoundError as error:
        raise click.UsageError(f'check needs {error.name}: pip install "bosbase-wrapper[check]"') from None


@bosbase_tokens.command(
    cls=Command,
    params=[click.Argument(["shell"], type=click.Choice(["bash", "zsh", "fish"])), JSON],
    epilog="""\b
Examples:
  bosbase-tokens completion bash >> ~/.bashrc
  bosbase-tokens completion zsh >> ~/.zshrc
  bosbase-tokens completion fish > ~/.config/fish/completions/bosbase-tokens.fish""",
)
def completion(given: Given) -> None:
    """Print the completion script of a shell.

    It makes the shell complete commands and options.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    shells = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    script = shells[given["shell"]](bosbase_tokens, {}, PROGRAM, "_BOSBASE_TOKENS_COMPLETE").source()
    given.answer({"script": script}, text=script)


def _about(given: Given, **state: str | bool | None) -> dict[str, Any]:
    return {"collection": given["collection"], "email": given["email"], **state}


def _in_words(given: Given, what: str) -> str:
    return f"{what} {given['email']} in {given['collection']}."
