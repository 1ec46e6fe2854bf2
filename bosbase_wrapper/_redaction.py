"""Keeps secrets out of reprs, and out of texts that a server sent back.

Error trackers record the local variables of every frame in a traceback. They hide variables called `password`, `token`
or `secret`, and show the `repr` of everything else. So inside this package a secret is either in a variable of such a
name, or in an object whose repr hides it (`RequestFields`, `Call`). A public method deletes an argument of another name
(`mfa_id`, `old`, `new`) as soon as it is in a `RequestFields`. Functions that neither wait nor call the caller's code
are exempt: only an interruption can show their variables.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast
from urllib.parse import quote

REDACTED: Final = "***"
_SHORT: Final = 3  # a secret of up to 3 characters occurs in other words by chance: only a whole word is replaced
_MAX_DEPTH: Final = 32  # copy and pickle fail on values that are nested deeper
_NEVER: Final = r"(?!)"  # a pattern that matches nothing
_GO_ESCAPES: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


class RequestFields:
    """The JSON fields of a request body. An optional field whose value is None is left out. Its repr shows no value."""

    def __init__(self, *, optional: Mapping[str, str | None] = MappingProxyType({}), **values: str) -> None:
        given = {name: value for name, value in optional.items() if value is not None}
        self.values: dict[str, Any] = {**values, **given}

    def __repr__(self) -> str:
        return f"RequestFields({', '.join(self.values)})"


class Redactor:
    """Replaces secrets by `***`, also where they are escaped as in JSON, in a URL, in a form or in HTML."""

    def __init__(self, secrets: Iterable[str]) -> None:
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        patterns = [pattern for secret in longest_first for pattern in _patterns(secret)]
        self._pattern = re.compile("|".join(patterns) or _NEVER)

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """Return `text` without the secrets, and without lone surrogates, which cannot be printed."""
        return self._pattern.sub(REDACTED, text.encode(errors="replace").decode())

    def value(self, value: Any, max_depth: int = _MAX_DEPTH) -> Any:
        """Return a JSON value without the secrets, in keys too, and without what is nested too deep."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, list | dict):
            return value
        if max_depth == 0:
            return REDACTED
        if isinstance(value, list):
            return [self.value(item, max_depth - 1) for item in cast("Sequence[Any]", value)]
        items = cast("dict[str, Any]", value).items()
        return {self.text(name): self.value(item, max_depth - 1) for name, item in items}


def _patterns(secret: str) -> list[str]:
    """Return patterns of a secret. Those of escaped forms come first, since such a form may begin with the secret."""
    escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
    in_json = {escaped, escaped.translate(_GO_ESCAPES), json.dumps(secret)[1:-1]} - {secret}
    longest_first = sorted(in_json, key=len, reverse=True)
    patterns = [*map(re.escape, longest_first), "".join(map(_in_url_or_html, secret))]
    return patterns if len(secret) > _SHORT else [rf"(?<!\w)(?:{pattern})(?!\w)" for pattern in patterns]


def _in_url_or_html(character: str) -> str:
    """Return a pattern of a character, escaped or not. Which ones are escaped differs by library."""
    percent = quote(character, safe="")
    if percent == character:
        return re.escape(character)
    plus = [r"\+"] if character == " " else []
    texts = [html.escape(character), f"&#{ord(character)};", character]
    return f"(?:{'|'.join([f'(?i:{percent})', *plus, *map(re.escape, texts)])})"
