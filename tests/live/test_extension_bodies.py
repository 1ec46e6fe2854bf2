"""Bodies that the extension reads and refuses, as BosBase does, beyond the recorded exchanges."""

from pathlib import Path

import pytest

from .extension import (
    BLANK,
    FORM,
    JSON,
    LOADING,
    NO_EMAIL,
    PASSWORD,
    UNKNOWN,
    UNSUPPORTED,
    VALIDATING,
    XML,
    Account,
    assert_refused,
    memory,
    out_of_range,
    unique,
)

pytestmark = pytest.mark.untraced


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, '{"token":"TOKEN"}'),
        ({"Content-Type": "application/json; charset=utf-8"}, '{"token":"TOKEN"}'),
        (JSON, '  {"token":"TOKEN"}\n\n'),
        (JSON, '{"token":"TOKEN"} and bytes after it'),
        (JSON, '{"token":"TOKEN"}{"token":"another"}'),
        (JSON, '{"token":"TOKEN","unknown":{"deep":[1]}}'),
        (JSON, '{"token":"TOKEN","mfaId":5}'),
        (JSON, '{"token":"TOKEN","mfaId":null}'),
        (JSON, '{"token":"TOKEN","mfaId":"no session needs it"}'),
        (FORM, "token=TOKEN"),
        (FORM, "token=TOKEN&token=another"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, "FORM"),
    ],
)
def test_a_body_that_signs_in(member: Account, headers: dict[str, str], body: str) -> None:
    """JSON, forms and multipart, each with content that it ignores."""
    part = '--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nTOKEN\r\n--b--\r\n'
    token = member.bound()
    content = body.replace("FORM", part).replace("TOKEN", token)
    response = member.post("auth-with-token", content=content.encode(), headers=headers)
    assert response.status_code == 200
    assert response.json()["record"]["id"] == member.id


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        *[(JSON, body, LOADING) for body in (b"{token", b"[]", b'"t"', b"5", b"true", b'{"token":5}', b'{"token":[]}')],
        (JSON, b'{"token":{}}', LOADING),
        (JSON, b'{"token":true}', LOADING),
        (JSON, b"\xef\xbb\xbf{}", LOADING),
        (FORM, b"token=%zz", LOADING),
        ({"Content-Type": "multipart/form-data"}, b"no boundary", LOADING),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"no part", LOADING),
        (XML, b"<form><Token>t</form>", LOADING),
        ({"Content-Type": "text/plain"}, b'{"token":"t"}', UNSUPPORTED),
        ({"Content-Type": "application/octet-stream"}, b"t", UNSUPPORTED),
        ({}, b'{"token":"t"}', UNSUPPORTED),
    ],
)
@pytest.mark.parametrize("action", ["auth-with-token", "bind-token", "unbind-token"])
def test_a_body_that_cannot_be_read(
    member: Account, action: str, headers: dict[str, str], body: bytes, message: str
) -> None:
    """Each of the three calls responds 400 with the same message."""
    assert_refused(member.post(action, content=body, headers=headers), 400, message)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        (JSON, b""),
        ({"Content-Type": "text/plain"}, b""),
        (JSON, b"null"),
        (JSON, b"{}"),
        (JSON, b'{"token":null,"email":null,"password":""}'),
        (FORM, b"other=1"),
        (XML, b"<form/>"),
        (XML, b"<form><token>names of fields are capitalised in XML</token></form>"),
    ],
)
def test_a_body_without_fields(member: Account, headers: dict[str, str], body: bytes) -> None:
    """The response names every missing field, in alphabetical order."""
    response = member.post("bind-token", content=body, headers=headers)
    assert_refused(response, 400, VALIDATING, email=BLANK, password=BLANK, token=BLANK)
    assert_refused(member.post("auth-with-token", content=body, headers=headers), 400, VALIDATING, token=BLANK)


