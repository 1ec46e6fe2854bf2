"""What cannot be sent is refused before anything is sent, by a clear error without the value."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import anyio
import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, BosBase, Collection, ConfigurationError, InsecureTransportWarning

from .conftest import SIGNED_IN, Recorder


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("http://127.0.0.1:8090/", "http://127.0.0.1:8090"),
        ("https://host/bosbase/", "https://host/bosbase"),
        ("https://host/bosbase", "https://host/bosbase"),
        ("https://host/bosbase//a/..", "https://host/bosbase"),
        ("http://[::1]:8090", "http://[::1]:8090"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://my_host-1.example", "https://my_host-1.example"),
    ],
)
def test_base_url_may_have_a_path_and_a_trailing_slash(given: str, kept: str) -> None:
    """The slash at the end makes no difference."""
    assert BosBase(given).base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8090",
        "localhost",
        "ftp://host",
        "http://",
        "http:///path",
        "http://user:pass-canary@host",
        "http://@host",
        "http://host?x=1",
        "http://host?",
        "http://host#part",
        "http://host/#",
        "http://a..b",
        "http://" + "a" * 64 + ".example",
        "http://host:99999",
        "http://ho\x00st",
        "http://ho st",
        "http://host ",
        "http://ho%20st",
        "http://host;x",
        "http://host\n",
        "http://\ud800",
        "http://[::1",
        None,
        b"http://host",
    ],
)
def test_base_url_that_cannot_be_used_is_refused(url: Any) -> None:
    """A URL without http(s) and a host, or with credentials, a query or a fragment."""
    with pytest.raises(ConfigurationError) as caught:
        BosBase(url)
    assert "canary" not in str(caught.value)
    assert caught.value.attempts == 0


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1", "http://localhost.example.com"])
def test_plain_http_to_another_host_warns_once_where_the_client_is_made(url: str) -> None:
    """The warning names the caller's line, and a call does not repeat it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = BosBase(url, transport=httpx.MockTransport(lambda _: httpx.Response(204)))
        client.collection("users").bind_custom_token("a@example.com", "password", "token")
        client.collection("users").unbind_custom_token("a@example.com", "password", "token")
    assert [warning.category for warning in caught] == [InsecureTransportWarning]
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://localhost:1",
        "http://localhost.:1",
        "http://127.1",
        "http://127.1.2.3",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_https_and_loopback_do_not_warn(url: str) -> None:
    """Nothing travels in the clear there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert BosBase(url)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\x00", "a\n", "\x7f", "\x85", "\ud800", None, 5])
def test_a_collection_that_would_leave_its_segment_is_refused(users: Collection, name: Any) -> None:
    """Such a name could reach another path."""
    with pytest.raises(ConfigurationError):
        BosBase("http://localhost").collection(name)


@pytest.mark.parametrize(("name", "segment"), [("users", "users"), ("a b?#%é", "a%20b%3F%23%25%C3%A9"), ("...", "...")])
def test_a_collection_is_one_percent_encoded_segment(recorder: Recorder, name: str, segment: str) -> None:
    """Whatever is in the name, the path has the same number of segments."""
    client = BosBase("http://localhost/base", transport=httpx.MockTransport(recorder))
    client.collection(name).auth_with_token("token")
    expected = f"/base/api/collections/{segment}/auth-with-token".encode()
    assert recorder.requests[0].url.raw_path == expected


@pytest.mark.parametrize(
    "options",
    [
        {"body": {"email": "x"}},
        {"body": {"password": "x"}},
        {"body": {"token": "x"}},
        {"body": {"mfaId": "x"}},
        {"body": {"MFAID": "x"}},
        {"body": {"to\u212aen": "x"}},  # the Kelvin sign, which Go reads as k
        {"body": {"x": float("nan")}},
        {"body": {"x": float("inf")}},
        {"body": {"x": "\ud800"}},
        {"body": {"\ud800": 1}},
        {"body": {"x": object()}},
        {"body": {"x": 10**5000}},
        {"body": {5: "x"}},
        {"body": "text"},
        {"query": {"email": "x"}},
        {"query": {"password": "x"}},
        {"query": {"token": "x"}},
        {"query": {"mfaId": "x"}},
        {"query": {"expand": "x"}},
        {"query": {"fields": "x"}},
        {"query": {"Token": "x"}},
        {"query": {"x": float("nan")}},
        {"query": {"x": 10**5000}},
        {"query": {"x": [1, float("-inf")]}},
        {"query": {"x": "\ud800"}},
        {"query": {"x": b"bytes"}},
        {"query": {"x": {}}},
        {"query": {5: "x"}},
        {"query": "x=1"},
        {"query": httpx.QueryParams([("x", "1"), ("x", "\ud800")])},
        {"headers": {"Content-Type": "text/plain"}},
        {"headers": {"content-length": "5"}},
        {"headers": {"HOST": "other"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"X": "a\nb"}},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X": " a"}},
        {"headers": {"X": "a\x00"}},
        {"headers": {"X": "é"}},
        {"headers": {"X": 5}},
        {"headers": {"X Y": "a"}},
        {"headers": {"": "a"}},
        {"headers": {5: "a"}},
        {"headers": [("X", "a")]},
        {"timeout": 0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": True},
        {"timeout": "10"},
        {"timeout": httpx.Timeout(-1)},
        {"timeout": httpx.Timeout(5, connect=float("nan"))},
        {"timeout": httpx.Timeout(5, read=float("inf"))},
        {"timeout": httpx.Timeout(5, write=cast("Any", "5"))},
        {"timeout": httpx.Timeout(5, pool=True)},
        {"expand": "\ud800"},
        {"fields": ["\ud800"]},
        {"fields": [5]},
        {"fields": 5},
        {"expand": False},
        {"expand": b"team"},
        {"mfa_id": 5},
    ],
)
def test_an_option_that_clashes_or_cannot_be_sent_is_refused(
    recorder: Recorder, users: Collection, options: dict[str, Any]
) -> None:
    """Nothing is sent."""
    with pytest.raises(ConfigurationError) as caught:
        users.auth_with_token("token", **options)
    assert (recorder.requests, caught.value.attempts) == ([], 0)


@pytest.mark.parametrize("value", [None, 5, b"bytes", "canary\ud800"])
@pytest.mark.parametrize("place", range(3))
def test_a_credential_that_is_no_text_is_refused_without_being_shown(
    recorder: Recorder, users: Collection, value: Any, place: int
) -> None:
    """Whichever of email, password and token it is."""
    credentials: list[Any] = ["a@example.com", "password", "token"]
    credentials[place] = value
    with pytest.raises(ConfigurationError, match=("email", "password", "token")[place]) as caught:
        users.bind_custom_token(*credentials)
    assert recorder.requests == []
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": "x"}},
        {"headers": {"cookie": "x=1"}},
        {"headers": {"Host": "x"}},
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"timeout": "5"},
        {"timeout": httpx.Timeout(5, connect=0)},
        {"transport": httpx.MockTransport(lambda _: httpx.Response(204)), "http_client": httpx.Client()},
        {"http_client": httpx.AsyncClient()},
        {"transport": httpx.AsyncHTTPTransport()},
        {"transport": "http"},
    ],
)
def test_a_constructor_option_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    """When the client is made, not at the first call."""
    with pytest.raises(ConfigurationError):
        BosBase("http://localhost", **options)


def test_an_async_client_refuses_a_transport_of_threads() -> None:
    """When it is made, and not by an AttributeError at the first call."""
    with pytest.raises(ConfigurationError, match=r"an object for httpx\.AsyncClient"):
        AsyncBosBase("http://localhost", transport=httpx.HTTPTransport())  # type: ignore[arg-type]  # the test


def test_from_env_reads_the_url_and_says_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other options are the constructor's."""
    monkeypatch.setenv("BOSBASE_URL", "http://localhost:1234/")
    assert BosBase.from_env(retries=0).base_url == AsyncBosBase.from_env(timeout=1).base_url == "http://localhost:1234"
    monkeypatch.delenv("BOSBASE_URL")
    with pytest.raises(ConfigurationError, match="BOSBASE_URL"):
        BosBase.from_env()
    monkeypatch.setenv("BOSBASE_URL", "")
    with pytest.raises(ConfigurationError, match="BOSBASE_URL"):
        AsyncBosBase.from_env()


