"""The command `bosbase-tokens`. Requires the extra `cli`."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. `args` defaults to the arguments of the process.

    0 done, 1 refused by the server, 2 wrong usage, 3 no response, 130, 143 or 129 interrupted. Raises SystemExit
    when a shell asks for completions.
    """
    if find_spec("click") is None:
        print('bosbase-tokens needs click: pip install "bosbase-wrapper[cli]"', file=sys.stderr)
        return 2
    try:
        from ._run import run

        return run(args)
    except KeyboardInterrupt:
        return 130
