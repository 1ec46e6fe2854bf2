"""Every answer of the contract becomes its value or its error, and every other answer an UnexpectedResponseError."""

import ast
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import bosbase_wrapper
from bosbase_wrapper import (
    ApiError,
    BadRequestError,
    BosBaseError,
    Collection,
    ForbiddenError,
    InvalidCredentialsError,
    MfaRequiredError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    ServerError,
    UnauthorizedError,
    UnexpectedResponseError,
    ValidationError,
)

from .conftest import SIGNED_IN, Answering, Recorder

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())

CALLS: dict[str, Callable[[Collection], object]] = {
    "bindToken": lambda users: users.bind_custom_token("a@example.com", "password-1", "token-1"),
    "unbindToken": lambda users: users.unbind_custom_token("a@example.com", "password-1", "token-1"),
    "authWithToken": lambda users: users.auth_with_token("token-1", mfa_id="mfa-1"),
}
# What each example of the document is, by its status and name.
ERRORS: dict[tuple[int, str], type[ApiError]] = {
    (400, "credentials"): InvalidCredentialsError,
    **dict.fromkeys([(400, name) for name in ("required", "tokenLength")], ValidationError),
    **dict.fromkeys([(400, name) for name in ("emailLength", "emailFormat", "passwordLength")], ValidationError),
    (400, "unreadable"): BadRequestError,
    (400, "contentType"): BadRequestError,
    (400, "fields"): BadRequestError,
    (400, "sameMethod"): BadRequestError,
    (400, "mfaSession"): BadRequestError,
    (401, "mfa"): MfaRequiredError,
    (403, "passwordAuthOff"): ForbiddenError,
    (403, "mfaOn"): ForbiddenError,
    (403, "rule"): ForbiddenError,
    (404, "unknown"): NotFoundError,
    (404, "noAuth"): NotFoundError,
    (404, "otherPath"): NotFoundError,
    (413, "tooLarge"): PayloadTooLargeError,
    (429, "rateLimit"): RateLimitedError,
}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def documented() -> Iterator[tuple[str, int, str, Any]]:
    """Every operation, status, example's name and example's body of the document."""
    for path in DOCUMENT["paths"].values():
        for status, answer in path["post"]["responses"].items():
            content = resolved(answer).get("content", {}).get("application/json", {"examples": {"nothing": {}}})
            for name, example in content["examples"].items():
                yield path["post"]["operationId"], int(status), name, resolved(example).get("value")


@pytest.mark.parametrize(("operation", "status", "name", "body"), list(documented()))
def test_each_documented_answer_becomes_what_it_means(
    answering: Answering, operation: str, status: int, name: str, body: Any
) -> None:
    """A success its value, every other answer the error of its row, with status, message and data."""
    users = answering(status, **({} if body is None else {"json": body}))
    if status == 204:
        assert CALLS[operation](users) is None
        return
    if status == 200:
        value = CALLS[operation](users)
        assert isinstance(value, bosbase_wrapper.AuthResult)
        assert (value.token, dict(value.record)) == (body["token"], body["record"])
        return
    with pytest.raises(ApiError) as caught:
        CALLS[operation](users)
    error = caught.value
    assert type(error) is ERRORS[status, name]
    assert (error.status, error.attempts) == (status, 1)
    if not isinstance(error, MfaRequiredError):
        assert error.message == body["message"]
        data = {field: {"params": {}, **problem} for field, problem in body["data"].items()}
        assert {field: vars(problem) for field, problem in error.data.items()} == data


def test_the_mfa_id_of_a_first_factor_can_be_read(answering: Answering) -> None:
    """As an attribute, and nowhere else."""
    with pytest.raises(MfaRequiredError) as caught:
        answering(401, json={"mfaId": "canary-mfa"}).auth_with_token("token")
    assert caught.value.mfa_id == "canary-mfa"
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (413, PayloadTooLargeError),
        (429, RateLimitedError),
        *[(status, ServerError) for status in (500, 502, 503, 504, 520, 599)],
    ],
)
def test_a_status_of_the_table_is_its_error_on_all_three_calls(
    answering: Answering, operation: str, status: int, kind: type[ApiError]
) -> None:
    """Whether the document has it for that operation or not."""
    with pytest.raises(ApiError) as caught:
        CALLS[operation](answering(status, json={"data": {}, "message": "Some text.", "status": status}))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.message, caught.value.data) == (status, "Some text.", {})


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"data":{},"message":5,"status":500}'],
)
def test_a_5xx_is_a_server_error_whatever_its_body(answering: Answering, body: bytes) -> None:
    """Without the envelope there is no message."""
    with pytest.raises(ServerError) as caught:
        answering(500, content=body).auth_with_token("token")
    assert (caught.value.status, caught.value.message, caught.value.retry_after) == (500, "", None)
    assert caught.value.outcome_unknown


