"""Test without a server: pytest-httpx, respx, and httpx's own MockTransport."""

import httpx
import pytest
import respx
from my_app import greeting
from pytest_httpx import HTTPXMock

from bosbase_wrapper import BosBase, RateLimitedError

URL = "https://bosbase.test"
SIGN_IN = f"{URL}/api/collections/users/auth-with-token"
RECORD = {"id": "0123456789abcde", "collectionId": "_pb_users_auth_", "collectionName": "users", "name": "Ada"}
SESSION = {"token": "header.payload.signature", "record": RECORD}
REFUSED = {"data": {}, "message": "Failed to authenticate.", "status": 400}


def test_with_pytest_httpx(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(method="POST", url=SIGN_IN, json=SESSION)
    with BosBase(URL) as client:
        assert greeting(client, "my-app-token") == "Hello Ada"


@respx.mock
def test_with_respx() -> None:
    respx.post(SIGN_IN).respond(400, json=REFUSED)
    with BosBase(URL) as client:
        assert greeting(client, "my-app-token") == "Who are you?"


def test_with_mock_transport() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "60"}, json={**REFUSED, "status": 429})

    with BosBase(URL, transport=httpx.MockTransport(respond)) as client, pytest.raises(RateLimitedError) as caught:
        greeting(client, "my-app-token")
    assert caught.value.retry_after == 60
