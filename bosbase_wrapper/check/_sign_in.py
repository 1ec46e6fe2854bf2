"""What a sign-in answers: the JWT, the record, a second factor."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from typing import Any, Final

from ._answer import Answer, as_object
from ._errors import NotTriedError
from ._probe import NO_MFA_SESSION, SAME_METHOD, Probe, seen
from ._secrets import new_token

_HIDDEN: Final = frozenset({"password", "passwordConfirm", "passwordHash", "tokenKey", "tokenHash"})
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)?")
_ID: Final = re.compile(r"[a-z0-9]{15}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLOCKS_DIFFER_SECONDS: Final = 3600
_MOST_RELATIONS: Final = 8


def jwt(probe: Probe) -> None:
    """The token is a signed JWT of the record, valid now."""
    answer = probe.session()
    head, claims = _part(answer, 0), _part(answer, 1)
    parts = answer.text("token").split(".")
    probe.expect(len(parts) == 3 and bool(head) and bool(claims), "the token is no JWT")
    probe.expect(str(head.get("alg", "none")).lower() != "none" and bool(parts[-1]), "the JWT is not signed")
    for claim in ("id", "collectionId"):
        same = claim not in claims or claims[claim] == answer.member("record", claim)
        probe.expect(same, f"the JWT's {claim} is not the record's")
    probe.expect(claims.get("type", "auth") == "auth", "the JWT's type is not auth")
    probe.expect(not probe.secrets.are_in(json.dumps(claims)), "the JWT tells a secret")
    now = time.time()
    expires, begins = _number(claims, "exp"), max(_number(claims, "nbf") or 0, _number(claims, "iat") or 0)
    probe.expect(expires is None or expires > now - _CLOCKS_DIFFER_SECONDS, "the JWT is over already")
    probe.expect(begins < now + _CLOCKS_DIFFER_SECONDS, "the JWT is not valid yet")


def jwt_is_taken(probe: Probe) -> None:
    """The server takes its own JWT, where it takes that of a sign-in by password."""
    if _refresh(probe, probe.password_session()).status != 200:
        raise NotTriedError("the server refreshes no JWT of a sign-in by password")
    answer = _refresh(probe, probe.session())
    probe.expect(answer.status != 401, f"refreshing the JWT: {seen(answer)}")


def jwt_outlives_unbind(probe: Probe) -> None:
    """Unbinding ends sign-ins, not sessions: a JWT lives until its own end."""
    if probe.mode != 200:
        raise NotTriedError("a token alone opens no session here")
    token = new_token()
    probe.done(probe.bind(token), "binding")
    session = probe.sign_in(token)
    if _refresh(probe, session).status != 200:
        raise NotTriedError("the server refreshes no JWT")
    probe.done(probe.unbind(token), "unbinding")
    answer = _refresh(probe, session)
    probe.expect(answer.status == 200, f"the JWT of a token that was unbound then: {seen(answer)}, not 200")


def _refresh(probe: Probe, session: Answer) -> Answer:
    token = session.text("token")
    headers = {"Authorization": token} if token.isascii() and token.isprintable() else {}
    return probe.request("POST", probe.path("auth-refresh"), headers=headers)


def jwt_lifetime(probe: Probe) -> None:
    """A stolen JWT works until its end; unbinding does not end it."""
    expires = _number(_part(probe.session(), 1), "exp")
    if expires is None:
        raise NotTriedError("the JWT has no exp")
    days = (expires - time.time()) / 86_400
    probe.advise(days < 366, f"it works for {days / 365.25:.0f} years, and unbinding does not end it")


def _part(answer: Answer, index: int) -> dict[str, Any]:
    """A part of the answer's JWT; {} where it is none."""
    parts = answer.text("token").split(".")
    try:
        return as_object(json.loads(base64.urlsafe_b64decode(parts[index] + "==")))
    except (IndexError, binascii.Error, ValueError, RecursionError):
        return {}


def _number(claims: dict[str, Any], name: str) -> float | None:
    """A claim that is a time; one out of all bounds is none."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None


def record(probe: Probe) -> None:
    """The answer is a token and the account's record, whose hidden members stay hidden."""
    answer = probe.session()
    shown = as_object(answer.member("record"))
    names = as_object(answer.json).keys()
    probe.expect({"token", "record"} <= names <= {"token", "record", "meta"}, "other members than token, record, meta")
    for name in ("id", "collectionId", "collectionName"):
        probe.expect(answer.text("record", name) != "", f"record.{name} is no text")
    for name in ("created", "updated"):
        date = shown.get(name, "")
        probe.expect(isinstance(date, str) and _DATE.fullmatch(date) is not None, f"record.{name} is no date")
    probe.expect(shown.get("email") in (None, "", probe.account.email), "record.email is not the account's")
    of = {answer.text("record", "collectionName").casefold(), answer.text("record", "collectionId")}
    asked = probe.account.collection
    probe.expect(bool(of & {asked, asked.casefold()}), "the record is of another collection")
    probe.expect(not _HIDDEN & shown.keys(), "the record shows a member that is always hidden")


