"""What a body may be, and what a path may be."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from ._answer import Answer, as_object
from ._contract import SEGMENTS
from ._errors import NoAnswerError, NotTriedError
from ._line import JSON
from ._probe import (
    FAILED,
    NO_AUTH_COLLECTION,
    NO_COLLECTION,
    NO_EMAIL,
    REQUIRED,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    Probe,
    out_of_range,
    seen,
)
from ._secrets import new_token

_BINDING: Final[tuple[str, ...]] = ("email", "password", "token")
_SIGN_IN: Final[dict[str, tuple[str, ...]]] = {"authWithToken": ("token",)}
_MEMBERS: Final = {"bindToken": _BINDING, "unbindToken": _BINDING, **_SIGN_IN}
_NOT_TEXT: Final[tuple[Any, ...]] = (5, True, ["text"], {"text": "text"})
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MULTIPART: Final = {"Content-Type": "multipart/form-data; boundary=limit"}
_XML: Final = {"Content-Type": "application/xml"}
_TEXT: Final = {"Content-Type": "text/plain"}


def _members(probe: Probe) -> dict[str, tuple[str, ...]]:
    """The members of each operation that looks at its body."""
    return _MEMBERS if probe.can_bind else _SIGN_IN


def _body(probe: Probe, operation: str) -> dict[str, Any]:
    """A body that is right, with a token that nobody bound."""
    token = new_token()
    return {"token": token} if operation == "authWithToken" else probe.credentials(token)


def _raw(probe: Probe, operation: str, body: dict[str, Any], **options: Any) -> Answer:
    """Sends a body as JSON under other circumstances."""
    return probe.post_raw(operation, json.dumps(body).encode(), token=body.get("token"), **options)


def empty_bodies(probe: Probe) -> None:
    """An empty body, null, {} and members that are null or "" are as no members."""
    for operation, members in _members(probe).items():
        expected = dict.fromkeys(members, REQUIRED)
        for content in ("", "null", "{}", json.dumps(dict.fromkeys(members)), json.dumps(dict.fromkeys(members, ""))):
            answer = probe.post_raw(operation, content.encode())
            probe.invalid(answer, f"{operation}, {content or 'an empty body'}", expected)
    answer = probe.post_raw("authWithToken", b"", headers={})
    probe.invalid(answer, "no body and no content type", {"token": REQUIRED})


def missing_members(probe: Probe) -> None:
    """Each member is required, however right the others are."""
    for operation, members in _members(probe).items():
        for member in members:
            body = _body(probe, operation)
            answer = probe.post(operation, {**body, member: ""})
            probe.invalid(answer, f'{operation}, {member}: ""', {member: REQUIRED})
            answer = probe.post(operation, {name: value for name, value in body.items() if name != member})
            probe.invalid(answer, f"{operation} without {member}", {member: REQUIRED})


def unreadable_bodies(probe: Probe) -> None:
    """What is no JSON object, and members that are no text."""
    deep = '{"token":' + "[" * 1000 + "]" * 1000 + "}"
    for operation, members in _members(probe).items():
        for content in ("[]", '"text"', "5", "true", "{token:", '{"token"', deep):
            answer = probe.post_raw(operation, content.encode())
            probe.refused(answer, f"{operation}, {content[:9]}", UNREADABLE)
        for member in members:
            for value in _NOT_TEXT:
                answer = _raw(probe, operation, {**_body(probe, operation), member: value})
                probe.refused(answer, f"{operation}, {member}: {json.dumps(value)}", UNREADABLE)


def odd_text(probe: Probe) -> None:
    """Servers differ in how strictly they read JSON, but none fails over it, and none takes the first of two tokens."""
    token = new_token()
    half_a_letter = f'{{"token":"{token}\\ud800"}}'.encode()
    no_utf8 = f'{{"token":"{token}'.encode() + b'\xff"}'
    twice = f'{{"token":"{probe.token or token}","token":"{token}"}}'.encode()
    for what, content in (("half a letter", half_a_letter), ("no UTF-8", no_utf8), ("two tokens", twice)):
        answer = probe.post_raw("authWithToken", content)
        probe.refused(answer, f"a token nobody bound, with {what}", UNREADABLE, FAILED["authWithToken"])
    for text in (f'{{"token":"{token}",}}', f"{{'token':'{token}'}}", f'{{"token":"{token}"'):
        probe.refused(probe.post_raw("authWithToken", text.encode()), "what is nearly JSON", UNREADABLE)


def order_of_checks(probe: Probe) -> None:
    """The members come before the credentials, and each that is not valid is named."""
    for operation in ("bindToken", "unbindToken"):
        answer = probe.calls[operation](new_token(1025), email="nobody", password="p" * 256)
        expected = {"email": NO_EMAIL, "password": out_of_range(255), "token": out_of_range(1024)}
        probe.invalid(answer, f"{operation}, three members that are not valid", expected)
        answer = probe.calls[operation](new_token(), email="nobody")
        probe.invalid(answer, f"{operation}, no email address", {"email": NO_EMAIL})


def content_types(probe: Probe) -> None:
    """JSON is read with a charset; text/plain and no type at all are not read."""
    body = {"token": probe.token or new_token()}
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        answer = _raw(probe, "authWithToken", body, headers={"Content-Type": kind})
        read = probe.is_known(answer) if probe.token else answer.text("message") == FAILED["authWithToken"]
        probe.expect(read, f"a sign-in as {kind}: {seen(answer)}")
    for headers in (_TEXT, {"Content-Type": "application/octet-stream"}, {"Content-Type": "text/json"}, {}):
        kind = headers.get("Content-Type", "no content type")
        answer = _raw(probe, "authWithToken", body, headers=headers)
        probe.refused(answer, f"a sign-in as {kind}", UNSUPPORTED)
    answer = probe.post_raw("authWithToken", b"<x/>", headers=_XML)
    probe.invalid(answer, "a sign-in as XML without members", {"token": REQUIRED})


def other_types_change_nothing(probe: Probe) -> None:
    """Binding and unbinding with the right members, but as text/plain or by other methods."""
    token = new_token()
    for operation, named in (("bindToken", token), ("unbindToken", probe.token)):
        body = probe.credentials(named)
        answer = _raw(probe, operation, body, headers=_TEXT)
        probe.refused(answer, f"{operation} as text/plain", UNSUPPORTED)
        for method in ("PUT", "PATCH", "DELETE"):
            answer = probe.request(method, probe.path(SEGMENTS[operation]), json.dumps(body).encode())
            _is_lost(probe, answer, f"{method} {SEGMENTS[operation]}")
    probe.unknown(probe.sign_in(token), "after that, what was to be bound")
    probe.signed_in(probe.sign_in(probe.token), "after that, what was to be unbound")


def forms(probe: Probe) -> None:
    """URL-encoded and multipart forms carry the three calls."""
    token = new_token()
    probe.done(_form(probe, "bindToken", probe.credentials(token)), "binding by a form")
    probe.signed_in(_form(probe, "authWithToken", {"token": token}), "a sign-in by a form")
    probe.signed_in(_multipart(probe, "authWithToken", {"token": token}), "a sign-in by a multipart form")
    probe.done(_form(probe, "unbindToken", probe.credentials(token)), "unbinding by a form")
    probe.unknown(_form(probe, "authWithToken", {"token": token}), "unbound by a form")
    token = new_token()
    probe.done(_multipart(probe, "bindToken", probe.credentials(token)), "binding by a multipart form")
    probe.signed_in(probe.sign_in(token), "bound by a multipart form")
    probe.done(_multipart(probe, "unbindToken", probe.credentials(token)), "unbinding by a multipart form")
    probe.unknown(probe.sign_in(token), "unbound by a multipart form")


def _form(probe: Probe, operation: str, members: dict[str, str]) -> Answer:
    return probe.post_raw(operation, urlencode(members).encode(), token=members["token"], headers=_FORM)


def _multipart(probe: Probe, operation: str, members: dict[str, str]) -> Answer:
    part = '--limit\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    content = "".join(part.format(name, value) for name, value in members.items()) + "--limit--\r\n"
    return probe.post_raw(operation, content.encode(), token=members["token"], headers=_MULTIPART)


def what_is_ignored(probe: Probe) -> None:
    """Bytes after the JSON, members and parameters that nobody knows, a bad Authorization."""
    body = {"token": probe.token}
    content = json.dumps(body).encode()
    probe.signed_in(probe.post_raw("authWithToken", content + b" and more"), "bytes after the JSON")
    probe.signed_in(probe.post("authWithToken", {**body, "unknown": [1]}), "a member that nobody knows")
    answer = probe.post("authWithToken", {**body, "unknown": "x" * (2 << 20)})
    probe.signed_in(answer, "a member of 2 MiB that nobody knows")
    answer = probe.sign_in(probe.token, query={"unknown": "x", "expand": "unknown"})
    probe.signed_in(answer, "a parameter and a relation that nobody knows")
    headers = {**JSON, "Authorization": "Bearer garbage"}
    probe.signed_in(probe.post("authWithToken", body, headers=headers), "a bad Authorization, signing in")
    answer = probe.post("bindToken", probe.credentials(probe.token), headers=headers)
    probe.done(answer, "a bad Authorization, binding")
    binding = json.dumps({**probe.credentials(probe.token), "unknown": {}}).encode() + b" and more"
    probe.done(probe.post_raw("bindToken", binding, token=probe.token), "a member and bytes more, binding")


def body_alone(probe: Probe) -> None:
    """A token counts in the body alone: a query stands in logs."""
    answer = probe.post_raw("authWithToken", b"{}", query={"token": probe.token})
    probe.invalid(answer, "a bound token in the query", {"token": REQUIRED})
    answer = probe.post_raw("authWithToken", b"{}", headers={**JSON, "Authorization": f"Bearer {probe.token}"})
    probe.invalid(answer, "a bound token in the Authorization", {"token": REQUIRED})
    answer = probe.request("GET", probe.path("auth-with-token"), query={"token": probe.token})
    _is_lost(probe, answer, "GET with a bound token in the query")


def wrong_paths(probe: Probe) -> None:
    """Wrong methods and paths answer 404, never 405."""
    for segment in SEGMENTS.values():
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            _is_lost(probe, probe.request(method, probe.path(segment)), f"{method} {segment}")
        _is_lost(probe, probe.request("POST", probe.path(f"{segment}s"), b"{}"), f"POST {segment}s")
        answer = probe.request("OPTIONS", probe.path(segment), headers={})
        probe.done(answer, f"OPTIONS {segment}")
    answer = probe.request("POST", "/api/collections//auth-with-token", b"{}")
    # A gateway before the server may join the two slashes.
    probe.expect(answer.status in (301, 307, 308, 404), f"a path with //: {seen(answer)}, not 307")


def _is_lost(probe: Probe, answer: Answer, what: str) -> None:
    envelope = as_object(answer.json)
    kept = answer.status == envelope.get("status") == 404 and envelope.get("data") == {}
    named = envelope.keys() == {"data", "message", "status"} and answer.text("message") != ""
    probe.expect(kept and named, f"{what}: {seen(answer)}, not 404 with the envelope")


def unknown_collection(probe: Probe) -> None:
    """A collection that is not there, or has no accounts, comes before all other errors."""
    name = f"none_{new_token()[-12:]}"
    answer = probe.sign_in(new_token(), collection=f"{name}'\"; \u00e9%--")
    probe.refused(answer, "a sign-in in a collection of an odd name", NO_COLLECTION, status=404)
    for operation in SEGMENTS:
        for body in (_body(probe, operation), {}):
            answer = probe.post(operation, body, collection=name)
            probe.refused(answer, f"{operation} in an unknown collection", NO_COLLECTION, status=404)
        answer = probe.post_raw(operation, b"text", headers=_TEXT, collection=name)
        probe.refused(answer, f"{operation} in an unknown collection, unreadable", NO_COLLECTION, status=404)
        answer = probe.post(operation, _body(probe, operation), collection="_authOrigins")
        without = (NO_AUTH_COLLECTION, NO_COLLECTION)
        probe.refused(answer, f"{operation} in a collection without accounts", *without, status=404)


def too_large(probe: Probe) -> None:
    """A body of 33 MiB."""
    content = b'{"token":"' + b"a" * (33 << 20) + b'"}'
    try:
        answer = probe.post_raw("authWithToken", content)
    except NoAnswerError:
        raise NotTriedError("the connection ended before the answer could be read, as it may") from None
    probe.refused(answer, "a body of 33 MiB", TOO_LARGE, status=413)
