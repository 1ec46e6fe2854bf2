"""Whatever a server answers, a call gives its value or a BosBaseError, which can be kept, shown and handed on."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bosbase_wrapper import (
    AuthResult,
    BosBase,
    BosBaseError,
    Collection,
    UnexpectedResponseError,
    ValidationError,
)

PASSWORD, TOKEN, MFA_ID, JWT = 'pass"word canary', "token-canary-é", "mfa/canary", "jwt-canary.jwt.jwt"
SECRETS = (PASSWORD, TOKEN, MFA_ID, JWT)
OF_CALL = {"bind": (PASSWORD, TOKEN), "unbind": (PASSWORD, TOKEN), "auth": (TOKEN, MFA_ID, JWT)}
CALLS: dict[str, Callable[[Collection], object]] = {
    "bind": lambda users: users.bind_custom_token("a@example.com", PASSWORD, TOKEN),
    "unbind": lambda users: users.unbind_custom_token("a@example.com", PASSWORD, TOKEN),
    "auth": lambda users: users.auth_with_token(TOKEN, mfa_id=MFA_ID, headers={"Authorization": f"Bearer {JWT}"}),
}


def outcome(call: str, status: int, body: bytes, headers: Any = ()) -> Any:
    """What a call ends in, where the server answers so."""

    def respond(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    users = BosBase("http://localhost", retries=0, transport=httpx.MockTransport(respond)).collection("users")
    try:
        return CALLS[call](users)
    except BosBaseError as error:
        return error


def hold(call: str, result: Any) -> None:
    """The result is one of the two, can be handed on, and shows no secret of the call."""
    twin = pickle.loads(pickle.dumps(result))
    assert type(twin) is type(copy.copy(result)) is type(copy.deepcopy(result)) is type(result)
    shown = [str(result), repr(result), str(twin), repr(twin)]
    if isinstance(result, BosBaseError):
        # `mfa_id` is there to be read: what the server wrote is what it wants back.
        attributes = {name: value for name, value in vars(result).items() if name != "mfa_id"}
        shown += [repr(result.args), repr(attributes), *traceback.format_exception(result, limit=0)]
        assert (result.__cause__, result.__context__, result.attempts) == (None, None, 1)
    else:
        assert result is None or isinstance(result, AuthResult)
    for text in shown:
        text.encode()
        assert not any(form in text for secret in OF_CALL[call] for form in (secret, json.dumps(secret)[1:-1]))


# JSON with our own secrets in it, deep and wide, with what JSON allows and Python does not expect.
texts = (
    st.text()
    | st.sampled_from([*SECRETS, "Failed to authenticate.", "\ud800", "", "x" * 5000])
    | st.builds("{0} {1}".format, st.text(max_size=5), st.sampled_from(SECRETS))
)
names = texts | st.sampled_from(["token", "record", "meta", "mfaId", "data", "message", "status", "id", "collectionId"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
field_errors = st.fixed_dictionaries({}, optional={"code": values, "message": values, "params": values}) | values
envelopes = st.fixed_dictionaries(
    {},
    optional={"data": st.dictionaries(names, field_errors, max_size=3) | values, "message": values, "status": values},
)
records = st.fixed_dictionaries({}, optional={"id": values, "collectionId": values, "created": values}) | values
sessions = st.fixed_dictionaries({}, optional={"token": values, "record": records, "meta": values, "mfaId": values})
documents = (envelopes | sessions | values).map(lambda value: json.dumps(value).encode())
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
encoded = st.builds(lambda value, coding: json.dumps(value).encode(coding), envelopes | sessions, encodings)
cut_off = st.builds(lambda body, length: body[:length], documents, st.integers(0, 60))
bodies = st.binary() | documents | encoded | cut_off
header_names = st.sampled_from(["Content-Type", "Content-Encoding", "Retry-After", "Set-Cookie", "Location", "X-Any"])
header_values = st.sampled_from(["gzip", "identity", "br", "0", "1e3", "application/json", *SECRETS]).map(
    lambda text: text.encode("latin-1")
) | st.binary(max_size=20)
headers = st.lists(st.tuples(header_names.map(str.encode), header_values), max_size=4)
statuses = st.integers(100, 999) | st.sampled_from([200, 204, 400, 401, 403, 404, 413, 429, 500, 503])


@pytest.mark.untraced
@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(status=statuses, body=bodies, headers=headers)
@example(
    status=400,
    body=b'{"data": {"token-canary-\\u00e9": {}}, "message": "pass\\"word canary", "status": 400}',
    headers=[],
)
@example(status=401, body=b'{"mfaId": "token-canary-\\u00e9"}', headers=[])
def test_any_answer_ends_in_a_value_or_an_error(call: str, status: int, body: bytes, headers: Any) -> None:
    """Any status, any bytes, any headers."""
    hold(call, outcome(call, status, body, headers))


DEEP = {
    "5,000 lists": b"[" * 5000 + b"]" * 5000,
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5,000 lists, not closed": b"[" * 5000,
    "5,000 levels in a session": b'{"token":"x","record":{"id":"r","deep":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "101 levels in a session": b'{"token":"x","record":{"id":"r","deep":' + b"[" * 99 + b"]" * 99 + b"}}",
    "900 levels in a session's id": b'{"token":"x","record":{"id":' + b"[" * 900 + b"]" * 900 + b"}}",
    "900 levels in an envelope": b'{"message":"m","status":400,"data":{"a":{"code":"c","message":"m","params":{"p":'
    + b"[" * 900
    + b"]" * 900
    + b"}}}}",
    "300 levels in an envelope": b'{"message":"m","status":400,"data":{"a":{"code":"c","message":"m","params":{"p":'
    + b"[" * 300
    + b"]" * 300
    + b"}}}}",
}


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 500])
@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("call", CALLS)
def test_json_of_any_depth(call: str, status: int, body: bytes) -> None:
    """It exhausts no stack, neither here nor where the error is copied later."""
    result = outcome(call, status, body)
    assert (status, call) in ((204, "bind"), (204, "unbind")) or isinstance(result, BosBaseError)
    hold(call, result)


def test_json_of_some_depth_is_a_session() -> None:
    """A hundred levels, and however many members beside each other."""
    deep = b"[" * 98 + b"1" + b"]" * 98
    body = b'{"token":"x","record":{"id":"r","deep":' + deep + b',"wide":[' + b"[]," * 5000 + b"[]]}}"
    result = outcome("auth", 200, body)
    assert isinstance(result, AuthResult)
    assert len(result.record["wide"]) == 5001
    hold("auth", result)


NO_SESSION = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"token"',
    "NaN": b"NaN",
    "HTML": b"<html>",
    "invalid UTF-8": b'{"token":"\xff","record":{}}',
    "a number of 5,000 digits": b'{"token":"x","record":{"n":' + b"9" * 5000 + b"}}",
    "no record": b'{"token":"x"}',
    "a record of pairs": b'{"token":"x","record":[["id","x"]]}',
    "no token": b'{"record":{"id":"x"}}',
    "a token that is a number": b'{"token":5,"record":{"id":"x"}}',
    "a token that is null": b'{"token":null,"record":{"id":"x"}}',
    "an empty token": b'{"token":"","record":{"id":"x"}}',
    "a token with a lone surrogate": b'{"token":"\\ud800","record":{"id":"x"}}',
    "a token with a line break": b'{"token":"x\\r\\nX-Injected: 1","record":{"id":"x"}}',
    "an id that is a number": b'{"token":"x","record":{"id":5}}',
    "an id that is null": b'{"token":"x","record":{"collectionId":null}}',
    "an mfa challenge": b'{"mfaId":"x"}',
}


@pytest.mark.parametrize("body", NO_SESSION.values(), ids=NO_SESSION)
def test_a_200_that_is_no_session_is_unexpected(body: bytes) -> None:
    """It is never half a value."""
    result = outcome("auth", 200, body)
    assert type(result) is UnexpectedResponseError
    assert result.status == 200


SESSIONS = {
    "a byte order mark": b'\xef\xbb\xbf{"token":"x","record":{"id":"r"}}',
    "UTF-16": '{"token":"x","record":{"id":"r"}}'.encode("utf-16"),
    "a repeated member": b'{"token":"y","token":"x","record":{"id":"r"}}',
    "numbers that are none": b'{"token":"x","record":{"id":"r","n":NaN,"i":-Infinity,"h":1e999}}',
    "a meta that is null": b'{"token":"x","record":{"id":"r"},"meta":null}',
    "a meta that is a list": b'{"token":"x","record":{"id":"r"},"meta":[1]}',
    "an mfaId beside": b'{"token":"x","record":{"id":"r"},"mfaId":null}',
    "a lone surrogate in a member": b'{"token":"x","record":{"id":"r","name":"\\ud800"}}',
    "members that nobody knows": b'{"token":"x","record":{"id":"r","":{"":[]}},"":1}',
}


@pytest.mark.parametrize("body", SESSIONS.values(), ids=SESSIONS)
def test_a_session_with_odd_members_is_a_session(body: bytes) -> None:
    """What a sign-in does not need cannot break it."""
    result = outcome("auth", 200, body)
    assert isinstance(result, AuthResult)
    assert (result.token, result.record.id) == ("x", "r")
    assert result.meta == {}
    hold("auth", result)


NO_ENVELOPE = {
    "data that is null": b'{"data":null,"message":"m","status":400}',
    "data that is a list": b'{"data":[],"message":"m","status":400}',
    "no data": b'{"message":"m","status":400}',
    "a message that is a number": b'{"data":{},"message":5,"status":400}',
    "a status that is a text": b'{"data":{},"message":"m","status":"400"}',
    "a status that is true": b'{"data":{},"message":"m","status":true}',
    "a field error that is a text": b'{"data":{"token":"x"},"message":"m","status":400}',
    "a field error without a code": b'{"data":{"token":{"message":"m"}},"message":"m","status":400}',
    "a code that is a number": b'{"data":{"token":{"code":5,"message":"m"}},"message":"m","status":400}',
    "an mfaId that is null": b'{"mfaId":null}',
    "an mfaId that is a number": b'{"mfaId":5}',
    "an empty mfaId": b'{"mfaId":""}',
}


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("body", NO_ENVELOPE.values(), ids=NO_ENVELOPE)
def test_an_error_without_the_envelope_is_unexpected(status: int, body: bytes) -> None:
    """It comes from something in between, and its text is not shown."""
    result = outcome("auth", status, body)
    assert type(result) is UnexpectedResponseError
    assert result.status == status


@pytest.mark.parametrize("levels", [20, 40, 90])
def test_parameters_nested_too_deep_are_cut_off(levels: int) -> None:
    """An error can be copied and pickled from any depth of a caller's own stack."""
    params = b'{"p":' + b"[" * levels + b"]" * levels + b"}"
    body = b'{"message":"m","status":400,"data":{"a":{"code":"c","message":"m","params":' + params + b"}}}"
    error = outcome("auth", 400, body)
    assert type(error) is ValidationError
    assert ("***" in repr(error.data["a"].params)) is (levels > 32)


@pytest.mark.parametrize(
    "location", ["localhost:8090/x", "mailto:a@b", "http:x", "//xn--", "http://[", "\\x00", "http://a:99999"]
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_location_that_cannot_be_read(status: int, location: str) -> None:
    """httpx reads it, although redirects are not followed."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers={"location": location}))
    with BosBase("http://localhost", transport=transport, retries=0) as client, pytest.raises(BosBaseError):
        client.collection("users").auth_with_token("token")
