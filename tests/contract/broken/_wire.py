"""A request and a response on their way through a broken server."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from ..document import ACTIONS, example, message

_OPERATION = re.compile(r"/api/collections/([^/?]+)/(" + "|".join(ACTIONS.values()) + r")(?:\?(.*))?")
_JSON = [("Content-Type", "application/json")]


class Dropped(Exception):  # noqa: N818  # an event of the connection
    """The connection ends without a response."""


@dataclass(frozen=True)
class Request:
    """A request of the client."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_wrong_method(self) -> bool:
        """Whether it has a path of one of the three operations, but not its method."""
        return self.method not in ("POST", "OPTIONS") and _OPERATION.fullmatch(self.target) is not None

    @property
    def operation(self) -> str:
        """The last segment of the path of one of the three operations, "" for any other request."""
        match = _OPERATION.fullmatch(self.target)
        return match[2] if match and self.method == "POST" else ""

    @property
    def is_binding(self) -> bool:
        """Whether it binds or unbinds."""
        return self.operation in ("bind-token", "unbind-token")

    @property
    def is_bind(self) -> bool:
        """Whether it binds."""
        return self.operation == "bind-token"

    @property
    def is_unbind(self) -> bool:
        """Whether it unbinds."""
        return self.operation == "unbind-token"

    @property
    def is_sign_in(self) -> bool:
        """Whether it signs in with a token."""
        return self.operation == "auth-with-token"

    @property
    def collection(self) -> str:
        """The collection in the path of one of the three operations."""
        match = _OPERATION.fullmatch(self.target)
        return match[1] if match else ""

    @property
    def query(self) -> dict[str, str]:
        """The query of one of the three operations."""
        match = _OPERATION.fullmatch(self.target)
        return dict(parse_qsl((match[3] if match else "") or "", keep_blank_values=True))

    @property
    def json(self) -> dict[str, Any]:
        """The fields of a JSON object; {} for any other body."""
        return _object(self.body)

    def text(self, name: str) -> str:
        """A field of the body that is a string without lone surrogates, else ""."""
        value = self.json.get(name)
        return value if isinstance(value, str) and not re.search("[\ud800-\udfff]", value) else ""

    def size(self, name: str) -> int:
        """The bytes of a field of the body that is text; 0 for any other."""
        return len(self.text(name).encode())

    def header(self, name: str) -> str:
        """A header, "" if absent."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")

    @property
    def content_type(self) -> str:
        """The content type, "" if absent."""
        return self.header("content-type")

    def saying(self, **fields: Any) -> Self:
        """The same request with other fields in its body."""
        return replace(self, body=json.dumps({**self.json, **fields}).encode())

    def to(self, *, collection: str = "", operation: str = "", query: dict[str, str] | None = None) -> Self:
        """The same request, sent elsewhere."""
        target = f"/api/collections/{collection or self.collection}/{operation or self.operation}"
        asked = self.query if query is None else query
        return replace(self, target=f"{target}?{urlencode(asked)}" if asked else target)

    def without_parameter(self, name: str) -> Self:
        """The same request without a parameter of its query."""
        return self.to(query={key: value for key, value in self.query.items() if key != name})

    def typed(self, content_type: str) -> Self:
        """The same request with another content type."""
        kept = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return replace(self, headers={**kept, "Content-Type": content_type})


@dataclass(frozen=True)
class Response:
    """A response to the client."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        """The fields of the body; {} if it is not a JSON object."""
        return _object(self.body)

    @property
    def message(self) -> str:
        """The message of an error, else ""."""
        return str(self.json.get("message", ""))

    def says(self, operation: str, name: str) -> bool:
        """Whether its message is that of an example of openapi.yaml."""
        return self.message == message(operation, name)

    @property
    def unknown_token(self) -> bool:
        """Whether it says that the token is not bound."""
        return self.says("authWithToken", "credentials")

    @property
    def wrong_credentials(self) -> bool:
        """Whether it says that the credentials are wrong."""
        return any(self.says(operation, "credentials") for operation in ACTIONS)

    @property
    def invalid(self) -> bool:
        """Whether it says that fields are not valid."""
        return self.says("bindToken", "required")

    def saying(self, **fields: Any) -> Self:
        """The same response with other fields in its body."""
        return self.holding({**self.json, **fields})

    def holding(self, body: Any) -> Self:
        """The same response with another JSON body."""
        return replace(self, body=json.dumps(body).encode())

    def without(self, name: str) -> Self:
        """The same response without a field of its body."""
        return self.holding({key: value for key, value in self.json.items() if key != name})

    def with_header(self, name: str, value: str) -> Self:
        """The same response with one more header."""
        return replace(self, headers=[*self.headers, (name, value)])

    def with_record(self, **fields: Any) -> Self:
        """The same response with other fields in its record."""
        return self.saying(record={**self.json.get("record", {}), **fields})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error(status: int, text: str, **fields: Any) -> Response:
    """An error in the server's envelope."""
    return json_response(status, {"data": fields, "message": text, "status": status})


def json_response(status: int, body: Any) -> Response:
    """A response with a JSON body."""
    return Response(status, headers=_JSON).holding(body)


def documented(name: str, operation: str = "bindToken") -> Response:
    """An example of openapi.yaml as a response."""
    return json_response(*example(operation, name))
