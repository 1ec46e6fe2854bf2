"""Tokens as one of two factors."""

import json
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bosbase_wrapper.server import LiveServer

from .extension import JSON, PASSWORD, SPENT, UNKNOWN, Account, MakeAccount, assert_refused, at_the_same_moment

pytestmark = pytest.mark.untraced


def test_a_token_is_the_first_factor_or_the_second(guarded: Account) -> None:
    """A token works before and after a password. The id is in the query, which is read first, or in the body."""
    token = guarded.bound()
    login = {"identity": guarded.email, "password": PASSWORD}
    first = guarded.first_factor("token", token)
    assert guarded.post("auth-with-password", json={**login, "mfaId": first}).status_code == 200
    assert guarded.login(token, mfaId=guarded.first_factor("password")).status_code == 200
    assert guarded.login(token, f"?mfaId={guarded.first_factor('password')}").status_code == 200
    assert_refused(guarded.login(token, "?mfaId=none", mfaId=guarded.first_factor("password")), 400, SPENT)
    assert guarded.login(token, f"?mfaId={guarded.first_factor('password')}", mfaId="none").status_code == 200
    form = guarded.post("auth-with-token", data={"token": token, "mfaId": guarded.first_factor("password")})
    assert form.status_code == 200


def test_two_tokens_are_one_method(guarded: Account) -> None:
    """The id still works for another method."""
    token, other = guarded.bound(), guarded.bound()
    first = guarded.first_factor("token", token)
    for again in (token, other):
        assert_refused(guarded.login(again, mfaId=first), 400, "A different authentication method is required.")
    login = {"identity": guarded.email, "password": PASSWORD, "mfaId": first}
    assert guarded.post("auth-with-password", json=login).status_code == 200


def test_an_mfa_id_works_once(guarded: Account) -> None:
    """No method accepts it again."""
    token = guarded.bound()
    spent = guarded.first_factor("password")
    assert guarded.login(token, mfaId=spent).status_code == 200
    assert_refused(guarded.login(token, mfaId=spent), 400, SPENT)
    login = {"identity": guarded.email, "password": PASSWORD, "mfaId": spent}
    assert_refused(guarded.post("auth-with-password", json=login), 400, SPENT)


def test_an_mfa_id_of_another_account_or_collection(make: MakeAccount, guarded: Account) -> None:
    """Others cannot use it. Its own account still can."""
    other = make(guarded.collection)
    elsewhere = make(mfa={"enabled": True, "duration": 600}, otp={"enabled": True})
    first = guarded.first_factor("password")
    for stranger in (other, elsewhere):
        assert_refused(stranger.login(stranger.bound(), mfaId=first), 400, "Invalid MFA session.")
    assert guarded.login(guarded.bound(), mfaId=first).status_code == 200


@pytest.mark.parametrize("odd", [5, True, ["a"], {"a": 1}])
def test_an_mfa_id_of_another_type(guarded: Account, odd: object) -> None:
    """It is a different error from a wrong id. null and "" mean that there is no id."""
    token = guarded.bound()
    assert_refused(guarded.login(token, mfaId=odd), 400, "Failed to read MFA Id.")
    assert guarded.login(token, mfaId=None).status_code == 401
    assert guarded.login(token, mfaId="").status_code == 401


def test_binding_asks_for_no_second_factor(guarded: Account) -> None:
    """Binding and unbinding need only the password."""
    token = guarded.bound()
    assert guarded.change("unbind-token", token).status_code == 204
    assert_refused(guarded.login(token), 400, UNKNOWN)


