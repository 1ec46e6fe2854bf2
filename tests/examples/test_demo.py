"""`make demo`, run as a newcomer runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced

SCRIPT = Path(__file__).parents[2] / "examples" / "demo.py"


def run(folder: Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the demo. Its temporary files go into `folder`."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("BOSBASE_")}
    settings |= {"TMPDIR": str(folder), **(more or {})}
    return subprocess.run(
        [sys.executable, SCRIPT], env=settings, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_demo_runs_to_its_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """It shows every kind of outcome, and no whole token, JWT or password."""
    result = run(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    for shown in (
        "AuthResult(record=Record(",
        "nick: 'Ada'",
        "datetime.datetime(",
        "-> '_superusers'",
        "InvalidCredentialsError: 400 Failed to authenticate.",
        "InvalidCredentialsError: 400 Failed to bind token.",
        "ValidationError: 400",
        "ForbiddenError: 403",
        "MfaRequiredError: 401",
    ):
        assert shown in result.stdout
    assert result.stdout.rstrip().endswith("The server is stopped and its data is deleted.")
    assert re.findall(r"[A-Za-z0-9_-]{40,}|\w+_[A-Za-z0-9]{20,}", result.stdout) == []
    assert list(tmp_path.iterdir()) == []


def test_the_demo_runs_on_your_own_server(server: LiveServer, tmp_path: Path) -> None:
    """It needs an ordinary account, skips what needs a superuser, and unbinds its token."""
    server.create_record("users", email="own@example.com", password="password1234", name="Own")
    account = {"BOSBASE_URL": server.url, "BOSBASE_EMAIL": "own@example.com", "BOSBASE_PASSWORD": "password1234"}
    result = run(tmp_path, account)
    assert (result.returncode, result.stderr) == (0, "")
    assert "name: 'Own'" in result.stdout
    assert "password1234" not in result.stdout
    assert result.stdout.rstrip().endswith("InvalidCredentialsError: 400 Failed to authenticate.")
    assert "embedded" not in result.stdout


def test_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    """A URL without an account."""
    result = run(tmp_path, {"BOSBASE_URL": "http://127.0.0.1:1"})
    assert result.returncode == 1
    assert "BOSBASE_EMAIL" in result.stderr
    assert "Traceback" not in result.stderr
