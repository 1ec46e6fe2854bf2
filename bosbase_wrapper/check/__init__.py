"""Whether a server keeps the contract of openapi.yaml, told with one ordinary account of it.

`run` gives a Report; `command` is what `bosbase-tokens check` does. Needs the extra `[check]`.
"""

from ._command import command
from ._report import Exit, Finding, Outcome, Report, Row
from ._run import MOST_REQUESTS, run

__all__ = ["MOST_REQUESTS", "Exit", "Finding", "Outcome", "Report", "Row", "command", "run"]
