"""Where a server repeats a secret of the call, `***` stands in its place; the rest of the text stays readable."""

from typing import Any

import httpx
import pytest

from bosbase_wrapper import (
    ApiError,
    BosBase,
    BosBaseError,
    Collection,
    ConfigurationError,
    TransportError,
    UnexpectedResponseError,
    ValidationError,
)
from bosbase_wrapper._redaction import Redactor, RequestFields

PASSWORD, TOKEN = 'pä"ss<word>&/', "my-app-token"


def error_of(
    message: str, password: str = PASSWORD, token: str = TOKEN, data: Any = None, **sign_in: Any
) -> BosBaseError:
    """The error of a bind, or of a sign-in, that is answered so."""
    answer = httpx.Response(400, json={"data": data or {}, "message": message, "status": 400})
    users = BosBase("http://localhost", transport=httpx.MockTransport(lambda _: answer)).collection("users")
    with pytest.raises(BosBaseError) as caught:
        users.auth_with_token(token, **sign_in) if sign_in else users.bind_custom_token("a@b.c", password, token)
    return caught.value


def message_of(message: str, password: str = PASSWORD, token: str = TOKEN, **sign_in: Any) -> str:
    """What is left of the server's message."""
    error = error_of(message, password, token, **sign_in)
    assert isinstance(error, ApiError)
    assert str(error) == f"400 {error.message}"
    return error.message


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        'pä\\"ss<word>&/',
        'p\\u00e4\\"ss<word>&/',
        'pä\\"ss\\u003cword\\u003e\\u0026/',
        "p%C3%A4%22ss%3Cword%3E%26%2F",
        "p%c3%a4%22ss%3cword%3e&%2F",
        "pä&quot;ss&lt;word&gt;&amp;/",
        "pä&#34;ss&lt;word>&amp;/",
        TOKEN,
    ],
)
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    """As it is, as JSON escapes it, as Go's JSON does, as a URL and as HTML."""
    assert message_of(f"invalid {written}, and {written}!") == "invalid ***, and ***!"


@pytest.mark.parametrize("written", ["a b!$c'%\\", "a%20b!$c'%25%5C", "a+b!%24c%27%25%5c", "a b!$c&#39;%\\"])
def test_what_libraries_leave_as_it_is(written: str) -> None:
    """A space is a plus in a form, and JavaScript escapes neither ! nor '."""
    assert message_of(f"invalid {written}.", token="a b!$c'%\\") == "invalid ***."


@pytest.mark.parametrize(
    "written", ["a b/c?d", "a%20b%2Fc%3Fd", "a%20b/c%3Fd", "a+b%2Fc%3Fd", "a%20b%2fc%3fd", "a%20b%2Fc%3fd"]
)
def test_a_secret_is_hidden_in_a_url_and_in_a_form(written: str) -> None:
    """With a slash that is escaped or not, a space as `+`, and escapes in either case."""
    assert message_of(f"invalid {written}!", password="a b/c?d") == "invalid ***!"


@pytest.mark.parametrize(
    ("token", "written"),
    [("token\\", "token\\\\"), ("token%", "token%25"), ("token&", "token&amp;"), ("token<", "token\\u003c")],
)
def test_nothing_is_left_of_an_escape_at_the_end(token: str, written: str) -> None:
    """Although the secret itself is the begin of the escaped one."""
    assert message_of(f"invalid {written}!", token=token) == "invalid ***!"


def test_a_plus_stands_for_a_space_alone() -> None:
    """Another text stays readable."""
    assert message_of("invalid a+b!", password="a/b") == "invalid a+b!"


def test_names_and_values_of_data_are_hidden_too() -> None:
    """At any depth of the parameters; what is no text stays."""
    part = {"code": TOKEN, "message": f"no {PASSWORD}", "params": {TOKEN: [1, None, {PASSWORD: f"x{TOKEN}"}], "max": 5}}
    error = error_of("Wrong.", data={TOKEN: part})
    assert isinstance(error, ValidationError)
    (name,) = error.data
    assert (name, error.data[name].code, error.data[name].message) == ("***", "***", "no ***")
    assert error.data[name].params == {"***": [1, None, {"***": "x***"}], "max": 5}


def test_the_longer_of_two_secrets_is_hidden_first() -> None:
    """So that nothing of it stays where it begins with the other."""
    assert message_of("secret-and-more", password="secret", token="secret-and-more") == "***"
    assert message_of("a-secret-b", password="secret", token="a-secret-b") == "***"


