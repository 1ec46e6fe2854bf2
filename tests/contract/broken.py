"""Broken servers: a proxy before a sound server that spoils one thing each.

    with BrokenServer(server.url, BROKEN["unbind-does-nothing"]) as url:
        ...  # `url` answers as the server does, but for that one thing

`BROKEN` has them all, by name; `what` says what is spoiled, and `account` which account shows it: "user" (any),
"mfa" (a second factor is asked for), "kept-out" (the auth rule keeps it out) or "related" (its record has a relation).
A spoiler takes a Request and the sound server, which gives the Answer to a request and has a `memory` for whatever
spoilers must remember. It may raise Dropped, which ends the connection without an answer.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import httpx

_OPERATION = re.compile(r"/api/collections/([^/?]+)/(bind-token|unbind-token|auth-with-token)(?:\?(.*))?")
_BINDINGS = ("bind-token", "unbind-token")
_HOP_BY_HOP = {"connection", "content-length", "host", "accept-encoding", "transfer-encoding", "keep-alive"}

INVALID = "An error occurred while validating the submitted data."
UNREADABLE = "An error occurred while loading the submitted data."


class Dropped(Exception):  # noqa: N818  # what happens to the connection, not what went wrong
    """The connection ends without an answer."""


@dataclass(frozen=True)
class Request:
    """A request of the client."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The last segment of one of the three POSTs, "" for all else."""
        match = _OPERATION.fullmatch(self.target)
        return match[2] if match and self.method == "POST" else ""

    @property
    def collection(self) -> str:
        """The collection that the path of one of the three names."""
        match = _OPERATION.fullmatch(self.target)
        return match[1] if match else ""

    @property
    def query(self) -> dict[str, str]:
        """The query of one of the three."""
        match = _OPERATION.fullmatch(self.target)
        return dict(parse_qsl((match[3] if match else "") or "", keep_blank_values=True))

    @property
    def json(self) -> dict[str, Any]:
        """The members of a JSON body; {} where it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def text(self, member: str) -> str:
        """A member of the body that is text and has no half of a letter, else ""."""
        value = self.json.get(member)
        return value if isinstance(value, str) and not re.search("[\ud800-\udfff]", value) else ""

    def saying(self, **members: Any) -> Request:
        """The same with other members in its body."""
        return replace(self, body=json.dumps({**self.json, **members}).encode())

    def to(self, *, collection: str = "", operation: str = "", query: dict[str, str] | None = None) -> Request:
        """The same, sent elsewhere."""
        target = f"/api/collections/{collection or self.collection}/{operation or self.operation}"
        asked = self.query if query is None else query
        return replace(self, target=f"{target}?{urlencode(asked)}" if asked else target)

    def typed(self, content_type: str) -> Request:
        """The same with another content type."""
        kept = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return replace(self, headers={**kept, "Content-Type": content_type})

    @property
    def content_type(self) -> str:
        """The content type, "" where there is none."""
        return next((value for name, value in self.headers.items() if name.lower() == "content-type"), "")


@dataclass(frozen=True)
class Answer:
    """An answer to the client."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        """The members of the body; {} where it is no JSON object."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def message(self) -> str:
        """The message of an error, else ""."""
        return str(self.json.get("message", ""))

    @property
    def unknown_token(self) -> bool:
        """Whether it says that a token signs nobody in."""
        return self.message == "Failed to authenticate."

    def saying(self, **members: Any) -> Answer:
        """The same with other members in its body."""
        return self.holding({**self.json, **members})

    def holding(self, body: Any) -> Answer:
        """The same with another JSON body."""
        return replace(self, body=json.dumps(body).encode())

    def without(self, member: str) -> Answer:
        """The same without a member of its body."""
        return self.holding({name: value for name, value in self.json.items() if name != member})

    def with_header(self, name: str, value: str) -> Answer:
        """The same with a header more."""
        return replace(self, headers=[*self.headers, (name, value)])

    def with_record(self, **members: Any) -> Answer:
        """The same with other members in its record."""
        return self.saying(record={**self.json.get("record", {}), **members})


def error(status: int, message: str, **fields: Any) -> Answer:
    """An error in the server's envelope."""
    return Answer(status, headers=[("Content-Type", "application/json")]).holding(
        {"data": fields, "message": message, "status": status}
    )


NO_CONTENT = Answer(204)


class Sound:
    """The server behind a spoiler."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.memory: dict[str, Any] = {}
        self._url = url
        self._client = client

    def __call__(self, request: Request) -> Answer:
        """The sound answer."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        answer = self._client.request(
            request.method, self._url + request.target, content=request.body, headers=headers, follow_redirects=False
        )
        kept = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _HOP_BY_HOP]
        return Answer(answer.status_code, answer.content, kept)


Spoiler = Callable[[Request, Sound], Answer]


@dataclass(frozen=True)
class Broken:
    """A spoiler, what it spoils, and which account shows it."""

    name: str
    what: str
    account: str
    spoil: Spoiler


BROKEN: dict[str, Broken] = {}


def sound(request: Request, server: Sound) -> Answer:
    """Spoils nothing."""
    return server(request)


