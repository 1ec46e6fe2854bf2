"""Where a secret could come out: gathers the texts of each place, and how often it was looked at."""

import copy
import json
import logging
import pickle
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import sentry_sdk
from sentry_sdk.utils import event_from_exception

import bosbase_wrapper

# Part of every secret that the test plants, however it may be written.
MARK = "CANARY"
# What may be read, as attributes alone.
READABLE = ("mfa_id", "new_token")
_OURS = str(Path(bosbase_wrapper.__file__).parent)


class Places:
    """Each place with what was found there, and the number of looks."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()
        self.leaks: list[tuple[str, str]] = []

    def look(self, place: str, *texts: str) -> None:
        """Look for a secret in what came out at a place."""
        self.looks[place] += 1
        self.leaks += [(place, text[:2000]) for text in texts if MARK in text]

    def look_at_error(self, error: BaseException) -> None:
        """Look at all that can be made of an error of a call."""
        if isinstance(error, bosbase_wrapper.BosBaseError):
            self._look_at_our_error(error)
        self.look("tracebacks, with the chain of exceptions", *traceback.format_exception(error))
        self.look("frames' locals, after sentry-sdk's scrubber", *_locals_of_our_frames(error))

    def _look_at_our_error(self, error: bosbase_wrapper.BosBaseError) -> None:
        self.look("str, repr and args of errors", str(error), repr(error), repr(error.args))
        hidden = {name: value for name, value in vars(error).items() if name not in READABLE}
        self.look("attributes of errors", repr(hidden))
        pickled = pickle.dumps(error)
        for name in READABLE:
            pickled = pickled.replace(str(getattr(error, name, "")).encode() or b"-", b"-")
        self.look("pickles of errors", pickled.decode("latin-1"))
        self.look("copies of errors", *(repr(make(error)) for make in (copy.copy, copy.deepcopy)))

    def look_at_value(self, value: object) -> None:
        """Look at what a call returned, and at what a caller may print; a text returned is the new token itself."""
        if isinstance(value, str):
            return
        self.look("repr and str of values, clients, handles and stores", repr(value), str(value), f"{value}")


class _Collected(sentry_sdk.Transport):
    """Keeps what would be sent to an error tracker."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        """Keep it."""
        self.events += [item.get_event() for item in envelope.items]


def _locals_of_our_frames(error: BaseException) -> list[str]:
    """The frames of this package, with their locals as an error tracker gets them."""
    collected = _Collected()
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1/1", transport=collected, default_integrations=False, include_local_variables=True
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint)
    exceptions = [one for event in collected.events for one in event["exception"]["values"]]
    frames = [frame for one in exceptions for frame in one.get("stacktrace", {}).get("frames", [])]
    return [json.dumps(frame) for frame in frames if frame["abs_path"].startswith(_OURS)]


class Records(logging.Handler):
    """Every record of every logger, as a handler would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, and the arguments that a structured handler would write.

        httpcore logs the head of an answer as it came; one that repeats the request is what docs/security.md warns of.
        """
        line = self.format(record)
        if not line.startswith("httpcore.http11 receive_response_"):
            self.lines += [line, repr(record.args)]
