"""Tokens that the server changes before it uses them."""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from ._spoil import Broken, of_token


def _cut(name: str, size: int) -> Broken:
    spoil = of_token(
        lambda token: token.encode()[:size].decode(errors="ignore"), lambda request: request.size("token") <= 1024
    )
    return Broken(name, f"Only the first {size} bytes of a token count", spoil)


def _compatible(token: str) -> str:
    return "".join(unicodedata.normalize("NFKC", letter) if letter >= "\u2000" else letter for letter in token)


def _ascii(token: str) -> str:
    return re.sub(r"[^\x00-\x7f]", lambda match: "?" * len(match[0].encode()), token)


def _without(pattern: str, by: str = "") -> Callable[[str], str]:
    return lambda token: re.sub(pattern, by, token)


_CHANGES: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "token-trimmed": ("White space around a token does not count", str.strip),
    "token-spaces-squeezed": ("White space inside a token counts as one space", _without(r"(?<=\S)\s+(?=\S)", " ")),
    "token-lower-cased": ("A token's case does not count", str.lower),
    "token-normalized": (
        "A token is normalized to Unicode NFC",
        lambda token: unicodedata.normalize("NFC", token),
    ),
    "token-compatibility-normalized": ("A token is normalized to Unicode NFKC", _compatible),
    "token-in-ascii": ("Characters outside ASCII count as question marks", _ascii),
    "token-url-decoded": ("A token is URL-decoded", unquote),
    "token-plus-is-space": ("A plus in a token counts as a space", lambda token: token.replace("+", " ")),
    "token-html-unescaped": ("HTML entities in a token are decoded", html.unescape),
    "token-unquoted": ("Quotes in a token do not count", _without("[\"'](?=.)")),
    "token-without-control-characters": (
        "Control characters in a token do not count",
        _without(r"[\x01-\x08\x0b-\x1f\x7f](?=.)"),
    ),
    "bearer-is-cut-off": (
        "`Bearer ` in front of a token does not count",
        lambda token: token.removeprefix("Bearer ") or token,
    ),
}

BROKEN: Final = (
    _cut("token-cut-at-72", 72),
    _cut("token-cut-at-1000", 1000),
    *(Broken(name, what, of_token(change)) for name, (what, change) in _CHANGES.items()),
)
