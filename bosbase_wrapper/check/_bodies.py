"""Checks of bodies and paths. Each public function is a check; its docstring says of what."""

import json
from typing import Any, Final

import httpx

from ._connection import JSON
from ._document import BIND, SIGN_IN, UNBIND
from ._probe import Probe, ProxyError
from ._secrets import new_token

_NOT_TEXT: Final[tuple[Any, ...]] = (5, True, ["text"], {"text": "text"})
_NO_TOKEN: Final = {"token": "required"}


def _fields(probe: Probe) -> dict[str, tuple[str, ...]]:
    """The required fields of each operation that looks at its body."""
    tried = (SIGN_IN,) if probe.facts.refusal else probe.document.limits
    return {operation: tuple(probe.document.limits[operation]) for operation in tried}


def _body(probe: Probe, operation: str) -> dict[str, Any]:
    """A valid body, with a token that was never bound."""
    token = new_token()
    return {"token": token} if operation == SIGN_IN else probe.credentials(token)


def required_fields(probe: Probe) -> None:
    """Each field is required, and an empty one is missing."""
    for operation, fields in _fields(probe).items():
        missing = dict.fromkeys(fields, "required")
        for content in ("", "null", "{}", json.dumps(dict.fromkeys(fields)), json.dumps(dict.fromkeys(fields, ""))):
            probe.invalid(operation, content.encode(), f"{operation}, {content or 'an empty body'}", missing)
        for field in fields:
            body = _body(probe, operation)
            probe.invalid(operation, {**body, field: ""}, f"{operation}, {field} empty", {field: "required"})
            del body[field]
            probe.invalid(operation, body, f"{operation}, {field} missing", {field: "required"})
    probe.invalid(SIGN_IN, b"", "no content type and no body", _NO_TOKEN, headers={})


def unreadable_body(probe: Probe) -> None:
    """A body that is not a JSON object, and a field that is not text, are refused."""
    deep = '{"token":' + "[" * 1000 + "]" * 1000 + "}"
    for operation, fields in _fields(probe).items():
        for content in ("[]", '"text"', "5", "true", "{token:", '{"token"', '{"token":"x",}', "{'token':'x'}", deep):
            probe.refused(operation, content.encode(), f"{operation}, {content[:14]}", "unreadable")
        for field in fields:
            for value in _NOT_TEXT:
                body, what = {**_body(probe, operation), field: value}, f"{operation}, {field}: {json.dumps(value)}"
                probe.refused(operation, body, what, "unreadable")


def odd_text(probe: Probe) -> None:
    """Invalid UTF-8, half a surrogate pair and repeated fields do no harm."""
    token = new_token()
    bodies = {
        "half a letter": f'{{"token":"{token}\\ud800"}}'.encode(),
        "no UTF-8": f'{{"token":"{token}'.encode() + b'\xff"}',
        "two tokens": f'{{"token":"{probe.facts.token or token}","token":"{token}"}}'.encode(),
    }
    for what, body in bodies.items():
        probe.refused(SIGN_IN, body, f"a token never bound, with {what}", "unreadable", "credentials")


def order(probe: Probe) -> None:
    """Fields are validated before the credentials, and each invalid field is named."""
    probe.require_binding()
    email, password = probe.account.email, "p" * (probe.document.limits[BIND]["password"] + 1)
    keys = {"email": "emailFormat", "password": "passwordLength", "token": "tokenLength"}
    for operation in (BIND, UNBIND):
        for how, invalid in {"of no form": "nobody", "after a space": f" {email}", "before one": f"{email} "}.items():
            body = probe.credentials(new_token(probe.longest + 1), email=invalid, password=password)
            probe.invalid(operation, body, f"{operation}, three invalid fields, the email {how}", keys)


def content_types(probe: Probe) -> None:
    """JSON is read with a charset. Other content types are refused, and bind and unbind nothing."""
    known, token = probe.token, new_token()
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        probe.known(known, f"a sign-in as {kind}", headers={"Content-Type": kind})
    bodies = {SIGN_IN: {"token": known}, BIND: probe.credentials(token), UNBIND: probe.credentials(known)}
    for kind in ("text/plain", "application/octet-stream", "text/json", ""):
        headers = {"Content-Type": kind} if kind else {}
        for operation, body in bodies.items():
            probe.refused(operation, body, f"{operation} as {kind or 'no type'}", "contentType", headers=headers)
    probe.unknown(token, "after that, the token that was to be bound")
    probe.known(known, "after that, the token that was to be unbound")
    probe.invalid(SIGN_IN, b"<x/>", "XML without fields", _NO_TOKEN, headers={"Content-Type": "application/xml"})


