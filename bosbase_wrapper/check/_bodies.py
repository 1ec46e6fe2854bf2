"""Checks of bodies and paths. Each public function is a check; its docstring says of what."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from ._connection import JSON, NoResponseError
from ._document import BIND, SIGN_IN, UNBIND
from ._probe import NotTriedError, Probe
from ._response import Response
from ._secrets import new_token
from ._session import ProxyError

_NOT_TEXT: Final[tuple[Any, ...]] = (5, True, ["text"], {"text": "text"})
_NO_TOKEN: Final = {"token": "required"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MULTIPART: Final = {"Content-Type": "multipart/form-data; boundary=limit"}
_TEXT: Final = {"Content-Type": "text/plain"}


def _fields(probe: Probe) -> dict[str, tuple[str, ...]]:
    """The required fields of each operation that looks at its body."""
    tried = (SIGN_IN,) if probe.facts.refusal else probe.document.operations
    return {operation: tuple(probe.document.limits(operation)) for operation in tried}


def _body(probe: Probe, operation: str) -> dict[str, Any]:
    """A valid body, with a token that was never bound."""
    token = new_token()
    return {"token": token} if operation == SIGN_IN else probe.credentials(token)


def _raw(probe: Probe, operation: str, body: dict[str, Any], **options: Any) -> Response:
    """Sends a body as JSON, with other headers or to another collection."""
    return probe.post_raw(operation, json.dumps(body).encode(), token=body.get("token"), **options)


def required_fields(probe: Probe) -> None:
    """Each field is required, and an empty one is missing."""
    for operation, fields in _fields(probe).items():
        missing = dict.fromkeys(fields, "required")
        for content in ("", "null", "{}", json.dumps(dict.fromkeys(fields)), json.dumps(dict.fromkeys(fields, ""))):
            response = probe.post_raw(operation, content.encode())
            probe.invalid(response, f"{operation}, {content or 'an empty body'}", operation, **missing)
        for field in fields:
            body = _body(probe, operation)
            for rest in ({**body, field: ""}, {name: value for name, value in body.items() if name != field}):
                what = f"{operation}, {field} {'empty' if field in rest else 'missing'}"
                probe.invalid(probe.post(operation, rest), what, operation, **{field: "required"})
    probe.invalid(probe.post_raw(SIGN_IN, b"", headers={}), "no content type and no body", SIGN_IN, **_NO_TOKEN)


def unreadable_body(probe: Probe) -> None:
    """A body that is not a JSON object, and a field that is not text, are refused."""
    deep = '{"token":' + "[" * 1000 + "]" * 1000 + "}"
    for operation, fields in _fields(probe).items():
        for content in ("[]", '"text"', "5", "true", "{token:", '{"token"', deep):
            response = probe.post_raw(operation, content.encode())
            probe.error(response, f"{operation}, {content[:9]}", operation, "unreadable")
        for field in fields:
            for value in _NOT_TEXT:
                response = _raw(probe, operation, {**_body(probe, operation), field: value})
                probe.error(response, f"{operation}, {field}: {json.dumps(value)}", operation, "unreadable")


def odd_text(probe: Probe) -> None:
    """Invalid UTF-8, half a surrogate pair and repeated fields do no harm."""
    token = new_token()
    half_a_letter = f'{{"token":"{token}\\ud800"}}'.encode()
    no_utf8 = f'{{"token":"{token}'.encode() + b'\xff"}'
    twice = f'{{"token":"{probe.facts.token or token}","token":"{token}"}}'.encode()
    for what, content in (("half a letter", half_a_letter), ("no UTF-8", no_utf8), ("two tokens", twice)):
        response = probe.post_raw(SIGN_IN, content)
        probe.error(response, f"a token never bound, with {what}", SIGN_IN, "unreadable", "credentials")
    for text in (f'{{"token":"{token}",}}', f"{{'token':'{token}'}}", f'{{"token":"{token}"'):
        probe.error(probe.post_raw(SIGN_IN, text.encode()), "a body that is almost JSON", SIGN_IN, "unreadable")


def order(probe: Probe) -> None:
    """Fields are validated before the credentials, and each invalid field is named."""
    probe.require_binding()
    for operation in (BIND, UNBIND):
        too_long = {"password": "p" * (probe.document.limits(BIND)["password"] + 1)}
        response = probe.calls[operation](new_token(probe.longest + 1), email="nobody", **too_long)
        keys = {"email": "emailFormat", "password": "passwordLength", "token": "tokenLength"}
        probe.invalid(response, f"{operation}, three invalid fields", operation, **keys)
        response = probe.calls[operation](new_token(), email="nobody")
        probe.invalid(response, f"{operation}, no email address", operation, email="emailFormat")


def content_types(probe: Probe) -> None:
    """JSON is read with a charset, and other content types are refused."""
    body = {"token": probe.token}
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        probe.signed_in(_raw(probe, SIGN_IN, body, headers={"Content-Type": kind}), f"a sign-in as {kind}")
    for headers in (_TEXT, {"Content-Type": "application/octet-stream"}, {"Content-Type": "text/json"}, {}):
        kind = headers.get("Content-Type", "no content type")
        probe.error(_raw(probe, SIGN_IN, body, headers=headers), f"a sign-in as {kind}", SIGN_IN, "contentType")
    response = probe.post_raw(SIGN_IN, b"<x/>", headers={"Content-Type": "application/xml"})
    probe.invalid(response, "a sign-in as XML without fields", SIGN_IN, **_NO_TOKEN)


def other_types(probe: Probe) -> None:
    """Requests of other methods and content types bind and unbind nothing."""
    known, token = probe.token, new_token()
    for operation, named in ((BIND, token), (UNBIND, known)):
        body = probe.credentials(named)
        response = _raw(probe, operation, body, headers=_TEXT)
        probe.error(response, f"{operation} as text/plain", operation, "contentType")
        for method in ("PUT", "PATCH", "DELETE"):
            _is_lost(probe, method, probe.document.segment(operation), json.dumps(body).encode())
    probe.unknown(probe.sign_in(token), "after that, the token that was to be bound")
    probe.signed_in(probe.sign_in(known), "after that, the token that was to be unbound")


def forms(probe: Probe) -> None:
    """The three operations read forms."""
    probe.require_binding()
    for kind, send in (("form", _form), ("multipart form", _multipart)):
        token = new_token()
        probe.done(send(probe, BIND, probe.credentials(token)), f"binding by a {kind}")
        probe.signed_in(send(probe, SIGN_IN, {"token": token}), f"a sign-in by a {kind}")
        probe.done(send(probe, UNBIND, probe.credentials(token)), f"unbinding by a {kind}")
        probe.unknown(probe.sign_in(token), f"unbound by a {kind}")


def _form(probe: Probe, operation: str, fields: dict[str, str]) -> Response:
    return probe.post_raw(operation, urlencode(fields).encode(), token=fields["token"], headers=_FORM)


def _multipart(probe: Probe, operation: str, fields: dict[str, str]) -> Response:
    part = '--limit\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    content = "".join(part.format(name, value) for name, value in fields.items()) + "--limit--\r\n"
    return probe.post_raw(operation, content.encode(), token=fields["token"], headers=_MULTIPART)


def ignored(probe: Probe) -> None:
    """Unknown fields and parameters, bytes after the JSON and an invalid Authorization are ignored."""
    token = probe.token
    body, binding = {"token": token}, probe.credentials(token)
    probe.signed_in(probe.post_raw(SIGN_IN, json.dumps(body).encode() + b" and more"), "bytes after the JSON")
    probe.signed_in(probe.post(SIGN_IN, {**body, "unknown": [1]}), "an unknown field")
    response = probe.sign_in(token, query={"unknown": "x", "expand": "unknown"})
    probe.signed_in(response, "an unknown parameter and an unknown relation")
    headers = {**JSON, "Authorization": "Bearer garbage"}
    probe.signed_in(probe.post(SIGN_IN, body, headers=headers), "an invalid Authorization, signing in")
    probe.done(probe.post(BIND, binding, headers=headers), "an invalid Authorization, binding")
    content = json.dumps({**binding, "unknown": {}}).encode() + b" and more"
    probe.done(probe.post_raw(BIND, content, token=token), "an unknown field and bytes more, binding")


def large_body(probe: Probe) -> None:
    """A body of 2 MiB is read."""
    try:
        response = probe.post(SIGN_IN, {"token": probe.token, "unknown": "x" * (2 << 20)})
    except ProxyError as error:
        probe.advise(False, f"{error}; nginx: client_max_body_size")
    else:
        probe.signed_in(response, "an unknown field of 2 MiB")


def body_alone(probe: Probe) -> None:
    """A token is read from the body only, because logs contain queries."""
    response = probe.post_raw(SIGN_IN, b"{}", query={"token": probe.token})
    probe.invalid(response, "a bound token in the query", SIGN_IN, **_NO_TOKEN)
    response = probe.post_raw(SIGN_IN, b"{}", headers={**JSON, "Authorization": f"Bearer {probe.token}"})
    probe.invalid(response, "a bound token in the Authorization", SIGN_IN, **_NO_TOKEN)
    _is_lost(probe, "GET", probe.document.segment(SIGN_IN), query={"token": probe.token})


def wrong_path(probe: Probe) -> None:
    """A wrong method or path returns 404, never 405."""
    for segment in map(probe.document.segment, probe.document.operations):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            _is_lost(probe, method, segment)
        _is_lost(probe, "POST", f"{segment}s", b"{}")
        response = probe.request("OPTIONS", probe.session.path(segment), headers={})
        probe.done(response, f"OPTIONS {segment}")
    response = probe.request("POST", f"/api/collections//{probe.document.segment(SIGN_IN)}", b"{}")
    # A gateway in front of the server may join the two slashes.
    probe.expect(response.status in (301, 307, 308, 404), f"a path with //: {probe.seen(response)}, not 307")


def _is_lost(
    probe: Probe, method: str, segment: str, content: bytes = b"", query: dict[str, str] | None = None
) -> None:
    response = probe.request(method, probe.session.path(segment), content, query=query)
    lost = response.status == response.field("status") == 404 and response.field("data") == {}
    kept = lost and response.is_envelope and response.text("message") != ""
    probe.expect(kept, f"{method} {segment}: {probe.seen(response)}, not 404 with the error envelope")


def unknown_collection(probe: Probe) -> None:
    """A collection that does not exist, or has no accounts, returns 404 before any other error."""
    name = f"none_{new_token()[-12:]}"
    response = probe.sign_in(new_token(), collection=f"{name}'\"; \u00e9%--")
    probe.error(response, "a sign-in in a collection with an odd name", SIGN_IN, "unknown")
    for operation in probe.document.operations:
        for body in (_body(probe, operation), {}):
            response = probe.post(operation, body, collection=name)
            probe.error(response, f"{operation} in an unknown collection", operation, "unknown")
        response = probe.post_raw(operation, b"text", headers=_TEXT, collection=name)
        probe.error(response, f"{operation} in an unknown collection, unreadable", operation, "unknown")
        response = probe.post(operation, _body(probe, operation), collection="_authOrigins")
        probe.error(response, f"{operation} in a collection without accounts", operation, "noAuth", "unknown")


def too_large(probe: Probe) -> None:
    """A body of 33 MiB returns 413."""
    content = b'{"token":"' + b"a" * (33 << 20) + b'"}'
    request = probe.session.connection.request("POST", probe.document.path(SIGN_IN, probe.account.collection), content)
    try:
        response = probe.session.connection.send(request)
    except NoResponseError:
        raise NotTriedError("the connection ended before the response could be read, which is allowed") from None
    if response.is_of_proxy or response.status == 429:
        raise NotTriedError(f"the response is {response.status}, of a proxy or a rate limit")
    probe.session.rules.observe(SIGN_IN, response, {})
    probe.error(response, "a body of 33 MiB", SIGN_IN, "tooLarge")
