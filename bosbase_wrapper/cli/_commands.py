"""The commands, their options and their help."""

from pathlib import Path
from typing import Final

import click

from bosbase_wrapper import FileAuthStore, __version__, generate_token

from ._given import COLLECTION, EMAIL, JSON, SERVER, Command, Given, Group, printing
from ._output import note, one_line, write, writing
from ._secrets import OLD_TOKEN, PASSWORD, TOKEN, from_environment

PROGRAM: Final = "bosbase-tokens"
_ACCOUNT: Final = [EMAIL, *PASSWORD.options]
_PREFIX: Final = click.Option(["--prefix"], default="bbt", show_default=True, help="How the new token begins.")
_VERSION: Final = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=printing(lambda _: f"{PROGRAM} {__version__}"),
    help="Show the version and exit.",
)

_END: Final = """
Passwords and tokens are never arguments, because every process of the machine can read arguments. They come from a
file (--password-file, --token-file), from the environment (BOSBASE_PASSWORD, BOSBASE_TOKEN), from a prompt that does
not echo, or, if standard input is not a terminal, from standard input: one a line, the password first.
--password-stdin and --token-stdin read standard input even if the environment variable is set.

\b
Exit codes:
  0    done
  1    refused by the server; check: the server does not implement the API correctly
  2    wrong usage, or a file or an output that cannot be used
  3    no response
  130  interrupted by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP

\b
Examples:
  bosbase-tokens serve --user user@example.com --port 8090
  export BOSBASE_URL=http://127.0.0.1:8090
  bosbase-tokens bind --email user@example.com --generate
  bosbase-tokens login

`bosbase-tokens COMMAND --help` describes a command.
"""


