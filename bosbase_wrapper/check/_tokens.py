"""Checks of tokens and of the sessions they open. Each public function is a check; its docstring says of what."""

import hashlib
import re
import time
import unicodedata
from typing import Any, Final

from bosbase_wrapper._results import is_jwt

from ._connection import Response, as_object, jwt_part, texts
from ._document import BIND, SIGN_IN, UNBIND
from ._probe import Probe
from ._secrets import new_token

_BCRYPT_BYTES: Final = 72  # of a password; servers ignore what follows
_HIDDEN: Final = frozenset({"password", "tokenKey"})  # fields of every auth collection, never shown
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)?")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_CLOCKS_DIFFER_SECONDS: Final = 3600
_MOST_RELATIONS: Final = 30


def password_auth_off(probe: Probe) -> None:
    """A collection without password authentication refuses to bind and unbind with 403, whatever the body."""
    off = probe.document.errors[BIND]["passwordAuthOff"]["message"]
    probe.require(probe.facts.refusal == off, "the collection allows password authentication")
    token = new_token()
    for operation in (BIND, UNBIND):
        for body in (probe.credentials(token), probe.credentials(token, password=new_token()), {}):
            probe.refused(operation, body, operation, "passwordAuthOff")
    probe.unknown(token, "after that")


def bind_and_unbind(probe: Probe) -> None:
    """A bound token signs in again and again until it is unbound. Binding and unbinding may be repeated."""
    probe.require_binding()
    token = new_token()
    probe.unbind_for_good(token, "a token that was never bound")
    probe.bound_token("a token", token)
    probe.known(token, "the second sign-in")
    probe.bound_token("the same token again", token)
    probe.unbind_for_good(token)
    probe.unbind_for_good(token, "the token again")
    probe.bound_token("a token that was unbound", token)
    probe.unbind_for_good(token, "a token that was bound again")


def several_tokens(probe: Probe) -> None:
    """An account may have several tokens, and each is independent of the others."""
    tokens = [probe.bound_token("one more token") for _ in range(6)]
    for token in (*tokens, probe.token):
        probe.known(token, "each of several tokens")
    probe.unbind_for_good(tokens[0], "the first")
    for token in (*tokens[1:], probe.token):
        probe.known(token, "each other, when the first is unbound")


def wrong_credentials(probe: Probe) -> None:
    """A wrong password or email binds and unbinds nothing. Both count exactly, with their case and their spaces."""
    email, password, wrong = probe.account.email, probe.account.password, new_token()
    probe.secrets.remember(wrong)
    _changes_nothing(probe, "a wrong password", password=wrong)
    _changes_nothing(probe, "an unknown email", email=f"{new_token()[-20:].lower()}@example.com")
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


def _changes_nothing(probe: Probe, what: str, **fields: str) -> None:
    known, token = probe.token, new_token()
    probe.refused(BIND, probe.credentials(token, **fields), f"binding with {what}", "credentials")
    probe.unknown(token, f"after binding with {what}")
    probe.refused(UNBIND, probe.credentials(known, **fields), f"unbinding with {what}", "credentials")
    probe.known(known, f"after unbinding with {what}")


def other_collection(probe: Probe) -> None:
    """A token belongs to one collection."""
    own = {name.casefold() for name in (probe.account.collection, probe.facts.name, probe.facts.collection_id)}
    for other in sorted({"users", "_superusers"} - own):
        response = probe.sign_in(probe.token, collection=other)
        may_be_own = not probe.facts.name and response.status == probe.facts.mode  # if an id was given
        if response.status == 404 or may_be_own:
            continue
        probe.unknown(probe.token, f"in {other}", collection=other)
        probe.status(probe.unbind(probe.token, collection=other), f"unbinding in {other}", 204, 400, 403)
        probe.known(probe.token, f"after unbinding in {other}")
        token = new_token()  # 204 if it has an account with the same email and password
        probe.status(probe.bind(token, collection=other), f"binding in {other}", 204, 400, 403)
        probe.unknown(token, f"after binding in {other}")


