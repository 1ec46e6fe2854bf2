"""LiveServer: a PocketBase with the extension, on a free port of this machine."""

import atexit
import os
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

from ._api import SuperuserApi
from ._bindings import Binding, list_bindings, revoke
from ._paths import HERE, executable, hooks_dir
from ._process import Process

_START_SECONDS: Final = 30.0
_TRIES: Final = 5
_LOG_LINES: Final = 20


class LiveServer:
    """An embedded server on 127.0.0.1, for tests, demos and development.

    `data_dir` keeps the data; a new folder is readable by its owner only. Without `data_dir` the data are in a
    temporary folder that `stop` removes. `port` 0 means a free port. It is a context manager; `start` and `stop` may
    be called more than once. The server ends with this Python process at the latest, even if that is killed. In a
    forked child the calls of the REST API work, and `stop` and `kill` do nothing.

    `admin_email` and `admin_password` belong to a superuser who gets a new password at each start. Methods that call
    the REST API raise `httpx.HTTPStatusError` with the server's message and each invalid field. Raises RuntimeError,
    with the last lines of the log, if the server does not start, and if the extra `server` is not installed.
    """

    def __init__(self, data_dir: str | Path | None = None, port: int = 0) -> None:
        self.admin_email: Final = "admin@bosbase.test"
        self.admin_password: str = ""
        self._data_dir = None if data_dir is None else Path(data_dir).absolute()  # the program may call os.chdir
        self._wanted_port = port
        self._port = port
        self._process: Process | None = None
        self._temporary: Path | None = None
        self._owner = os.getpid()
        self._api: SuperuserApi | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"LiveServer({self.url!r})"

    @property
    def url(self) -> str:
        """The server's URL: http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The id of the server's process; None if it is not running."""
        return self._process.pid if self._process and self._process.is_running() else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it responds; do nothing if it is running."""
        if self._is_anothers:
            self.require_running()
            return
        with self._lock:
            if self.pid:
                return
            program = executable()
            self._end(signal.SIGTERM)  # what is left of one that ended by itself
            atexit.register(self.stop)  # for a caller who forgets to
            self._owner = os.getpid()
            self.admin_password = secrets.token_urlsafe(24)
            folder = self._make_folder()
            tries = 1 if self._wanted_port else _TRIES
            while not self._try_to_start(program, folder, last=tries == 1):
                tries -= 1

    def stop(self) -> None:
        """Stop the server and remove its temporary folder."""
        if self._is_anothers:
            return
        with self._lock:
            atexit.unregister(self.stop)
            self._end(signal.SIGTERM)
            if self._temporary:
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    def kill(self) -> None:
        """End the server's process at once (SIGKILL), as a crash would; the next `start` finds the data."""
        if not self._is_anothers:
            with self._lock:
                self._end(getattr(signal, "SIGKILL", signal.SIGTERM))

    def require_running(self) -> None:
        """Raise RuntimeError, with the last lines of the log, if the server does not run, for example after a crash."""
        if not self.pid:
            raise self._not_running()

    def api(self, method: str, path: str, json: Any = None) -> Any:
        """Call the server's REST API as the superuser. Returns the JSON of the response, None if it is empty."""
        if self._api is None:
            raise self._not_running()
        try:
            return self._api.call(method, path, json)
        except httpx.TransportError:
            self.require_running()
            raise

    def create_collection(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Create a collection; `definition` is the body that PocketBase documents. Returns the collection."""
        created: dict[str, Any] = self.api("POST", "/api/collections", definition)
        return created

    def create_record(self, collection: str, **fields: Any) -> dict[str, Any]:
        """Create a record. A `password` is confirmed for you. Returns the record."""
        created: dict[str, Any] = self.api("POST", f"/api/collections/{collection}/records", _confirmed(fields))
        return created

    def update_record(self, collection: str, record_id: str, **fields: Any) -> dict[str, Any]:
        """Change fields of a record. Returns the record."""
        path = f"/api/collections/{collection}/records/{record_id}"
        updated: dict[str, Any] = self.api("PATCH", path, _confirmed(fields))
        return updated

    def delete_record(self, collection: str, record_id: str) -> None:
        """Delete a record and its bindings."""
        self.api("DELETE", f"/api/collections/{collection}/records/{record_id}")

    def tokens(self, collection: str, email: str) -> list[Binding]:
        """Return the bound tokens of an account: their ids and times, never their values."""
        return list_bindings(self._data(), collection, email)

    def revoke(self, binding_id: str) -> None:
        """Revoke a token by the id of its binding. RuntimeError says if there is no such binding."""
        revoke(self._data(), binding_id)

    def _data(self) -> Path:
        data = self._data_dir or (self._temporary and self._temporary / "pb_data")
        if not data:
            raise RuntimeError("the server has no data: it has not been started, or it was stopped")
        return data

    @property
    def _is_anothers(self) -> bool:
        """Whether this is a forked child, and its parent started the server."""
        return self._owner != os.getpid() and bool(self._process or self._temporary)

    def _not_running(self) -> RuntimeError:
        return RuntimeError("the server does not run:\n" + self._end_of_log())

    def _make_folder(self) -> Path:
        """The folder for everything but data: the hooks and the log."""
        try:
            if self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="bosbase-")).absolute()
                for source in (hooks_dir(), HERE / "live_hooks"):
                    shutil.copytree(source, self._temporary / "pb_hooks", dirs_exist_ok=True)
        except OSError as error:
            self.stop()
            raise RuntimeError(f"the server needs a temporary folder: {error}") from None
        return self._temporary

    def _try_to_start(self, program: Path, folder: Path, *, last: bool) -> bool:
        self._port = self._wanted_port or _free_port()
        settings = {"BOSBASE_ADMIN_EMAIL": self.admin_email, "BOSBASE_ADMIN_PASSWORD": self.admin_password}
        log = folder / "log"
        try:
            self._process = Process(self._command(program, folder), settings, log)
        except OSError as error:
            self.stop()
            raise RuntimeError(f"the server cannot be started: {error}") from None
        ends = time.monotonic() + _START_SECONDS
        while self._process.is_running() and time.monotonic() < ends:
            # Read from the log: a response on the port could come from another server.
            if "Server started" in log.read_text(errors="replace"):
                self._api = SuperuserApi(self.url, self.admin_email, self.admin_password)
                return True
            time.sleep(0.01)
        self._end(signal.SIGTERM)
        end = self._end_of_log()
        if last or "address already in use" not in end:
            self.stop()
            raise RuntimeError("the server did not come up:\n" + end)
        return False

    def _end_of_log(self) -> str:
        try:
            log = (self._temporary / "log").read_text(errors="replace") if self._temporary else ""
        except OSError:  # a forked child, whose parent has removed the folder
            return ""
        return "\n".join(log.splitlines()[-_LOG_LINES:])

    def _command(self, program: Path, folder: Path) -> list[str]:
        return [
            str(program),
            "serve",
            f"--http=127.0.0.1:{self._port}",
            f"--dir={self._data_dir or folder / 'pb_data'}",
            f"--hooksDir={folder / 'pb_hooks'}",
            f"--migrationsDir={folder / 'pb_migrations'}",
            f"--publicDir={folder / 'pb_public'}",
            "--automigrate=false",
            "--hooksWatch=false",
        ]

    def _end(self, sign: signal.Signals) -> None:
        if self._api:
            self._api.close()
            self._api = None
        if self._process:
            self._process.end(sign)
            self._process = None


def _confirmed(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "passwordConfirm": fields["password"]} if "password" in fields else fields


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
