"""Checks that a server implements the token API correctly, with one ordinary account of it. Needs the extra `[check]`.

`run` returns a Report, and `command` is what `bosbase-tokens check` does. A suite that can prepare a server, such as
`make contract`, runs the same checks and more of its own:

    with httpx.Client() as client:
        session = Session(Account(url, "users", email, password), client)
        report = run_checks(session, [*CHECKS, Check.of(my_check)])

A check is a function that takes a Probe. The first line of its docstring says what it asks, and every report prints
it. It sends requests (`probe.bind`, `.unbind`, `.sign_in`, `.post_raw`), compares the responses (`probe.done`,
`.error`, `.invalid`, `.unknown`, `.signed_in`, `.expect`), and raises NotTriedError if it does not apply. Checks share
the frozen `probe.facts` and nothing else, so their order does not matter. Every token that they bind is unbound in the
end, and every response is judged by the rules of `_rules.py` too.
"""

from ._command import command
from ._probe import NotTriedError, Probe
from ._report import Outcome, Report, Result
from ._run import CHECKS, LAST, MOST_REQUESTS, Check, run, run_checks
from ._session import Account, Session

__all__ = ["CHECKS", "LAST", "MOST_REQUESTS", "Account", "Check", "NotTriedError", "Outcome", "Probe", "Report"]
__all__ += ["Result", "Session", "command", "run", "run_checks"]
