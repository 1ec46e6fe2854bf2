"""Runs something in a forked process."""

import os
import traceback
from collections.abc import Callable


def exit_code(check: Callable[[], object]) -> int:
    """Fork, run the check in the child, and return 0 if it is true there."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if check() else 1
        except BaseException:  # noqa: BLE001  # the child must end here, whatever it raises
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
