"""Where `TokenAuth` keeps a session: the protocol `AuthStore` and two stores."""

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
from ._results import AuthResult, Record, is_jwt

_MAX_BYTES: Final = 4 * 1024 * 1024  # the limit of a response
_ABANDONED_SECONDS: Final = 60.0  # a save takes a fraction of a second
_POSIX: Final = os.name == "posix"
# Do not follow a link, and do not block on a pipe in the place of the file. Windows lacks these flags.
_CAREFUL: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@runtime_checkable
class AuthStore(Protocol):
    """Keeps the session of one server, collection and token.

    The methods may be called from any thread. If `load` or `save` raises, `TokenAuth` warns and the request continues.
    """

    def load(self) -> AuthResult | None:
        """Return the session, or None."""

    def save(self, result: AuthResult, /) -> None:
        """Replace the session."""

    def clear(self) -> None:
        """Forget the session."""


class MemoryAuthStore(AuthStore):
    """Keeps a session in memory, so that several `TokenAuth` share it or a program can read its record."""

    def __init__(self) -> None:
        self._session: AuthResult | None = None

    def load(self) -> AuthResult | None:
        return self._session

    def save(self, result: AuthResult) -> None:
        self._session = result

    def clear(self) -> None:
        self._session = None


class FileAuthStore(AuthStore):
    """Keeps a session in a JSON file that only its owner can read. Any number of processes may share it.

    `~` in `path` is the home folder, and a relative path is made absolute at once. The file is replaced atomically: a
    crash or a full disk leaves the old one. Its folder is made if it does not exist. A folder that others can write to
    is refused, since they could replace the file. A link at `path` is never followed; the next save replaces it.

    Raises ConfigurationError for a path that names no file, such as "" or "/".
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not Path(path).name:
            raise ConfigurationError("path must name a file")
        try:
            self._path = Path(path).expanduser().absolute()
        except RuntimeError:
            reason = "path starts with ~, and the home folder is not known: give an absolute path"
            raise ConfigurationError(reason) from None

    def __repr__(self) -> str:
        return f"FileAuthStore({str(self._path)!r})"

    def load(self) -> AuthResult | None:
        """Return the session, or None. Warns if there is a file that cannot be used."""
        try:
            return _decoded(self._read())
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = str(error)
        except (ValueError, RecursionError):
            reason = f"{self._path} does not contain a session"
        warnings.warn(f"the stored session is not used: {reason}", stacklevel=2)
        return None

    def save(self, result: AuthResult) -> None:
        """Replace the file. Raises OSError and keeps the old file if the disk is full or the folder is not safe."""
        _make(self._path.parent)
        self._require_own_folder()
        self._remove_abandoned()
        session = {"token": result.token, "record": dict(result.record), "meta": dict(result.meta)}
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.new")
        try:
            self._write(new, json.dumps(session).encode())
            self._require_replaceable()
            os.replace(new, self._path)  # noqa: PTH105  # the word for what it does
        finally:
            new.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the file. Raises OSError if that fails."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> bytes:
        with open(self._path, "rb", opener=_open_carefully) as opened:
            self._require_own_folder()  # after `open`: if there is no file, only `save` complains about the folder
            about = os.fstat(opened.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file", str(self._path))
            if _POSIX and (about.st_mode & 0o077 or about.st_uid != os.geteuid()):
                raise PermissionError(
                    errno.EPERM, "others can read or write it, or own it (chmod 600 helps)", str(self._path)
                )
            return opened.read(_MAX_BYTES)  # of a longer file this is no JSON

    def _write(self, path: Path, session: bytes) -> None:
        with open(path, "xb", opener=_open_carefully) as opened:
            opened.write(session)
            opened.flush()
            os.fsync(opened.fileno())  # otherwise a crash of the machine can leave an empty file

    def _require_own_folder(self) -> None:
        folder = self._path.parent
        about = folder.stat()
        if _POSIX and (about.st_mode & 0o022 or about.st_uid not in (os.geteuid(), 0)):
            reason = "others can write to the folder of the session or own it: use a private subfolder (mode 700)"
            raise PermissionError(errno.EPERM, reason, str(folder))

    def _require_replaceable(self) -> None:
        """Refuse to replace a device, a pipe or a socket. A link is replaced, and what it points to is not."""
        with suppress(FileNotFoundError):
            mode = self._path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
                raise OSError(errno.EINVAL, "it is not a regular file", str(self._path))

    def _remove_abandoned(self) -> None:
        """Remove the files of saves that were killed: they contain sessions too."""
        for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.new"):
            with suppress(FileNotFoundError):  # another process removed it, or finished its save
                if left.lstat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    left.unlink()


def _open_carefully(path: str, flags: int) -> int:
    return os.open(path, flags | _CAREFUL, 0o600)


def _make(folder: Path) -> None:
    # `mkdir(parents=True)` makes the folders above with the mode of the umask.
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _decoded(session: bytes) -> AuthResult:
    """Return the session in a file. Raises ValueError if there is none."""
    match json.loads(session):  # pyright: ignore[reportMatchNotExhaustive]  # anything else is not a session
        case {"token": token, "record": dict(record), "meta": dict(meta)} if is_jwt(token):  # pyright: ignore[reportUnknownVariableType]  # JSON
            return AuthResult(token, Record(cast("dict[str, Any]", record)), cast("dict[str, Any]", meta))
    raise ValueError("no session, or a JWT that a header cannot contain")
