"""AuthResult and Record: what a sign-in gives, and what it never shows."""

import base64
import copy
import dataclasses
import json
import math
import pickle
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from bosbase_wrapper import AuthResult, Record

MEMBERS: dict[str, Any] = {
    "id": "019ab7a1-6f0e-7c7e-8a55-0d5b53a0a6f1",
    "collectionId": "_pb_users_auth_",
    "collectionName": "users",
    "email": "user@example.com",
    "emailVisibility": True,
    "verified": True,
    "created": "2026-11-24 19:08:47.783Z",
    "updated": "",
    "nick": "U",
    "expand": {"team": {"id": "t1"}},
}


def jwt(claims: object) -> str:
    """A JWT with these claims, its parts without padding."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "signature"])


def test_a_record_is_a_mapping_of_its_members() -> None:
    """By their names on the wire, in the order of the answer, the collection's own among them."""
    record = Record(MEMBERS)
    assert record["nick"] == "U"
    assert dict(record) == MEMBERS
    assert list(record) == list(MEMBERS)
    assert len(record) == len(MEMBERS)
    assert "nick" in record
    assert "other" not in record
    assert record.get("other", 5) == 5
    with pytest.raises(KeyError):
        record["other"]


def test_the_members_of_every_account_are_typed() -> None:
    """Under Python's names, dates as aware datetimes in UTC."""
    record = Record(MEMBERS)
    assert (record.id, record.collection_id, record.collection_name) == (MEMBERS["id"], "_pb_users_auth_", "users")
    assert (record.email, record.verified, record.email_visibility) == ("user@example.com", True, True)
    assert record.created == datetime(2026, 11, 24, 19, 8, 47, 783000, tzinfo=UTC)
    assert record.updated is None
    assert record.expand == {"team": {"id": "t1"}}


@pytest.mark.parametrize(
    "members", [{}, dict.fromkeys(MEMBERS), dict.fromkeys(MEMBERS, 5), dict.fromkeys(MEMBERS, ("a",))]
)
def test_a_member_that_is_left_out_or_of_another_type_has_its_default(members: dict[str, Any]) -> None:
    """`fields` may leave any member out, and a collection may give its own meaning to a name."""
    record = Record(members)
    assert (record.id, record.collection_id, record.collection_name, record.email) == ("", "", "", "")
    assert (record.verified, record.email_visibility) == (False, False)
    assert (record.created, record.updated) == (None, None)
    assert record.expand == {}


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24 19:08:47.783Z", datetime(2026, 11, 24, 19, 8, 47, 783000, tzinfo=UTC)),
        ("2026-11-24T19:08:47Z", datetime(2026, 11, 24, 19, 8, 47, tzinfo=UTC)),
        ("2026-11-24 21:08:47+02:00", datetime(2026, 11, 24, 19, 8, 47, tzinfo=UTC)),
        ("2026-11-24 19:08:47", datetime(2026, 11, 24, 19, 8, 47, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01 00:00:00+23:59", None),
        ("2026-13-45 99:99:99Z", None),
    ],
)
def test_dates_are_aware_and_in_utc(text: str, moment: datetime | None) -> None:
    """Wherever this machine is; None if there is no readable date."""
    created = Record({"created": text}).created
    assert created == moment
    assert created is None or created.tzinfo is UTC


def test_results_never_show_the_token_and_a_record_shows_whose_it_is() -> None:
    """Neither repr nor str; the other members of a record may be private too."""
    result = AuthResult("canary-jwt", Record({**MEMBERS, "nick": "canary"}), {"secret": "canary"})
    assert "canary" not in f"{result} {result!r} {[result]}"
    assert repr(result.record) == f"Record(id={MEMBERS['id']!r}, collection_name='users')"


def test_results_pickle_copy_and_compare() -> None:
    """Equal by their values; other values are not equal."""
    result = AuthResult("jwt", Record(MEMBERS), {"a": 1})
    pickled = [pickle.loads(pickle.dumps(result, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (*pickled, copy.copy(result), copy.deepcopy(result)):
        assert twin == result
        assert (twin.token, dict(twin.record), twin.meta) == ("jwt", MEMBERS, {"a": 1})
    assert result != AuthResult("other", Record(MEMBERS), {"a": 1})
    assert result != AuthResult("jwt", Record({**MEMBERS, "nick": "V"}), {"a": 1})
    assert Record(MEMBERS) == MEMBERS


@pytest.mark.parametrize("value", [AuthResult("jwt", Record(MEMBERS)), Record(MEMBERS)])
def test_results_are_not_hashable(value: Any) -> None:
    """They hold mappings."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


def test_a_result_is_frozen_and_a_record_read_only() -> None:
    """Nobody changes it on its way."""
    result: Any = AuthResult("jwt", Record(MEMBERS))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.token = "other"
    with pytest.raises(TypeError):
        result.record["nick"] = "V"
    assert result.meta == {}


def test_expires_at_is_the_jwts_exp() -> None:
    """Aware, in UTC; a hundred years are no trouble."""
    result = AuthResult(jwt({"exp": 4_919_677_727, "type": "auth"}), Record({}))
    assert result.expires_at == datetime(2125, 11, 24, 17, 8, 47, tzinfo=UTC)
    assert not result.is_expired()
    assert result.is_expired(leeway=200 * 365 * 86_400)
    assert result.is_expired(leeway=1e15)
    assert result.is_expired(leeway=math.inf)


@pytest.mark.parametrize("length", range(12))
def test_expires_at_is_read_whatever_the_jwts_length(length: int) -> None:
    """Base64 without padding has any length."""
    assert AuthResult(jwt({"exp": 0, "x": "x" * length}), Record({})).expires_at == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "a.!.c",
        "a.\u00e9.c",
        jwt({}),
        jwt([]),
        jwt("text"),
        jwt(5),
        jwt({"exp": None}),
        jwt({"exp": "4919677727"}),
        jwt({"exp": True}),
        jwt({"exp": 1e300}),
        jwt({"exp": float("nan")}),
        "a." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".c",
    ],
)
def test_a_token_without_an_exp_to_read_does_not_expire(token: str) -> None:
    """It may be opaque; the server will tell."""
    result = AuthResult(token, Record({}))
    assert result.expires_at is None
    assert not result.is_expired(leeway=1e9)


@pytest.mark.parametrize(
    ("left", "leeway", "expired"), [(60, 0, False), (60, 120, True), (-1, 0, True), (-60, -120, False)]
)
def test_leeway_is_taken_off_the_time_that_is_left(left: float, leeway: float, expired: bool) -> None:
    """In seconds."""
    result = AuthResult(jwt({"exp": time.time() + left}), Record({}))
    assert result.is_expired(leeway) is expired
