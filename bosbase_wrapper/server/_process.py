"""The server's process: its start, its end, and its end when the Python process is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# A shell that becomes the server, and a watcher beside it: when the pipe of its standard input closes without a
# line, the Python process is gone, however it ended, and the server must go too. The death signal of Linux would
# come too early: when the thread ends that started the server.
_WATCHED: Final = """
exec 3<&0
(read -r line <&3 || kill -9 $$) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""


class Process:
    """A server process that ends with its Python process at the latest."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        watched = command if os.name == "nt" else ["/bin/sh", "-c", _WATCHED, "sh", *command]
        with log.open("wb") as output:
            self._popen = subprocess.Popen(  # noqa: S603  # our own executable, with arguments of ours
                watched,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C in a terminal is for us: we stop the server in order
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def end(self, sign: signal.Signals, seconds: float = 10.0) -> None:
        """Send a signal and wait; one that does not obey is killed."""
        self._popen.send_signal(sign)
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._dismiss_watcher()

    def _dismiss_watcher(self) -> None:
        # A line tells the watcher to end without a kill: the number may be another process's by now.
        with contextlib.suppress(BrokenPipeError):
            self._popen.communicate(b"\n")
