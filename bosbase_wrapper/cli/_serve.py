"""`bosbase-tokens serve`: the embedded server in the foreground."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ._given import Given
from ._output import NO_ANSWER, WRONG_USAGE, Failure, note

if TYPE_CHECKING:
    from bosbase_wrapper.server import LiveServer

_LOOK_EVERY_SECONDS: Final = 0.5


def serve(given: Given) -> None:
    """Run the server until Ctrl-C or SIGTERM."""
    from bosbase_wrapper.server import LiveServer

    server = LiveServer(given["data"], given["port"])
    with _stopping(server):
        _start(server)
        _tell(given, server)
        _watch(server)
    note("Stopped.")


@contextmanager
def _stopping(server: LiveServer) -> Generator[None]:
    """Ends quietly at Ctrl-C and SIGTERM, and stops the server however it ends."""
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    for sign in handlers:
        signal.signal(sign, signal.default_int_handler)  # SIGINT too: a shell's `&` lets it be ignored
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for sign in handlers:
            signal.signal(sign, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave the server running
        server.stop()
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
            raise Failure(str(error), NO_ANSWER) from None


def _tell(given: Given, server: LiveServer) -> None:
    # A terminal forgets; what is written elsewhere is a log, and keeps the password.
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    password = server.admin_password if on_terminal or given["show_password"] else None
    data = str(given["data"]) if given["data"] else None
    rows = {
        "Server": server.url,
        "Admin UI": f"{server.url}/_/",
        "Superuser": server.admin_email,
        "Password": password or "not shown, since this is no terminal: --show-password shows it",
        "Data": data or "in a temporary folder, which goes when the server stops",
    }
    table = "\n".join(f"{name + ':':<11}{value}" for name, value in rows.items())
    facts = {"url": server.url, "admin_url": f"{server.url}/_/", "email": server.admin_email, "password": password}
    note_ = "The superuser's password is new at each start, and shown this once. Ctrl-C stops the server."
    given.answer(facts | {"data": data}, text=table, note=note_)
