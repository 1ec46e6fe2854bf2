"""Checks arguments before anything is sent. An argument that cannot be used raises ConfigurationError.

No error repeats a value, since it may be a secret.
"""

import ipaddress
import json
import re
import socket
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard, cast

import httpx

from ._contract import QUERY_PARAMETERS, REQUEST_FIELDS, SECRET_FIELDS
from ._errors import ConfigurationError, InsecureTransportWarning
from ._redaction import RequestFields
from ._version import __version__

QueryValue = str | int | float | bool | None
Query = Mapping[str, QueryValue | Sequence[QueryValue]]

_DEFAULT_HEADERS: Final = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": f"bosbase-wrapper/{__version__}",
    "accept-encoding": "identity",  # responses are small, and a compressed one could fill the memory
}
_OWN_HEADERS: Final = frozenset({"content-type", "content-length", "host", "transfer-encoding"})
_CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_HOST: Final = re.compile(rb"[A-Za-z0-9._-]+|.*:.*")  # a name or IPv4 address, or an IPv6 address
_FORBIDDEN_IN_NAME: Final = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PASTED: Final = re.compile(r"(?P<root>.*?)/(?P<pasted>_(/.*)?|api(/(collections|admins|health)\b.*)?)")


def base_url(value: object) -> httpx.URL:
    """Return the server's URL without a slash at its end. It may have a path."""
    if not isinstance(value, str):
        raise ConfigurationError("base_url must be a str")
    url = url_with_host(value.rstrip("/"))
    if url is None or url.scheme not in ("http", "https"):
        raise ConfigurationError("base_url must be an http:// or https:// URL with a host and a port up to 65535")
    pasted = _PASTED.fullmatch(url.path)
    if pasted:
        what = "the dashboard" if pasted["pasted"].startswith("_") else "the API"
        raise ConfigurationError(f"base_url is a URL of {what}: give the server's own URL, without /{pasted['pasted']}")
    if url.userinfo or "?" in value or "#" in value or "@" in value.partition("//")[2].partition("/")[0]:
        raise ConfigurationError("base_url must have no credentials, no query and no fragment")
    return url


def url_with_host(value: str) -> httpx.URL | None:
    """Return a URL whose host and port can be connected to; None for any other text."""
    try:
        url = httpx.URL(value)
        url.host.encode("idna")  # the resolver would raise UnicodeError
    except (httpx.InvalidURL, UnicodeError):
        return None
    port = 1 if url.port is None else url.port
    return url if _HOST.fullmatch(url.raw_host) and 1 <= port <= 65535 else None


def warn_if_insecure(url: httpx.URL) -> None:
    if url.scheme == "http" and not is_loopback(url.host):
        text = "plain http sends passwords and tokens unencrypted: use https, or a loopback address"
        warnings.warn(text, InsecureTransportWarning, stacklevel=3)  # where the client is made


def is_loopback(host: str) -> bool:
    """Whether a host is this machine. `name.localhost` is not: the system's resolver may ask the network for it."""
    if host.rstrip(".") == "localhost":
        return True
    try:
        return socket.inet_aton(host)[0] == 127  # it also reads 127.1 and 0x7f000001, as the resolver does
    except (OSError, ValueError):
        pass
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return (address.ipv4_mapped or address).is_loopback


def collection_name(value: object) -> str:
    """Check a name or id, which stays one segment of the path when it is percent-encoded."""
    if not isinstance(value, str) or not value or value in (".", ".."):
        raise ConfigurationError('the collection must be a name or an id: a str, not "", "." or ".."')
    if _FORBIDDEN_IN_NAME.search(value) or not is_text(value):
        raise ConfigurationError("the collection's name must not contain a slash, a backslash or a control character")
    return value


