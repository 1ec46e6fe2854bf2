"""The operator's commands of the extension, for a server on this machine."""

import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ._paths import executable, hooks_dir
from ._process import environment


@dataclass(frozen=True)
class Binding:
    """One bound token of an account. Times are aware UTC; None if the server does not know them.

    `expires` is None unless the server limits the age of tokens (BOSBASE_TOKENS_MAX_AGE).
    """

    id: str
    created: datetime | None
    updated: datetime | None
    expires: datetime | None


def list_bindings(data: Path, collection: str, email: str) -> list[Binding]:
    """Return the bindings of an account, oldest first. Raises RuntimeError if there is no such account."""
    found: list[dict[str, str]] = _run(data, "list", collection, email)
    return [Binding(row["id"], _time(row["created"]), _time(row["updated"]), _time(row["expires"])) for row in found]


def revoke(data: Path, binding_id: str) -> None:
    """Revoke a binding. Raises RuntimeError if there is no such binding."""
    _run(data, "revoke", binding_id)


def _run(data: Path, command: str, *arguments: str) -> Any:
    """Run one of the commands and return the JSON that it prints, also if it found nothing to do."""
    folders = [f"--dir={data}", f"--hooksDir={hooks_dir()}", f"--migrationsDir={data / 'no-migrations'}"]
    options = [*folders, "--hooksWatch=false", "--automigrate=false"]
    line = [str(executable()), "tokens", command, "--json", *options, "--", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment())  # noqa: S603  # our own
    if not done.stdout:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
