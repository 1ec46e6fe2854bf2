"""What docs/regenerate.md says, done in a copy of the project: the server changes, and the wrapper follows."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from . import steps
from .document import SPEC
from .steps import Edit
from .test_generated import make

ROOT = SPEC.parent
pytestmark = [pytest.mark.untraced, pytest.mark.timeout(300)]  # each test runs several commands

# A user's program: what each call sends and raises.
USE = """
import asyncio, json
import httpx
from bosbase_wrapper import AsyncBosBase, BosBase, ConfigurationError, InvalidCredentialsError

sent = []

def serve(request):
    sent.append((request.url.path.rpartition("/")[2], json.loads(request.content)))
    return httpx.Response(204) if sent[-1][1]["password"] == "right" else httpx.Response(400, json={
        "data": {}, "message": MESSAGE, "status": 400})

transport = httpx.MockTransport(serve)
users = BosBase("http://127.0.0.1", transport=transport).collection("users")
"""
USE_DEVICE_NAME = (
    USE.replace("MESSAGE", '"Failed to bind token."')
    + """
account = {"email": "a@example.com", "password": "right", "token": "token-1"}
users.bind_custom_token(**account, device_name="Laptop")
users.bind_custom_token(**account)

async def main():
    async with AsyncBosBase("http://127.0.0.1", transport=transport) as client:
        await client.collection("users").bind_custom_token(**account, device_name="Phone")

asyncio.run(main())
assert sent == [("bind-token", {**account, "deviceName": "Laptop"}), ("bind-token", account),
                ("bind-token", {**account, "deviceName": "Phone"})], sent
try:
    users.bind_custom_token(**account, query={"deviceName": "x"})
except ConfigurationError as error:
    print("refused:", error)
"""
)
USE_ROTATE = (
    USE.replace("MESSAGE", '"Failed to rotate token."')
    + """
account = {"email": "a@example.com", "password": "right", "token": "token-1"}
assert users.rotate_token(**account, new_token="canary-new") is None

async def main():
    async with AsyncBosBase("http://127.0.0.1", transport=transport) as client:
        assert await client.collection("users").rotate_token(**account, new_token="canary-new") is None

asyncio.run(main())
assert sent == 2 * [("rotate-token", {**account, "newToken": "canary-new"})], sent
try:
    users.rotate_token("a@example.com", "wrong", "token-1", "canary-new")
except InvalidCredentialsError as error:
    print("refused:", error, repr(error))
try:
    users.bind_custom_token(**account, query={"newToken": "canary-new"})
except ConfigurationError as error:
    print("refused:", error)
repeat = httpx.MockTransport(lambda request: httpx.Response(400, json={
    "data": {}, "message": "No canary-new here.", "status": 400}))
try:
    BosBase("http://127.0.0.1", transport=repeat).collection("users").rotate_token(**account, new_token="canary-new")
except Exception as error:
    print("hidden:", error)
"""
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, as git has it."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    for name in (name for name in files if (ROOT / name).is_file()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the project's own packages."""
    path = os.pathsep.join(map(str, (project, project / "generated")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def problems(project: Path) -> str:
    """What the tests say that hold the wrapper and the document together."""
    tests = ("tests/contract/test_wrapper.py", "tests/contract/test_spec.py")
    return python(project, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *tests).stdout


def edit(project: Path, *edits: Edit) -> None:
    """Make edits."""
    for one in edits:
        one.apply(project)


def says(output: str | None, expected: str) -> bool:
    """Whether a tool says something. The linters are optional: `make check` installs them."""
    if output is not None and expected not in output:
        print(output)
    return output is None or expected in output


def types(project: Path, program: str) -> str | None:
    """What mypy says of a user's program."""
    if not find_spec("mypy"):
        return None
    (project / "program.py").write_text(program)
    cache = f"--cache-dir={project / '.mypy_cache'}"
    return python(project, "-m", "mypy", "--follow-imports=silent", "program.py", cache).stdout


def breaks(project: Path) -> str | None:
    """What the compatibility gate says, with today's document as the last release."""
    if not find_spec("specshift"):
        return None
    released = project / "tests/contract/released/openapi.yaml"
    released.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "openapi.yaml", released)
    return python(project, "-m", "tests.contract.compatibility", ".").stdout


def test_a_field_and_an_operation(project: Path) -> None:
    """Each step of the page, for both changes at once: they share what takes long.

    `deviceName` is an optional field of bindToken. `rotateToken` is a fourth operation, whose `newToken` is a secret.
    """
    edit(project, *steps.DEVICE_NAME_IN_DOCUMENT, *steps.ROTATE_IN_DOCUMENT)
    drift = make(project, "check-generated")
    assert drift.returncode != 0
    assert "run make generate and commit the result" in drift.stdout
    assert make(project, "generate").returncode == 0
    assert make(project, "check-generated").returncode == 0
    assert says(breaks(project), "openapi.yaml and the last release: 0 breaks")
    missing = problems(project)
    assert "no method of AsyncCollection has the arguments of bindToken, ['device_name'," in missing
    assert "bosbase_wrapper/_operations.py has no Operation for rotateToken: docs/regenerate.md" in missing
    assert "no method of Collection has the arguments of rotateToken" in missing
    call = "import bosbase_wrapper as b\nb.BosBase('').collection('').rotate_token('', '', '', '')\n"
    assert says(types(project, call), '"Collection" has no attribute "rotate_token"')
    edit(project, *steps.DEVICE_NAME_IN_WRAPPER, *steps.ROTATE_IN_WRAPPER)
    assert " failed" not in problems(project)
    assert says(types(project, call), "Success")
    used = python(project, "-c", USE_DEVICE_NAME)
    assert used.stdout == "refused: query must not contain deviceName: the call sets it\n", used.stderr
    used = python(project, "-c", USE_ROTATE)
    assert used.stderr == ""
    assert used.stdout.splitlines()[0].startswith("refused: 400 Failed to rotate token.")
    assert "query must not contain newToken" in used.stdout
    assert "No *** here." in used.stdout
    assert "canary" not in used.stdout


@pytest.mark.parametrize(
    ("in_document", "in_wrapper", "missed"),
    [
        (steps.DEVICE_NAME_IN_DOCUMENT, steps.DEVICE_NAME_IN_WRAPPER, "the arguments of bindToken"),
        (steps.ROTATE_IN_DOCUMENT, steps.ROTATE_IN_WRAPPER, "the arguments of rotateToken"),
    ],
    ids=["field", "operation"],
)
@pytest.mark.long
def test_each_change_by_itself(
    project: Path, in_document: tuple[Edit, ...], in_wrapper: tuple[Edit, ...], missed: str
) -> None:
    """Neither change needs the other."""
    edit(project, *in_document)
    assert make(project, "check-generated").returncode != 0
    assert make(project, "generate").returncode == 0
    assert make(project, "check-generated").returncode == 0
    assert says(breaks(project), "openapi.yaml and the last release: 0 breaks")
    assert missed in problems(project)
    edit(project, *in_wrapper)
    assert " failed" not in problems(project)


def test_the_lines_of_an_operation_are_few() -> None:
    """The number that docs/regenerate.md states."""
    assert sum(one.written for one in steps.ROTATE_IN_WRAPPER) <= 20
