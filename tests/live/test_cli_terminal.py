"""The command line in a real terminal: prompts that do not echo, Ctrl-C, and a server in the foreground."""

import os
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Self

import httpx
import pytest

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer

from .test_cli_live import COMMAND, PASSWORD, email, environment, interruptible

__all__ = ["email", "interruptible"]  # fixtures

# Makes the terminal the process's own, as a shell would, and becomes the command.
_IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_SECONDS = 30


class Terminal:
    """A command in a terminal: what it shows, and what is typed."""

    def __init__(self, *args: str, **variables: str) -> None:
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, COMMAND, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**variables),
        )
        self._theirs = theirs
        self._open = True
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        self.close()

    def close(self) -> None:
        """Close the window."""
        if self._open:
            os.close(self._theirs)
            os.close(self._ours)
        self._open = False

    @property
    def echoes(self) -> bool:
        """Whether what is typed can be seen."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def wait_for(self, text: str, *, echoing: bool | None = None) -> None:
        """Reads until a text is shown, and until the terminal's echo is as expected."""
        ends = time.monotonic() + _SECONDS
        while text not in self.shown or (echoing is not None and self.echoes is not echoing):
            assert time.monotonic() < ends, f"{text!r} is not in {self.shown!r}"
            self._read(0.05)

    def type(self, text: str) -> None:
        """Types keys."""
        os.write(self._ours, text.encode())

    def exit_code(self) -> int:
        """Waits for the end, and reads the rest."""
        ends = time.monotonic() + _SECONDS
        while self._process.poll() is None:
            assert time.monotonic() < ends, f"still running: {self.shown!r}"
            self._read(0.05)
        while self._read(0.05):
            pass
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        if not self._open:
            time.sleep(seconds)
            return False
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        self.shown += os.read(self._ours, 65536).decode().replace("\r\n", "\n")
        return True


def test_secrets_are_typed_without_an_echo(server: LiveServer, email: str) -> None:
    """The prompts ask for the password, then for the token; neither is seen, and both are used."""
    token = generate_token()
    with Terminal("bind", "--email", email, BOSBASE_URL=server.url) as terminal:
        terminal.wait_for("Password:", echoing=False)
        terminal.type(PASSWORD + "\n")
        terminal.wait_for("Custom token:", echoing=False)
        terminal.type(token + "\n")
        assert terminal.exit_code() == 0
        assert terminal.shown == f"Password: \nCustom token: \nThe token is bound to {email} in users.\n"
        assert terminal.echoes
    with BosBase(server.url) as client:
        assert client.collection("users").auth_with_token(token).record.collection_name == "users"


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_at_a_prompt(key: str) -> None:
    """Exit code 130, no traceback, and the terminal echoes again."""
    with Terminal("login", BOSBASE_URL="http://127.0.0.1:1") as terminal:
        terminal.wait_for("Custom token:", echoing=False)
        terminal.type("half-a-canary")
        if key == "\x04":
            terminal.type("\x15")  # Ctrl-U: Ctrl-D ends the input on an empty line alone
        terminal.type(key)
        assert terminal.exit_code() == 130
        assert terminal.echoes
        assert "canary" not in terminal.shown
        assert terminal.shown.endswith("Interrupted.\n")
        assert "Traceback" not in terminal.shown


def test_standard_input_is_a_prompt_at_a_terminal(server: LiveServer) -> None:
    """`--token-stdin` typed by hand does not echo either; the environment's token is left alone."""
    with Terminal("login", "--token-stdin", BOSBASE_URL=server.url, BOSBASE_TOKEN="another") as terminal:
        terminal.wait_for("Custom token:", echoing=False)
        terminal.type("token-canary\n")
        assert terminal.exit_code() == 1
        assert terminal.shown == "Custom token: \nError: 400 Failed to authenticate. (wrong email, password or token)\n"


def test_serve_in_the_foreground() -> None:
    """It shows where it is and how to sign in, once; Ctrl-C stops it, and twice does no harm."""
    with Terminal("serve") as terminal:
        terminal.wait_for("Ctrl-C stops the server.\n")
        rows = dict(re.findall(r"^(\w[\w ]+): +(\S.*)$", terminal.shown, re.MULTILINE))
        account = {"identity": rows["Superuser"], "password": rows["Password"]}
        url = f"{rows['Server']}/api/collections/_superusers/auth-with-password"
        assert httpx.post(url, json=account).status_code == 200
        assert rows["Admin UI"] == f"{rows['Server']}/_/"
        assert terminal.shown.count(rows["Password"]) == 1
        terminal.type("\x03\x03")
        assert terminal.exit_code() == 0
        assert terminal.shown.endswith("Stopped.\n")
        assert "Traceback" not in terminal.shown
    with pytest.raises(httpx.ConnectError):
        httpx.get(rows["Server"])


def test_the_terminal_of_serve_is_closed(tmp_path: Path) -> None:
    """The window is gone, and with it the server and its folder: nothing can be told any more."""
    with Terminal("serve", TMPDIR=str(tmp_path)) as terminal:
        terminal.wait_for("Ctrl-C stops the server.\n")
        assert len(list(tmp_path.iterdir())) == 1
        terminal.close()
        assert terminal.exit_code() == 0
    assert list(tmp_path.iterdir()) == []