class BrokenServer:
    """Serves a spoiled server on a free port of 127.0.0.1 while the context is open, which gives its URL."""

    def __init__(self, url: str, spoiler: Broken | Spoiler) -> None:
        # verify=False: certificates take time to read, and the server speaks plain http.
        self._client = httpx.Client(timeout=30, trust_env=False, verify=False, headers={"Accept-Encoding": "identity"})
        self.sound = Sound(url, self._client)
        spoil = spoiler.spoil if isinstance(spoiler, Broken) else spoiler
        self._server = _Server(lambda request: spoil(request, self.sound))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        self._client.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            answer = self.server.answer(Request(self.command, self.path, dict(self.headers.items()), body))
        except Dropped:
            self.close_connection = True
            return
        self.wfile.write(self._head(answer) + answer.body)

    def _head(self, answer: Answer) -> bytes:
        """All in one write: a body that is sent after its head may wait for 40 ms."""
        headers = (
            answer.headers if answer.status == 204 else [*answer.headers, ("Content-Length", str(len(answer.body)))]
        )
        lines = [f"HTTP/1.1 {answer.status} Status", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode()


def broken(spoil: Spoiler) -> Spoiler:
    """Adds a spoiler that shows with any account; its docstring says what it spoils."""
    return _add(spoil, "user")


def broken_for(account: str) -> Callable[[Spoiler], Spoiler]:
    """Adds a spoiler that shows with a certain account."""
    return lambda spoil: _add(spoil, account)


def _add(spoil: Spoiler, account: str) -> Spoiler:
    name = spoil.__name__.replace("_", "-")
    BROKEN[name] = Broken(name, (spoil.__doc__ or "").rstrip("."), account, spoil)
    return spoil


# --- what spoilers share ---


def _remember(request: Request, server: Sound) -> Answer:
    """The sound answer; what a successful bind named is remembered."""
    answer = server(request)
    if request.operation == "bind-token" and answer.status == 204 and request.json:
        server.memory["account"] = request.json
        server.memory["collection"] = request.collection
        server.memory.setdefault("tokens", {})[request.text("token")] = None
    if request.operation == "unbind-token" and answer.status == 204:
        server.memory.setdefault("tokens", {}).pop(request.text("token"), None)
    if request.operation == "auth-with-token" and answer.status == 200 and "record" in answer.json:
        server.memory["session"] = answer.json
    return answer


def _password(server: Sound) -> str:
    return str(server.memory.get("account", {}).get("password", ""))


def _token(request: Request, change: Callable[[str], str]) -> Request:
    """The same request with its token changed, in all three calls alike."""
    token = request.text("token")
    return request.saying(token=change(token)) if request.operation and token else request


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _spoil_errors(request: Request, server: Sound, change: Callable[[Answer], Answer]) -> Answer:
    answer = server(request)
    return change(answer) if request.operation and answer.status >= 400 and answer.message else answer


def _spoil_sessions(request: Request, server: Sound, change: Callable[[Answer], Answer]) -> Answer:
    answer = server(request)
    whole = answer.status == 200 and "token" in answer.json and "record" in answer.json
    return change(answer) if request.operation == "auth-with-token" and whole else answer


def _jwt(answer: Answer, head: dict[str, Any] | None = None, signature: str | None = None, **claims: Any) -> Answer:
    """The answer with parts of its JWT changed."""
    parts = str(answer.json["token"]).split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2]]
    changed = [{**decoded[0], **(head or {})}, {**decoded[1], **claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in changed]
    return answer.saying(token=".".join([*encoded, parts[2] if signature is None else signature]))


def _too_long(member: str, most: int) -> Answer:
    text = f"The length must be between 1 and {most}."
    params = {"max": most, "min": 1}
    return error(
        400, INVALID, **{member: {"code": "validation_length_out_of_range", "message": text, "params": params}}
    )


# --- the life of a binding ---


@broken
def unbind_does_nothing(request: Request, server: Sound) -> Answer:
    """Unbinding answers 204 and leaves the token."""
    return server(_token(request, lambda token: token[::-1]) if request.operation == "unbind-token" else request)


@broken
def unbind_removes_all(request: Request, server: Sound) -> Answer:
    """Unbinding one token takes all of the account's tokens."""
    tokens = list(server.memory.get("tokens", {}))
    answer = _remember(request, server)
    if request.operation == "unbind-token" and answer.status == 204 and request.json:
        for token in tokens:
            _remember(request.saying(token=token), server)
    return answer


@broken
def unbind_with_any_password(request: Request, server: Sound) -> Answer:
    """Unbinding does not look at the password."""
    known = request.operation == "unbind-token" and request.text("password") and _password(server)
    return _remember(request.saying(password=_password(server)) if known else request, server)


@broken
def bind_with_any_password(request: Request, server: Sound) -> Answer:
    """A wrong password binds."""
    known = request.operation == "bind-token" and request.text("password") and _password(server)
    return _remember(request.saying(password=_password(server)) if known else request, server)


@broken
def refused_bind_binds(request: Request, server: Sound) -> Answer:
    """A bind that is answered 400 binds nevertheless."""
    answer = _remember(request, server)
    if answer.message == "Failed to bind token." and _password(server):
        account = server.memory["account"]
        server(request.saying(email=account["email"], password=account["password"]))
    return answer


@broken
def refused_unbind_unbinds(request: Request, server: Sound) -> Answer:
    """An unbind that is answered 400 unbinds nevertheless."""
    answer = _remember(request, server)
    if answer.message == "Failed to unbind token." and _password(server):
        server(request.saying(email=server.memory["account"]["email"], password=_password(server)))
    return answer


@broken
def bind_is_forgotten(request: Request, server: Sound) -> Answer:
    """Binding answers 204 and binds nothing."""
    return server(_token(request, lambda token: token[::-1]) if request.operation == "bind-token" else request)


@broken
def one_token_an_account(request: Request, server: Sound) -> Answer:
    """A bind takes the account's token before away."""
    before = [token for token in server.memory.get("tokens", {}) if token != request.text("token")]
    answer = _remember(request, server)
    if request.operation == "bind-token" and answer.status == 204 and request.json:
        for token in before:
            _remember(request.to(operation="unbind-token").saying(token=token), server)
    return answer


@broken
def at_most_five_tokens(request: Request, server: Sound) -> Answer:
    """An account may have five tokens, no more."""
    many = len(server.memory.get("tokens", {})) >= 5
    new = request.operation == "bind-token" and request.text("token") not in server.memory.get("tokens", {})
    return error(400, "Failed to bind token.") if many and new and request.json else _remember(request, server)


@broken
def bind_again_refused(request: Request, server: Sound) -> Answer:
    """Binding a token that is bound already answers 400."""
    again = request.operation == "bind-token" and request.text("token") in server.memory.get("tokens", {})
    return error(400, "Failed to bind token.") if again else _remember(request, server)


@broken
def unbind_of_unknown_refused(request: Request, server: Sound) -> Answer:
    """Unbinding a token that was never bound answers 400."""
    answer = server(request)
    known = server.memory.setdefault("bound", set())
    if request.operation == "bind-token" and answer.status == 204:
        known.add(request.text("token"))
    unknown = request.operation == "unbind-token" and answer.status == 204 and request.text("token") not in known
    return error(400, "Failed to unbind token.") if unknown else answer


@broken
def token_works_once(request: Request, server: Sound) -> Answer:
    """A token signs in once."""
    answer = _remember(request, server)
    if request.operation == "auth-with-token" and answer.status == 200 and _password(server):
        server(request.to(operation="unbind-token", query={}).saying(**server.memory["account"] | request.json))
    return answer


@broken
def unbound_token_returns(request: Request, server: Sound) -> Answer:
    """A token that was unbound is bound again by the next bind."""
    answer = _remember(request, server)
    gone = server.memory.setdefault("gone", [])
    if request.operation == "unbind-token" and answer.status == 204 and request.json:
        gone.append(request.text("token"))
    if request.operation == "bind-token" and answer.status == 204 and request.json and gone:
        server(request.saying(token=gone.pop()))
    return answer


@broken
def sign_ins_are_cached(request: Request, server: Sound) -> Answer:
    """A token that signed in goes on to sign in when it is unbound."""
    answer = server(request)
    cache = server.memory.setdefault("cache", {})
    if request.operation == "auth-with-token" and answer.status == 200:
        cache[request.text("token")] = answer
    return cache.get(request.text("token"), answer) if answer.unknown_token else answer


@broken
def any_token_signs_in(request: Request, server: Sound) -> Answer:
    """A token that nobody bound signs in."""
    answer = _remember(request, server)
    return Answer(200, headers=answer.headers).holding(_session(server)) if answer.unknown_token else answer


def _session(server: Sound) -> dict[str, Any]:
    record = {"id": "r" * 15, "collectionId": "_pb_users_auth_", "collectionName": "users", "verified": False}
    made: dict[str, Any] = server.memory.get("session", {"token": "e30.e30.c2ln", "record": record})
    return made


@broken
def hash_signs_in(request: Request, server: Sound) -> Answer:
    """The SHA-256 of a bound token signs in as the token does."""
    by_hash = {_digest(token): token for token in server.memory.get("tokens", {})}
    change = request.operation == "auth-with-token"
    return _remember(_token(request, lambda token: by_hash.get(token, token)) if change else request, server)


@broken
def prefix_signs_in(request: Request, server: Sound) -> Answer:
    """The beginning of a bound token signs in."""

    def whole(token: str) -> str:
        return next((bound for bound in server.memory.get("tokens", {}) if bound.startswith(token)), token)

    long_enough = request.operation == "auth-with-token" and len(request.text("token")) > 20
    return _remember(_token(request, whole) if long_enough else request, server)


@broken
def other_collection_signs_in(request: Request, server: Sound) -> Answer:
    """A token signs in at another collection too."""
    answer = _remember(request, server)
    own = server.memory.get("collection")
    return server(request.to(collection=own)) if answer.unknown_token and own else answer


@broken
def other_collection_unbinds(request: Request, server: Sound) -> Answer:
    """Unbinding at another collection takes the token away."""
    answer = _remember(request, server)
    own = server.memory.get("collection", request.collection)
    if request.operation == "unbind-token" and own != request.collection:
        return server(request.to(collection=own))
    return answer


@broken
def other_collection_binds(request: Request, server: Sound) -> Answer:
    """Binding at another collection binds at the account's own."""
    answer = _remember(request, server)
    own = server.memory.get("collection")
    return server(request.to(collection=own)) if answer.message == "Failed to bind token." and own else answer


@broken
def unknown_collection_is_users(request: Request, server: Sound) -> Answer:
    """A collection that is not there counts as `users`."""
    answer = server(request)
    return server(request.to(collection="users")) if request.operation and answer.status == 404 else answer


@broken
def collection_name_in_one_case(request: Request, server: Sound) -> Answer:
    """A collection's name in other case answers 404."""
    other = request.operation and request.collection != request.collection.lower()
    return error(404, "Missing or invalid collection context.") if other else server(request)


@broken
def collection_id_unknown(request: Request, server: Sound) -> Answer:
    """A collection goes by its name alone."""
    by_id = request.operation and request.collection == "_pb_users_auth_"
    return error(404, "Missing or invalid collection context.") if by_id else server(request)


# --- tokens as they are ---


@broken
def token_cut_at_72(request: Request, server: Sound) -> Answer:
    """A token counts up to its 72nd byte."""
    short = len(request.text("token").encode()) <= 1024
    return server(_token(request, lambda t: t.encode()[:72].decode(errors="ignore")) if short else request)


@broken
def token_cut_at_1000(request: Request, server: Sound) -> Answer:
    """A token counts up to its 1000th byte."""
    short = len(request.text("token").encode()) <= 1024
    return server(_token(request, lambda t: t.encode()[:1000].decode(errors="ignore")) if short else request)


@broken
def token_trimmed(request: Request, server: Sound) -> Answer:
    """White space around a token does not count."""
    return server(_token(request, str.strip))


@broken
def token_spaces_squeezed(request: Request, server: Sound) -> Answer:
    """White space inside a token counts as one space."""
    return server(_token(request, lambda token: re.sub(r"(?<=\S)\s+(?=\S)", " ", token)))


@broken
def token_lower_cased(request: Request, server: Sound) -> Answer:
    """A token's case does not count."""
    return server(_token(request, str.lower))


@broken
def token_normalized(request: Request, server: Sound) -> Answer:
    """A token is normalized by Unicode's NFC."""
    return server(_token(request, lambda token: unicodedata.normalize("NFC", token)))


@broken
def token_compatibility_normalized(request: Request, server: Sound) -> Answer:
    """A token's letters that only look different are one (NFKC)."""
    return server(_token(request, lambda token: re.sub(r"\W|\w", lambda m: _compatible(m[0]), token)))


def _compatible(letter: str) -> str:
    return unicodedata.normalize("NFKC", letter) if letter >= "\u2000" else letter


@broken
def token_in_ascii(request: Request, server: Sound) -> Answer:
    """Letters outside ASCII all count as a question mark."""
    return server(_token(request, lambda token: re.sub(r"[^\x00-\x7f]", lambda m: "?" * len(m[0].encode()), token)))


@broken
def token_url_decoded(request: Request, server: Sound) -> Answer:
    """A token is URL-decoded."""
    return server(_token(request, unquote))


@broken
def token_plus_is_space(request: Request, server: Sound) -> Answer:
    """A plus in a token counts as a space."""
    return server(_token(request, lambda token: token.replace("+", " ")))


@broken
def token_html_unescaped(request: Request, server: Sound) -> Answer:
    """Markup in a token is unescaped."""
    return server(_token(request, html.unescape))


@broken
def token_unquoted(request: Request, server: Sound) -> Answer:
    """Quotes in a token do not count."""
    return server(_token(request, lambda token: re.sub("[\"'](?=.)", "", token)))


@broken
def token_without_control_characters(request: Request, server: Sound) -> Answer:
    """Control characters in a token do not count."""
    return server(_token(request, lambda token: re.sub(r"[\x01-\x08\x0b-\x1f\x7f](?=.)", "", token)))


@broken
def bearer_is_cut_off(request: Request, server: Sound) -> Answer:
    """`Bearer ` before a token does not count."""
    return server(_token(request, lambda token: token.removeprefix("Bearer ") or token))


# --- limits ---


@broken
def token_limit_in_characters(request: Request, server: Sound) -> Answer:
    """A token has at most 1024 letters instead of bytes."""
    letters = len(request.text("token"))
    many = letters <= 1024 < len(request.text("token").encode())
    return server(_token(request, _digest) if many else request)


@broken
def token_of_1025_taken(request: Request, server: Sound) -> Answer:
    """A token of 1025 bytes is taken."""
    return server(_token(request, _digest) if len(request.text("token").encode()) == 1025 else request)


@broken
def token_of_1025_signs_in(request: Request, server: Sound) -> Answer:
    """Signing in does not look at a token's length."""
    answer = server(request)
    fields = answer.json.get("data", {})
    long = request.operation == "auth-with-token" and fields.get("token", {}).get("params")
    return error(400, "Failed to authenticate.") if long else answer


@broken
def token_of_1024_refused(request: Request, server: Sound) -> Answer:
    """A token of 1024 bytes is refused."""
    return _too_long("token", 1024) if len(request.text("token").encode()) == 1024 else server(request)


@broken
def token_of_few_bytes_refused(request: Request, server: Sound) -> Answer:
    """A token of less than 8 bytes is refused."""
    return _too_long("token", 1024) if 0 < len(request.text("token").encode()) < 8 else server(request)


@broken
def empty_token_taken(request: Request, server: Sound) -> Answer:
    """An empty token is taken for one that nobody bound."""
    return server(request.saying(token="x" * 40) if request.operation and request.json.get("token") == "" else request)


@broken
def blank_token_refused(request: Request, server: Sound) -> Answer:
    """A token of spaces counts as empty."""
    blank = request.text("token") and not request.text("token").strip()
    return server(request.saying(token="") if blank else request)


@broken
def email_of_256_taken(request: Request, server: Sound) -> Answer:
    """An email of 256 bytes is looked up."""
    long = request.operation and len(request.text("email").encode()) == 256
    return server(request.saying(email="nobody@example.com") if long else request)


@broken
def email_of_255_refused(request: Request, server: Sound) -> Answer:
    """An email of 255 bytes is refused for its length."""
    return _too_long("email", 255) if len(request.text("email").encode()) == 255 else server(request)


@broken
def email_limit_in_characters(request: Request, server: Sound) -> Answer:
    """An email has at most 255 letters instead of bytes."""
    many = len(request.text("email")) <= 255 < len(request.text("email").encode())
    no_email = {"code": "validation_is_email", "message": "Must be a valid email address."}
    return error(400, INVALID, email=no_email) if many else server(request)


@broken
def password_of_256_taken(request: Request, server: Sound) -> Answer:
    """A password of 256 bytes is tried."""
    return server(request.saying(password="p" * 255) if len(request.text("password").encode()) == 256 else request)


@broken
def password_of_255_refused(request: Request, server: Sound) -> Answer:
    """A password of 255 bytes is refused for its length."""
    return _too_long("password", 255) if len(request.text("password").encode()) == 255 else server(request)


@broken
def password_limit_in_characters(request: Request, server: Sound) -> Answer:
    """A password has at most 255 letters instead of bytes."""
    many = len(request.text("password")) <= 255 < len(request.text("password").encode())
    return server(request.saying(password="p" * 255) if many else request)


@broken
def short_password_invalid(request: Request, server: Sound) -> Answer:
    """A password of less than 8 bytes is refused before it is tried."""
    short = request.operation and 0 < len(request.text("password")) < 8
    field_error = {"code": "validation_min_text_constraint", "message": "Must be at least 8 character(s)."}
    return error(400, INVALID, password=field_error) if short else server(request)


@broken
def email_trimmed(request: Request, server: Sound) -> Answer:
    """White space around an email does not count."""
    return server(request.saying(email=request.text("email").strip()) if request.text("email") else request)


@broken
def email_in_any_case(request: Request, server: Sound) -> Answer:
    """An email's case does not count."""
    return server(request.saying(email=request.text("email").lower()) if request.text("email") else request)


@broken
def email_format_not_asked(request: Request, server: Sound) -> Answer:
    """An email that is none is looked up."""
    odd = request.text("email") and "@" not in request.text("email")
    return server(request.saying(email="nobody@example.com") if odd else request)


@broken
def password_trimmed(request: Request, server: Sound) -> Answer:
    """White space around a password does not count."""
    return server(request.saying(password=request.text("password").strip()) if request.text("password") else request)


@broken
def password_in_any_case(request: Request, server: Sound) -> Answer:
    """A password's case does not count."""
    answer = _remember(request, server)
    right = request.text("password").lower() == _password(server).lower() != ""
    return server(request.saying(password=_password(server))) if request.operation and right else answer


@broken
def password_by_its_beginning(request: Request, server: Sound) -> Answer:
    """A password with letters too many is taken."""
    answer = _remember(request, server)
    longer = _password(server) != "" and request.text("password").startswith(_password(server))
    return server(request.saying(password=_password(server))) if request.operation and longer else answer


# --- bodies and paths ---


@broken
def text_plain_taken(request: Request, server: Sound) -> Answer:
    """JSON is read as text/plain too."""
    plain = request.content_type.startswith("text/plain")
    return server(request.typed("application/json") if plain else request)


@broken
def no_content_type_taken(request: Request, server: Sound) -> Answer:
    """JSON is read without a content type."""
    untyped = request.operation and request.body and not request.content_type
    return server(request.typed("application/json") if untyped else request)


@broken
def charset_refused(request: Request, server: Sound) -> Answer:
    """JSON with a charset is refused."""
    return error(400, "Unsupported Content-Type.") if "charset" in request.content_type else server(request)


@broken
def forms_refused(request: Request, server: Sound) -> Answer:
    """URL-encoded forms are refused."""
    form = "urlencoded" in request.content_type
    return error(400, "Unsupported Content-Type.") if form else server(request)


@broken
def multipart_refused(request: Request, server: Sound) -> Answer:
    """Multipart forms are refused."""
    form = "multipart" in request.content_type
    return error(400, "Unsupported Content-Type.") if form else server(request)


@broken
def trailing_bytes_refused(request: Request, server: Sound) -> Answer:
    """Bytes after the JSON are refused."""
    try:
        json.loads(request.body or b"{}")
    except RecursionError:
        return server(request)
    except ValueError as reason:
        if "Extra data" in str(reason) and "json" in request.content_type:
            return error(400, UNREADABLE)
    return server(request)


@broken
def unknown_members_refused(request: Request, server: Sound) -> Answer:
    """Members that nobody knows are refused."""
    odd = request.operation and request.json.keys() - {"email", "password", "token", "mfaId", "identity"}
    return error(400, UNREADABLE) if odd else server(request)


@broken
def null_body_refused(request: Request, server: Sound) -> Answer:
    """JSON null is refused as unreadable."""
    return error(400, UNREADABLE) if request.operation and request.body == b"null" else server(request)


@broken
def empty_body_refused(request: Request, server: Sound) -> Answer:
    """An empty body is refused as unreadable."""
    return error(400, UNREADABLE) if request.operation and not request.body else server(request)


@broken
def numbers_taken_for_text(request: Request, server: Sound) -> Answer:
    """A number is taken for text."""
    numbers = {name: str(value) for name, value in request.json.items() if isinstance(value, int)}
    return server(request.saying(**numbers) if request.operation and numbers else request)


@broken
def lists_taken_for_text(request: Request, server: Sound) -> Answer:
    """A list is taken for its first text."""
    lists = {name: str((value or [""])[0]) for name, value in request.json.items() if isinstance(value, list)}
    return server(request.saying(**lists) if request.operation and lists else request)


@broken
def objects_taken_for_empty(request: Request, server: Sound) -> Answer:
    """An object is taken for an empty text."""
    objects = {name: "" for name, value in request.json.items() if isinstance(value, dict)}
    return server(request.saying(**objects) if request.operation and objects else request)


@broken
def token_in_the_query_taken(request: Request, server: Sound) -> Answer:
    """A token in the query signs in."""
    asked = request.operation == "auth-with-token" and request.query.get("token")
    return server(request.to(query={}).saying(token=asked) if asked else request)


@broken
def get_with_token_signs_in(request: Request, server: Sound) -> Answer:
    """GET with a token in the query signs in."""
    if request.method != "GET" or not request.query.get("token"):
        return server(request)
    posted = replace(request, method="POST", headers={"Content-Type": "application/json"})
    return server(posted.to(query={}).saying(token=request.query["token"]))


@broken
def token_in_the_authorization_taken(request: Request, server: Sound) -> Answer:
    """A token in the Authorization header signs in."""
    sent = request.headers.get("authorization", request.headers.get("Authorization", "")).removeprefix("Bearer ")
    missing = request.operation == "auth-with-token" and not request.json.get("token") and sent
    return server(request.saying(token=sent).typed("application/json") if missing else request)


@broken
def bad_authorization_refused(request: Request, server: Sound) -> Answer:
    """A request with a bad Authorization header is refused."""
    sent = {name.lower() for name in request.headers}
    return error(401, "Unauthorized.") if request.operation and "authorization" in sent else server(request)


@broken
def method_not_allowed(request: Request, server: Sound) -> Answer:
    """A wrong method answers 405."""
    wrong = request.method not in ("POST", "OPTIONS") and _OPERATION.fullmatch(request.target)
    return error(405, "Method Not Allowed.") if wrong else server(request)


@broken
def get_signs_in(request: Request, server: Sound) -> Answer:
    """PUT does what POST does."""
    return server(replace(request, method="POST") if request.method == "PUT" else request)


@broken
def options_refused(request: Request, server: Sound) -> Answer:
    """OPTIONS answers 404."""
    return error(404, "The requested resource wasn't found.") if request.method == "OPTIONS" else server(request)


@broken
def large_bodies_taken(request: Request, server: Sound) -> Answer:
    """A body of 33 MiB is read."""
    answer = server(request)
    return _too_long("token", 1024) if answer.status == 413 else answer


@broken
def one_mib_is_too_large(request: Request, server: Sound) -> Answer:
    """A body of more than 1 MiB answers 413."""
    large = request.operation and len(request.body) > 1 << 20
    return error(413, "Request entity too large.") if large else server(request)


@broken
def members_before_collection(request: Request, server: Sound) -> Answer:
    """Members are looked at before the collection."""
    answer = server(request)
    unknown = request.operation and answer.status == 404
    elsewhere = server(request.to(collection="users")) if unknown else answer
    return elsewhere if elsewhere.message == INVALID else answer


@broken
def credentials_before_members(request: Request, server: Sound) -> Answer:
    """Members are looked at after the credentials."""
    answer = server(request)
    of_binding = request.operation in _BINDINGS and answer.message == INVALID
    text = "Failed to bind token." if request.operation == "bind-token" else "Failed to unbind token."
    return error(400, text) if of_binding and request.text("token") else answer


@broken
def first_member_alone(request: Request, server: Sound) -> Answer:
    """Of several members that are not valid one is named."""
    answer = server(request)
    named = answer.json.get("data")
    return answer.saying(data=dict(list(named.items())[:1])) if answer.message == INVALID and named else answer


# --- errors ---


@broken
def errors_of_another_shape(request: Request, server: Sound) -> Answer:
    """Errors have a shape of their own."""
    return _spoil_errors(request, server, lambda answer: answer.holding({"error": answer.message}))


@broken
def errors_without_data(request: Request, server: Sound) -> Answer:
    """Errors have no `data`."""
    return _spoil_errors(request, server, lambda answer: answer.without("data"))


@broken
def errors_with_a_list_of_data(request: Request, server: Sound) -> Answer:
    """`data` in an error is a list."""
    return _spoil_errors(request, server, lambda answer: answer.saying(data=[]))


@broken
def errors_with_another_status(request: Request, server: Sound) -> Answer:
    """The `status` in an error is not the answer's."""
    return _spoil_errors(request, server, lambda answer: answer.saying(status=500))


@broken
def errors_with_status_as_text(request: Request, server: Sound) -> Answer:
    """The `status` in an error is text."""
    return _spoil_errors(request, server, lambda answer: answer.saying(status=str(answer.status)))


@broken
def errors_without_status(request: Request, server: Sound) -> Answer:
    """Errors have no `status`."""
    return _spoil_errors(request, server, lambda answer: answer.without("status"))


@broken
def errors_with_a_trace(request: Request, server: Sound) -> Answer:
    """Errors tell where in the code they happened."""
    return _spoil_errors(request, server, lambda answer: answer.saying(trace="main.go:42"))


@broken
def errors_in_html(request: Request, server: Sound) -> Answer:
    """Errors are HTML."""
    page = b"<html><body>Bad Request</body></html>"
    return _spoil_errors(
        request, server, lambda answer: replace(answer, body=page, headers=[("Content-Type", "text/html")])
    )


@broken
def errors_as_text(request: Request, server: Sound) -> Answer:
    """Errors are JSON that is called text/plain."""
    return _spoil_errors(request, server, lambda answer: replace(answer, headers=[("Content-Type", "text/plain")]))


@broken
def answers_in_utf_16(request: Request, server: Sound) -> Answer:
    """Sessions are JSON in UTF-16."""
    return _spoil_sessions(
        request, server, lambda answer: replace(answer, body=json.dumps(answer.json).encode("utf-16"))
    )


@broken
def all_errors_are_200(request: Request, server: Sound) -> Answer:
    """Errors have the status 200."""
    return _spoil_errors(request, server, lambda answer: replace(answer, status=200))


@broken
def wrong_credentials_are_401(request: Request, server: Sound) -> Answer:
    """Wrong credentials answer 401."""
    failed = server(request)
    return error(401, failed.message) if failed.message.startswith("Failed to") else failed


@broken
def unknown_token_is_404(request: Request, server: Sound) -> Answer:
    """A token that nobody bound answers 404."""
    answer = server(request)
    return error(404, "The requested resource wasn't found.") if answer.unknown_token else answer


@broken
def invalid_members_are_422(request: Request, server: Sound) -> Answer:
    """Members that are not valid answer 422."""
    answer = server(request)
    if answer.message == INVALID:
        return replace(answer, status=422).saying(status=422)
    return answer


@broken
def limits_without_params(request: Request, server: Sound) -> Answer:
    """A value that is too long is told without the limits."""
    answer = server(request)
    fields = answer.json.get("data") or {}
    bare = {name: {key: value for key, value in text.items() if key != "params"} for name, text in fields.items()}
    return answer.saying(data=bare) if fields else answer


@broken
def unknown_email_is_told(request: Request, server: Sound) -> Answer:
    """An unknown email gets another message than a wrong password."""
    answer = _remember(request, server)
    other = request.text("email") != server.memory.get("account", {}).get("email", request.text("email"))
    failed = answer.message.startswith("Failed to")
    return error(400, "No such account.") if other and failed and request.operation in _BINDINGS else answer


@broken
def odd_input_is_500(request: Request, server: Sound) -> Answer:
    """A token with an emoji answers 500."""
    odd = request.operation and any(ord(letter) > 0xFFFF for letter in request.text("token"))
    return error(500, "Something went wrong.") if odd else server(request)


@broken
def lists_are_500(request: Request, server: Sound) -> Answer:
    """A body that is a JSON list answers 500."""
    return error(500, "Something went wrong.") if request.body.startswith(b"[") else server(request)


@broken
def deep_json_is_500(request: Request, server: Sound) -> Answer:
    """A body of deeply nested JSON answers 500."""
    return error(500, "Something went wrong.") if request.body.count(b"[") > 99 else server(request)


@broken
def odd_collection_is_500(request: Request, server: Sound) -> Answer:
    """A collection of an odd name answers 500."""
    return error(500, "Something went wrong.") if request.operation and "%" in request.collection else server(request)


@broken
def trailing_comma_taken(request: Request, server: Sound) -> Answer:
    """JSON may have a comma too many."""
    odd = request.operation and request.body.endswith(b",}")
    return server(replace(request, body=request.body[:-2] + b"}") if odd else request)


@broken
def first_of_two_tokens_taken(request: Request, server: Sound) -> Answer:
    """Of a member that comes twice the first counts."""
    twice = request.operation and request.body.count(b'"token"') == 2
    return server(replace(request, body=request.body.partition(b",")[0] + b"}") if twice else request)


@broken
def lone_surrogate_is_500(request: Request, server: Sound) -> Answer:
    """Half of a surrogate pair answers 500."""
    odd = re.search(rb"\\ud8[0-9a-f]{2}(?!\\u)", request.body)
    return error(500, "Something went wrong.") if odd else server(request)


@broken
def rate_limit_without_envelope(request: Request, server: Sound) -> Answer:
    """A 429 has no envelope."""
    server.memory["count"] = server.memory.get("count", 0) + 1
    plain = request.operation and server.memory["count"] % 50 == 0
    return Answer(429, b"slow down", [("Content-Type", "text/plain")]) if plain else server(request)


@broken
def sign_in_redirects(request: Request, server: Sound) -> Answer:
    """Signing in redirects."""
    there = f"{request.target}?there=1"
    away = request.operation == "auth-with-token" and not request.query
    return Answer(307, headers=[("Location", there)]) if away else server(request)


@broken
def redirects_for_trailing_slash(request: Request, server: Sound) -> Answer:
    """A path that is not there redirects."""
    lost = request.method == "POST" and request.target.endswith("-tokens")
    return Answer(302, headers=[("Location", request.target[:-1])]) if lost else server(request)


@broken
def bind_drops_the_connection(request: Request, server: Sound) -> Answer:
    """A bind that is refused ends the connection."""
    answer = server(request)
    if answer.message == "Failed to bind token.":
        raise Dropped
    return answer


@broken
def connections_drop_at_times(request: Request, server: Sound) -> Answer:
    """Every tenth request ends the connection without an answer."""
    server.memory["count"] = server.memory.get("count", 0) + 1
    if request.operation and server.memory["count"] % 10 == 0:
        raise Dropped
    return server(request)


@broken
def bind_answers_200(request: Request, server: Sound) -> Answer:
    """Binding answers 200 with a body."""
    answer = server(request)
    bound = request.operation == "bind-token" and answer.status == 204
    return Answer(200, b"{}", [("Content-Type", "application/json")]) if bound else answer


@broken
def unbind_answers_200(request: Request, server: Sound) -> Answer:
    """Unbinding answers 200 with a body."""
    answer = server(request)
    done = request.operation == "unbind-token" and answer.status == 204
    return Answer(200, b"{}", [("Content-Type", "application/json")]) if done else answer


@broken
def bind_answers_201(request: Request, server: Sound) -> Answer:
    """Binding answers 201."""
    answer = server(request)
    return Answer(201) if request.operation == "bind-token" and answer.status == 204 else answer


@broken
def sign_in_answers_201(request: Request, server: Sound) -> Answer:
    """Signing in answers 201."""
    return _spoil_sessions(request, server, lambda answer: replace(answer, status=201))


# --- secrets ---


@broken
def error_repeats_password(request: Request, server: Sound) -> Answer:
    """An error repeats the password."""
    return _spoil_errors(
        request, server, lambda answer: answer.saying(message=f"{answer.message} {request.text('password')}")
    )


@broken
def error_repeats_token(request: Request, server: Sound) -> Answer:
    """An error repeats the token."""
    value = request.text("token")
    return _spoil_errors(request, server, lambda answer: answer.saying(data={"token": value}))


@broken
def password_in_a_header(request: Request, server: Sound) -> Answer:
    """A header repeats the password, in base64."""
    encoded = base64.b64encode(request.text("password").encode()).decode()
    answer = server(request)
    return answer.with_header("X-Account", encoded) if request.operation in _BINDINGS else answer


@broken
def token_in_a_header(request: Request, server: Sound) -> Answer:
    """A header repeats the token of a sign-in."""
    answer = server(request)
    safe = (
        len(request.text("token")) <= 1024 and request.text("token").isascii() and request.text("token").isprintable()
    )
    return answer.with_header("X-Token", request.text("token")) if request.operation and safe else answer


@broken
def hash_in_a_header(request: Request, server: Sound) -> Answer:
    """A header tells the token's hash."""
    answer = server(request)
    return answer.with_header("ETag", f'"{_digest(request.text("token"))}"') if request.operation else answer


@broken
def jwt_in_an_error(request: Request, server: Sound) -> Answer:
    """An error holds a JWT."""
    answer = _remember(request, server)
    jwt = server.memory.get("session", {}).get("token", "")
    return answer.saying(message=f"{answer.message} {jwt}") if answer.unknown_token and jwt else answer


@broken
def jwt_in_a_header(request: Request, server: Sound) -> Answer:
    """A bind answers with a JWT in a header."""
    answer = _remember(request, server)
    jwt = server.memory.get("session", {}).get("token", "")
    return answer.with_header("X-Session", jwt) if request.operation == "bind-token" and jwt else answer


@broken
def session_cookie(request: Request, server: Sound) -> Answer:
    """A sign-in sets a cookie."""
    return _spoil_sessions(
        request, server, lambda answer: answer.with_header("Set-Cookie", "session=4f9a1c; Path=/; HttpOnly")
    )


@broken
def record_shows_password_hash(request: Request, server: Sound) -> Answer:
    """The record shows the password's hash."""
    hashed = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
    return _spoil_sessions(request, server, lambda answer: answer.with_record(password_hash=hashed))


@broken
def record_shows_token_key(request: Request, server: Sound) -> Answer:
    """The record shows the key of its JWTs."""
    return _spoil_sessions(request, server, lambda answer: answer.with_record(tokenKey="k" * 50))


@broken
def record_shows_a_member_more(request: Request, server: Sound) -> Answer:
    """The record shows a member that a sign-in by password does not."""
    return _spoil_sessions(request, server, lambda answer: answer.with_record(internal_note="x"))


@broken
def record_shows_the_token(request: Request, server: Sound) -> Answer:
    """The record shows the custom token."""
    return _spoil_sessions(request, server, lambda answer: answer.with_record(apiKeys=[request.text("token")]))


@broken
def mfa_id_beside_a_session(request: Request, server: Sound) -> Answer:
    """A session comes with an mfaId."""
    return _spoil_sessions(request, server, lambda answer: answer.saying(mfaId="7nbcwn14p9f2wqk"))


# --- sessions ---


@broken
def unsigned_jwt(request: Request, server: Sound) -> Answer:
    """The JWT is not signed."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, head={"alg": "none"}, signature=""))


@broken
def jwt_with_a_wrong_signature(request: Request, server: Sound) -> Answer:
    """The JWT's signature is another."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, signature="A" * 43))


@broken
def expired_jwt(request: Request, server: Sound) -> Answer:
    """The JWT is over when it comes."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, exp=1_600_000_000))


@broken
def jwt_of_the_future(request: Request, server: Sound) -> Answer:
    """The JWT is not valid yet when it comes."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, nbf=4_000_000_000))


@broken
def jwt_of_another_record(request: Request, server: Sound) -> Answer:
    """The JWT is another account's."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, id="another00000000"))


@broken
def jwt_tells_the_token(request: Request, server: Sound) -> Answer:
    """The JWT tells the custom token."""
    return _spoil_sessions(request, server, lambda answer: _jwt(answer, key=request.text("token")))


@broken
def unbind_ends_sessions(request: Request, server: Sound) -> Answer:
    """Unbinding ends the sessions that the token opened."""
    answer = server(request)
    sessions = server.memory.setdefault("sessions", {})
    ended = server.memory.setdefault("ended", set())
    if request.operation == "auth-with-token" and answer.status == 200:
        sessions[request.text("token")] = answer.json.get("token")
        ended.discard(answer.json.get("token"))  # two sign-ins of one second get the same JWT
    if request.operation == "unbind-token" and answer.status == 204:
        ended.add(sessions.get(request.text("token")))
    sent = {name.lower(): value for name, value in request.headers.items()}.get("authorization")
    return error(401, "The request requires valid record authorization token.") if sent in ended and sent else answer


@broken
def sign_in_verifies(request: Request, server: Sound) -> Answer:
    """A sign-in by token makes the account a verified one."""
    answer = _remember(request, server)
    return answer.with_record(verified=True) if "record" in answer.json and "session" in server.memory else answer


@broken
def opaque_session(request: Request, server: Sound) -> Answer:
    """The session's token is no JWT."""
    return _spoil_sessions(request, server, lambda answer: answer.saying(token="4f9a1c7e5d"))


@broken
def session_without_token(request: Request, server: Sound) -> Answer:
    """A session has no token."""
    return _spoil_sessions(request, server, lambda answer: answer.without("token"))


@broken
def session_without_record(request: Request, server: Sound) -> Answer:
    """A session has no record."""
    return _spoil_sessions(request, server, lambda answer: answer.without("record"))


@broken
def record_without_id(request: Request, server: Sound) -> Answer:
    """The record has no id."""

    def change(answer: Answer) -> Answer:
        return answer.saying(record={name: value for name, value in answer.json["record"].items() if name != "id"})

    return _spoil_sessions(request, server, change)


@broken
def record_of_another_account(request: Request, server: Sound) -> Answer:
    """The record is another account's."""
    return _spoil_sessions(
        request, server, lambda answer: answer.with_record(id="another00000000", email="other@example.com")
    )


@broken
def record_of_another_collection(request: Request, server: Sound) -> Answer:
    """The record tells another collection."""
    return _spoil_sessions(
        request, server, lambda answer: answer.with_record(collectionName="clients", collectionId="pbc_1234567890")
    )


@broken
def record_in_a_list(request: Request, server: Sound) -> Answer:
    """The record comes in a list."""
    return _spoil_sessions(request, server, lambda answer: answer.saying(record=[answer.json["record"]]))


@broken
def dates_of_another_form(request: Request, server: Sound) -> Answer:
    """Dates are numbers of seconds, as text."""
    return _spoil_sessions(request, server, lambda answer: answer.with_record(created="1795546800"))


@broken
def flags_as_text(request: Request, server: Sound) -> Answer:
    """`verified` is text."""
    return _spoil_sessions(request, server, lambda answer: answer.with_record(verified="false"))


@broken
def session_with_a_member_more(request: Request, server: Sound) -> Answer:
    """A session has a member that nobody knows."""
    return _spoil_sessions(request, server, lambda answer: answer.saying(refreshToken="4f9a1c7e5d"))


@broken
def fields_ignored(request: Request, server: Sound) -> Answer:
    """`fields` picks nothing."""
    rest = {name: value for name, value in request.query.items() if name != "fields"}
    return server(request.to(query=rest) if "fields" in request.query else request)


@broken_for("related")
def expand_ignored(request: Request, server: Sound) -> Answer:
    """`expand` gives nothing."""
    rest = {name: value for name, value in request.query.items() if name != "expand"}
    return server(request.to(query=rest) if "expand" in request.query else request)


@broken
def unknown_expand_refused(request: Request, server: Sound) -> Answer:
    """A relation that is not there is refused."""
    return error(400, "Failed to expand.") if "expand" in request.query else server(request)


# --- second factors ---


@broken_for("mfa")
def mfa_not_asked_for(request: Request, server: Sound) -> Answer:
    """A token alone signs in where two factors are asked for."""
    answer = _remember(request, server)
    if request.operation != "auth-with-token" or answer.status != 401 or not _password(server):
        return answer
    return _second_factor(request, server, answer.json["mfaId"])


def _second_factor(request: Request, server: Sound, mfa_id: str) -> Answer:
    account = {"identity": server.memory["account"]["email"], "password": _password(server), "mfaId": mfa_id}
    body = json.dumps(account).encode()
    return server(replace(request.to(operation="auth-with-password", query={}), body=body))


@broken_for("mfa")
def two_tokens_are_two_factors(request: Request, server: Sound) -> Answer:
    """A token is a second factor after a token."""
    answer = _remember(request, server)
    same = answer.message == "A different authentication method is required."
    return _second_factor(request, server, request.text("mfaId")) if same else answer


@broken_for("mfa")
def mfa_id_works_twice(request: Request, server: Sound) -> Answer:
    """An mfaId works more than once."""
    answer = server(request)
    used = server.memory.setdefault("used", {})
    mfa_id = request.query.get("mfaId") or request.text("mfaId")
    if request.operation == "auth-with-token" and answer.status == 200:
        used[mfa_id] = answer
    return used.get(mfa_id, answer) if answer.message == "Invalid or expired MFA session." else answer


@broken_for("mfa")
def unknown_mfa_id_taken(request: Request, server: Sound) -> Answer:
    """An mfaId that nobody got counts as none."""
    answer = server(request)
    return server(request.to(query={}).saying(mfaId="")) if answer.message.startswith("Invalid or expired") else answer


@broken_for("mfa")
def any_token_is_a_second_factor(request: Request, server: Sound) -> Answer:
    """A token that nobody bound is a second factor."""
    tokens = list(server.memory.get("tokens", {}))
    change = request.operation == "auth-with-token" and request.text("mfaId") and tokens
    return _remember(request.saying(token=tokens[0]) if change else request, server)


@broken_for("mfa")
def mfa_id_in_the_query_ignored(request: Request, server: Sound) -> Answer:
    """An mfaId in the query counts as none."""
    return server(request.to(query={}) if "mfaId" in request.query else request)


@broken_for("mfa")
def mfa_id_in_the_body_ignored(request: Request, server: Sound) -> Answer:
    """An mfaId in the body counts as none."""
    own = request.operation == "auth-with-token" and request.text("mfaId")
    return server(request.saying(mfaId="") if own else request)


@broken_for("mfa")
def first_factor_with_a_record(request: Request, server: Sound) -> Answer:
    """The first factor shows the record beside the mfaId."""
    answer = server(request)
    first = request.operation == "auth-with-token" and "mfaId" in answer.json
    return answer.saying(record={"id": "r" * 15}) if first else answer


@broken_for("mfa")
def first_factor_answers_200(request: Request, server: Sound) -> Answer:
    """The first factor answers 200."""
    answer = server(request)
    first = request.operation == "auth-with-token" and "mfaId" in answer.json
    return replace(answer, status=200) if first else answer


@broken_for("mfa")
def binding_asks_for_a_second_factor(request: Request, server: Sound) -> Answer:
    """Binding asks for a second factor."""
    answer = server(request)
    bound = request.operation == "bind-token" and answer.status == 204
    mfa = {"mfaId": "7nbcwn14p9f2wqk"}
    return Answer(401, headers=[("Content-Type", "application/json")]).holding(mfa) if bound else answer


# --- the auth rule ---


@broken_for("kept-out")
def auth_rule_not_asked(request: Request, server: Sound) -> Answer:
    """A token signs an account in that the auth rule keeps out."""
    answer = server(request)
    kept_out = request.operation == "auth-with-token" and answer.status == 403
    return Answer(200, headers=answer.headers).holding(_session(server)) if kept_out else answer


@broken_for("kept-out")
def auth_rule_is_400(request: Request, server: Sound) -> Answer:
    """An account that the auth rule keeps out gets 400."""
    answer = server(request)
    kept_out = request.operation == "auth-with-token" and answer.status == 403
    return error(400, "Failed to authenticate.") if kept_out else answer


@broken_for("kept-out")
def auth_rule_in_other_words(request: Request, server: Sound) -> Answer:
    """An account that the auth rule keeps out gets another message."""
    answer = server(request)
    kept_out = request.operation == "auth-with-token" and answer.status == 403
    return error(403, "You are not allowed to perform this request.") if kept_out else answer


@broken_for("kept-out")
def auth_rule_blames_members(request: Request, server: Sound) -> Answer:
    """The 403 of the auth rule has `data`."""
    answer = server(request)
    kept_out = request.operation == "auth-with-token" and answer.status == 403
    return answer.saying(data={"token": {"code": "rule", "message": "Kept out."}}) if kept_out else answer


@broken_for("kept-out")
def binding_asks_the_auth_rule(request: Request, server: Sound) -> Answer:
    """Binding asks the auth rule."""
    answer = server(request)
    bound = request.operation == "bind-token" and answer.status == 204
    text = "The request doesn't satisfy the collection requirements to authenticate."
    return error(403, text) if bound else answer


# --- password authentication that is off ---


@broken_for("no-password")
def password_auth_off_is_400(request: Request, server: Sound) -> Answer:
    """Binding without password authentication answers 400."""
    answer = server(request)
    failed = "Failed to bind token." if request.operation == "bind-token" else "Failed to unbind token."
    return error(400, failed) if request.operation in _BINDINGS and answer.status == 403 else answer


@broken_for("no-password")
def members_before_password_auth(request: Request, server: Sound) -> Answer:
    """Members are looked at before it is asked whether there is password authentication."""
    answer = server(request)
    missing = request.operation in _BINDINGS and answer.status == 403 and not request.text("token")
    required = {"code": "validation_required", "message": "Cannot be blank."}
    return error(400, INVALID, email=required, password=required, token=required) if missing else answer