NO_ENVELOPES: list[Any] = [
    {},
    {"message": "x", "status": 400},
    {"data": None, "message": "x", "status": 400},
    {"data": [], "message": "x", "status": 400},
    {"data": {"token": "text"}, "message": "x", "status": 400},
    {"data": {"token": [["code", "c"], ["message", "m"]]}, "message": "x", "status": 400},
    {"data": {"token": {"code": 5, "message": "m"}}, "message": "x", "status": 400},
    {"data": {"token": {"message": "m"}}, "message": "x", "status": 400},
    {"data": {}, "message": None, "status": 400},
    {"data": {}, "message": "x", "status": "400"},
    {"data": {}, "message": "x", "status": True},
    [["data", {}], ["message", "x"], ["status", 400]],
    "text",
    [],
]


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("body", NO_ENVELOPES)
def test_an_error_below_500_without_the_envelope_is_unexpected(answering: Answering, operation: str, body: Any) -> None:
    """The generated code would take some of these without a word."""
    with pytest.raises(UnexpectedResponseError) as caught:
        CALLS[operation](answering(400, json=body))
    assert (caught.value.status, caught.value.content_type) == (400, "application/json")


@pytest.mark.parametrize("mfa_id", [None, "", 5, ["x"], {"x": 1}])
def test_a_401_with_an_mfa_id_that_is_none_is_unexpected(answering: Answering, mfa_id: Any) -> None:
    """Only a text can be sent back."""
    with pytest.raises(UnexpectedResponseError):
        answering(401, json={"mfaId": mfa_id}).auth_with_token("token")


NO_SESSIONS: list[bytes] = [
    b"",
    b"{}",
    b"null",
    b"[]",
    b'"text"',
    b"<html><body>Login</body></html>",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"token":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    *[
        json.dumps(body).encode()
        for body in (
            {"token": "jwt"},
            {"record": {"id": "r"}},
            {"token": "", "record": {"id": "r"}},
            {"token": 5, "record": {"id": "r"}},
            {"token": None, "record": {"id": "r"}},
            {"token": "jwt", "record": None},
            {"token": "jwt", "record": "text"},
            {"token": "jwt", "record": [["id", "x"]]},
            {"token": "jwt", "record": {"id": 5}},
            {"token": "jwt", "record": {"id": "r", "collectionId": None}},
            {"token": "jwt", "record": {"id": "r", "collectionName": ["users"]}},
            {"mfaId": "x"},
        )
    ],
]


@pytest.mark.parametrize("body", NO_SESSIONS)
def test_a_200_that_is_no_session_is_unexpected(answering: Answering, body: bytes) -> None:
    """A captive portal's page, an empty body, members of another type; the body is not in the error."""
    with pytest.raises(UnexpectedResponseError) as caught:
        answering(200, content=body, headers={"content-type": "text/html"}).auth_with_token("token")
    assert (caught.value.status, caught.value.content_type) == (200, "text/html")
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("meta", "kept"), [({"a": [1]}, {"a": [1]}), (None, {}), ("odd", {}), ([1], {}), (5, {})], ids=repr
)
def test_an_odd_meta_does_not_break_a_sign_in(answering: Answering, meta: Any, kept: Any) -> None:
    """It is an object or nothing."""
    assert answering(200, json={**SIGNED_IN, "meta": meta}).auth_with_token("token").meta == kept


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        (operation, status)
        for operation, own in (("bindToken", 204), ("unbindToken", 204), ("authWithToken", 200))
        for status in (
            200,
            201,
            202,
            204,
            206,
            299,
            300,
            301,
            302,
            303,
            304,
            307,
            308,
            402,
            405,
            409,
            418,
            499,
            600,
            999,
        )
        if status != own
    ],
)
def test_a_status_that_the_contract_does_not_know_is_unexpected(
    answering: Answering, operation: str, status: int
) -> None:
    """Another success than the operation's own, a redirect, a status that no table has."""
    answer = {"json": {"data": {}, "message": "x", "status": status}, "headers": {"location": "http://localhost:1/"}}
    with pytest.raises(UnexpectedResponseError) as caught:
        CALLS[operation](answering(status, **answer))
    assert caught.value.status == status


