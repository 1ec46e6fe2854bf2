"""The package as it is installed: what the wheel holds, what it needs, what an import brings."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import pytest
from hatchling.build import build_sdist, build_wheel

import bosbase_wrapper

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return zipfile.ZipFile(folder / build_wheel(str(folder)))


def test_the_wheel_holds_what_git_holds_and_no_more(wheel: zipfile.ZipFile) -> None:
    """Both packages, openapi.yaml, and the metadata."""
    folders = ["bosbase_wrapper", "generated/bosbase_client"]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    kept = {name.removeprefix("generated/") for name in listed if (ROOT / name).exists()}
    metadata = f"bosbase_wrapper-{bosbase_wrapper.__version__}.dist-info"
    about = {f"{metadata}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(wheel.namelist()) == kept | about | {"bosbase_wrapper/openapi.yaml"}
    assert {"bosbase_wrapper/py.typed", "bosbase_client/py.typed"} <= kept
    assert wheel.read("bosbase_wrapper/openapi.yaml") == (ROOT / "openapi.yaml").read_bytes()


def test_the_wheel_says_what_it_needs(wheel: zipfile.ZipFile) -> None:
    """A few packages at run time; everything else is an extra."""
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = message_from_bytes(wheel.read(name))
    needed = metadata.get_all("Requires-Dist", [])
    at_run_time = {re.split(r"[^a-z0-9-]", line)[0] for line in needed if "extra ==" not in line}
    assert at_run_time == {"httpx", "anyio", "attrs"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"server", "cli", "check", "fast"}
    assert (metadata["Name"], metadata["Requires-Python"]) == ("bosbase-wrapper", ">=3.11")
    assert metadata["License-Expression"] == "MIT"


def test_the_version_is_the_same_everywhere(wheel: zipfile.ZipFile) -> None:
    """The installed package, the wheel and the changelog have the same version."""
    assert version("bosbase-wrapper") == bosbase_wrapper.__version__
    assert f"-{bosbase_wrapper.__version__}-" in Path(wheel.filename or "").name
    assert f"## {bosbase_wrapper.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_sdist_holds_what_is_listed_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else that a work tree may contain."""
    monkeypatch.chdir(ROOT)
    with tarfile.open(tmp_path / build_sdist(str(tmp_path))) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames()}
    assert {"bosbase_wrapper", "generated", "tests", "openapi.yaml", "README.md", "LICENSE", "Makefile"} <= tops
    assert tops <= {
        *("bosbase_wrapper", "generated", "tests", "tools", "examples", "docs"),
        *("openapi.yaml", "generator-config.yaml", "constraints.txt", "Makefile", "pyproject.toml", ".gitignore"),
        *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "PKG-INFO"),
    }


def test_an_import_leaves_out_what_only_some_need() -> None:
    """httpx and the generated models load with the first client."""
    code = "import sys, httpx; before = set(sys.modules); import bosbase_wrapper; print(*set(sys.modules) - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    brought = {name.split(".")[0] for name in out.split()}
    assert "bosbase_wrapper" in brought
    assert brought.isdisjoint({"bosbase_client", "attr", "anyio", "click", "yaml", "jsonschema", "pyreqwest"})


def test_every_module_imports_without_a_warning() -> None:
    """Warnings are errors here, and importing has no side effect that prints."""
    code = (
        "import importlib, pkgutil, bosbase_wrapper as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'bosbase_wrapper.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        bosbase_wrapper.nothing  # noqa: B018  # the access is what is tried