@pytest.mark.parametrize("passwords", [0, 8], ids=["16 tokens", "8 tokens and 8 passwords"])
def test_an_mfa_id_works_once_for_requests_at_the_same_moment(guarded: Account, passwords: int) -> None:
    """One signs in, the others are refused, in each round."""
    path = f"/api/collections/{guarded.collection}"
    token = guarded.bound()
    for _ in range(4 if passwords else 10):  # passwords are slow to check
        mfa_id = guarded.first_factor("password")
        by_token = json.dumps({"token": token, "mfaId": mfa_id}).encode()
        by_password = json.dumps({"identity": guarded.email, "password": PASSWORD, "MfaId": mfa_id}).encode()
        requests = [(f"{path}/auth-with-password", JSON, by_password)] * passwords
        requests += [(f"{path}/auth-with-token", JSON, by_token)] * (16 - passwords)
        assert sorted(at_the_same_moment(guarded.server, requests)) == [200, *[400] * 15]


class Inbox:
    """Keeps the mails that the server sends."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, message: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        assert isinstance(message.content, bytes)
        self.mails.append(message.content.decode())
        return "250 OK"

    def code_for(self, email: str) -> str:
        """The one-time password that was mailed to an address."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            for mail in reversed(self.mails):
                found = re.search(r"\b(\d{8})\b", mail)
                if email in mail and found:
                    self.mails.remove(mail)
                    return found[1]
            time.sleep(0.02)
        raise AssertionError("no mail came")


@pytest.fixture
def inbox(server: LiveServer) -> Iterator[Inbox]:
    """A mail server on this machine, to which the embedded server sends."""
    inbox = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        mail = {"enabled": True, "host": "127.0.0.1", "port": port, "tls": False}
        server.api("PATCH", "/api/settings", {"smtp": mail, "meta": {"senderAddress": "server@example.com"}})
        yield inbox
    finally:
        server.api("PATCH", "/api/settings", {"smtp": {"enabled": False}})
        controller.stop()


def test_a_one_time_password_before_and_after_a_token(guarded: Account, inbox: Inbox) -> None:
    """Each is the other's second factor."""
    token = guarded.bound()

    def one_time_password(**members: str) -> httpx.Response:
        otp = guarded.post("request-otp", json={"email": guarded.email}).json()["otpId"]
        code = inbox.code_for(guarded.email)
        return guarded.post("auth-with-otp", json={"otpId": otp, "password": code, **members})

    first = one_time_password()
    assert first.status_code == 401
    assert guarded.login(token, mfaId=first.json()["mfaId"]).status_code == 200
    assert one_time_password(mfaId=guarded.first_factor("token", token)).status_code == 200


def test_who_signs_up_with_the_email_of_somebody_else(make: MakeAccount, inbox: Inbox) -> None:
    """The first one-time password proves who owns the email. It ends the password and the tokens of before."""
    account = make(otp={"enabled": True, "duration": 180, "length": 8})
    token = account.bound()
    otp = account.post("request-otp", json={"email": account.email}).json()["otpId"]
    code = inbox.code_for(account.email)
    assert account.post("auth-with-otp", json={"otpId": otp, "password": code}).status_code == 200
    login = {"identity": account.email, "password": PASSWORD}
    assert_refused(account.post("auth-with-password", json=login), 400, UNKNOWN)
    assert_refused(account.login(token), 400, UNKNOWN)


def test_superusers_with_two_factors(http: httpx.Client) -> None:
    """Superusers need a second factor to sign in, not to bind."""
    with LiveServer() as server:
        made = server.create_record("_superusers", email="root@example.com", password=PASSWORD)
        root = Account(server, "_superusers", "root@example.com", made["id"], http)
        token = root.bound()
        assert root.login(token).json()["record"]["collectionName"] == "_superusers"
        settings = {"mfa": {"enabled": True, "duration": 600}, "otp": {"enabled": True}}
        server.api("PATCH", "/api/collections/_superusers", settings)
        assert root.change("bind-token", "another").status_code == 204
        assert root.login(token, mfaId=root.first_factor("password")).status_code == 200
        first = root.first_factor("token", token)
        assert_refused(root.login(token, mfaId=first), 400, "A different authentication method is required.")
