"""Measurements in processes of their own: imports, memory, and the generator."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from .contestants import Target
from .measure import Spread, spread
from .scenes import Effort

ROOT: Final = Path(__file__).parent.parent
GENERATIONS: Final = 5


def import_milliseconds(statement: str, effort: Effort) -> Spread:
    """CPU of an import in a new interpreter, minus that of `import httpx` in another."""
    with tempfile.TemporaryDirectory() as compiled:
        both = "import httpx", statement
        for one in both:
            _run(one, compiled)  # the first one compiles
        differences: list[float] = []
        for _ in range(effort.interpreters):
            httpx, ours = (_run(one, compiled) for one in both)
            differences.append((ours - httpx) * 1000)
        return spread(differences)


def _run(statement: str, compiled: str) -> float:
    code = f"{statement}; import time; print(time.process_time())"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return float(_output([sys.executable, "-c", code], environment))


def memory_growth(target: Target, engine: str, effort: Effort) -> tuple[float, float]:
    """MiB that a process grows by in many logins, and in many clients that are made and closed."""
    arguments = [target.url, target.token, engine, str(effort.memory_logins), str(effort.memory_clients)]
    logins, clients = json.loads(_output([sys.executable, "-m", "benchmarks.memory", *arguments]))
    return float(logins), float(clients)


def generation_seconds() -> Spread:
    """The time of the command that `make generate` runs."""
    seconds: list[float] = []
    for _ in range(GENERATIONS):
        with tempfile.TemporaryDirectory() as folder:
            options = ["--path", "openapi.yaml", "--config", "generator-config.yaml", "--meta", "none"]
            started = time.perf_counter()
            output = ["--output-path", str(Path(folder, "bosbase_client"))]
            _output([_tool("openapi-python-client"), "generate", *options, *output])
            seconds.append(time.perf_counter() - started)
    return spread(seconds)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout
