"""A raw answer, and what its body holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

import httpx

_NO_JSON: Final = object()


@dataclass(frozen=True)
class Answer:
    """A raw answer; `seconds` from the request's first byte to the answer's last."""

    status: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    seconds: float

    @cached_property
    def json(self) -> Any:
        """The body as JSON in UTF-8, or a value that equals nothing else where it is none."""
        try:
            return json.loads(self.content.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            return _NO_JSON

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return self.json is not _NO_JSON

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def member(self, *path: str) -> Any:
        """A member of the body, by its path of names; None where there is none."""
        value = self.json
        for name in path:
            value = as_object(value).get(name)
        return value

    def text(self, *path: str) -> str:
        """A member that is text, else ""."""
        value = self.member(*path)
        return value if isinstance(value, str) else ""


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object; {} for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
