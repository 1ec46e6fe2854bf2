"""Broken servers: a proxy in front of a sound server that spoils one thing each.

with BrokenServer(server.url, BROKEN["unbind-does-nothing"].spoil) as url:
    ...  # `url` responds as the server does, except for that one thing
"""

from typing import Final

from . import bindings, bodies, errors, leaks, limits, rules, sessions, tokens
from ._proxy import BrokenServer, Sound, Spoiler, sound
from ._spoil import Broken, of_sessions
from ._wire import Dropped, Request, Response, error
from .sessions import with_jwt

Answer = Response

# All broken servers, by name.
BROKEN: Final[dict[str, Broken]] = {
    broken.name: broken
    for module in (bindings, tokens, limits, bodies, errors, leaks, sessions, rules)
    for broken in module.BROKEN
}

__all__ = [
    "BROKEN",
    "Answer",
    "Broken",
    "BrokenServer",
    "Dropped",
    "Request",
    "Response",
    "Sound",
    "Spoiler",
    "error",
    "of_sessions",
    "sound",
    "with_jwt",
]
