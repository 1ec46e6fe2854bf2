"""What a sign-in returns: the JWT and the account's record."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeGuard


class Record(Mapping[str, Any]):
    """An account's record: a read-only mapping of its fields, by the server's names.

    The fields of every auth collection are properties too. A field that is missing has its default. Ids differ by
    server (36 characters on BosBase, 15 on PocketBase). Its repr shows only the id and the collection.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Record(id={self.id!r}, collection_name={self.collection_name!r})"

    def _text(self, name: str) -> str:
        value = self._fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def id(self) -> str:
        """The record's id."""
        return self._text("id")

    @property
    def collection_id(self) -> str:
        """The id of the record's collection."""
        return self._text("collectionId")

    @property
    def collection_name(self) -> str:
        """The name of the record's collection."""
        return self._text("collectionName")

    @property
    def email(self) -> str:
        """The account's email, or "" if it is hidden."""
        return self._text("email")

    @property
    def verified(self) -> bool:
        """Whether the account's email was verified."""
        return self._fields.get("verified") is True

    @property
    def email_visibility(self) -> bool:
        """Whether other accounts may see the email."""
        return self._fields.get("emailVisibility") is True

    @property
    def created(self) -> datetime | None:
        """When the record was created, aware, in UTC, or None if it is missing."""
        return utc_moment(self._text("created"))

    @property
    def updated(self) -> datetime | None:
        """When the record was last changed, aware, in UTC, or None if it is missing."""
        return utc_moment(self._text("updated"))

    @property
    def expand(self) -> Mapping[str, Any]:
        """The related records that `expand=` asked for, by relation, or {}."""
        value: dict[str, Any] | None = self._fields.get("expand")
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class AuthResult:
    """A session: the JWT, the account's record, and what the server adds (`meta`, mostly {}).

    Send `token` as the Authorization header of other requests. It and `meta` are in no repr. On BosBase a JWT is valid
    for 100 years, also after its custom token is unbound and after the password changes.
    """

    token: str = field(repr=False)
    record: Record
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]  # a record is a mapping

    @property
    def expires_at(self) -> datetime | None:
        """The JWT's `exp`, aware, in UTC, or None if it cannot be read. The signature is not checked."""
        try:
            part = self.token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            exp = claims["exp"]
            return None if isinstance(exp, bool) else datetime.fromtimestamp(exp, UTC)
        except (ValueError, LookupError, TypeError, OverflowError, OSError, RecursionError):
            return None

    def is_expired(self, leeway: float = 0.0) -> bool:
        """Whether the JWT has expired, or will within `leeway` seconds. False if it has no `exp`."""
        expiry = self.expires_at
        return expiry is not None and time.time() + leeway >= expiry.timestamp()


def is_jwt(token: object) -> TypeGuard[str]:
    """Whether a JWT can be a header's value. The server checks the rest."""
    return isinstance(token, str) and token != "" and token.isascii() and token.isprintable()


def utc_moment(text: str, parse: Callable[[str], datetime] = datetime.fromisoformat) -> datetime | None:
    """Return the moment that a text names, aware, in UTC; None if it cannot be read."""
    try:
        moment = parse(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
