"""Why a request, a check or the whole run ends early."""

from __future__ import annotations

from typing import Final


class NoAnswerError(Exception):
    """The server did not answer a request, or not to its end, or not in time (`timed_out`)."""

    def __init__(self, detail: str, *, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.timed_out: Final = timed_out


class NotTriedError(Exception):
    """A check does not apply to this server or account; the text says why."""


class UnfinishedError(Exception):
    """The run cannot go on, through no breach of the contract; `refused`: the server refuses the account."""

    def __init__(self, detail: str, *, refused: bool = False) -> None:
        super().__init__(detail)
        self.refused: Final = refused
