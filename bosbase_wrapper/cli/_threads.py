"""Calls that an interruption does not end.

An interruption, as by Ctrl-C, is an exception anywhere in the main thread. Inside of httpx it could leave a lock locked
for ever, and a clean-up would wait for it. Programs that clean up after an interruption call httpx in another thread.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Begin to call `function` in a thread that does not keep the process alive."""
    future: Future[T] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  # `result` raises it
            future.set_exception(error)

    Thread(target=call, daemon=True).start()
    return future
