"""The generated client on its own, as examples/generated_client.py and docs/regenerate.md use it."""

import asyncio
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import httpx
import pytest
from bosbase_client import Client
from bosbase_client.api.custom_tokens import auth_with_token
from bosbase_client.models import AuthRecord, AuthResponse, AuthWithTokenRequest

from .document import SPEC, example

pytestmark = pytest.mark.untraced

RECORD = {"id": "r1", "email": "user@example.com", "verified": True, "name": "Ada"}


def client(status: int, body: Any = None) -> Client:
    """A generated client of a server that always returns the same response."""
    response = httpx.Response(status) if body is None else httpx.Response(status, json=body)
    made = Client(base_url="http://127.0.0.1")
    return made.set_httpx_client(
        httpx.Client(base_url="http://127.0.0.1", transport=httpx.MockTransport(lambda _: response))
    )


def run_example() -> Any:
    """The example as a module."""
    found = spec_from_file_location("generated_client", SPEC.with_name("examples") / "generated_client.py")
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_example_describes_each_outcome() -> None:
    """A session, a challenge, an error and an undocumented response."""
    sign_in = run_example().sign_in
    assert sign_in(client(200, {"token": "jwt", "record": RECORD}), "t") == "user@example.com (Ada)"
    assert sign_in(client(*example("authWithToken", "mfa")), "t") == "a second factor is required"
    assert sign_in(client(*example("authWithToken", "credentials")), "t") == "400 Failed to authenticate."
    assert sign_in(client(502), "t") == "an undocumented response"


def test_the_example_binds() -> None:
    """It returns for a 204 and says why a bind is refused."""
    bind = run_example().bind
    assert bind(client(204), "user@example.com", "password", "t") is None
    refused = (example("bindToken", "credentials"), "400 Failed to bind token.")
    for response, reason in (refused, ((502, None), "502 an undocumented response")):
        with pytest.raises(SystemExit, match=reason):
            bind(client(*response), "user@example.com", "password", "t")


def test_a_record_has_attributes_and_items() -> None:
    """A documented field is an attribute and no item; a field of the collection is an item."""
    session = auth_with_token.sync(
        "users", client=client(200, {"record": RECORD}), body=AuthWithTokenRequest(token="t")
    )
    assert isinstance(session, AuthResponse)
    assert isinstance(session.record, AuthRecord)
    assert session.record.email == "user@example.com"
    assert session.record["name"] == "Ada"
    with pytest.raises(KeyError):
        session.record["email"]
    assert session.record.to_dict() == RECORD


async def use_async() -> object:
    """The same as a coroutine."""
    status, body = example("authWithToken", "credentials")
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as http:
        made = Client(base_url="http://127.0.0.1").set_async_httpx_client(http)
        return await auth_with_token.asyncio("users", client=made, body=AuthWithTokenRequest(token="t"))


def test_errors_are_returned() -> None:
    """Also by the coroutines."""
    error = asyncio.run(use_async())
    assert getattr(error, "message", "") == "Failed to authenticate."
