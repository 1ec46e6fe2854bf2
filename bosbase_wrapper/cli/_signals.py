"""SIGTERM and SIGHUP interrupt a command as Ctrl-C does, so that it cleans up."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]  # Windows has no SIGHUP


class Interruption:
    """Tells which signal interrupted the command: Ctrl-C unless another one did."""

    def __init__(self) -> None:
        self._signal = int(signal.SIGINT)

    @property
    def exit_code(self) -> int:
        """The exit code that shells expect after this signal."""
        return 128 + self._signal

    def interrupt(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self._signal = number
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Generator[Interruption]:
    """Interrupt what happens in the block by SIGTERM and SIGHUP.

    A signal that is ignored (as under nohup) or that the program already handles is left alone.
    """
    interruption = Interruption()
    handled: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():  # no other thread can set handlers
        handled = [sign for sign in ENDING if signal.getsignal(sign) is signal.SIG_DFL]
    try:
        for sign in handled:
            signal.signal(sign, interruption.interrupt)
        yield interruption
    finally:
        for sign in handled:
            signal.signal(sign, signal.SIG_DFL)
