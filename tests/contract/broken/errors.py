"""Errors and statuses."""

from dataclasses import replace
from typing import Any, Final

from ._proxy import Sound
from ._spoil import Broken, dropped, of_done, of_errors, of_responses, of_sessions
from ._wire import Request, Response, documented, error, json_response

_PAGE: Final = b"<html><body>Bad Request</body></html>"
# As text/plain, it could be a proxy's.
_SLOW_DOWN: Final = Response(429, b'{"title":"slow down"}', [("Content-Type", "application/problem+json")])


def _without_params(response: Response) -> Response:
    fields: dict[str, dict[str, Any]] = response.json["data"]
    bare = {name: {key: value for key, value in found.items() if key != "params"} for name, found in fields.items()}
    return response.saying(data=bare)


def _has_data(_: Request, response: Response) -> object:
    return response.json.get("data")


def _unknown_email_is_told(request: Request, server: Sound) -> Response:
    response = server(request)
    is_other = request.text("email") != server.account.get("email", request.text("email"))
    return (
        error(400, "No such account.") if is_other and request.is_binding and response.wrong_credentials else response
    )


def _every(request: Request, server: Sound, number: int) -> bool:
    """Whether it is one of every `number` requests."""
    server.memory["count"] = server.memory.get("count", 0) + 1
    return request.operation != "" and server.memory["count"] % number == 0


def _sign_in_redirects(request: Request, server: Sound) -> Response:
    away = request.is_sign_in and not request.query
    return Response(307, headers=[("Location", f"{request.target}?there=1")]) if away else server(request)


def _drops_at_times(request: Request, server: Sound) -> Response:
    drops = _every(request, server, 10)
    return dropped(lambda *_: drops)(request, server)


_SHAPES: Final = (
    Broken(
        "errors-of-another-shape",
        "Errors have another shape",
        of_errors(lambda response: response.holding({"error": response.message})),
    ),
    Broken("errors-without-data", "Errors have no `data`", of_errors(lambda response: response.without("data"))),
    Broken(
        "errors-with-a-list-of-data",
        "`data` of an error is a list",
        of_errors(lambda response: response.saying(data=[])),
    ),
    Broken(
        "errors-with-another-status",
        "`status` of an error is not the response's",
        of_errors(lambda response: response.saying(status=500)),
    ),
    Broken(
        "errors-with-status-as-text",
        "`status` of an error is text",
        of_errors(lambda response: response.saying(status=str(response.status))),
    ),
    Broken("errors-without-status", "Errors have no `status`", of_errors(lambda response: response.without("status"))),
    Broken(
        "errors-with-a-trace",
        "Errors contain a stack trace",
        of_errors(lambda response: response.saying(trace="main.go:42")),
    ),
    Broken(
        "errors-in-html",
        "Errors are HTML",
        of_errors(lambda response: replace(response, body=_PAGE, headers=[("Content-Type", "text/html")])),
    ),
    Broken(
        "errors-as-text",
        "Errors are JSON with the content type text/plain",
        of_errors(lambda response: replace(response, headers=[("Content-Type", "text/plain")])),
    ),
    Broken(
        "limits-without-params",
        "The error of a value that is too long has no limits",
        of_responses(_without_params, _has_data),
    ),
    Broken(
        "rate-limit-without-envelope",
        "A 429 has no error envelope",
        lambda request, server: _SLOW_DOWN if _every(request, server, 50) else server(request),
    ),
)

_STATUSES: Final = (
    Broken(
        "all-errors-are-200", "Errors have the status 200", of_errors(lambda response: replace(response, status=200))
    ),
    Broken(
        "wrong-credentials-are-401",
        "Wrong credentials return 401",
        of_responses(lambda response: error(401, response.message), lambda _, response: response.wrong_credentials),
    ),
    Broken(
        "unknown-token-is-404",
        "A token that is not bound returns 404",
        of_responses(lambda _: documented("otherPath"), lambda _, response: response.unknown_token),
    ),
    Broken(
        "invalid-fields-are-422",
        "Invalid fields return 422",
        of_responses(
            lambda response: replace(response, status=422).saying(status=422), lambda _, response: response.invalid
        ),
    ),
    Broken(
        "unknown-email-is-told", "An unknown email has another message than a wrong password", _unknown_email_is_told
    ),
    Broken("bind-returns-200", "Binding returns 200 with a body", of_done(lambda r: r.is_bind, json_response(200, {}))),
    Broken(
        "unbind-returns-200",
        "Unbinding returns 200 with a body",
        of_done(lambda request: request.is_unbind, json_response(200, {})),
    ),
    Broken("bind-returns-201", "Binding returns 201", of_done(lambda request: request.is_bind, Response(201))),
    Broken(
        "sign-in-returns-201", "Signing in returns 201", of_sessions(lambda response: replace(response, status=201))
    ),
    Broken("sign-in-redirects", "Signing in redirects", _sign_in_redirects),
)

_CONNECTIONS: Final = (
    Broken(
        "bind-drops-the-connection",
        "A refused bind ends the connection",
        dropped(lambda _, response: response.says("bindToken", "credentials")),
    ),
    Broken("connections-drop-at-times", "Every tenth request ends the connection", _drops_at_times),
)

BROKEN: Final = (*_SHAPES, *_STATUSES, *_CONNECTIONS)