def collection_names(probe: Probe) -> None:
    """A collection is found by its name in any case, and by its id."""
    probe.require_binding()
    name, collection_id = probe.facts.name, probe.facts.collection_id
    probe.require(name != "", "no sign-in shows the name and the id of the collection")
    for other in sorted({name, name.upper(), name.lower(), collection_id} - {probe.account.collection}):
        probe.known(probe.token, "the collection by its id, or in other case", collection=other)
        token = probe.bound_token("a token there", collection=other)
        probe.unbind_for_good(token, "a token there", collection=other)


def exact_token(probe: Probe) -> None:
    """A token counts to its last byte, and in its case."""
    token = probe.token
    others = {
        "without its last letter": token[:-1],
        "with a letter more": f"{token}x",
        "in other case": token.swapcase(),
        "with a wildcard _": f"{token[:-1]}_",
        "with a wildcard %": f"{token[:-6]}%",
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
    token = new_token(probe.longest)
    shorter = [token[:length] for length in (72, 255, 256, probe.longest - 1)]
    _lives(probe, f"{probe.longest} bytes", token, f"{token[:-1]}y", *shorter)


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


# --- sessions ---


def same_end(probe: Probe) -> None:
    """A sign-in by token ends as one by password does: auth rule, MFA."""
    if probe.facts.mode == 403:
        probe.refused(SIGN_IN, {"token": probe.token}, "the sign-in", "rule")
    other = probe.password_login()
    probe.require(other.status in (200, 401, 403), "the server has no sign-in with email and password to compare with")
    response = probe.sign_in(probe.token)
    seen = f"the token: {probe.seen(response)}; the password: {probe.seen(other)}"
    probe.expect(response.status == other.status, seen)


def same_account(probe: Probe) -> None:
    """A sign-in by token returns the same record as one by password, with the same records in `expand`."""
    names = as_object(probe.open_session().field("record")).keys() - probe.document.record_fields
    relations = sorted(filter(_NAME.fullmatch, names))
    query = {"expand": ",".join(relations[:_MOST_RELATIONS])}
    one = as_object(probe.open_session(query).field("record"))
    two = as_object(probe.open_password_session(query).field("record"))
    probe.expect(one.keys() == two.keys(), "the record has other fields than after a sign-in by password")
    probe.expect(one.get("expand") == two.get("expand"), "record.expand is another than after a sign-in by password")
    before = two if probe.facts.record is None else probe.facts.record
    for name in sorted(probe.document.record_fields - {"updated"}):
        same = one.get(name) == two.get(name) == before.get(name)
        probe.expect(same, f"record.{name} is another than after a sign-in by password")


def jwt(probe: Probe) -> None:
    """The response's token is a signed JWT of the record, valid now, and for a year at most."""
    response = probe.open_session()
    token = response.text("token")
    head, claims = jwt_part(token, 0), jwt_part(token, 1)
    parts = token.split(".")
    probe.expect(len(parts) == 3 and bool(head) and bool(claims), "the token is no JWT")
    probe.expect(str(head.get("alg", "none")).lower() != "none" and bool(parts[-1]), "the JWT is not signed")
    for claim in ("id", "collectionId"):
        same = claim not in claims or claims[claim] == response.field("record", claim)
        probe.expect(same, f"the JWT's {claim} is not the record's")
    probe.expect(claims.get("type", "auth") == "auth", "the JWT's type is not auth")
    probe.expect(not probe.secrets.are_in("\n".join(texts(claims))), "the JWT holds a secret")
    now = time.time()
    expires, begins = _number(claims, "exp", now), max(_number(claims, "nbf", now), _number(claims, "iat", now))
    probe.expect(expires > now - _CLOCKS_DIFFER_SECONDS, "the JWT has expired already")
    probe.expect(begins < now + _CLOCKS_DIFFER_SECONDS, "the JWT is not valid yet")
    days = (expires - now) / 86_400
    probe.advise(days < 366, f"the JWT is valid for {days / 365.25:.0f} years, and unbinding does not end it")


def jwt_works(probe: Probe) -> None:
    """The server accepts its own JWT, also after the token is unbound."""
    by_password = _refresh(probe, probe.open_password_session())
    probe.require(by_password.status == 200, "the server does not refresh the JWT of a sign-in by password")
    token = probe.bound_token()
    session = probe.open_session(token=token)
    probe.status(_refresh(probe, session), "refreshing the JWT", 200)
    probe.status(probe.unbind(token), "unbinding", 204)
    probe.status(_refresh(probe, session), "refreshing the JWT of a token that was unbound afterwards", 200)


def _refresh(probe: Probe, session: Response) -> Response:
    token = session.text("token")
    headers = {"Authorization": token} if is_jwt(token) else {}
    return probe.request("POST", probe.path("auth-refresh"), headers=headers)


def _number(claims: dict[str, Any], name: str, otherwise: float) -> float:
    """A claim that is a time, if there is one within bounds."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else otherwise


def record(probe: Probe) -> None:
    """The response is a token and the account's record, without hidden fields."""
    response = probe.open_session()
    shown = as_object(response.field("record"))
    names = as_object(response.json).keys()
    probe.expect({"token", "record"} <= names <= {"token", "record", "meta"}, "other fields than token, record, meta")
    for name in ("id", "collectionId", "collectionName"):
        probe.expect(response.text("record", name) != "", f"record.{name} is no text")
    for name in ("created", "updated"):
        probe.expect(_DATE.fullmatch(str(shown.get(name, ""))) is not None, f"record.{name} is no date")
    probe.expect(shown.get("email") in (None, "", probe.account.email), "record.email is not the account's")
    of = {response.text("record", "collectionName").casefold(), response.text("record", "collectionId")}
    asked = probe.account.collection
    probe.expect(bool(of & {asked, asked.casefold()}), "the record is of another collection")
    probe.expect(not _HIDDEN & shown.keys(), "the record shows a field that is always hidden")


def fields(probe: Probe) -> None:
    """`fields` picks fields of the response and of the record."""
    for query, names in (("token", {"token"}), ("record.id", {"record"}), ("record.id,token", {"record", "token"})):
        response = probe.open_session({"fields": query})
        record = response.field("record")
        kept = as_object(response.json).keys() == names and (record is None or as_object(record).keys() == {"id"})
        probe.expect(kept, f"fields={query}: other fields, or none")


def second_factor(probe: Probe) -> None:
    """A token is one of two factors. An mfaId works once, and is read from the query before the body."""
    probe.require_mfa()
    first = probe.sign_in(probe.token)
    probe.expect(as_object(first.json).keys() == {"mfaId"}, "the first factor: more than mfaId")
    own_id = first.text("mfaId")
    body, mfa_id = {"token": probe.token}, probe.password_mfa_id()
    probe.refused(SIGN_IN, {**body, "mfaId": own_id}, "the same method twice", "sameMethod")
    probe.refused(SIGN_IN, {**body, "mfaId": new_token()}, "an unknown mfaId", "mfaSession")
    probe.refused(SIGN_IN, {"token": new_token(), "mfaId": mfa_id}, "an unknown token as the second one", "credentials")
    probe.status(probe.sign_in(probe.token, mfa_id=mfa_id), "the token as the second factor", 200)
    probe.refused(SIGN_IN, {**body, "mfaId": mfa_id}, "the same mfaId again", "mfaSession")
    probe.status(probe.password_login(mfaId=own_id), "the password as the second factor", 200)
    body, what = {**body, "mfaId": probe.password_mfa_id()}, "an unknown mfaId in the query"
    probe.refused(SIGN_IN, body, f"{what}, a right one in the body", "mfaSession", query={"mfaId": new_token()})
    response = probe.sign_in(probe.token, query={"mfaId": probe.password_mfa_id()}, mfa_id=new_token())
    probe.status(response, "a right mfaId in the query, an unknown one in the body", 200)