def test_query_body_and_headers_add_to_one_call(recorder: Recorder, users: Collection) -> None:
    """The next call has none of them."""
    users.auth_with_token(
        "tok",
        expand=["team", "boss"],
        fields="record.nick",
        body={"device": {"name": "é"}},
        query={"a": [1, 2.5, None], "b": True, "c": ("x",)},
        headers={"X-Trace": "1", "Authorization": "Bearer x", "User-Agent": "mine"},
    )
    users.auth_with_token("tok", fields=[], expand="")
    first, second = recorder.requests
    assert first.url.params.multi_items() == [
        ("expand", "team,boss"),
        ("fields", "record.nick,token,record.id,record.collectionId,record.collectionName"),
        *[("a", "1"), ("a", "2.5"), ("a", ""), ("b", "true"), ("c", "x")],
    ]
    assert first.content == '{"device":{"name":"é"},"token":"tok"}'.encode()
    assert (first.headers["x-trace"], first.headers["authorization"]) == ("1", "Bearer x")
    assert first.headers["user-agent"] == "mine"
    assert second.content == b'{"token":"tok"}'
    assert not second.url.query
    assert {"x-trace", "authorization"}.isdisjoint(second.headers)


def test_a_query_of_httpx_keeps_a_name_that_repeats(recorder: Recorder, users: Collection) -> None:
    """As a mapping it shows the first value alone."""
    users.auth_with_token("tok", query=httpx.QueryParams([("a", "1"), ("b", "x"), ("a", "2")]))
    assert recorder.requests[0].url.params.multi_items() == [("a", "1"), ("a", "2"), ("b", "x")]


