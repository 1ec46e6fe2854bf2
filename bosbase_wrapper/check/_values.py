"""Values exactly as they are sent, and their limits in bytes."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from ._probe import FAILED, Probe, out_of_range
from ._secrets import new_token

_BINDINGS: Final = ("bindToken", "unbindToken")


def exact_token(probe: Probe) -> None:
    """A token that differs by its end, its case or a wildcard is another."""
    token = probe.token
    others = {
        "without its last letter": token[:-1],
        "with a letter more": f"{token}x",
        "in other case": token.swapcase(),
        "with a wildcard _": f"{token[:-1]}_",
        "with a wildcard %": f"{token[:-6]}%",
        "with a space before it": f" {token}",
        "with a space after it": f"{token} ",
        "with a line's end after it": f"{token}\r\n",
        "with a byte order mark": f"\ufeff{token}",
        "with = after it": f"{token}=",
        "with - for _": token.replace("_", "-"),
        "without its prefix": token.rpartition("_")[2],
    }
    for how, other in others.items():
        probe.unknown(probe.sign_in(other), f"the token {how}")
    probe.done(probe.unbind(token.swapcase()), "unbinding the token in other case")
    probe.done(probe.unbind(f" {token} "), "unbinding the token with spaces around it")
    probe.signed_in(probe.sign_in(token), "the token itself, after that")


def long_tokens(probe: Probe) -> None:
    """All of 1024 bytes count."""
    token = new_token(1024)
    probe.done(probe.bind(token), "binding 1024 bytes")
    probe.signed_in(probe.sign_in(token), "1024 bytes")
    probe.unknown(probe.sign_in(f"{token[:-1]}y"), "1024 bytes, the last one another")
    for length in (72, 255, 256, 1023):
        probe.unknown(probe.sign_in(token[:length]), f"the first {length} of 1024 bytes")
    probe.done(probe.unbind(token), "unbinding 1024 bytes")
    probe.unknown(probe.sign_in(token), "1024 bytes, unbound")


def odd_tokens(probe: Probe) -> None:
    """Nothing is trimmed, normalized, or read as markup."""
    core = new_token()
    _lives(probe, "white space around it", f" \t{core}\n ", core, f" {core} ", f" \t{core}", f"{core}\n ")
    core = new_token()
    odd = f"{core}  a\x01b\x7fc+d"
    _lives(probe, "white space in it", odd, odd.replace("  ", " "), odd.replace("\x01", ""), odd.replace("+", " "))
    core = new_token()
    odd = f"{core}\u00e9\u200b\ufb01\U0001f511\u00c9"
    forms = [unicodedata.normalize(form, odd) for form in ("NFD", "NFKC", "NFKD")]
    others = [odd.replace("\u00e9", "\u00ea").replace("\U0001f511", "\U0001f512"), odd.replace("\u200b", "")]
    _lives(probe, "letters outside ASCII", odd, *forms, *others, f"{odd[:-1]}\u00e9", f"{core}?????")
    core = new_token()
    odd = f"<b>'\"\\&amp;%41;--{core}"
    _lives(probe, "markup", odd, odd.replace("%41", "A"), odd.replace("&amp;", "&"), odd.replace("\\", "\\\\"))
    core = new_token()
    _lives(probe, "quotes around it", f"\"'{core}'\"", core, f"'{core}'", f'"{core}"')
    core = new_token()
    _lives(probe, "`Bearer ` before it", f"Bearer {core}", core, f"bearer {core}")


def _lives(probe: Probe, what: str, token: str, *others: str) -> None:
    probe.done(probe.bind(token), f"binding a token with {what}")
    probe.signed_in(probe.sign_in(token), f"a token with {what}")
    for other in others:
        probe.unknown(probe.sign_in(other), f"another token, like one with {what}")
    probe.done(probe.unbind(token), f"unbinding a token with {what}")
    probe.unknown(probe.sign_in(token), f"a token with {what}, unbound")


def token_limits(probe: Probe) -> None:
    """1 to 1024 bytes, not letters."""
    two_bytes = new_token(1023, "\u00e9")
    two_bytes += "x" * (1024 - len(two_bytes.encode()))
    probe.done(probe.bind(two_bytes), "binding letters of two bytes, 1024 bytes in all")
    probe.signed_in(probe.sign_in(two_bytes), "letters of two bytes, 1024 bytes in all")
    for token in (new_token(1025), f"{two_bytes}x"):
        for operation, send in probe.calls.items():
            answer = send(token)
            probe.invalid(answer, f"{operation}, a token of 1025 bytes", {"token": out_of_range(1024)})
    for token in (new_token()[-1], "   "):
        _short(probe, token)


def _short(probe: Probe, token: str) -> None:
    """With a wrong password: a short token may well be somebody's, and a bind would take it over."""
    answer = probe.sign_in(token)
    if probe.is_known(answer):
        return
    probe.unknown(answer, "a short token")
    probe.refused(probe.bind(token, password=new_token()), "binding a short token", FAILED["bindToken"])
    probe.refused(probe.unbind(token, password=new_token()), "unbinding a short token", FAILED["unbindToken"])


def email_limits(probe: Probe) -> None:
    """1 to 255 bytes, not letters."""
    letters = "\u00e9" * 122 + _email(12)
    for operation in _BINDINGS:
        for email in (_email(256), letters):
            answer = probe.calls[operation](new_token(), email=email)
            probe.invalid(answer, f"{operation}, an email of 256 bytes", {"email": out_of_range(255)})
        longest = probe.calls[operation](new_token(), email=_email(255))
        code = longest.member("data", "email", "code")
        kept = longest.status == 400 and code != "validation_length_out_of_range"
        probe.expect(kept, f"{operation}, an email of 255 bytes is refused for its length")


def _email(length: int) -> str:
    return "a" * (length - 11) + "@example.co"


def password_limits(probe: Probe) -> None:
    """1 to 255 bytes, not letters."""
    too_long: dict[str, Any] = {"password": out_of_range(255)}
    for operation in _BINDINGS:
        for password in ("p" * 256, "\u00e9" * 128):
            answer = probe.calls[operation](new_token(), password=password)
            probe.invalid(answer, f"{operation}, a password of 256 bytes", too_long)
        for password in ("p", "p" * 255, "\u00e9" * 127 + "p"):
            answer = probe.calls[operation](new_token(), password=password)
            probe.refused(answer, f"{operation}, a wrong password of 1 or 255 bytes", FAILED[operation])