def test_a_binding_as_xml(member: Account) -> None:
    """XML binds and unbinds. A sign-in by XML is refused, like the server's own."""
    token = unique("token")
    body = f"<f><Email>{member.email}</Email><Password>{PASSWORD}</Password><Token>{token}</Token></f>".encode()
    assert member.post("bind-token", content=body, headers=XML).status_code == 204
    assert member.login(token).status_code == 200
    response = member.post("auth-with-token", content=f"<f><Token>{token}</Token></f>".encode(), headers=XML)
    assert_refused(response, 400, "Something went wrong while processing your request.")
    assert member.post("unbind-token", content=body, headers={"Content-Type": "application/xml"}).status_code == 204
    assert_refused(member.login(token), 400, UNKNOWN)


@pytest.mark.parametrize("letter", ["z", "ä", "🔑"], ids=["1 byte", "2 bytes", "4 bytes"])
def test_a_token_has_1_to_1024_bytes(member: Account, letter: str) -> None:
    """The limit counts bytes, not characters. The longest token binds and signs in; one byte more is refused."""
    width = len(letter.encode())
    longest = letter * (1024 // width)
    assert member.login(member.bound(longest)).status_code == 200
    assert member.login(member.bound(unique(letter))).status_code == 200
    for too_long in (longest + "z", longest + letter):
        assert_refused(member.change("bind-token", too_long), 400, VALIDATING, token=out_of_range(1024))
        assert_refused(member.login(too_long), 400, VALIDATING, token=out_of_range(1024))


@pytest.mark.parametrize("letter", ["p", "ä", "🔑"], ids=["1 byte", "2 bytes", "4 bytes"])
def test_a_password_has_1_to_255_bytes(member: Account, letter: str) -> None:
    """255 bytes are a wrong password, 256 are too long."""
    width = len(letter.encode())
    longest = letter * (255 // width) + "p" * (255 % width)
    assert_refused(member.change("bind-token", "t", password=longest), 400, "Failed to bind token.")
    response = member.change("unbind-token", "t", password=longest + "p")
    assert_refused(response, 400, VALIDATING, password=out_of_range(255))


def test_an_email_has_1_to_255_bytes(member: Account) -> None:
    """The length is checked before the format."""
    for email in ("a" * 244 + "@example.com", "ä" * 122 + "@example.com"):
        assert len(email.encode()) == 256
        assert_refused(member.change("bind-token", "t", email=email), 400, VALIDATING, email=out_of_range(255))
    assert_refused(member.change("bind-token", "t", email="a" * 255), 400, VALIDATING, email=NO_EMAIL)


@pytest.mark.parametrize("email", [" a@example.com", "a@example.com ", "a@", "a", "a b@example.com", "\n"])
def test_an_email_has_a_valid_format(member: Account, email: str) -> None:
    """No white space is trimmed."""
    assert_refused(member.change("bind-token", "t", email=email), 400, VALIDATING, email=NO_EMAIL)


def test_several_fields_are_refused_at_once(member: Account) -> None:
    """Each field has its own error."""
    response = member.change("unbind-token", "", email="x", password="p" * 256)
    assert_refused(response, 400, VALIDATING, email=NO_EMAIL, password=out_of_range(255), token=BLANK)


@pytest.mark.parametrize(
    ("headers", "told"),
    [(JSON, True), (FORM, True), (JSON, False)],
    ids=["JSON", "form", "JSON in chunks"],
)
def test_a_body_of_more_than_32_mib(member: Account, headers: dict[str, str], told: bool) -> None:
    """The response is 413. If the request says its length, the body is not read."""
    body = (b'{"token":"' if headers is JSON else b"token=") + b"a" * (33 << 20)
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    Path(f"/proc/{member.server.pid}/clear_refs").write_text("5")  # reset the peak of memory
    before = memory(member.server, "VmRSS")
    response = member.post("auth-with-token", content=body if told else pieces, headers=headers)
    assert_refused(response, 413, "Request entity too large.")
    if told:
        assert memory(member.server, "VmHWM") - before < 16 << 20
