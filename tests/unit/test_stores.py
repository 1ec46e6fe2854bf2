"""The stores: what is kept comes back, and a file that is not as it should be does no harm."""

import json
import os
import pickle
import resource
import signal
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bosbase_wrapper import AuthResult, AuthStore, ConfigurationError, FileAuthStore, MemoryAuthStore, Record

JWT = "canary.jwt.signature"


def session(token: str = JWT, **members: Any) -> AuthResult:
    """A session with members of every kind."""
    record = {
        "id": "r1",
        "collectionId": "c1",
        "collectionName": "users",
        "name": "Ä\ud800",
        "n": [1.5, None],
        **members,
    }
    return AuthResult(token, Record(record), {"k": {"v": True}})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of our own, with a umask that would let everybody read and write."""
    before = os.umask(0)
    tmp_path.chmod(0o700)
    yield tmp_path
    os.umask(before)


@pytest.fixture
def path(folder: Path) -> Path:
    """Where the file will be."""
    return folder / "session.json"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, path: Path) -> AuthStore:
    """Each of the given stores."""
    return MemoryAuthStore() if request.param == "memory" else FileAuthStore(path)


def test_what_is_saved_comes_back_until_it_is_cleared(store: AuthStore) -> None:
    """As it was, as often as one asks."""
    assert isinstance(store, AuthStore)
    assert store.load() is None
    store.save(session("first"))
    store.save(session())
    assert store.load() == store.load() == session()
    store.clear()
    store.clear()
    assert store.load() is None


def test_no_store_shows_the_jwt(store: AuthStore, path: Path) -> None:
    """Neither in its repr; nor does a pickle of the file's hold it."""
    store.save(session())
    assert JWT not in f"{store!r} {store}"
    assert JWT.encode() not in pickle.dumps(FileAuthStore(path))


def test_two_stores_of_one_path_are_one(path: Path) -> None:
    """A str will do as well as a Path."""
    FileAuthStore(str(path)).save(session())
    assert FileAuthStore(path).load() == session()


