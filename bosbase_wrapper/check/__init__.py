"""Checks that a server implements the token API correctly, with one ordinary account of it. Needs the extra `[check]`.

`run` returns a Report. A suite that can prepare a server may run checks of its own with these:

    with httpx.Client() as client:
        probe = Probe(Account(url, "users", email, password), client)
        report = run_checks(probe, [*CHECKS, Check.of(my_check)])

A check is a function that takes a Probe. The first line of its docstring says what it asks. It sends requests, and
notes with the Probe's expectations what a response breaks. Checks share the frozen `probe.facts` and nothing else, so
their order does not matter. Every token that they bind is unbound in the end.
"""

from ._check import Check
from ._probe import Account, NotTriedError, Probe
from ._report import Outcome, Report, Result
from ._run import CHECKS, LAST, MOST_REQUESTS, run, run_checks

__all__ = ["CHECKS", "LAST", "MOST_REQUESTS", "Account", "Check", "NotTriedError", "Outcome", "Probe", "Report"]
__all__ += ["Result", "run", "run_checks"]
