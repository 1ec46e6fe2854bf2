"""LiveServer: a PocketBase with the extension, on a free port of this machine."""

from __future__ import annotations

import atexit
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx

from ._paths import HERE, executable, hooks_dir
from ._process import Process

_START_SECONDS: Final = 30.0
_TRIES: Final = 5
_LOG_LINES: Final = 20


class LiveServer:
    """A server of one's own on 127.0.0.1, for tests, demos and development.

    `data_dir` is where its data stay; without one they lie in a temporary folder that goes with `stop`. `port` 0
    takes a free one. It is a context manager; `start` and `stop` may be called more than once. Its process ends
    with this Python process at the latest, however that ends.

    `admin_email` and `admin_password` are those of a superuser who is made anew at each start. Raises RuntimeError,
    with the last lines of the log, where the server does not come up, or where the extra `server` is missing.
    """

    def __init__(self, data_dir: Path | None = None, port: int = 0) -> None:
        self.admin_email: Final = "admin@bosbase.test"
        self.admin_password: str = ""
        self._data_dir = data_dir
        self._wanted_port = port
        self._port = port
        self._process: Process | None = None
        self._temporary: Path | None = None
        self._jwt = ""
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"LiveServer({self.url!r})"

    @property
    def url(self) -> str:
        """Where the server listens, as http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The number of the server's process; None while it does not run."""
        return self._process.pid if self._process and self._process.is_running() else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers; nothing happens where it runs."""
        with self._lock:
            if self.pid:
                return
            program = executable()
            self._end(signal.SIGTERM)  # what is left of one that ended by itself
            atexit.register(self.stop)  # for one who forgets to: orderly, and the folder goes too
            self.admin_password = secrets.token_urlsafe(24)
            folder = self._make_folder()
            tries = 1 if self._wanted_port else _TRIES
            while not self._try_to_start(program, folder, last=tries == 1):
                tries -= 1

    def stop(self) -> None:
        """Stop the server; a temporary data folder goes with it."""
        with self._lock:
            atexit.unregister(self.stop)
            self._end(signal.SIGTERM)
            if self._temporary:
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    def kill(self) -> None:
        """End the server's process at once (SIGKILL), as a crash would; the data stay for the next `start`."""
        with self._lock:
            self._end(getattr(signal, "SIGKILL", signal.SIGTERM))

    def require_running(self) -> None:
        """Raise RuntimeError, with the last lines of the log, where the server does not run, as after a crash."""
        with self._lock:
            if not self.pid:
                raise RuntimeError("the server does not run:\n" + self._end_of_log())

    def api(self, method: str, path: str, json: Any = None) -> Any:
        """A superuser's call of the server's REST API; returns the answer's JSON, None where there is none.

        Raises httpx.HTTPStatusError for a status of 400 or more.
        """
        if not self._jwt:
            account = {"identity": self.admin_email, "password": self.admin_password}
            self._jwt = self._send("POST", "/api/collections/_superusers/auth-with-password", account)["token"]
        return self._send(method, path, json)

    def create_collection(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Make a collection; `definition` is the body of PocketBase's own API. Returns what the server made."""
        created: dict[str, Any] = self.api("POST", "/api/collections", definition)
        return created

    def create_record(self, collection: str, **members: Any) -> dict[str, Any]:
        """Make a record; a `password` need not be repeated. Returns what the server made."""
        created: dict[str, Any] = self.api("POST", f"/api/collections/{collection}/records", _confirmed(members))
        return created

    def update_record(self, collection: str, record_id: str, **members: Any) -> dict[str, Any]:
        """Change members of a record. Returns the record."""
        path = f"/api/collections/{collection}/records/{record_id}"
        updated: dict[str, Any] = self.api("PATCH", path, _confirmed(members))
        return updated

    def delete_record(self, collection: str, record_id: str) -> None:
        """Delete a record, and its bindings with it."""
        self.api("DELETE", f"/api/collections/{collection}/records/{record_id}")

    def _send(self, method: str, path: str, json: Any) -> Any:
        headers = {"Authorization": self._jwt} if self._jwt else {}
        answer = httpx.request(method, self.url + path, json=json, headers=headers, timeout=60, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _make_folder(self) -> Path:
        """The folder of all that is not data: the hooks that run, the log."""
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="bosbase-"))
            for source in (hooks_dir(), HERE / "live_hooks"):
                shutil.copytree(source, self._temporary / "pb_hooks", dirs_exist_ok=True)
        return self._temporary

    def _try_to_start(self, program: Path, folder: Path, *, last: bool) -> bool:
        self._port = self._wanted_port or _free_port()
        environment = {"BOSBASE_ADMIN_EMAIL": self.admin_email, "BOSBASE_ADMIN_PASSWORD": self.admin_password}
        log = folder / "log"
        self._process = Process(self._command(program, folder), environment, log)
        self._jwt = ""
        ends = time.monotonic() + _START_SECONDS
        while self._process.is_running() and time.monotonic() < ends:
            # Its own word: an answer on the port could be another server's.
            if "Server started" in log.read_text(errors="replace"):
                return True
            time.sleep(0.01)
        self._end(signal.SIGTERM)
        end = self._end_of_log()
        if last or "address already in use" not in end:
            self.stop()
            raise RuntimeError("the server did not come up:\n" + end)
        return False

    def _end_of_log(self) -> str:
        if self._temporary is None:
            return ""
        lines = (self._temporary / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def _command(self, program: Path, folder: Path) -> list[str]:
        data = self._data_dir or folder / "pb_data"
        return [
            str(program),
            "serve",
            f"--http=127.0.0.1:{self._port}",
            f"--dir={data}",
            f"--hooksDir={folder / 'pb_hooks'}",
            f"--migrationsDir={folder / 'pb_migrations'}",
            f"--publicDir={folder / 'pb_public'}",
            "--automigrate=false",
            "--hooksWatch=false",
        ]

    def _end(self, sign: signal.Signals) -> None:
        if self._process:
            self._process.end(sign)
            self._process = None


def _confirmed(members: dict[str, Any]) -> dict[str, Any]:
    return {**members, "passwordConfirm": members["password"]} if "password" in members else members


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
