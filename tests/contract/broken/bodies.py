"""Bodies, content types, headers, methods and paths."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ._proxy import Sound
from ._spoil import Broken, When, instead, of_requests, of_responses, too_long
from ._wire import Request, Response, documented, error

_FIELDS: Final = {"email", "password", "token", "mfaId", "identity"}


def _typed(part: str) -> When:
    return lambda request: request.operation and part in request.content_type


def _converted(name: str, what: str, kind: type, convert: Callable[[Any], str]) -> Broken:
    """Converts the fields of a type to text."""

    def found(request: Request) -> dict[str, str]:
        return {key: convert(value) for key, value in request.json.items() if isinstance(value, kind)}

    return Broken(name, what, of_requests(lambda r: r.operation and found(r), lambda r: r.saying(**found(r))))


def _has_trailing_bytes(request: Request) -> bool:
    try:
        json.loads(request.body or b"{}")
    except RecursionError:
        return False
    except ValueError as reason:
        return "Extra data" in str(reason) and "json" in request.content_type
    return False


def _fields_before_collection(request: Request, server: Sound) -> Response:
    response = server(request)
    is_unknown = request.operation and response.status == 404
    elsewhere = server(request.to(collection="users")) if is_unknown else response
    return elsewhere if elsewhere.invalid else response


def _credentials_before_fields(request: Request, server: Sound) -> Response:
    response = server(request)
    failed = documented("credentials", "bindToken" if request.is_bind else "unbindToken")
    return failed if request.is_binding and response.invalid and request.text("token") else response


def _first_field_only(response: Response) -> Response:
    return response.saying(data=dict(list(response.json["data"].items())[:1]))


def _has_data(_: Request, response: Response) -> object:
    return response.invalid and response.json.get("data")


def _as_post(request: Request) -> Request:
    posted = replace(request, method="POST", headers={"Content-Type": "application/json"})
    return posted.to(query={}).saying(token=posted.query["token"])


def _from_authorization(request: Request) -> Request:
    token = request.header("authorization").removeprefix("Bearer ")
    return request.saying(token=token).typed("application/json")


_TYPES: Final = (
    Broken(
        "text-plain-taken",
        "JSON is also read as text/plain",
        of_requests(_typed("text/plain"), lambda request: request.typed("application/json")),
    ),
    Broken(
        "no-content-type-taken",
        "JSON is read without a content type",
        of_requests(
            lambda request: request.operation and request.body and not request.content_type,
            lambda request: request.typed("application/json"),
        ),
    ),
    Broken("charset-refused", "JSON with a charset is refused", instead(_typed("charset"), documented("contentType"))),
    Broken("forms-refused", "URL-encoded forms are refused", instead(_typed("urlencoded"), documented("contentType"))),
    Broken("multipart-refused", "Multipart forms are refused", instead(_typed("multipart"), documented("contentType"))),
)

_JSON: Final = (
    Broken(
        "trailing-bytes-refused",
        "Bytes after the JSON are refused",
        instead(_has_trailing_bytes, documented("unreadable")),
    ),
    Broken(
        "unknown-fields-refused",
        "Unknown fields are refused",
        instead(lambda request: request.operation and request.json.keys() - _FIELDS, documented("unreadable")),
    ),
    Broken(
        "null-body-refused",
        "JSON null is refused as unreadable",
        instead(lambda request: request.operation and request.body == b"null", documented("unreadable")),
    ),
    Broken(
        "empty-body-refused",
        "An empty body is refused as unreadable",
        instead(lambda request: request.operation and not request.body, documented("unreadable")),
    ),
    _converted("numbers-taken-for-text", "A number is converted to text", int, str),
    _converted("lists-taken-for-text", "A list counts as its first text", list, lambda value: str((value or [""])[0])),
    _converted("objects-taken-for-empty", "An object counts as an empty text", dict, lambda _: ""),
    Broken(
        "trailing-comma-taken",
        "JSON may have a trailing comma",
        of_requests(
            lambda request: request.operation and request.body.endswith(b",}"),
            lambda request: replace(request, body=request.body[:-2] + b"}"),
        ),
    ),
    Broken(
        "first-of-two-tokens-taken",
        "Of a repeated field the first one counts",
        of_requests(
            lambda request: request.operation and request.body.count(b'"token"') == 2,
            lambda request: replace(request, body=request.body.partition(b",")[0] + b"}"),
        ),
    ),
)

_ELSEWHERE: Final = (
    Broken(
        "token-in-the-query-taken",
        "A token in the query signs in",
        of_requests(
            lambda request: request.is_sign_in and request.query.get("token"),
            lambda request: request.to(query={}).saying(token=request.query["token"]),
        ),
    ),
    Broken(
        "get-with-token-signs-in",
        "GET with a token in the query signs in",
        of_requests(lambda request: request.method == "GET" and "token=" in request.target, _as_post),
    ),
    Broken(
        "token-in-the-authorization-taken",
        "A token in the Authorization header signs in",
        of_requests(
            lambda request: request.is_sign_in and not request.json.get("token") and request.header("authorization"),
            _from_authorization,
        ),
    ),
    Broken(
        "bad-authorization-refused",
        "A request with an Authorization header is refused",
        instead(lambda request: request.operation and request.header("authorization"), error(401, "Unauthorized.")),
    ),
    Broken(
        "method-not-allowed",
        "A wrong method returns 405",
        instead(lambda request: request.is_wrong_method, error(405, "Method Not Allowed.")),
    ),
    Broken(
        "put-signs-in",
        "PUT does what POST does",
        of_requests(lambda request: request.method == "PUT", lambda request: replace(request, method="POST")),
    ),
    Broken(
        "options-refused",
        "OPTIONS returns 404",
        instead(lambda request: request.method == "OPTIONS", documented("otherPath")),
    ),
    Broken(
        "redirects-for-trailing-slash",
        "An unknown path redirects",
        lambda request, server: (
            Response(302, headers=[("Location", request.target[:-1])])
            if request.method == "POST" and request.target.endswith("-tokens")
            else server(request)
        ),
    ),
)

_SIZES: Final = (
    Broken(
        "large-bodies-taken",
        "A body of 33 MiB is read",
        of_responses(lambda _: too_long("token"), lambda _, response: response.status == 413),
    ),
    Broken(
        "one-mib-is-too-large",
        "A body of more than 1 MiB returns 413",
        instead(lambda request: request.operation and len(request.body) > 1 << 20, documented("tooLarge")),
    ),
)

_ORDER: Final = (
    Broken("fields-before-collection", "Fields are validated before the collection", _fields_before_collection),
    Broken("credentials-before-fields", "Fields are validated after the credentials", _credentials_before_fields),
    Broken("first-field-only", "Only the first invalid field is reported", of_responses(_first_field_only, _has_data)),
)

_FAULTS: Final = (
    Broken(
        "odd-input-is-500",
        "A token with an emoji returns 500",
        instead(
            lambda request: request.operation and any(letter > "\uffff" for letter in request.text("token")),
            error(500, "Something went wrong."),
        ),
    ),
    Broken(
        "lists-are-500",
        "A JSON list returns 500",
        instead(lambda request: request.body.startswith(b"["), error(500, "Something went wrong.")),
    ),
    Broken(
        "deep-json-is-500",
        "Deeply nested JSON returns 500",
        instead(lambda request: request.body.count(b"[") > 99, error(500, "Something went wrong.")),
    ),
    Broken(
        "lone-surrogate-is-500",
        "A lone surrogate returns 500",
        instead(
            lambda request: re.search(rb"\\ud8[0-9a-f]{2}(?!\\u)", request.body), error(500, "Something went wrong.")
        ),
    ),
    Broken(
        "odd-collection-is-500",
        "A collection with an odd name returns 500",
        instead(lambda request: "%" in request.collection, error(500, "Something went wrong.")),
    ),
)

BROKEN: Final = (*_TYPES, *_JSON, *_ELSEWHERE, *_SIZES, *_ORDER, *_FAULTS)
