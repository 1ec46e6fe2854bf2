"""What becomes of a binding."""

from typing import Final

from ._proxy import Sound
from ._spoil import Broken, digest, instead, invented_session, of_token
from ._wire import Request, Response, documented


def _unbind_all(request: Request, server: Sound) -> Response:
    tokens = list(server.tokens)
    response = server(request)
    if request.is_unbind and response.status == 204 and request.json:
        for token in tokens:
            server(request.saying(token=token))
    return response


def _right_password(request: Request, server: Sound) -> Request:
    return request.saying(password=server.password) if request.text("password") and server.password else request


def _unbind_with_any_password(request: Request, server: Sound) -> Response:
    return server(_right_password(request, server) if request.is_unbind else request)


def _bind_with_any_password(request: Request, server: Sound) -> Response:
    return server(_right_password(request, server) if request.is_bind else request)


def _refused_but_done(operation: str) -> Broken:
    def spoil(request: Request, server: Sound) -> Response:
        response = server(request)
        if response.says(f"{operation}Token", "credentials") and server.password:
            server(request.saying(email=server.account["email"], password=server.password))
        return response

    return Broken(f"refused-{operation}-{operation}s", f"A refused {operation} {operation}s nevertheless", spoil)


def _one_token(request: Request, server: Sound) -> Response:
    before = [token for token in server.tokens if token != request.text("token")]
    response = server(request)
    if request.is_bind and response.status == 204 and request.json:
        for token in before:
            server(request.to(operation="unbind-token").saying(token=token))
    return response


def _five_tokens(request: Request, server: Sound) -> Response:
    is_new = request.is_bind and request.json and request.text("token") not in server.tokens
    return documented("credentials") if is_new and len(server.tokens) >= 5 else server(request)


def _bind_again_refused(request: Request, server: Sound) -> Response:
    again = request.is_bind and request.text("token") in server.tokens
    return documented("credentials") if again else server(request)


def _unbind_of_unknown_refused(request: Request, server: Sound) -> Response:
    response = server(request)
    known = server.memory.setdefault("bound", set())
    if request.is_bind and response.status == 204:
        known.add(request.text("token"))
    is_unknown = request.is_unbind and response.status == 204 and request.text("token") not in known
    return documented("credentials", "unbindToken") if is_unknown else response


def _works_once(request: Request, server: Sound) -> Response:
    response = server(request)
    if request.is_sign_in and response.status == 200 and server.password:
        server(request.to(operation="unbind-token", query={}).saying(**server.account | request.json))
    return response


def _returns(request: Request, server: Sound) -> Response:
    response = server(request)
    gone = server.memory.setdefault("gone", [])
    if request.is_unbind and response.status == 204 and request.json:
        gone.append(request.text("token"))
    if request.is_bind and response.status == 204 and request.json and gone:
        server(request.saying(token=gone.pop()))
    return response


def _cached(request: Request, server: Sound) -> Response:
    response = server(request)
    cache = server.memory.setdefault("cache", {})
    if request.is_sign_in and response.status == 200:
        cache[request.text("token")] = response
    return cache.get(request.text("token"), response) if response.unknown_token else response


def _any_token(request: Request, server: Sound) -> Response:
    response = server(request)
    return invented_session(server) if response.unknown_token else response


def _hash(request: Request, server: Sound) -> Response:
    by_hash = {digest(token): token for token in server.tokens}
    return of_token(lambda token: by_hash.get(token, token), lambda sent: sent.is_sign_in)(request, server)


def _prefix(request: Request, server: Sound) -> Response:
    def whole(token: str) -> str:
        return next((bound for bound in server.tokens if bound.startswith(token)), token)

    return of_token(whole, lambda sent: sent.is_sign_in and sent.size("token") > 20)(request, server)


def _signs_in_elsewhere(request: Request, server: Sound) -> Response:
    response = server(request)
    return (
        server(request.to(collection=server.collection)) if response.unknown_token and server.collection else response
    )


def _unbinds_elsewhere(request: Request, server: Sound) -> Response:
    response, own = server(request), server.collection
    return server(request.to(collection=own)) if request.is_unbind and own not in ("", request.collection) else response


def _binds_elsewhere(request: Request, server: Sound) -> Response:
    response, own = server(request), server.collection
    return server(request.to(collection=own)) if response.says("bindToken", "credentials") and own else response


def _unknown_is_users(request: Request, server: Sound) -> Response:
    response = server(request)
    return server(request.to(collection="users")) if request.operation and response.status == 404 else response


def _reversed(token: str) -> str:
    return token[::-1]


BROKEN: Final = (
    Broken(
        "unbind-does-nothing",
        "Unbinding returns 204 and leaves the token bound",
        of_token(_reversed, lambda request: request.is_unbind),
    ),
    Broken("unbind-removes-all", "Unbinding one token unbinds all tokens of the account", _unbind_all),
    Broken("unbind-with-any-password", "Unbinding ignores the password", _unbind_with_any_password),
    Broken("bind-with-any-password", "Binding ignores the password", _bind_with_any_password),
    _refused_but_done("bind"),
    _refused_but_done("unbind"),
    Broken(
        "bind-is-forgotten",
        "Binding returns 204 and binds nothing",
        of_token(_reversed, lambda request: request.is_bind),
    ),
    Broken("one-token-an-account", "A bind unbinds the account's other tokens", _one_token),
    Broken("at-most-five-tokens", "An account can have at most five tokens", _five_tokens),
    Broken("bind-again-refused", "Binding a bound token again returns 400", _bind_again_refused),
    Broken(
        "unbind-of-unknown-refused", "Unbinding a token that was never bound returns 400", _unbind_of_unknown_refused
    ),
    Broken("token-works-once", "A token signs in once", _works_once),
    Broken("unbound-token-returns", "The next bind also binds the last token that was unbound", _returns),
    Broken("sign-ins-are-cached", "A token still signs in after it is unbound", _cached),
    Broken("any-token-signs-in", "A token that is not bound signs in", _any_token),
    Broken("hash-signs-in", "The SHA-256 of a bound token signs in", _hash),
    Broken("prefix-signs-in", "A prefix of a bound token signs in", _prefix),
    Broken("other-collection-signs-in", "A token also signs in to another collection", _signs_in_elsewhere),
    Broken("other-collection-unbinds", "Unbinding in another collection unbinds the token", _unbinds_elsewhere),
    Broken("other-collection-binds", "Binding in another collection binds in the account's own", _binds_elsewhere),
    Broken("unknown-collection-is-users", "An unknown collection counts as `users`", _unknown_is_users),
    Broken(
        "collection-name-in-one-case",
        "A collection's name in another case returns 404",
        instead(lambda request: request.collection != request.collection.lower(), documented("unknown")),
    ),
    Broken(
        "collection-id-unknown",
        "A collection's id returns 404",
        instead(lambda request: request.collection == "_pb_users_auth_", documented("unknown")),
    ),
)
