"""Each example runs as a reader runs it, and prints what its page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTS = {
    "quickstart": r"Signed in as Ada, until .*\+00:00\.\nThe token is revoked\.",
    "asyncio_tasks": r"100 tasks signed in to 1 account\n100 requests shared one sign-in: all 200",
    "trio_nursery": r"(?s)(?=.*a bound token: signed in as Ada)(?=.*an unknown token: InvalidCredentialsError).*",
    "processes": r"4 processes, statuses \[200\]",
    "generated_client": r"user@example\.com \(Ada\)\n400 Failed to authenticate\.",
    "official_sdks": r"pocketbase: user@example\.com\nbosbase: user@example\.com",
    "token_auth": r"(.*\n100 requests, all 200: [101] sign-in\(s\)\n?){3}",
}
LINES = {"quickstart": 20, "fastapi_service": 79, "demo": 240}  # every other example: 59


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    """Without a warning, without a trace in the temporary folder."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("BOSBASE_")}
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    result = subprocess.run(
        command, env=settings | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(PRINTS[name], result.stdout.strip())
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_run_and_short() -> None:
    """A new example needs a line in PRINTS, or a test of its own and its name here."""
    examples = {path.stem: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert set(examples) == {*PRINTS, "demo", "fastapi_service"}
    assert {name: length for name, length in examples.items() if length > LINES.get(name, 59)} == {}
