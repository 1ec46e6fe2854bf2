"""Second factors, the auth rule, and password authentication that is off."""

import json
from dataclasses import replace
from typing import Final

from ._proxy import Sound
from ._spoil import Broken, invented_session, of_done, of_requests, of_responses
from ._wire import Request, Response, documented, error


def _by_password(request: Request, server: Sound, mfa_id: str) -> Response:
    """The session of a second factor that is the password."""
    account = {"identity": server.account["email"], "password": server.password, "mfaId": mfa_id}
    return server(replace(request.to(operation="auth-with-password", query={}), body=json.dumps(account).encode()))


def _token_alone(request: Request, server: Sound) -> Response:
    response = server(request)
    is_first = request.is_sign_in and response.status == 401 and server.password
    return _by_password(request, server, response.json["mfaId"]) if is_first else response


def _two_tokens(request: Request, server: Sound) -> Response:
    response = server(request)
    same = response.says("authWithToken", "sameMethod")
    return _by_password(request, server, request.text("mfaId")) if same else response


def _mfa_id_works_twice(request: Request, server: Sound) -> Response:
    response = server(request)
    used = server.memory.setdefault("used", {})
    mfa_id = request.query.get("mfaId") or request.text("mfaId")
    if request.is_sign_in and response.status == 200:
        used[mfa_id] = response
    return used.get(mfa_id, response) if response.says("authWithToken", "mfaSession") else response


def _unknown_mfa_id(request: Request, server: Sound) -> Response:
    response = server(request)
    is_unknown = response.says("authWithToken", "mfaSession")
    return server(request.to(query={}).saying(mfaId="")) if is_unknown else response


def _any_token(request: Request, server: Sound) -> Response:
    tokens = list(server.tokens)
    is_second = request.is_sign_in and request.text("mfaId") and tokens
    return server(request.saying(token=tokens[0]) if is_second else request)


def _is_first_factor(request: Request, response: Response) -> bool:
    return request.is_sign_in and "mfaId" in response.json


def _rule_ignored(request: Request, server: Sound) -> Response:
    response = server(request)
    return invented_session(server) if _is_kept_out(request, response) else response


def _is_kept_out(request: Request, response: Response) -> bool:
    return request.is_sign_in and response.status == 403


def _password_auth_off_is_400(request: Request, server: Sound) -> Response:
    response = server(request)
    failed = documented("credentials", "bindToken" if request.is_bind else "unbindToken")
    return failed if request.is_binding and response.status == 403 else response


_FACTORS: Final = (
    Broken("mfa-not-asked-for", "A token alone signs in to a collection with MFA", _token_alone, "mfa"),
    Broken("two-tokens-are-two-factors", "A token is the second factor after a token", _two_tokens, "mfa"),
    Broken("mfa-id-works-twice", "An mfaId works more than once", _mfa_id_works_twice, "mfa"),
    Broken("unknown-mfa-id-taken", "An unknown mfaId is ignored", _unknown_mfa_id, "mfa"),
    Broken("any-token-is-a-second-factor", "A token that is not bound is a second factor", _any_token, "mfa"),
    Broken(
        "mfa-id-in-the-query-ignored",
        "An mfaId in the query is ignored",
        of_requests(lambda request: "mfaId" in request.query, lambda request: request.to(query={})),
        "mfa",
    ),
    Broken(
        "mfa-id-in-the-body-ignored",
        "An mfaId in the body is ignored",
        of_requests(
            lambda request: request.is_sign_in and request.text("mfaId"), lambda request: request.saying(mfaId="")
        ),
        "mfa",
    ),
    Broken(
        "first-factor-with-a-record",
        "The first factor returns a record beside the mfaId",
        of_responses(lambda response: response.saying(record={"id": "r" * 15}), _is_first_factor),
        "mfa",
    ),
    Broken(
        "first-factor-returns-200",
        "The first factor returns 200",
        of_responses(lambda response: replace(response, status=200), _is_first_factor),
        "mfa",
    ),
    Broken(
        "binding-requires-a-second-factor",
        "Binding requires a second factor",
        of_done(lambda request: request.is_bind, documented("mfa", "authWithToken")),
        "mfa",
    ),
)

_AUTH_RULES: Final = (
    Broken("auth-rule-ignored", "The auth rule does not apply to tokens", _rule_ignored, "kept-out"),
    Broken(
        "auth-rule-is-400",
        "An account that does not satisfy the auth rule gets 400",
        of_responses(lambda _: documented("credentials", "authWithToken"), _is_kept_out),
        "kept-out",
    ),
    Broken(
        "auth-rule-with-another-message",
        "An account that does not satisfy the auth rule gets another message",
        of_responses(lambda _: error(403, "You are not allowed to perform this request."), _is_kept_out),
        "kept-out",
    ),
    Broken(
        "auth-rule-with-data",
        "The 403 of the auth rule has `data`",
        of_responses(
            lambda response: response.saying(data={"token": {"code": "rule", "message": "No."}}), _is_kept_out
        ),
        "kept-out",
    ),
    Broken(
        "binding-applies-the-auth-rule",
        "The auth rule applies to binding",
        of_done(lambda request: request.is_bind, documented("rule", "authWithToken")),
        "kept-out",
    ),
)

_PASSWORD_AUTH: Final = (
    Broken(
        "password-auth-off-is-400",
        "Binding without password authentication returns 400",
        _password_auth_off_is_400,
        "no-password",
    ),
    Broken(
        "fields-before-password-auth",
        "Fields are validated before password authentication",
        of_responses(
            lambda _: documented("required"),
            lambda request, response: request.is_binding and response.status == 403 and not request.text("token"),
        ),
        "no-password",
    ),
)

BROKEN: Final = (*_FACTORS, *_AUTH_RULES, *_PASSWORD_AUTH)
