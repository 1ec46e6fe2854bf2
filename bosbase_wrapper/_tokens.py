"""Generates custom tokens. Leak scanners can find them, and a checksum shows typing errors."""

import re
import secrets
import string
import zlib
from typing import Final

from ._errors import ConfigurationError

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_LENGTH: Final = 43  # 62 ** 43 is just above 2 ** 256
_CHECKSUM_LENGTH: Final = 6  # 62 ** 6 is above 2 ** 32
_PREFIX: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,76}[A-Za-z0-9])?")
_TOKEN: Final = re.compile(rf"({_PREFIX.pattern}_[A-Za-z0-9]{{{_BODY_LENGTH}}})([A-Za-z0-9]{{{_CHECKSUM_LENGTH}}})")


def generate_token(prefix: str = "bbt") -> str:
    """Return a random token: `prefix`, an underscore, 256 random bits and a checksum, in base 62.

    The prefix lets leak scanners find the token. It is 1 to 78 letters, digits, `_` and `-`, with a letter or digit at
    both ends; any other raises ConfigurationError. The token is safe in URLs and at most 128 bytes long.
    """
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigurationError("prefix must be 1 to 78 letters, digits, _ and -, with a letter or digit at both ends")
    checked = f"{prefix}_{_base62(secrets.randbits(256), _BODY_LENGTH)}"
    return checked + _checksum(checked)


def is_generated_token(token: str) -> bool:
    """Whether `token` has the form and the checksum of a token of `generate_token`, with any prefix."""
    match = _TOKEN.fullmatch(token) if isinstance(token, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
    return match is not None and secrets.compare_digest(_checksum(match[1]), match[2])


def _checksum(checked: str) -> str:
    return _base62(zlib.crc32(checked.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
