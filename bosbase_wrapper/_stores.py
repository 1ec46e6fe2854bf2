"""Where TokenAuth keeps a session: AuthStore and two of its kind."""

from __future__ import annotations

from typing import Protocol

from ._results import AuthResult


class AuthStore(Protocol):
    """Keeps one session, of one server, collection and token."""

    def load(self) -> AuthResult | None:
        """The session kept, or None."""
        ...

    def save(self, result: AuthResult) -> None:
        """Keep a session."""
        ...

    def clear(self) -> None:
        """Forget the session."""
        ...


class MemoryAuthStore:
    pass


class FileAuthStore:
    pass