def is_text(value: object) -> TypeGuard[str]:
    """Whether `value` is a str that UTF-8 can encode. The server checks its length and form."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def require_texts(fields: RequestFields) -> None:
    bad = [name for name, value in fields.values.items() if not is_text(value)]
    if bad:
        raise _not_text(re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", bad[0]))


def _not_text(argument: str) -> ConfigurationError:
    return ConfigurationError(f"{argument} must be a str of characters that UTF-8 can encode")


def comma_joined(name: str, value: object) -> str | None:
    """Return `expand` or `fields`, one str or a sequence of them, as one str; None if it is empty."""
    if value is None:
        return None
    one = isinstance(value, str) or not isinstance(value, Iterable)
    parts: list[Any] = [value] if one else list(cast("Iterable[Any]", value))
    if not all(map(is_text, parts)):
        raise _not_text(name)
    return ",".join(parts) or None


def timeout(value: object) -> httpx.Timeout:
    """Check seconds, an httpx.Timeout, or None for no limit."""
    parts: Iterable[object] = value.as_dict().values() if isinstance(value, httpx.Timeout) else [value]
    for part in parts:
        if part is not None and not (isinstance(part, int | float) and part is not True and 0 < part < 1e9):
            raise ConfigurationError("timeout must be a positive number of seconds, an httpx.Timeout of these, or None")
    return value if isinstance(value, httpx.Timeout) else httpx.Timeout(cast("float | None", value))


def retries(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError("retries must be a whole number, 0 or more")
    return value


def require_own_kind(kind: type[httpx.Client | httpx.AsyncClient], transport: object, http_client: object) -> None:
    """Check that what the caller gave to send with is sync or async, as the client is."""
    if transport is not None and http_client is not None:
        raise ConfigurationError("give either transport or http_client: an http_client has its own transport")
    if http_client is not None and not isinstance(http_client, kind):
        raise ConfigurationError(f"http_client must be an httpx.{kind.__name__}")
    handler = "handle_request" if kind is httpx.Client else "handle_async_request"
    if transport is not None and (isinstance(transport, type) or not hasattr(transport, handler)):
        raise ConfigurationError(f"transport must be an object for httpx.{kind.__name__}, with a method {handler}")


def default_headers(
    url: httpx.URL, given: Mapping[str, str] | None, http_client: httpx.Client | httpx.AsyncClient | None
) -> httpx.Headers:
    """Return the headers of every call: those of a caller's own httpx client, then ours, then those of the options."""
    refused = _OWN_HEADERS | _CREDENTIAL_HEADERS
    raw = [] if http_client is None else http_client.headers.raw  # bytes, since they need not be ASCII
    headers = httpx.Headers([(name, value) for name, value in raw if name.lower().decode() not in refused])
    headers.update({"host": url.netloc.decode(), **_DEFAULT_HEADERS, **_headers(given, refused)})
    return httpx.Headers(headers.raw)  # `update` keeps the encoding of the headers before


def merged_headers(common: httpx.Headers, own: Mapping[str, str] | None) -> httpx.Headers:
    if not own:
        return common
    merged = common.copy()
    merged.update(_headers(own, _OWN_HEADERS))
    return merged


def _headers(value: Mapping[str, str] | None, refused: frozenset[str]) -> dict[str, str]:
    checked: dict[str, str] = {}
    for name, content in dict(_mapping("headers", {} if value is None else value)).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError("a header's name must be a str of letters, digits and -")
        if name.lower() in refused:
            raise ConfigurationError(f"headers must not contain {name}")
        if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content):
            raise ConfigurationError(f"the header {name} must be ASCII without line breaks or spaces at the ends")
        checked[name.lower()] = content
    return checked


def body(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check fields to add to the JSON body of a call."""
    if value is None:
        return {}
    fields = dict(_mapping("body", value))
    _refuse("body", fields, REQUEST_FIELDS)
    try:
        json.dumps(fields, allow_nan=False, ensure_ascii=False).encode()
        sendable = all(isinstance(name, str) for name in fields)
    except (TypeError, ValueError, RecursionError):
        sendable = False
    if not sendable:
        raise ConfigurationError("body must contain only JSON values: no NaN, no lone surrogates, no other types")
    return fields


def query(value: Query | None) -> list[tuple[str, QueryValue]]:
    """Check parameters to add to the URL of a call, and return them as pairs. A sequence repeats its name."""
    if value is None:
        return []
    given = _mapping("query", value)
    # As a mapping, httpx.QueryParams shows only the first value of a name.
    items = list(given.multi_items() if isinstance(given, httpx.QueryParams) else given.items())
    _refuse("query", [name for name, _ in items], REQUEST_FIELDS | SECRET_FIELDS | QUERY_PARAMETERS)
    pairs: list[tuple[Any, Any]] = []
    for name, content in items:
        values = cast("Sequence[Any]", content) if isinstance(content, list | tuple) else [content]
        pairs += [(name, item) for item in values]
    if not all(is_text(name) and _is_query_value(content) for name, content in pairs):
        raise ConfigurationError("query must map a str to a str, a number, a bool, None or a sequence of these")
    return pairs


def _mapping(name: str, value: Mapping[str, Any]) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigurationError(f"{name} must be a mapping")
    return value


def _refuse(name: str, given: Iterable[Any], own: frozenset[str]) -> None:
    # The server reads the names of fields in any case.
    names = {one.casefold() for one in own}
    clash = sorted(one for one in given if isinstance(one, str) and one.casefold() in names)
    if clash:
        raise ConfigurationError(f"{name} must not contain {', '.join(clash)}: the call sets it")


def _is_query_value(value: object) -> bool:
    return is_text(value) or value is None or (isinstance(value, int | float) and abs(value) <= sys.float_info.max)
