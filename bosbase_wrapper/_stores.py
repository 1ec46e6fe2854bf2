"""Where TokenAuth keeps a session: AuthStore and two of its kind."""

from __future__ import annotations

import errno
import glob
import json
import os
import secrets
import stat
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, cast, runtime_checkable

from ._errors import ConfigurationError
from ._results import AuthResult, Record

_LARGEST: Final = 4 * 1024 * 1024  # as large as an answer may be
_ABANDONED_SECONDS: Final = 60.0  # a save takes a fraction of a second
_POSIX: Final = os.name == "posix"
# Never through a link, and not waiting for whom a pipe in the file's place would wait for. Windows lacks these.
_CAREFUL: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@runtime_checkable
class AuthStore(Protocol):
    """Keeps one session, of one server, collection and token.

    The methods may be called from any thread. Where `load` or `save` raises in a request, `TokenAuth` warns and the
    request goes on.
    """

    def load(self) -> AuthResult | None:
        """The session kept, or None."""
        ...

    def save(self, result: AuthResult) -> None:
        """Keep a session."""
        ...

    def clear(self) -> None:
        """Forget the session."""
        ...


class MemoryAuthStore:
    """Keeps a session as long as the process lives, for several TokenAuth to share or for a look at the record."""

    def __init__(self) -> None:
        self._session: AuthResult | None = None

    def load(self) -> AuthResult | None:
        """The session kept, or None."""
        return self._session

    def save(self, result: AuthResult) -> None:
        """Keep a session."""
        self._session = result

    def clear(self) -> None:
        """Forget the session."""
        self._session = None


class FileAuthStore:
    """Keeps a session in a file of JSON that its owner alone can read, for any number of processes.

    The file is replaced as a whole, so that nobody reads half of one, and a crash or a full disk leaves the old one.
    Its folder is made where there is none; one that others can write to is refused, since they could put a file of
    theirs in its place. A link at `path` is never followed: it is not read, and the next save replaces it.

    Raises ConfigurationError for a path without a name, such as "" or "/".
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if not self._path.name:
            raise ConfigurationError("path must name a file")

    def __repr__(self) -> str:
        return f"FileAuthStore({str(self._path)!r})"

    def load(self) -> AuthResult | None:
        """The session kept, or None; warns where there is a file that cannot be read as one."""
        try:
            return _decoded(self._read())
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = str(error)
        except (ValueError, RecursionError):
            reason = f"{self._path} holds no session"
        warnings.warn(f"the stored session is not used: {reason}", stacklevel=2)
        return None

    def save(self, result: AuthResult) -> None:
        """Replace the file. Raises OSError, with the file as it was: a full disk, a folder that others can write to."""
        _make(self._path.parent)
        self._require_own_folder()
        self._remove_abandoned()
        session = {"token": result.token, "record": dict(result.record), "meta": dict(result.meta)}
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.new")
        try:
            self._write(new, json.dumps(session).encode())
            os.replace(new, self._path)  # noqa: PTH105  # the word for what it does
        finally:
            new.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the file. Raises OSError where that cannot be done."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> bytes:
        self._require_own_folder()
        file = os.open(self._path, os.O_RDONLY | _CAREFUL)
        with open(file, "rb") as opened:  # noqa: PTH123  # a descriptor, not a path
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(self._path))
            if _POSIX and (about.st_mode & 0o077 or about.st_uid != os.geteuid()):
                raise PermissionError(errno.EPERM, "others can read or write it, or own it", str(self._path))
            return opened.read(_LARGEST + 1)

    def _write(self, path: Path, session: bytes) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL, 0o600)
        with open(file, "wb") as opened:  # noqa: PTH123  # a descriptor, not a path
            opened.write(session)
            opened.flush()
            os.fsync(file)  # else a crash of the machine could leave an empty file under the new name

    def _require_own_folder(self) -> None:
        folder = self._path.parent
        about = folder.stat()
        if _POSIX and (about.st_mode & 0o022 or about.st_uid not in (os.geteuid(), 0)):
            reason = "others can write to the folder of the session (chmod go-w helps), or own it"
            raise PermissionError(errno.EPERM, reason, str(folder))

    def _remove_abandoned(self) -> None:
        """Remove what a save left that was killed half-way: it holds a session too."""
        for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.new"):
            with suppress(FileNotFoundError):  # another process was faster, or its save is through
                if left.lstat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    left.unlink()


def _make(folder: Path) -> None:
    # `mkdir(parents=True)` would let the umask say who may write to those above.
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _decoded(session: bytes) -> AuthResult:
    """The session that a file holds; ValueError where it holds none."""
    match json.loads(session):  # pyright: ignore[reportMatchNotExhaustive]  # all the rest is no session
        case {"token": str(token), "record": dict(record), "meta": dict(meta)}:  # pyright: ignore[reportUnknownVariableType]  # JSON
            if token and token.isascii() and token.isprintable():
                return AuthResult(token, Record(cast("dict[str, Any]", record)), cast("dict[str, Any]", meta))
    raise ValueError("no session, or a JWT that no header can carry")
