"""Connections to one server, kept for the calls that come: the one used last serves first.

httpcore's own pool looks at all connections for each request, which costs 32 threads more than the request itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import httpcore

C = TypeVar("C", bound=httpcore.HTTPConnection)


class Pool(Generic[C]):
    """As many connections as there are places; safe from many threads, since each step on its collections is atomic."""

    def __init__(self, connect: Callable[[httpcore.Origin], C], places: int) -> None:
        self._connect = connect
        self._places = threading.Semaphore(places)
        self._idle: deque[C] = deque()
        self._all: set[C] = set()
        self._closed = False

    def take(self, origin: httpcore.Origin, seconds: float | None) -> C:
        """A connection that nobody uses; raises httpcore.PoolTimeout where there is none in time."""
        if not self._places.acquire(timeout=seconds):
            raise httpcore.PoolTimeout
        with suppress(IndexError):
            while (connection := self._idle.pop()).has_expired():
                self._drop(connection)
            return connection
        connection = self._connect(origin)
        self._all.add(connection)
        return connection

    def give_back(self, connection: C) -> None:
        """Keep a connection for the next call, where it can serve one."""
        self._drop_the_longest_idle()
        if connection.is_available() and not self._closed:
            self._idle.append(connection)
        else:
            self._drop(connection)
        self._places.release()

    def close(self) -> None:
        """Close all connections, those in use too."""
        self._closed = True
        for connection in list(self._all):
            self._drop(connection)

    def _drop_the_longest_idle(self) -> None:
        # One at each call is enough: no more are idle than calls were made.
        with suppress(IndexError, ValueError):  # there is none, or another thread took it
            if (connection := self._idle[0]).has_expired():
                self._idle.remove(connection)
                self._drop(connection)

    def _drop(self, connection: C) -> None:
        self._all.discard(connection)
        connection.close()
