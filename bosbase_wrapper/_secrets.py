"""Keeps the secrets of a call out of what the server said about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast
from urllib.parse import quote

HIDDEN: Final = "***"
_SHORT: Final = 3  # characters: so few stand in many a word by chance, and count as a whole word alone
_DEEPEST: Final = 32  # what is nested deeper would not survive copy and pickle
_AS_GO_WRITES: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


class Hider:
    """Puts `***` in the place of each secret, also as JSON and URLs write it, in texts at any depth."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if form}
        self._forms = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Hider()"

    def text(self, text: str) -> str:
        """`text` without the secrets, and without lone surrogates, which nothing can print."""
        text = text.encode(errors="replace").decode()
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN) if len(form) > _SHORT else _without_word(text, form)
        return text

    def value(self, value: Any, deepest: int = _DEEPEST) -> Any:
        """A value of JSON without the secrets, names of members too; RecursionError where it is nested too deep."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, list | dict):
            return value
        if deepest == 0:
            raise RecursionError
        if isinstance(value, list):
            return [self.value(part, deepest - 1) for part in cast("Sequence[Any]", value)]
        members = cast("dict[str, Any]", value)
        return {self.text(name): self.value(part, deepest - 1) for name, part in members.items()}


def _forms(secret: str) -> set[str]:
    escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, escaped, escaped.translate(_AS_GO_WRITES), json.dumps(secret)[1:-1], quote(secret, safe="")}


def _without_word(text: str, word: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text)
