"""`bosbase-tokens serve`: the embedded server in the foreground."""

from __future__ import annotations

import json
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from ._given import Given
from ._output import NO_RESPONSE, REFUSED, WRONG_USAGE, Failure, note
from ._signals import ENDING

if TYPE_CHECKING:
    from bosbase_wrapper.server import LiveServer

_LOOK_EVERY_SECONDS: Final = 0.5
_USERS: Final = "users"


def serve(given: Given) -> None:
    """Run the server until a signal stops it."""
    with _until_a_signal() as at_end:
        from bosbase_wrapper.server import LiveServer  # takes long enough for a signal to come meanwhile

        server = LiveServer(given["data"], given["port"])
        at_end.callback(server.stop)
        _start(server)
        user = _make_user(server, given["user"]) if given["user"] else None
        _tell(given, server, user)
        _watch(server)
    note("Stopped.")


@contextmanager
def _until_a_signal() -> Generator[ExitStack]:
    """Ctrl-C, SIGTERM and SIGHUP are the regular end of the block. No signal disturbs what is left for its end."""
    ending = [signal.SIGINT, *ENDING]
    handlers = {sign: signal.getsignal(sign) for sign in ending}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets `serve &` ignore it
    at_end = ExitStack()
    try:
        yield at_end
    except KeyboardInterrupt:
        pass
    finally:
        for sign in ending:
            signal.signal(sign, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave the server running
        at_end.close()
        for sign, handler in handlers.items():
            signal.signal(sign, handler)


def _start(server: LiveServer) -> None:
    try:
        server.start()
    except RuntimeError as error:
        raise Failure(str(error), WRONG_USAGE) from None


def _watch(server: LiveServer) -> None:
    while True:
        time.sleep(_LOOK_EVERY_SECONDS)
        try:
            server.require_running()
        except RuntimeError as error:
            raise Failure(str(error), NO_RESPONSE) from None


def _make_user(server: LiveServer, email: str) -> dict[str, str]:
    """Give an account a new password; make the account first if there is none."""
    import httpx  # takes longer to import than `--help` should

    password = secrets.token_urlsafe(18)
    query = urlencode({"filter": f"email = {json.dumps(email, ensure_ascii=False)}"})
    try:
        found = server.api("GET", f"/api/collections/{_USERS}/records?{query}")["items"]
        if found:
            server.update_record(_USERS, found[0]["id"], password=password)
        else:
            server.create_record(_USERS, email=email, password=password)
    except (httpx.HTTPError, RuntimeError) as error:
        raise Failure(f"the account of --user cannot be made: {error}", REFUSED) from None
    return {"collection": _USERS, "email": email, "password": password}


def _tell(given: Given, server: LiveServer, user: dict[str, str] | None) -> None:
    # A terminal forgets. Anywhere else the output may be a log, which keeps the password.
    shown = given["show_password"] or (sys.stdout is not None and sys.stdout.isatty())
    password = server.admin_password if shown else None
    data = str(given["data"]) if given["data"] else None
    rows = {
        "Server": server.url,
        "Admin UI": f"{server.url}/_/",
        "Superuser": server.admin_email,
        "Password": password or "not shown, since this is not a terminal: use --show-password",
        "Data": data or "in a temporary folder that is removed when the server stops",
    }
    table = "\n".join(f"{name + ':':<11}{value}" for name, value in rows.items())
    facts = {"url": server.url, "admin_url": f"{server.url}/_/", "email": server.admin_email, "password": password}
    text = table + (_next_commands(server.url, user) if user else "")
    once = "The superuser's password is new at each start and shown only once. " if shown else ""
    given.respond(facts | {"data": data, "user": user}, text=text, note=f"{once}Ctrl-C stops the server.")


def _next_commands(url: str, user: dict[str, str]) -> str:
    """What signs in the account with a token: ready to paste into a shell."""
    email = shlex.quote(user["email"])
    return f"""

# The account {user["email"]} gets a new password at each start. Paste this into another terminal:
export BOSBASE_URL={url}
export BOSBASE_PASSWORD={user["password"]}
export BOSBASE_TOKEN="$(bosbase-tokens bind --email {email} --generate)"
bosbase-tokens login"""