def test_fields_that_are_asked_for_anyway_are_not_doubled(recorder: Recorder, users: Collection) -> None:
    """What an AuthResult needs is added where it is missing."""
    users.auth_with_token("tok", fields="token,record.id,record.collectionId,record.collectionName")
    asked = "token,record.id,record.collectionId,record.collectionName"
    assert recorder.requests[0].url.params["fields"] == asked


@pytest.mark.parametrize("fields", ["*", ["expand", " * "], "*,record"])
def test_fields_that_ask_for_everything_stay_as_they_are(recorder: Recorder, users: Collection, fields: Any) -> None:
    """A member of the record beside them would leave out all others of it."""
    users.auth_with_token("tok", fields=fields)
    assert recorder.requests[0].url.params["fields"] == (fields if isinstance(fields, str) else ",".join(fields))


def test_everything_and_a_part_of_the_record(recorder: Recorder, users: Collection) -> None:
    """The server answers that part of the record alone: the ids must be added."""
    users.auth_with_token("tok", fields="*,record.nick")
    asked = "*,record.nick,token,record.id,record.collectionId,record.collectionName"
    assert recorder.requests[0].url.params["fields"] == asked


def test_an_mfa_id_travels_in_the_body(recorder: Recorder, users: Collection) -> None:
    """No URL and no access log has it."""
    users.auth_with_token("tok", mfa_id="id")
    assert recorder.requests[0].content == b'{"token":"tok","mfaId":"id"}'
    assert not recorder.requests[0].url.query


def test_an_async_sign_in_takes_the_same_arguments(recorder: Recorder) -> None:
    """They reach the same places."""

    async def main() -> None:
        async with AsyncBosBase("http://localhost", transport=httpx.MockTransport(recorder)) as client:
            await client.collection("users").auth_with_token("tok", mfa_id="id", expand="team", fields=["record.nick"])

    anyio.run(main)
    request = recorder.requests[0]
    assert request.content == b'{"token":"tok","mfaId":"id"}'
    assert request.url.params["expand"] == "team"
    assert request.url.params["fields"].startswith("record.nick,")


def test_a_timeout_of_one_call_is_that_calls_alone(recorder: Recorder, users: Collection) -> None:
    """A float, an httpx.Timeout, or None for no limit; else the client's."""
    for timeout in (3, httpx.Timeout(2.0, read=None), None):
        users.auth_with_token("tok", timeout=timeout)
    users.auth_with_token("tok")
    assert [request.extensions["timeout"] for request in recorder.requests] == [
        {"connect": 3, "read": 3, "write": 3, "pool": 3},
        {"connect": 2.0, "read": None, "write": 2.0, "pool": 2.0},
        {"connect": None, "read": None, "write": None, "pool": None},
        {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 10.0},
    ]


