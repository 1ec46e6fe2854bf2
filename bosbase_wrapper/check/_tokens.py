"""Checks of tokens, and of whose they are. Each public function is a check; its docstring says of what."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

from ._connection import as_object
from ._document import BIND, SIGN_IN, UNBIND
from ._probe import Probe
from ._secrets import new_token

_BCRYPT_BYTES: Final = 72  # of a password; servers ignore what follows
_SEVERAL: Final = 6


def never_bound(probe: Probe) -> None:
    """A token that was never bound signs nobody in, and unbinding it is no error."""
    token = new_token()
    probe.unknown(token, "a random token")
    if not probe.facts.refusal:
        probe.unbind_for_good(token, "a random token")


def password_auth_off(probe: Probe) -> None:
    """A collection without password authentication refuses to bind and unbind with 403, whatever the body."""
    off = probe.document.errors[BIND]["passwordAuthOff"]["message"]
    probe.require(probe.facts.refusal == off, "the collection allows password authentication")
    token = new_token()
    for operation in (BIND, UNBIND):
        for body in (probe.credentials(token), probe.credentials(token, password=new_token()), {}):
            probe.refused(operation, body, operation, "passwordAuthOff")
    probe.unknown(token, "after that")


def bind_and_sign_in(probe: Probe) -> None:
    """A bound token signs in again and again, also after it is bound again."""
    token = probe.bound_token()
    probe.known(token, "the second sign-in")
    probe.bound_token("the same token again", token)


def auth_rule(probe: Probe) -> None:
    """An account that the auth rule refuses gets 403."""
    probe.require(probe.facts.mode == 403, "the auth rule allows the account")
    probe.refused(SIGN_IN, {"token": probe.token}, "the sign-in", "rule")


def several_tokens(probe: Probe) -> None:
    """An account may have several tokens, and each is independent of the others."""
    tokens = [probe.bound_token("one more token") for _ in range(_SEVERAL)]
    for token in (*tokens, probe.token):
        probe.known(token, "each of several tokens")
    probe.unbind_for_good(tokens[0], "the first")
    for token in (*tokens[1:], probe.token):
        probe.known(token, "each other, when the first is unbound")


def unbind(probe: Probe) -> None:
    """Unbinding ends sign-ins, may be repeated, and the token can be bound again."""
    token = probe.bound_token()
    probe.unbind_for_good(token)
    probe.unbind_for_good(token, "the token again")
    probe.bound_token("a token that was unbound", token)
    probe.unbind_for_good(token, "a token that was bound again")


def wrong_password(probe: Probe) -> None:
    """A wrong password or an unknown email binds and unbinds nothing."""
    password = new_token()
    probe.secrets.remember(password)
    _changes_nothing(probe, "a wrong password", password=password)
    _changes_nothing(probe, "an unknown email", email=f"{new_token()[-20:].lower()}@example.com")


def exact_account(probe: Probe) -> None:
    """The email and the password count exactly, with their case and their spaces."""
    email, password = probe.account.email, probe.account.password
    others = {
        "a space before it": f" {password}",
        "a space after it": f"{password} ",
        "a letter more": f"{password}x",
        "a letter less": password[:-1],
        "its case swapped": password.swapcase(),
    }
    for how, other in others.items():
        differs = other.encode()[:_BCRYPT_BYTES] != password.encode()[:_BCRYPT_BYTES]
        if differs and 0 < len(other.encode()) <= probe.document.limits[BIND]["password"]:
            _changes_nothing(probe, f"the password with {how}", password=other)
    name, _, host = email.rpartition("@")
    for other in {f"{name.swapcase()}@{host}", f"{name}@{host.swapcase()}"} - {email}:
        _changes_nothing(probe, "the email in other case", email=other)
    for other in (f" {email}", f"{email} "):
        for operation in (BIND, UNBIND):
            body = probe.credentials(new_token(), email=other)
            probe.invalid(operation, body, "the email with a space beside it", {"email": "emailFormat"})


def _changes_nothing(probe: Probe, what: str, **fields: str) -> None:
    known, token = probe.token, new_token()
    probe.refused(BIND, probe.credentials(token, **fields), f"binding with {what}", "credentials")
    probe.unknown(token, f"after binding with {what}")
    probe.refused(UNBIND, probe.credentials(known, **fields), f"unbinding with {what}", "credentials")
    probe.known(known, f"after unbinding with {what}")


def other_collection(probe: Probe) -> None:
    """A token belongs to one collection."""
    own = {name.casefold() for name in {probe.account.collection, *probe.facts.names}}
    for other in sorted({"users", "_superusers"} - own):
        response = probe.sign_in(probe.token, collection=other)
        same = (
            not probe.facts.names and response.status == probe.facts.mode
        )  # the id that was given may be that of `other`
        if response.status == 404 or same:
            continue
        probe.unknown(probe.token, f"in {other}", collection=other)
        response = probe.unbind(probe.token, collection=other)
        probe.status(response, f"unbinding in {other}", 204, 400, 403)
        probe.known(probe.token, f"after unbinding in {other}")
        token = new_token()
        response = probe.bind(token, collection=other)  # it may have an account with the same email and password
        probe.status(response, f"binding in {other}", 204, 400, 403)
        probe.unknown(token, f"after binding in {other}")


def collection_names(probe: Probe) -> None:
    """A collection is found by its name in any case, and by its id."""
    probe.require_binding()
    probe.require(probe.facts.names != frozenset(), "no sign-in shows the name and the id of the collection")
    cases = {case(name) for name in probe.facts.names - {probe.facts.collection_id} for case in (str.upper, str.lower)}
    for other in sorted((cases | probe.facts.names) - {probe.account.collection}):
        probe.known(probe.token, "the collection by its id, or in other case", collection=other)
        token = new_token()
        probe.status(probe.bind(token, collection=other), "binding there", 204)
        probe.known(token, "what was bound there")
        probe.status(probe.unbind(token, collection=other), "unbinding there", 204)
        probe.unknown(token, "what was unbound there")


def exact_token(probe: Probe) -> None:
    """A token counts to its last byte, and in its case."""
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
        "as its hash": hashlib.sha256(token.encode()).hexdigest(),
    }
    for how, other in others.items():
        probe.unknown(other, f"the token {how}")
    for other in (token.swapcase(), f" {token} "):
        probe.status(probe.unbind(other), "unbinding the token in other case, or with spaces around it", 204)
    probe.known(token, "the token itself, after that")


def long_token(probe: Probe) -> None:
    """Every byte of the longest token counts."""
    token = probe.bound_token("the longest token", new_token(probe.longest))
    probe.unknown(f"{token[:-1]}y", "the longest token with another last byte")
    for length in (72, 255, 256, probe.longest - 1):
        probe.unknown(token[:length], f"the first {length} bytes of the longest token")
    probe.unbind_for_good(token, "the longest token")


def odd_token(probe: Probe) -> None:
    """A token is not trimmed, normalized or read as markup."""
    core = new_token()
    _lives(probe, "white space around it", f" \t{core}\n ", core, f" {core} ", f" \t{core}", f"{core}\n ")
    odd = f"{new_token()}  a\x01b\x7fc+d"
    _lives(probe, "white space in it", odd, odd.replace("  ", " "), odd.replace("\x01", ""), odd.replace("+", " "))
    core = new_token()
    odd = f"{core}\u00e9\u200b\ufb01\U0001f511\u00c9"
    forms = [unicodedata.normalize(form, odd) for form in ("NFD", "NFKC", "NFKD")]
    others = [odd.replace("\u00e9", "\u00ea").replace("\U0001f511", "\U0001f512"), odd.replace("\u200b", "")]
    _lives(probe, "letters outside ASCII", odd, *forms, *others, f"{odd[:-1]}\u00e9", f"{core}?????")
    odd = f"<b>'\"\\&amp;%41;--{new_token()}"
    _lives(probe, "markup", odd, odd.replace("%41", "A"), odd.replace("&amp;", "&"), odd.replace("\\", "\\\\"))
    core = new_token()
    _lives(probe, "quotes around it", f"\"'{core}'\"", core, f"'{core}'", f'"{core}"')
    _lives(probe, "`Bearer ` before it", f"Bearer {core}", core, f"bearer {core}")


def _lives(probe: Probe, what: str, token: str, *others: str) -> None:
    probe.bound_token(f"a token with {what}", token)
    for other in others:
        probe.unknown(other, f"another token, similar to one with {what}")
    probe.unbind_for_good(token, f"a token with {what}")


def limits(probe: Probe) -> None:
    """The limits of the fields are in bytes, not in letters."""
    probe.require_binding()
    short = [value for value in (new_token()[-1], "   ") if probe.sign_in(value).status != probe.facts.mode]
    for operation, most_of in probe.document.limits.items():
        # With a wrong password: a short token may be somebody's, and a bind would take it over.
        body = probe.credentials(new_token(), password=new_token()) if operation != SIGN_IN else {}
        for field, most in most_of.items():
            for letter in ("a", "\u00e9"):
                long, what = _of_bytes(most + 1, field, letter), f"{operation}, {field} of {most + 1} bytes"
                probe.invalid(operation, {**body, field: long}, what, {field: f"{field}Length"})
            code = probe.document.errors[operation][f"{field}Length"]["data"][field]["code"]
            for value in (_of_bytes(most, field, "a"), *(short if field != "email" else ())):
                blamed = as_object(probe.post(operation, {**body, field: value}).field("data", field))
                allowed = blamed.get("code") != code if field == "email" else not blamed
                probe.expect(allowed, f"{operation}, {field} of {len(value)} bytes: it is refused for its length")
    probe.bound_token("a token of two-byte letters, up to the limit", _of_bytes(probe.longest, "token", "\u00e9"))


def _of_bytes(length: int, field: str, letter: str) -> str:
    start = new_token() if field == "token" else ""
    end = "@example.co" if field == "email" else ""
    missing = length - len(start) - len(end)
    return start + letter * (missing // len(letter.encode())) + "x" * (missing % len(letter.encode())) + end
