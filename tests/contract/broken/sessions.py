"""Sessions: the JWT, the record, and what a query asks for."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ._proxy import Sound
from ._spoil import Broken, instead, of_requests, of_sessions
from ._wire import Request, Response, error


def with_jwt(
    response: Response, head: dict[str, Any] | None = None, signature: str | None = None, **claims: Any
) -> Response:
    """The response with parts of its JWT changed."""
    parts = str(response.json["token"]).split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2]]
    changed = [{**decoded[0], **(head or {})}, {**decoded[1], **claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in changed]
    return response.saying(token=".".join([*encoded, parts[2] if signature is None else signature]))


def _jwt_contains_token(request: Request, server: Sound) -> Response:
    return of_sessions(lambda found: with_jwt(found, key=request.text("token")))(request, server)


def _unbind_ends_sessions(request: Request, server: Sound) -> Response:
    response = server(request)
    sessions, ended = server.memory.setdefault("sessions", {}), server.memory.setdefault("ended", set())
    if request.is_sign_in and response.status == 200:
        sessions[request.text("token")] = response.json.get("token")
        ended.discard(response.json.get("token"))  # two sign-ins within a second return the same JWT
    if request.is_unbind and response.status == 204:
        ended.add(sessions.get(request.text("token")))
    is_over = request.header("authorization") and request.header("authorization") in ended
    return error(401, "The request requires valid record authorization token.") if is_over else response


def _sign_in_verifies(request: Request, server: Sound) -> Response:
    response = server(request)
    return response.with_record(verified=True) if "record" in response.json and server.session else response


def _without_id(response: Response) -> Response:
    return response.saying(record={name: value for name, value in response.json["record"].items() if name != "id"})


_JWTS: Final[dict[str, tuple[str, Callable[[Response], Response]]]] = {
    "unsigned-jwt": ("The JWT is not signed", lambda found: with_jwt(found, head={"alg": "none"}, signature="")),
    "jwt-with-a-wrong-signature": (
        "The signature of the JWT is wrong",
        lambda found: with_jwt(found, signature="A" * 43),
    ),
    "expired-jwt": ("The JWT is expired", lambda found: with_jwt(found, exp=1_600_000_000)),
    "jwt-of-the-future": ("The JWT is not yet valid", lambda found: with_jwt(found, nbf=4_000_000_000)),
    "jwt-of-another-record": ("The JWT is another account's", lambda found: with_jwt(found, id="another00000000")),
    "opaque-session": ("The session's token is not a JWT", lambda found: found.saying(token="4f9a1c7e5d")),
}

_RECORDS: Final[dict[str, tuple[str, Callable[[Response], Response]]]] = {
    "session-without-token": ("A session has no token", lambda found: found.without("token")),
    "session-without-record": ("A session has no record", lambda found: found.without("record")),
    "session-with-an-extra-field": (
        "A session has an unknown field",
        lambda found: found.saying(refreshToken="4f9a1c7e5d"),
    ),
    "mfa-id-beside-a-session": ("A session has an mfaId", lambda found: found.saying(mfaId="7nbcwn14p9f2wqk")),
    "record-without-id": ("The record has no id", _without_id),
    "record-of-another-account": (
        "The record is another account's",
        lambda found: found.with_record(id="another00000000", email="other@example.com"),
    ),
    "record-of-another-collection": (
        "The record names another collection",
        lambda found: found.with_record(collectionName="clients", collectionId="pbc_1234567890"),
    ),
    "record-shows-an-extra-field": (
        "The record has a field that a sign-in by password does not return",
        lambda found: found.with_record(internal_note="x"),
    ),
    "record-in-a-list": ("The record is in a list", lambda found: found.saying(record=[found.json["record"]])),
    "dates-of-another-form": ("Dates are seconds, as text", lambda found: found.with_record(created="1795546800")),
    "flags-as-text": ("`verified` is text", lambda found: found.with_record(verified="false")),
    "responses-in-utf-16": (
        "Sessions are JSON in UTF-16",
        lambda found: replace(found, body=json.dumps(found.json).encode("utf-16")),
    ),
}

BROKEN: Final = (
    *(Broken(name, what, of_sessions(change)) for name, (what, change) in (_JWTS | _RECORDS).items()),
    Broken("jwt-contains-the-token", "The JWT contains the custom token", _jwt_contains_token),
    Broken("unbind-ends-sessions", "Unbinding ends the sessions that the token opened", _unbind_ends_sessions),
    Broken("sign-in-verifies", "A sign-in by token marks the account as verified", _sign_in_verifies),
    Broken(
        "fields-ignored",
        "`fields` has no effect",
        of_requests(lambda request: "fields" in request.query, lambda request: request.without_parameter("fields")),
    ),
    Broken(
        "expand-ignored",
        "`expand` has no effect",
        of_requests(lambda request: "expand" in request.query, lambda request: request.without_parameter("expand")),
        "related",
    ),
    Broken(
        "unknown-expand-refused",
        "An unknown relation is refused",
        instead(lambda request: "expand" in request.query, error(400, "Failed to expand.")),
    ),
)