@pytest.mark.parametrize(
    ("secret", "message", "left"),
    [
        ("a", "Failed to authenticate: a is wrong.", "Failed to authenticate: *** is wrong."),
        ("abc", "abcdef abc 'abc' abc_ xabc", "abcdef *** '***' abc_ xabc"),
        (".", "Failed . End.", "Failed *** End."),
        ("é", "né é", "né ***"),
        ("abcd", "xabcdx", "x***x"),
    ],
)
def test_a_short_secret_is_hidden_as_a_whole_word(secret: str, message: str, left: str) -> None:
    """One to three characters stand in many a word by chance, and a message without them would be none."""
    assert message_of(message, password=secret) == left


def test_a_short_secret_does_not_spoil_our_own_texts() -> None:
    """Those repeat nothing."""

    def drop(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("x")

    users = BosBase("http://localhost", retries=0, transport=httpx.MockTransport(drop)).collection("users")
    with pytest.raises(TransportError, match=r"^the connection was dropped before the response ended$"):
        users.auth_with_token("connection")


def test_an_mfa_id_and_an_authorization_are_secrets_too() -> None:
    """Of the calls that they are given to."""
    said = message_of("mfa-1234 jwt-1234 Bearer", mfa_id="mfa-1234", headers={"Authorization": "Bearer jwt-1234"})
    assert said == "*** *** Bearer"


def test_an_authorization_of_one_word_is_a_secret_too() -> None:
    """PocketBase takes the JWT as it is."""
    assert message_of("jwt-1234 is wrong", headers={"Authorization": "jwt-1234"}) == "*** is wrong"


def test_an_email_is_none() -> None:
    """It helps to see it."""
    assert message_of("a@example.com is unknown") == "a@example.com is unknown"


def test_an_empty_secret_hides_nothing() -> None:
    """A server that takes one, or says that it does not."""
    assert message_of("cannot be blank", password="", token="") == "cannot be blank"


def test_a_text_that_nothing_can_print_is_made_printable() -> None:
    """A lone surrogate in a server's JSON becomes a question mark."""
    answer = httpx.Response(400, content=b'{"data": {}, "message": "a\\ud800b", "status": 400}')
    users = BosBase("http://localhost", transport=httpx.MockTransport(lambda _: answer)).collection("users")
    with pytest.raises(ApiError) as caught:
        users.auth_with_token(TOKEN)
    assert caught.value.message == "a?b"


def test_a_network_that_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's name in the system's words may be the token by accident."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {TOKEN}")

    users = BosBase("http://localhost", retries=0, transport=httpx.MockTransport(fail)).collection("users")
    with pytest.raises(TransportError) as caught:
        users.auth_with_token(TOKEN)
    assert str(caught.value) == "no connection: no route to ***"


def test_a_content_type_that_repeats_a_secret() -> None:
    """The one header that an error shows."""
    answer = httpx.Response(200, headers={"Content-Type": f"text/{TOKEN}"})
    users = BosBase("http://localhost", transport=httpx.MockTransport(lambda _: answer)).collection("users")
    with pytest.raises(UnexpectedResponseError) as caught:
        users.auth_with_token(TOKEN)
    assert caught.value.content_type == "text/***"


TOO_LONG = "the URL is too long: shorten the collection's name, expand, fields or query"
NOT_JSON = "body must contain only JSON values: no NaN, no lone surrogates, no other types"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"query": {"x": "x" * 70_000}}, TOO_LONG),
        ({"expand": "x" * 70_000}, TOO_LONG),
        ({"body": {"x": float("nan")}}, NOT_JSON),
        ({"body": {"x": "\ud800"}}, NOT_JSON),
        ({"body": {"x": object()}}, NOT_JSON),
        ({"body": {"x": {"x": {1, 2}}}}, NOT_JSON),
    ],
    ids=["query", "expand", "nan", "surrogate", "object", "set"],
)
def test_what_cannot_be_sent_is_refused_without_the_body(users: Collection, options: Any, told: str) -> None:
    """By an error of ours, which leads to no frame that holds the token."""
    with pytest.raises(ConfigurationError) as caught:
        users.auth_with_token(TOKEN, **options)
    assert str(caught.value) == told
    assert (caught.value.attempts, caught.value.__context__) == (0, None)


def test_what_hides_shows_nothing_itself() -> None:
    """It stands in frames while a server's text is read."""
    assert repr(Redactor([TOKEN])) == "Redactor()"
    assert repr(RequestFields(email="a@b.c", password=PASSWORD)) == "RequestFields(email, password)"