def test_the_file_and_its_folder_are_the_owners_alone(folder: Path) -> None:
    """Folders that are missing are made."""
    path = folder / "new" / "app" / "session.json"
    FileAuthStore(path).load()
    assert not path.parent.exists()
    FileAuthStore(path).save(session())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(made.stat().st_mode) for made in (folder / "new", path.parent)} == {0o700}
    assert [entry.name for entry in path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(path: Path, mode: int) -> None:
    """With a reason, in every direction, and no file is left in it."""
    FileAuthStore(path).save(session("old"))
    path.parent.chmod(mode)
    with pytest.raises(PermissionError, match="others can write to the folder"):
        FileAuthStore(path).save(session())
    with pytest.warns(UserWarning, match="others can write to the folder"):
        assert FileAuthStore(path).load() is None
    assert [entry.name for entry in path.parent.iterdir()] == ["session.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_or_a_file_of_another_user_is_refused(path: Path) -> None:
    """Its owner could put another file there, or read what is in it."""
    store = FileAuthStore(path)
    store.save(session())
    os.chown(path, 12345, -1)
    with pytest.warns(UserWarning, match="own it"):
        assert store.load() is None
    os.chown(path.parent, 12345, -1)
    with pytest.raises(PermissionError, match="or own it"):
        store.save(session())


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_its_place_is_not_followed(path: Path, *, dangling: bool) -> None:
    """It is not read, and a save replaces it and leaves alone what it points to."""
    target = path.with_name("target")
    if not dangling:
        FileAuthStore(target).save(session("planted"))
    path.symlink_to(target)
    store = FileAuthStore(path)
    with pytest.warns(UserWarning, match="session is not used"):
        assert store.load() is None
    store.save(session())
    assert not path.is_symlink()
    assert store.load() == session()
    assert FileAuthStore(target).load() == (None if dangling else session("planted"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_read_or_write_is_not_used(path: Path, mode: int) -> None:
    """The next save makes it the owner's alone again."""
    store = FileAuthStore(path)
    store.save(session("planted"))
    path.chmod(mode)
    with pytest.warns(UserWarning, match="others can read or write it"):
        assert store.load() is None
    store.save(session())
    assert store.load() == session()


WHOLE: dict[str, Any] = {"token": "a.b.c", "record": {}, "meta": {}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a": "' + b"x" * (4 * 1024 * 1024) + b'"}',
        *(json.dumps({**WHOLE, "token": token}).encode() for token in ("", "a\nb", "\u00e4", 5, None)),
        *(json.dumps({**WHOLE, name: value}).encode() for name in ("record", "meta") for value in (0, "x")),
        *(json.dumps({name: WHOLE[name] for name in WHOLE if name != left}).encode() for left in WHOLE),
    ],
    # pytest escapes a backslash again each time that it collects, and mutmut collects more than once.
    ids=lambda content: repr(content[:24]).replace("\\", "/"),
)
def test_a_file_that_holds_no_session_is_as_if_there_were_none(path: Path, content: bytes) -> None:
    """With a warning that shows nothing of it."""
    path.write_bytes(content)
    path.chmod(0o600)
    store = FileAuthStore(path)
    with pytest.warns(UserWarning, match="does not contain a session") as warned:
        assert store.load() is None
    assert len(str(warned[0].message)) < 300
    store.save(session())
    assert store.load() == session()


def test_what_is_no_regular_file_is_neither_read_nor_waited_for(path: Path) -> None:
    """A pipe or a folder stays, and the save says so."""
    store = FileAuthStore(path)
    os.mkfifo(path, 0o600)
    with pytest.warns(UserWarning, match="not a regular file"):
        assert store.load() is None
    with pytest.raises(OSError, match="not a regular file"):
        store.save(session())
    assert stat.S_ISFIFO(path.lstat().st_mode)
    path.unlink()
    path.mkdir(0o700)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.warns(UserWarning, match=f"session is not used: .*directory: '{path}'"):
        assert store.load() is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(OSError, match="directory"):
        store.save(session())
    assert [entry.name for entry in path.parent.iterdir()] == ["session.json"]


def refusals(path: Path) -> tuple[str, str]:
    """What the warning of a load and the error of a save say."""
    store = FileAuthStore(path)
    with pytest.warns(UserWarning, match="session is not used") as warned:
        assert store.load() is None
    with pytest.raises(OSError, match="Errno") as caught:
        store.save(session())
    return str(warned[0].message), str(caught.value)


def test_what_a_refusal_says(path: Path) -> None:
    """It is an error of the system with our words: which file or folder, and what helps."""
    os.mkfifo(path, 0o600)
    said = f"[Errno 22] it is not a regular file: '{path}'"
    assert refusals(path) == (f"the stored session is not used: {said}", said)
    path.parent.chmod(0o777)
    reason = "others can write to the folder of the session or own it: use a private subfolder (mode 700)"
    said = f"[Errno 1] {reason}: '{path.parent}'"
    assert refusals(path) == (f"the stored session is not used: {said}", said)


def test_what_the_warning_of_a_file_says(path: Path) -> None:
    """The same, for a file that others can read."""
    FileAuthStore(path).save(session())
    path.chmod(0o644)
    with pytest.warns(UserWarning, match="the stored session is not used") as warned:
        assert FileAuthStore(path).load() is None
    said = f"[Errno 1] others can read or write it, or own it (chmod 600 helps): '{path}'"
    assert str(warned[0].message) == f"the stored session is not used: {said}"


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755])
def test_a_folder_that_others_can_look_into_is_used(path: Path, mode: int) -> None:
    """They cannot read the file, nor put another in its place."""
    path.parent.chmod(mode)
    FileAuthStore(path).save(session())
    assert FileAuthStore(path).load() == session()


@pytest.mark.parametrize(("size", "used"), [(4 * 1024 * 1024, True), (5 * 1024 * 1024, False)])
def test_a_file_of_more_than_4_mib_is_not_read(path: Path, size: int, *, used: bool) -> None:
    """No server sent such a session."""
    text = json.dumps({**WHOLE, "meta": {"x": "?"}})
    path.write_text(text.replace("?", "x" * (size - len(text) + 1)))
    path.chmod(0o600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (FileAuthStore(path).load() is not None) is used


def test_a_full_disk_leaves_the_session_that_was_there(path: Path) -> None:
    """The error is the system's, and no part of the new file is left."""
    store = FileAuthStore(path)
    store.save(session("old"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.save(session(padding="x" * 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.load() == session("old")
    assert [entry.name for entry in path.parent.iterdir()] == ["session.json"]


# Watches itself: at each thing it does, no file of the folder may be open to others; it dies before the rename.
CRASH = """
import os, signal, sys
from bosbase_wrapper import AuthResult, FileAuthStore, Record

folder = os.path.dirname(sys.argv[1])

def watch(event, arguments):
    for entry in os.scandir(folder) if event != "os.scandir" else ():
        assert entry.stat().st_mode & 0o777 == 0o600, entry.name
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

os.umask(0)
store = FileAuthStore(sys.argv[1])
sys.addaudithook(watch)
store.save(AuthResult("new", Record({})))
"""


def test_a_crash_before_the_rename_leaves_the_session_that_was_there(path: Path) -> None:
    """What it leaves beside is the owner's alone from its first byte, and goes with a later save."""
    store = FileAuthStore(path.with_name("[s]*.json"))
    store.save(session("old"))
    process = subprocess.run([sys.executable, "-c", CRASH, path.with_name("[s]*.json")], timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    assert store.load() == session("old")
    (left,) = path.parent.glob(".*.new")
    assert b'"token": "new"' in left.read_bytes()
    store.save(session())
    assert left.exists()  # it could be that of a process that is at work
    os.utime(left, (time.time() - 120,) * 2)
    store.save(session())
    assert [entry.name for entry in path.parent.iterdir()] == ["[s]*.json"]


WORK = """
import sys
from bosbase_wrapper import AuthResult, FileAuthStore, Record

store = FileAuthStore(sys.argv[1])
for number in range(40):
    token = f"{sys.argv[2]}.{number}." * 3000
    store.save(AuthResult(token, Record({"id": token})))
    found = store.load()
    assert found is not None and found.record.id == found.token, "torn"
"""


def test_eight_processes_read_and_write_at_once(path: Path) -> None:
    """Each finds a whole session at any time, without a warning, and nothing is left beside it."""
    command = [sys.executable, "-W", "error", "-c", WORK, str(path)]
    workers = [subprocess.Popen([*command, str(number)]) for number in range(8)]
    assert [worker.wait(60) for worker in workers] == [0] * 8
    assert FileAuthStore(path).load() is not None
    assert [entry.name for entry in path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize("path", ["", "/", "."])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    """When the store is made."""
    with pytest.raises(ConfigurationError, match=r"^path must name a file$"):
        FileAuthStore(path)


def test_a_home_folder_that_is_not_known() -> None:
    """The error says what to give instead."""
    with pytest.raises(ConfigurationError, match=r"^path starts with ~, .*: give an absolute path$") as caught:
        FileAuthStore("~no-such-user/session.json")
    assert caught.value.__cause__ is None


def test_a_path_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is expanded."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert repr(FileAuthStore("~/session.json")) == f"FileAuthStore({str(tmp_path / 'session.json')!r})"


def test_a_path_is_made_absolute_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home folder. A program that changes its folder later writes to the same file."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.chdir(folder)
    in_home, relative = FileAuthStore("~/.config/app/s.json"), FileAuthStore("session.json")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    in_home.save(session())
    relative.save(session())
    assert (folder / "home" / ".config" / "app" / "s.json").is_file()
    assert (folder / "session.json").is_file()
    assert list((folder / "elsewhere").iterdir()) == []


def test_a_shared_folder_is_one_warning_that_says_what_helps(path: Path) -> None:
    """As a volume of Kubernetes with an fsGroup has it. The request goes on."""
    path.parent.chmod(0o2775)
    store = FileAuthStore(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.load() is None
    with pytest.raises(PermissionError, match="private subfolder"):
        store.save(session())
