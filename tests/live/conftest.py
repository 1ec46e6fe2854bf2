"""Fixtures of the tests of the extension."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from ..passwords import FAST
from .extension import PASSWORD, Account, MakeAccount, unique


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """Plain requests, without the checks of our own client."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def make(server: LiveServer, http: httpx.Client) -> MakeAccount:
    """Creates an account in a collection of its own."""

    def made(collection: str = "", members: dict[str, Any] | None = None, **definition: Any) -> Account:
        if not collection:
            collection = unique("members")
            server.create_collection(
                {"name": collection, "type": "auth", "authRule": "", "fields": [FAST], **definition}
            )
        email = f"{unique('a')}@example.com"
        record = server.create_record(collection, email=email, password=PASSWORD, **(members or {}))
        return Account(server, collection, email, record["id"], http)

    return made


@pytest.fixture(scope="module")
def member(make: MakeAccount) -> Account:
    """An account of the collection `users`, for tests that do not change it."""
    return make("users")


@pytest.fixture
def guarded(make: MakeAccount) -> Account:
    """An account that needs a second factor."""
    return make(mfa={"enabled": True, "duration": 600}, otp={"enabled": True, "duration": 180, "length": 8})
