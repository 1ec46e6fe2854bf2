"""The server's process: how it starts, how it ends, and why it never outlives the process that started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

# Variables that the server, or the Python that starts it, needs. Any other may hold a secret.
_PASSED_ON: Final = ("HOME", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE")
_SETTINGS: Final = "BOSBASE_TOKENS_"  # the operator's settings of the extension

# The new process forks a watcher and becomes the server. The watcher kills the server as soon as the owner (the
# process that started both) has ended. It looks at the owner itself, not at a pipe: a forked child of the owner
# would hold the pipe open. Before it kills, it makes sure that the server is still its parent.
_WATCHED: Final = """
import os, select, sys, time

owner, command, server = int(sys.argv[1]), sys.argv[2:], os.getpid()
try:
    pidfd = os.pidfd_open(owner)
except (AttributeError, OSError):
    pidfd = None
if os.getppid() != owner:
    sys.exit("the process that started the server has ended")
if os.fork():
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")

def owner_ends_within(seconds):
    if pidfd is not None:
        return bool(select.select([pidfd], [], [], seconds)[0])
    time.sleep(seconds)
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False

while os.getppid() == server:
    if owner_ends_within(0.2) and os.getppid() == server:
        os.kill(server, 9)
"""


class Process:
    """A server process that ends with the process that started it. For a forked child of that one it is read-only.

    Raises OSError if it cannot be started.
    """

    def __init__(self, command: list[str], settings: dict[str, str], log: Path) -> None:
        self.owner: Final = os.getpid()
        windows = os.name == "nt"
        watched = [sys.executable or "python", "-I", "-S", "-c", _WATCHED, str(self.owner), *command]
        with log.open("wb") as output:
            self._popen = subprocess.Popen(  # noqa: S603  # our own executable, with arguments of ours
                command if windows else watched,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment() | settings,
                umask=-1 if windows else 0o077,  # the data hold the secrets that sign the JWTs
                start_new_session=True,  # Ctrl-C in a terminal ends our process, which then stops the server in order
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_running(self) -> bool:
        if self.owner == os.getpid():
            return self._popen.poll() is None
        try:  # only the owner can wait for it
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self, sign: signal.Signals, seconds: float = 10.0) -> None:
        """Send a signal and wait; kill the process if it does not end in time."""
        self._popen.send_signal(sign)
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def environment() -> dict[str, str]:
    """Return the variables that a process of the server gets."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_SETTINGS)}
