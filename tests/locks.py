"""A signal in the worst moment: inside of a lock of the HTTP library, which an exception there leaves locked."""

_CODE = """
import signal
import sys
import threading
import httpcore._synchronization as locks

inside = {locks.ThreadLock.__enter__.__code__, locks.Lock.__enter__.__code__}
count = 0

def end_inside(frame, event, argument):
    global count
    if frame.f_code in inside and event == "c_return":  # the lock is taken, and the `with` block has not begun
        count += 1
        if count == NUMBER:
            threading.setprofile(None)
            sys.setprofile(None)
            signal.raise_signal(signal.SIGTERM)

signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a job in the background under nohup
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.setprofile(end_inside)
threading.setprofile(end_inside)
"""


def ends_in_a_lock(number: int) -> str:
    """Return code that makes its process send itself SIGTERM when it has taken that many locks."""
    return _CODE.replace("NUMBER", str(number))
