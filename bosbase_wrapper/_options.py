"""Checks what a caller gives before anything is sent: what cannot be sent raises ConfigurationError.

No error here repeats a value, which may be a secret.
"""

from __future__ import annotations

import ipaddress
import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard, cast

import httpx

from ._errors import ConfigurationError, InsecureTransportWarning

QueryValue = str | int | float | bool | None
Query = Mapping[str, QueryValue | Sequence[QueryValue]]

_OWN_MEMBERS: Final = frozenset({"email", "password", "token", "mfaId"})
_OWN_PARAMETERS: Final = _OWN_MEMBERS | {"expand", "fields"}
OWN_HEADERS: Final = frozenset({"content-type", "content-length", "host", "transfer-encoding"})
CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_HOST: Final = re.compile(rb"[A-Za-z0-9._-]+|.*:.*")  # a name, or an address of IPv6
_FORBIDDEN_IN_NAME: Final = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")


def base_url(value: object) -> httpx.URL:
    """The server's URL without a trailing slash; it may have a path."""
    if not isinstance(value, str):
        raise ConfigurationError("base_url must be a str")
    url = _parsed(value.rstrip("/"))
    if url is None or url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise ConfigurationError("base_url must be an http:// or https:// URL with a host")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise ConfigurationError("base_url must have a port from 1 to 65535")
    if url.userinfo or "?" in value or "#" in value or "@" in value.partition("//")[2].partition("/")[0]:
        raise ConfigurationError("base_url must have no credentials, no query and no fragment")
    return url


def _parsed(value: str) -> httpx.URL | None:
    try:
        url = httpx.URL(value)
        url.host.encode("idna")  # what the resolver would raise UnicodeError for
    except (httpx.InvalidURL, UnicodeError):
        return None
    return url


def warn_if_insecure(url: httpx.URL, stacklevel: int) -> None:
    """Plain http to a host that is not this machine shows every password and token to the network."""
    if url.scheme == "http" and not is_loopback(url.host):
        text = "plain http sends passwords and tokens unencrypted; use https, or a loopback address"
        warnings.warn(text, InsecureTransportWarning, stacklevel=stacklevel + 1)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def collection_name(value: object) -> str:
    """A name or id that stays one segment of the path once percent-encoded."""
    if not isinstance(value, str) or not value or value in (".", ".."):
        raise ConfigurationError('the collection must be a name or an id: a str, not "", "." or ".."')
    if _FORBIDDEN_IN_NAME.search(value) or not is_text(value):
        raise ConfigurationError("the collection's name has a slash, a backslash or a control character in it")
    return value


def is_text(value: object) -> TypeGuard[str]:
    """Whether `value` is a str that can be encoded; its length and form are the server's to judge."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(name: str, given: bool) -> None:
    """Raises for a value that is no text. It takes the verdict alone: a traceback's frames must not hold a secret."""
    if not given:
        raise ConfigurationError(f"{name} must be a str of characters that UTF-8 can encode")


def comma_joined(name: str, value: object) -> str | None:
    """`expand` and `fields`: one str, or a sequence of them; None where there is nothing in it."""
    if value is None:
        return None
    one = isinstance(value, str) or not isinstance(value, Iterable)
    parts: list[Any] = [value] if one else list(cast("Iterable[Any]", value))
    require_text(name, all(is_text(part) for part in parts))
    return ",".join(parts) or None


def timeout(value: object) -> httpx.Timeout:
    """Seconds, an httpx.Timeout, or None for no limit."""
    if isinstance(value, httpx.Timeout):
        return value
    if value is not None and not (_is_number(value) and 0 < value < 1e9):
        raise ConfigurationError("timeout must be a positive number of seconds, an httpx.Timeout or None")
    return httpx.Timeout(value)


def retries(value: object) -> int:
    """How often a call may be sent again."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError("retries must be a whole number, 0 or more")
    return value


def headers(value: Mapping[str, str] | None, *, also_refused: frozenset[str] = frozenset()) -> dict[str, str]:
    """Headers that HTTP can carry and that do not contradict what the client sends itself."""
    checked: dict[str, str] = {}
    for name, content in _mapping("headers", value).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError("a header's name must be a str of letters, digits and -")
        if name.lower() in OWN_HEADERS | also_refused:
            raise ConfigurationError(f"headers must not have {name}")
        if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content):
            raise ConfigurationError(f"the header {name} must be a str of ASCII without line breaks or spaces around")
        checked[name.lower()] = content
    return checked


def body(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Members to add to the JSON body of a call."""
    members = dict(_mapping("body", value))
    if not members:
        return members
    _refuse("body", members, _OWN_MEMBERS)
    try:
        json.dumps(members, allow_nan=False, ensure_ascii=False).encode()
        sendable = all(isinstance(name, str) for name in members)
    except (TypeError, ValueError, RecursionError):
        sendable = False
    if not sendable:
        raise ConfigurationError("body must hold what JSON can: no NaN, no lone surrogates, no other types")
    return members


def query(value: Query | None) -> list[tuple[str, QueryValue]]:
    """Parameters to add to the URL of a call, as pairs; a sequence repeats its name."""
    members = _mapping("query", value)
    _refuse("query", members, _OWN_PARAMETERS)
    # As a mapping, httpx's own shows the first value of a name alone.
    items = members.multi_items() if isinstance(members, httpx.QueryParams) else members.items()
    pairs: list[tuple[Any, Any]] = []
    for name, content in items:
        pairs += [
            (name, part) for part in (cast("list[Any]", content) if isinstance(content, list | tuple) else [content])
        ]
    if not all(is_text(name) and _is_query_value(content) for name, content in pairs):
        raise ConfigurationError("query must map a str to a str, a number, a bool, None or a sequence of these")
    return pairs


def _mapping(name: str, value: Mapping[str, Any] | None) -> Mapping[Any, Any]:
    if value is not None and not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"{name} must be a mapping")
    return value or {}


def _refuse(name: str, members: Mapping[Any, Any], own: frozenset[str]) -> None:
    clash = own.intersection(members)
    if clash:
        raise ConfigurationError(f"{name} must not have {', '.join(sorted(clash))}: the call sets it")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_query_value(value: object) -> bool:
    finite = not isinstance(value, float) or abs(value) < float("inf")
    return is_text(value) or value is None or (isinstance(value, int | float) and finite)
