"""A response and what its body holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

import httpx

_NO_JSON: Final = object()


@dataclass(frozen=True)
class Response:
    """A response. `seconds` is the time from the request's first byte to the response's last."""

    status: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    seconds: float = 0.0

    @cached_property
    def json(self) -> Any:
        """The body as JSON in UTF-8. If it is not JSON, a value that equals nothing else."""
        try:
            return json.loads(self.content.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            return _NO_JSON

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return self.json is not _NO_JSON

    @property
    def content_type(self) -> str:
        """The content type without its parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    @property
    def is_envelope(self) -> bool:
        """Whether the body has the fields of the server's error envelope."""
        return as_object(self.json).keys() == {"data", "message", "status"}

    @property
    def is_of_proxy(self) -> bool:
        """Whether a proxy made it: an HTML page, a limit in words of its own, or a status that only gateways return."""
        page = self.content_type == "text/html" and self.status in (401, 403, 406, 500)
        in_words = self.content_type in ("text/html", "text/plain", "") and not self.is_json
        return page or (in_words and self.status in (413, 429)) or self.status in (502, 503, 504)

    def field(self, *path: str) -> Any:
        """A field of the body, by its path. None if there is none."""
        value = self.json
        for name in path:
            value = as_object(value).get(name)
        return value

    def text(self, *path: str) -> str:
        """A field that is text which UTF-8 can encode, else ""."""
        value = self.field(*path)
        return value if isinstance(value, str) and value == value.encode(errors="ignore").decode() else ""


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object. {} for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def texts(value: Any) -> Iterable[str]:
    """Every name and every text in a JSON value, however deep."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest += [*as_object(one).keys(), *as_object(one).values()]
        elif isinstance(one, list):
            rest += one


def jwt_part(token: str, index: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a JWT. {} if there are none."""
    try:
        return as_object(json.loads(base64.urlsafe_b64decode(token.split(".")[index] + "==")))
    except (IndexError, ValueError, RecursionError):
        return {}


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
