"""Checks of the JWT, the record and the second factor. Each public function is a check; its docstring says of what."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from bosbase_wrapper._results import is_jwt

from ._connection import Response, as_object, jwt_part, texts
from ._document import SIGN_IN
from ._probe import NotTriedError, Probe
from ._secrets import new_token

_HIDDEN: Final = frozenset({"password", "tokenKey"})  # fields of every auth collection, never shown
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)?")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_CLOCKS_DIFFER_SECONDS: Final = 3600
_MOST_RELATIONS: Final = 30


def same_end(probe: Probe) -> None:
    """A sign-in by token ends as one by password does: auth rule, MFA."""
    other = probe.password_login()
    probe.require(other.status in (200, 401, 403), "the server has no sign-in with email and password to compare with")
    response = probe.sign_in(probe.token)
    seen = f"the token: {probe.seen(response)}; the password: {probe.seen(other)}"
    probe.expect(response.status == other.status, seen)


def same_account(probe: Probe) -> None:
    """A sign-in by token returns the same record as one by password."""
    one = as_object(probe.open_session().field("record"))
    two = as_object(probe.open_password_session().field("record"))
    probe.expect(one.keys() == two.keys(), "the record has other fields than after a sign-in by password")
    before = two if probe.facts.record is None else probe.facts.record
    for name in sorted(probe.document.record_fields - {"updated"}):
        same = one.get(name) == two.get(name) == before.get(name)
        probe.expect(same, f"record.{name} is another than after a sign-in by password")


def jwt(probe: Probe) -> None:
    """The response's token is a signed JWT of the record, valid now."""
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
    expires, begins = _number(claims, "exp"), max(_number(claims, "nbf") or 0, _number(claims, "iat") or 0)
    probe.expect(expires is None or expires > now - _CLOCKS_DIFFER_SECONDS, "the JWT has expired already")
    probe.expect(begins < now + _CLOCKS_DIFFER_SECONDS, "the JWT is not valid yet")


def jwt_works(probe: Probe) -> None:
    """The server accepts its own JWT, as it accepts one of a sign-in by password."""
    known = _refresh(probe, probe.open_password_session()).status == 200
    probe.require(known, "the server does not refresh the JWT of a sign-in by password")
    response = _refresh(probe, probe.open_session())
    probe.expect(response.status != 401, f"refreshing the JWT: {probe.seen(response)}")


def jwt_outlives_unbind(probe: Probe) -> None:
    """A JWT stays valid after its token is unbound."""
    probe.require(probe.facts.mode == 200, "a token alone opens no session here")
    token = probe.bound_token()
    session = probe.sign_in(token)
    probe.require(_refresh(probe, session).status == 200, "the server refreshes no JWT")
    probe.status(probe.unbind(token), "unbinding", 204)
    probe.status(_refresh(probe, session), "the JWT of a token that was unbound afterwards", 200)


def _refresh(probe: Probe, session: Response) -> Response:
    token = session.text("token")
    headers = {"Authorization": token} if is_jwt(token) else {}
    return probe.request("POST", probe.path("auth-refresh"), headers=headers)


def jwt_lifetime(probe: Probe) -> None:
    """A JWT expires within a year."""
    expires = _number(jwt_part(probe.open_session().text("token"), 1), "exp")
    if expires is None:
        raise NotTriedError("the JWT has no exp")
    days = (expires - time.time()) / 86_400
    probe.advise(days < 366, f"it is valid for {days / 365.25:.0f} years, and unbinding does not end it")


def _number(claims: dict[str, Any], name: str) -> float | None:
    """A claim that is a time. None if it is out of all bounds."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None


def record(probe: Probe) -> None:
    """The response is a token and the account's record, without hidden fields."""
    response = probe.open_session()
    shown = as_object(response.field("record"))
    names = as_object(response.json).keys()
    probe.expect({"token", "record"} <= names <= {"token", "record", "meta"}, "other fields than token, record, meta")
    for name in ("id", "collectionId", "collectionName"):
        probe.expect(response.text("record", name) != "", f"record.{name} is no text")
    for name in ("created", "updated"):
        date = shown.get(name, "")
        probe.expect(isinstance(date, str) and _DATE.fullmatch(date) is not None, f"record.{name} is no date")
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


def expand(probe: Probe) -> None:
    """`expand` adds the records of relations, as after a sign-in by password."""
    record = as_object(probe.open_session().field("record"))
    relations = [name for name in record if name not in probe.document.record_fields and _NAME.fullmatch(name)]
    query = {"expand": ",".join(relations[:_MOST_RELATIONS])}
    expected = as_object(probe.open_password_session(query).field("record", "expand"))
    probe.require(expected != {}, "the record has no relation that the account may see")
    found = as_object(probe.open_session(query).field("record", "expand"))
    probe.expect(found == expected, "record.expand is another than after a sign-in by password")


def second_factor(probe: Probe) -> None:
    """A token is one of two factors, and an mfaId works once."""
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


def mfa_id_in_query(probe: Probe) -> None:
    """An mfaId is read from the query first, then from the body."""
    probe.require_mfa()
    body, what = {"token": probe.token, "mfaId": probe.password_mfa_id()}, "an unknown mfaId in the query"
    probe.refused(SIGN_IN, body, f"{what}, a right one in the body", "mfaSession", query={"mfaId": new_token()})
    response = probe.sign_in(probe.token, query={"mfaId": probe.password_mfa_id()}, mfa_id=new_token())
    probe.status(response, "a right mfaId in the query, an unknown one in the body", 200)
