"""The CI files of docs/how-to/ci.md do what the page says: their commands run against a server as they stand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced

FILES = Path(__file__).parents[2] / "examples" / "ci"


def commands(node: Any) -> Iterator[str]:
    """Yield the shell commands of a workflow, in order."""
    if isinstance(node, list):
        for item in node:
            yield from commands(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            lines = value if key == "script" else [value]
            yield from lines if key in {"run", "script"} else commands(value)


def test_the_ci_files_check_a_server(server: LiveServer, tmp_path: Path) -> None:
    """Each installs an extra that exists, and runs the same check, which writes the reports."""
    files = [list(commands(yaml.safe_load(file.read_text()))) for file in FILES.glob("*.yml")]
    assert {install for install, _ in files} == {'pip install "bosbase-wrapper[check]"'}
    assert "check" in metadata("bosbase-wrapper").get_all("Provides-Extra", [])
    (check,) = {check for _, check in files}
    server.create_record("users", email="ci@example.com", password="password1234")
    settings = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BOSBASE_URL": server.url,
        "BOSBASE_EMAIL": "ci@example.com",
        "BOSBASE_PASSWORD": "password1234",
    }
    result = subprocess.run(check, shell=True, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    report = ElementTree.parse(tmp_path / "token-api.xml")  # our own file
    assert report.getroot().tag in {"testsuite", "testsuites"}
    assert report.findall(".//testcase")
    assert report.findall(".//failure") == []
    assert (tmp_path / "token-api.html").stat().st_size > 1000