@click.group(
    cls=Group,
    params=[_VERSION],
    epilog=_END,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def bosbase_tokens() -> None:
    """Bind custom tokens (API keys) to accounts of a BosBase server, and sign in with them."""


def _is_text(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value and not value.isprintable():  # bytes that are not UTF-8 too
        raise click.BadParameter("it has characters that cannot be printed", param=option)
    return value


@bosbase_tokens.command(
    cls=Command,
    params=[
        click.Option(
            ["--data"], type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Keep the data here."
        ),
        click.Option(["--port"], type=click.IntRange(0, 65535), default=0, help="The port.  [default: a free one]"),
        click.Option(
            ["--user"],
            metavar="EMAIL",
            callback=_is_text,
            help="Make an account in the collection users. Print its new password and the next commands.",
        ),
        click.Option(
            ["--show-password"], is_flag=True, help="Print the superuser's password even if this is not a terminal."
        ),
        JSON,
    ],
    epilog="""\b
Examples:
  bosbase-tokens serve --user user@example.com
  bosbase-tokens serve --data ./data --port 8090
  bosbase-tokens serve --json --show-password

Ctrl-C, SIGTERM and SIGHUP stop the server. The exit code is 0 then.""",
)
def serve(given: Given) -> None:
    """Run an embedded server on this machine.

    Requires the extra `server`. The server listens on 127.0.0.1 only. The command prints its URL and how to sign in
    to its admin UI. The superuser gets a new password at each start. It is printed once if this is a terminal, and
    otherwise only with --show-password, because a log would keep it.
    """
    from ._serve import serve

    serve(given)


@bosbase_tokens.command(
    cls=Command,
    params=[
        *SERVER,
        *_ACCOUNT,
        *TOKEN.options,
        click.Option(["--generate"], is_flag=True, help="Bind a new random token and print it."),
        _PREFIX,
    ],
    epilog="""\b
Examples:
  bosbase-tokens bind --email user@example.com --generate
  bosbase-tokens bind --email user@example.com --token-file token.txt
  pass show bosbase | bosbase-tokens bind --email user@example.com --password-stdin

A token belongs to the account that binds it last. Use random tokens.""",
)
def bind(given: Given) -> None:
    """Bind a custom token to an account.

    The token alone then signs in to the account. --email and the password name the account. The token comes from
    BOSBASE_TOKEN, a file, standard input or a prompt. --generate makes a new token and prints it to standard output.
    If it cannot be printed, it is unbound again.
    """
    if given["generate"] and (given["token_stdin"] or given["token_file"]):
        raise click.UsageError("Give either a token or --generate.")
    with given.collection() as collection:
        if given["generate"]:
            from ._new_token import bind_new

            bind_new(given, collection)
            return
        password, token = given.secrets(PASSWORD, TOKEN)
        given.call(lambda: collection.bind_custom_token(given["email"], password, token))
    given.respond(given.about(bound=True), note=given.in_words("The token is bound to"))


@bosbase_tokens.command(
    cls=Command,
    params=[*SERVER, *_ACCOUNT, *TOKEN.options],
    epilog="""\b
Example:
  bosbase-tokens unbind --email user@example.com --token-file token.txt""",
)
def unbind(given: Given) -> None:
    """Unbind a custom token from an account.

    The token no longer signs in. The server also reports success for a token that was never bound, and for a token
    of another account, which stays bound. Sessions that the token opened last until they expire.
    """
    with given.collection() as collection:
        password, token = given.secrets(PASSWORD, TOKEN)
        given.call(lambda: collection.unbind_custom_token(given["email"], password, token))
    given.respond(given.about(bound=False), note=given.in_words("The token is not bound any more to"))


@bosbase_tokens.command(
    cls=Command,
    params=[
        *SERVER,
        *TOKEN.options,
        click.Option(["--show-token"], is_flag=True, help="Print the JWT. Without --json, print nothing else."),
        click.Option(
            ["--store"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Save the session for FileAuthStore, in a file that only its owner can read.",
        ),
    ],
    epilog="""\b
Examples:
  bosbase-tokens login
  bosbase-tokens login --store session.json
  JWT=$(bosbase-tokens login --show-token)
  bosbase-tokens login --json | jq .record

If the account requires a second factor, sign in by another method first and set BOSBASE_MFA_ID to the mfaId of
that response.""",
)
def login(given: Given) -> None:
    """Sign in with a custom token.

    Shows which account signed in, and when the session expires. The JWT is a secret: only --show-token prints it.
    """
    with given.collection() as collection:
        (token,) = given.secrets(TOKEN)
        auth = given.call(lambda: collection.auth_with_token(token, mfa_id=from_environment("BOSBASE_MFA_ID") or None))
    if given["store"]:
        with writing(given["store"]):
            FileAuthStore(given["store"]).save(auth)
    ends = auth.expires_at.isoformat() if auth.expires_at else None
    session = {"collection": auth.record.collection_name, "record": dict(auth.record), "expires_at": ends}
    jwt = auth.token if given["show_token"] else ""
    given.respond(
        session | ({"token": jwt} if jwt else {}),
        text=one_line(jwt),
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

    Signs in with the old token first, and changes nothing if the old token is not bound. Then it binds a new random
    token, prints it, and unbinds the old token. If the new token cannot be printed, it is unbound again and the old
    one stays. If the rotation stops half-way, the new token has been printed and the exit code is not 0: unbind the
    old token with `bosbase-tokens unbind`.
    """
    from ._new_token import rotate

    with given.collection() as collection:
        rotate(given, collection)


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

    It sends nothing to a server and binds nothing. The token has 256 random bits and a checksum. Leak scanners find
    it by its prefix.
    """
    token = generate_token(given["prefix"])
    given.respond({"token": token}, text=token)


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
    """Check that a server implements the token API correctly.

    Requires the extra `check` and one ordinary account of the server. It binds random tokens only, and unbinds each
    of them. Exit code 1 means that a check failed.
    """
    (password,) = given.secrets(PASSWORD)
    files: list[Path] = [given[name] for name in ("report", "junit") if given[name]]
    for path in files:
        if not path.parent.is_dir():
            raise click.UsageError(f"{path} must be a file in a folder that exists")
    try:
        from bosbase_wrapper.check import MOST_REQUESTS, run

        most = MOST_REQUESTS + 3 * 3 * (given["fuzz"] or 0)  # a case may bind, which is checked and unbound in the end
        note(f"At most {most} requests, one of 33 MiB. Only random tokens are bound, and each is unbound again.")
        found = run(given["url"], given["collection"], given["email"], password, fuzz=given["fuzz"], progress=note)
    except ModuleNotFoundError as error:
        raise click.UsageError(f'check needs {error.name}: pip install "bosbase-wrapper[check]"') from None
    write(found.to_json() if given["json"] else str(found))
    for path in files:
        with writing(path):
            path.write_text(found.to_html() if path is given["report"] else found.to_junit(), encoding="utf-8")
        note(f"The report is in {path}")
    return found.exit_code(strict=given["strict"])


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

    With it, the shell completes commands and options.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    shells = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    script = shells[given["shell"]](bosbase_tokens, {}, PROGRAM, "_BOSBASE_TOKENS_COMPLETE").source()
    given.respond({"script": script}, text=script)