def test_a_secret_that_the_server_repeats_is_not_in_the_error(answering: Answering) -> None:
    """`***` stands in its place: in message, data and params, in names too, the longest secret first."""
    field = {
        "code": "token-1",
        "message": "got password-1",
        "params": {"token-1": ["mfa-1", {"x": "password-1-more"}], "n": 1},
    }
    body = {"data": {"token-1": field}, "message": "no token-1, no password-1", "status": 400}
    with pytest.raises(ValidationError) as caught:
        CALLS["bindToken"](answering(400, json=body))
    error = caught.value
    assert error.message == "no ***, no ***"
    assert vars(error.data["***"]) == {
        "code": "***",
        "message": "got ***",
        "params": {"***": ["mfa-1", {"x": "***-more"}], "n": 1},
    }
    assert "password-1" not in repr(vars(error))


def test_a_secret_in_a_content_type_is_not_in_the_error(answering: Answering) -> None:
    """It is the one part of an unexpected answer that the error keeps."""
    with pytest.raises(UnexpectedResponseError) as caught:
        CALLS["authWithToken"](answering(200, content=b"", headers={"content-type": "text/token-1"}))
    assert (caught.value.content_type, "token-1" in str(caught.value)) == ("text/***", False)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
        ("-1", None),
        ("1e3", None),
        ("\u0663", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_read_as_seconds(answering: Answering, status: int, header: str, seconds: float | None) -> None:
    """A number, or the time until an HTTP date; anything else asks for nothing."""
    body = {"data": {}, "message": "x", "status": status}
    with pytest.raises(ApiError) as caught:
        answering(status, json=body, headers=[(b"retry-after", header.encode())]).auth_with_token("token")
    assert isinstance(caught.value, RateLimitedError | ServerError)
    assert caught.value.retry_after == seconds


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("zone", ["00:00:00 GMT", "00:00:00 -0000", "05:00:00 +0500"])
def test_retry_after_may_be_a_date_to_come(answering: Answering, zone: str) -> None:
    """Its seconds are those from now, wherever this machine is."""
    with pytest.raises(ServerError) as caught:
        answering(503, headers={"retry-after": f"Fri, 01 Jan 2100 {zone}"}).auth_with_token("token")
    seconds = (datetime(2100, 1, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    assert caught.value.retry_after == pytest.approx(seconds, abs=60)


def test_values_are_sent_as_they_are() -> None:
    """Nothing is trimmed or normalized; letters travel as UTF-8, not as escapes."""
    recorder = Recorder(lambda _: httpx.Response(204))
    users = bosbase_wrapper.BosBase("http://localhost", transport=httpx.MockTransport(recorder)).collection("users")
    users.bind_custom_token("é@example.com", " pass ", "tok\u0000\U0001f511", body={"x": 1})
    content = recorder.requests[0].content
    sent = {"x": 1, "email": "é@example.com", "password": " pass ", "token": "tok\u0000\U0001f511"}
    assert json.loads(content) == sent
    assert "é@example.com".encode() in content


def test_one_module_imports_the_generated_client() -> None:
    """Who regenerates it must look at one module alone."""
    package = Path(bosbase_wrapper.__file__).parent
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.split(".")[0] == "bosbase_client"
    }
    assert importing == {"_operations.py"}


def test_every_error_of_the_table_has_an_example_in_the_document() -> None:
    """The table above and the document hold each other."""
    names = {(status, name) for _, status, name, _ in documented() if status >= 400}
    assert names == set(ERRORS)
    assert all(issubclass(kind, BosBaseError) for kind in ERRORS.values())