def forms(probe: Probe) -> None:
    """The three operations read forms."""
    probe.require_binding()
    for multipart in (False, True):
        token = new_token()
        steps = ((BIND, probe.credentials(token)), (SIGN_IN, {"token": token}), (UNBIND, probe.credentials(token)))
        for operation, fields in steps:
            parts = {name: (None, value) for name, value in fields.items()} if multipart else None
            form = httpx.Request("POST", probe.account.url, data=None if multipart else fields, files=parts)
            kind, wanted = form.headers["Content-Type"], probe.facts.mode if operation == SIGN_IN else 204
            response = probe.post(operation, form.read(), token=token, headers={"Content-Type": kind})
            probe.status(response, f"{operation} as {kind.partition(';')[0]}", wanted)
        probe.unknown(token, "unbound by a form")


def ignored(probe: Probe) -> None:
    """Unknown fields and parameters, bytes after the JSON and an invalid Authorization are ignored."""
    token = probe.token
    body, binding = {"token": token}, probe.credentials(token)
    probe.signed_in(probe.post(SIGN_IN, json.dumps(body).encode() + b" and more"), "bytes after the JSON")
    probe.signed_in(probe.post(SIGN_IN, {**body, "unknown": [1]}), "an unknown field")
    probe.known(token, "an unknown parameter and relation", query={"unknown": "x", "expand": "unknown"})
    headers = {**JSON, "Authorization": "Bearer garbage"}
    probe.known(token, "an invalid Authorization, signing in", headers=headers)
    probe.status(probe.post(BIND, binding, headers=headers), "an invalid Authorization, binding", 204)
    content = json.dumps({**binding, "unknown": {}}).encode() + b" and more"
    probe.status(probe.post(BIND, content, token=token), "an unknown field and bytes more, binding", 204)


def large_body(probe: Probe) -> None:
    """A body of 2 MiB is read."""
    try:
        response = probe.post(SIGN_IN, {"token": probe.token, "unknown": "x" * (2 << 20)})
        probe.signed_in(response, "an unknown field of 2 MiB")
    except ProxyError as error:
        probe.advise(False, f"{error}; nginx: client_max_body_size")


def body_alone(probe: Probe) -> None:
    """A token is read from the body only, because logs contain queries."""
    query, headers = {"token": probe.token}, {**JSON, "Authorization": f"Bearer {probe.token}"}
    probe.invalid(SIGN_IN, {}, "a bound token in the query", _NO_TOKEN, query=query)
    probe.invalid(SIGN_IN, {}, "a bound token in the Authorization", _NO_TOKEN, headers=headers)
    _is_lost(probe, "GET", SIGN_IN, query=query)


def wrong_path(probe: Probe) -> None:
    """A wrong method or path returns 404, never 405, and binds and unbinds nothing."""
    token, known = new_token(), probe.facts.token
    named = {BIND: token, UNBIND: known, SIGN_IN: known}
    for operation, segment in probe.document.segments.items():
        content = json.dumps(probe.credentials(named[operation])).encode()
        _is_lost(probe, "GET", segment)
        for method in ("PUT", "PATCH", "DELETE"):
            _is_lost(probe, method, segment, content)
        _is_lost(probe, "POST", f"{segment}s", content)
        probe.status(probe.request("OPTIONS", probe.path(segment), headers={}), f"OPTIONS {segment}", 204)
    probe.unknown(token, "after that, the token that was to be bound")
    if known:
        probe.known(known, "after that, the token that was to be unbound")


def _is_lost(probe: Probe, method: str, segment: str, content: bytes = b"", **options: Any) -> None:
    response = probe.request(method, probe.path(segment), content, **options)
    probe.error(response, f"{method} {segment}", probe.document.errors[SIGN_IN]["otherPath"])


def unknown_collection(probe: Probe) -> None:
    """A collection that does not exist, or has no accounts, returns 404 before any other error."""
    name = f"none_{new_token()[-12:]}"
    odd = f"{name}'\"; \u00e9%--"
    probe.refused(SIGN_IN, {"token": new_token()}, "a collection with an odd name", "unknown", collection=odd)
    for operation in probe.document.segments:
        for body in (_body(probe, operation), {}):
            probe.refused(operation, body, f"{operation} in an unknown collection", "unknown", collection=name)
        what = f"{operation} in an unknown collection, with no content type"
        probe.refused(operation, b"text", what, "unknown", headers={}, collection=name)
        body, what = _body(probe, operation), f"{operation} in a collection without accounts"
        probe.refused(operation, body, what, "noAuth", "unknown", collection="_authOrigins")


def too_large(probe: Probe) -> None:
    """A body of 33 MiB returns 413."""
    content = b'{"token":"' + b"a" * (33 << 20) + b'"}'
    response = probe.connection.attempt(probe.connection.request("POST", probe.path(SIGN_IN), content))
    of_server = not response.is_of_proxy and response.status not in (0, 429)
    probe.require(of_server, f"{probe.seen(response)}: of a proxy or a rate limit, which is allowed")
    probe.rules.observe(SIGN_IN, response, httpx.QueryParams())
    probe.error(response, "a body of 33 MiB", probe.document.errors[SIGN_IN]["tooLarge"])