def same_record(probe: Probe) -> None:
    """Each token of an account, and each sign-in, gives the same record."""
    first, second = (probe.session().member("record", "id") for _ in range(2))
    probe.expect(first == second, "two sign-ins gave two records")
    if probe.mode == 200:
        token = new_token()
        probe.done(probe.bind(token), "binding a second token")
        probe.expect(first == probe.sign_in(token).member("record", "id"), "two tokens gave two records")


def fields(probe: Probe) -> None:
    """`fields` picks members, of the answer and of the record."""
    answer = probe.session({"fields": "token"})
    probe.expect(as_object(answer.json).keys() == {"token"}, "fields=token: other members, or none")
    answer = probe.session({"fields": "record.id"})
    _expect_only_id(probe, answer, {"record"}, "fields=record.id")
    answer = probe.session({"fields": "token,record.id"})
    _expect_only_id(probe, answer, {"token", "record"}, "fields=token,record.id")


def _expect_only_id(probe: Probe, answer: Answer, names: set[str], what: str) -> None:
    only_id = as_object(answer.json).keys() == names and as_object(answer.member("record")).keys() == {"id"}
    probe.expect(only_id, f"{what}: other members, or none")


def expand(probe: Probe) -> None:
    """`expand` gives what it gives after a sign-in by password."""
    relations = _relations(as_object(probe.session().member("record")))
    if not relations:
        raise NotTriedError("the record has no relation")
    query = {"expand": ",".join(relations)}
    expected = as_object(probe.password_session(query).member("record", "expand"))
    if not expected:
        raise NotTriedError("the record has no relation that can be seen")
    found = as_object(probe.session(query).member("record", "expand"))
    same = found.keys() == expected.keys() and all(_ids(found[name]) == _ids(expected[name]) for name in expected)
    probe.expect(same, "record.expand is another than after a sign-in by password")


def _relations(record: dict[str, Any]) -> list[str]:
    """Members that hold what looks like ids of other records."""
    own = {"id", "collectionId"}
    found = [name for name, value in record.items() if name not in own and _ID.fullmatch(_first_text(value))]
    return found[:_MOST_RELATIONS]


def _first_text(value: Any) -> str:
    first = next(iter(_as_list(value)), None)
    return first if isinstance(first, str) else ""


def _ids(value: Any) -> list[Any]:
    return [as_object(related).get("id") for related in _as_list(value)]


def _as_list(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]  # any JSON


def second_factor(probe: Probe) -> None:
    """A token is one of two factors; an mfaId works once."""
    if probe.mode != 401:
        raise NotTriedError("the account needs no second factor")
    first = probe.sign_in(probe.token)
    probe.expect(as_object(first.json).keys() == {"mfaId"}, "the first factor: more than mfaId")
    own_id = first.text("mfaId")
    probe.refused(probe.sign_in(probe.token, mfaId=own_id), "the same method twice", SAME_METHOD)
    probe.refused(probe.sign_in(probe.token, mfaId=new_token()), "an unknown mfaId", NO_MFA_SESSION)
    mfa_id = probe.password_mfa_id()
    probe.unknown(probe.sign_in(new_token(), mfaId=mfa_id), "an unknown token as the second factor")
    _ends_in_a_session(probe, probe.sign_in(probe.token, mfaId=mfa_id), "the token as the second factor")
    probe.refused(probe.sign_in(probe.token, mfaId=mfa_id), "the same mfaId again", NO_MFA_SESSION)
    _ends_in_a_session(probe, probe.password_login(mfaId=own_id), "the password as the second factor")


def mfa_id_in_the_query(probe: Probe) -> None:
    """The mfaId of the query counts, before that of the body."""
    if probe.mode != 401:
        raise NotTriedError("the account needs no second factor")
    answer = probe.sign_in(probe.token, query={"mfaId": new_token()}, mfaId=probe.password_mfa_id())
    probe.refused(answer, "an unknown mfaId in the query, a right one in the body", NO_MFA_SESSION)
    answer = probe.sign_in(probe.token, query={"mfaId": probe.password_mfa_id()}, mfaId=new_token())
    _ends_in_a_session(probe, answer, "a right mfaId in the query, an unknown one in the body")


def _ends_in_a_session(probe: Probe, answer: Answer, what: str) -> None:
    probe.expect(answer.status == 200, f"{what}: {seen(answer)}, not 200")