def refused(call: Callable[[], object]) -> str:
    """What the refusal of a call says."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    return str(caught.value)


LOCAL = "http://localhost"
BASE_URL = "base_url must be an http:// or https:// URL with a host and a port up to 65535"
PASTED = "base_url is a URL of {}: give the server's own URL, without {}"
ADDITIONS = "base_url must have no credentials, no query and no fragment"


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((5,), {}, "base_url must be a str"),
        (("http://",), {}, BASE_URL),
        (("http://host:0",), {}, BASE_URL),
        (("http://host:65536",), {}, BASE_URL),
        (("http://a@host//b",), {}, ADDITIONS),
        (("http://@host",), {}, ADDITIONS),
        (("http://host/?",), {}, ADDITIONS),
        *(
            (
                (f"http://host/app{pasted}",),
                {},
                PASTED.format(what, pasted),
            )
            for pasted, what in [
                ("/_", "the dashboard"),
                ("/_/collections", "the dashboard"),
                ("/api", "the API"),
                ("/api/collections/users", "the API"),
            ]
        ),
        ((LOCAL,), {"retries": -1}, "retries must be a whole number, 0 or more"),
        (
            (LOCAL,),
            {"timeout": 1e9},
            "timeout must be a positive number of seconds, an httpx.Timeout of these, or None",
        ),
        ((LOCAL,), {"http_client": httpx.AsyncClient()}, "http_client must be an httpx.Client"),
        (
            (LOCAL,),
            {"http_client": httpx.Client(), "transport": httpx.MockTransport(lambda _: httpx.Response(204))},
            "give either transport or http_client: an http_client has its own transport",
        ),
        ((LOCAL,), {"headers": {"Cookie": "x"}}, "headers must not contain Cookie"),
    ],
)
def test_a_refusal_says_what_the_constructor_takes(arguments: Any, options: Any, text: str) -> None:
    """In the words of the one who reads it."""
    assert refused(lambda: BosBase(*arguments, **options)) == text


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://localhost:65535", "HTTP://LOCALHOST", "http://localhost/a@b"]
)
def test_base_urls_at_the_edges_are_taken(url: str) -> None:
    """The first and the last port, capitals, an @ in the path."""
    assert BosBase(url).base_url.lower().startswith("http://localhost")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"headers": {"a b": "x"}}, "a header's name must be a str of letters, digits and -"),
        ({"headers": {"Host": "x"}}, "headers must not contain Host"),
        ({"headers": {"X": " "}}, "the header X must be ASCII without line breaks or spaces at the ends"),
        ({"headers": 5}, "headers must be a mapping"),
        ({"body": 5}, "body must be a mapping"),
        ({"body": {"token": 1, "email": 2}}, "body must not contain email, token: the call sets it"),
        ({"body": {"x": {1, 2}}}, "body must contain only JSON values: no NaN, no lone surrogates, no other types"),
        ({"query": 5}, "query must be a mapping"),
        ({"query": {"fields": 1}}, "query must not contain fields: the call sets it"),
        ({"query": {"x": {}}}, "query must map a str to a str, a number, a bool, None or a sequence of these"),
        ({"expand": [5]}, "expand must be a str of characters that UTF-8 can encode"),
        ({"fields": [5]}, "fields must be a str of characters that UTF-8 can encode"),
        ({"mfa_id": 5}, "mfa_id must be a str of characters that UTF-8 can encode"),
        ({"timeout": "x"}, "timeout must be a positive number of seconds, an httpx.Timeout of these, or None"),
    ],
)
def test_a_refusal_says_what_a_call_takes(users: Collection, options: dict[str, Any], text: str) -> None:
    """The option by its name, and never its value."""
    assert refused(lambda: users.auth_with_token("token", **options)) == text


def test_a_refusal_names_the_credential_the_collection_and_the_variable(
    users: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each as the caller knows it."""
    encode = "must be a str of characters that UTF-8 can encode"
    assert refused(lambda: users.bind_custom_token("\ud800", "p", "t")) == f"email {encode}"
    assert refused(lambda: users.bind_custom_token("e", "\ud800", "t")) == f"password {encode}"
    assert refused(lambda: users.unbind_custom_token("e", "p", "\ud800")) == f"token {encode}"
    assert refused(lambda: users.auth_with_token("\ud800")) == f"token {encode}"
    client = BosBase(LOCAL)
    assert refused(lambda: client.collection("..")) == (
        'the collection must be a name or an id: a str, not "", "." or ".."'
    )
    assert refused(lambda: client.collection("a/b")) == (
        "the collection's name must not contain a slash, a backslash or a control character"
    )
    monkeypatch.delenv("BOSBASE_URL", raising=False)
    missing = "BOSBASE_URL is not set: set it to the server's URL, such as http://127.0.0.1:8090"
    assert refused(BosBase.from_env) == refused(AsyncBosBase.from_env) == missing


