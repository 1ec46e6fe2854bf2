"""The generated code is up to date with openapi.yaml, is typed, and shows no secret."""

import importlib
import inspect
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import bosbase_client
import pytest
from bosbase_client import AuthenticatedClient, models

from .document import SPEC

pytestmark = pytest.mark.untraced

ROOT = SPEC.parent
SECRET = "a-secret-that-no-repr-shows"
RECORD_FIELDS = """    AuthRecord:
      type: object
      description: The record of the account. It also has the fields of its own collection.
      properties:
"""


def generated_classes() -> Iterator[type]:
    """Every attrs class of the generated package."""
    for module in pkgutil.walk_packages(bosbase_client.__path__, "bosbase_client."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if attrs.has(found) and found.__module__.startswith("bosbase_client."):
                yield found


CLASSES = sorted(set(generated_classes()), key=lambda found: found.__name__)


@pytest.mark.parametrize("generated", CLASSES, ids=lambda found: found.__name__)
def test_no_generated_class_has_a_repr_of_its_attributes(generated: type) -> None:
    """Attributes hold passwords, tokens, bodies and headers."""
    assert "__repr__" not in vars(generated)


def test_reprs_show_no_secret() -> None:
    """As a user would see it in a log or a traceback."""
    shown = [
        models.TokenBindingRequest(email="a@example.com", password=SECRET, token=SECRET),
        models.AuthWithTokenRequest(token=SECRET, mfa_id=SECRET),
        models.AuthResponse(token=SECRET),
        models.MfaRequired(mfa_id=SECRET),
        AuthenticatedClient(base_url="http://127.0.0.1", token=SECRET),
    ]
    assert SECRET not in repr(shown)
    assert SECRET not in str([str(one) for one in shown])
    assert len(CLASSES) > 10


def test_the_generated_package_is_typed() -> None:
    """Type checkers read its annotations."""
    assert Path(bosbase_client.__file__).with_name("py.typed").exists()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of everything that `make generate` needs."""
    for name in (
        "openapi.yaml",
        "generator-config.yaml",
        "Makefile",
        "tools/contract.py",
        "bosbase_wrapper/_contract.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "generated", tmp_path / "generated")
    return tmp_path


def make(folder: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run a target in a folder with the environment that runs this test."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment = {**inherited, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["make", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.test", target]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_new_field_and_a_stale_file_fail_the_check(copy: Path) -> None:
    """The check names the files, and says what to do. test_regenerate.py does it, and uses new fields."""
    (copy / "generated" / "bosbase_client" / "models" / "left_over.py").write_text("")
    document = copy / "openapi.yaml"
    field = "        nick:\n          type: string\n          description: The account's nickname.\n"
    document.write_text(document.read_text().replace(RECORD_FIELDS, RECORD_FIELDS + field))
    missed = make(copy, "check-generated")
    assert missed.returncode != 0
    assert "auth_record.py" in missed.stdout
    assert "left_over.py" in missed.stdout
    assert "run make generate" in missed.stdout


def test_the_client_learns_a_new_secret_from_the_document(copy: Path) -> None:
    """A field with `format: password` is a secret without a line of Python, and the check fails until it is."""
    document = copy / "openapi.yaml"
    field = "        deviceKey:\n          type: string\n          format: password\n          description: A key.\n"
    request = "      required: [token]\n      properties:\n"
    document.write_text(document.read_text().replace(request, request + field))
    shutil.rmtree(copy / "generated")
    assert make(copy, "generate").returncode == 0
    module = (copy / "bosbase_wrapper" / "_contract.py").read_text()
    assert module.count('"deviceKey"') == 2  # of SECRET_FIELDS and REQUEST_FIELDS
    (copy / "bosbase_wrapper" / "_contract.py").write_text(module.replace('        "deviceKey",\n', "", 1))
    missed = make(copy, "check-generated")
    assert missed.returncode != 0
    assert "_contract.py" in missed.stdout