def test_an_option_that_does_not_exist_is_a_type_error(users: Collection) -> None:
    """As for any function of Python."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'time_out'"):
        users.auth_with_token("token", time_out=1)  # type: ignore[call-arg]  # the test


def test_the_warning_says_what_to_do() -> None:
    """In one line."""
    with pytest.warns(InsecureTransportWarning) as caught:
        BosBase("http://example.com")
    text = "plain http sends passwords and tokens unencrypted: use https, or a loopback address"
    assert [str(warning.message) for warning in caught] == [text]


@pytest.mark.parametrize("name", ["bind_custom_token", "unbind_custom_token", "auth_with_token", "rotate_custom_token"])
@pytest.mark.parametrize("client", [BosBase, AsyncBosBase])
def test_the_options_of_one_call_reach_it_whichever_call_it_is(name: str, client: type[Any]) -> None:
    """Body, query, headers and timeout, sync and async."""
    recorder = Recorder(answer_to)
    users = client(LOCAL, transport=httpx.MockTransport(recorder), headers={"X-A": "1"}).collection("users")
    credentials = ["tok"] if name == "auth_with_token" else ["e", "p", "tok"]
    options = {"body": {"b": 1}, "query": {"q": 2}, "headers": {"x-a": "3"}, "timeout": 4}
    outcome = getattr(users, name)(*credentials, **options)
    if client is AsyncBosBase:
        anyio.run(lambda: outcome)
    for request in recorder.requests:
        assert json.loads(request.content)["b"] == 1
        assert request.url.query == b"q=2"
        assert request.headers.get_list("x-a") == ["3"]
        assert set(request.extensions["timeout"].values()) == {4}
    assert len(recorder.requests) == (2 if name == "rotate_custom_token" else 1)


def answer_to(request: httpx.Request) -> httpx.Response:
    """The success of whichever call a request is."""
    signing_in = request.url.path.endswith("auth-with-token")
    return httpx.Response(200, json=SIGNED_IN) if signing_in else httpx.Response(204)


def test_the_options_of_the_constructor_reach_every_call(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from the environment, and async."""
    monkeypatch.setenv("BOSBASE_URL", LOCAL)
    transport = httpx.MockTransport(recorder)
    BosBase.from_env(transport=transport, timeout=7).collection("users").auth_with_token("tok")
    users = AsyncBosBase.from_env(transport=transport, timeout=8).collection("users")
    anyio.run(users.auth_with_token, "tok")
    assert [request.extensions["timeout"]["read"] for request in recorder.requests] == [7, 8]


class Changing(Mapping[str, Any]):
    """Has another name each time it is looked at, like a dict that another thread changes."""

    def __init__(self) -> None:
        self._names = iter(["x", "token", "token", "token", "token"])

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        yield next(self._names)

    def __getitem__(self, name: str) -> Any:
        return "value"


def test_what_is_checked_is_what_is_sent(recorder: Recorder, users: Collection) -> None:
    """A name that comes later does not replace what the call sends."""
    options: Any = {"body": Changing(), "query": Changing(), "headers": Changing()}
    users.auth_with_token("tok", **options)
    (request,) = recorder.requests
    assert json.loads(request.content) == {"token": "tok", "x": "value"}
    assert (request.url.query, request.headers["x"]) == (b"x=value", "value")
    assert "token" not in request.headers
