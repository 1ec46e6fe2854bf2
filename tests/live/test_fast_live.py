"""The fast transports against the live server: the client's calls, and requests that TokenAuth signs."""

import asyncio

import httpx
import pytest

from bosbase_wrapper import AsyncBosBase, BosBase, InvalidCredentialsError, generate_token
from bosbase_wrapper.fast import AsyncFastTransport, FastTransport
from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced

PASSWORD = "password1234"


@pytest.fixture
def email(server: LiveServer) -> str:
    """A new account."""
    email = f"{generate_token('fast')}@example.com"
    server.create_record("users", email=email, password=PASSWORD, name="Ada")
    return email


def test_the_life_of_a_token(server: LiveServer, email: str) -> None:
    """It is bound, signs in, is rotated, signs in, is unbound, and does not sign in any more."""
    with BosBase(server.url, transport=FastTransport()) as client:
        users = client.collection("users")
        token = generate_token()
        users.bind_custom_token(email, PASSWORD, token)
        assert users.auth_with_token(token, fields="record.name").record["name"] == "Ada"
        new = users.rotate_custom_token(email, PASSWORD, token)
        assert users.auth_with_token(new).record.collection_name == "users"
        users.unbind_custom_token(email, PASSWORD, new)
        with pytest.raises(InvalidCredentialsError):
            users.auth_with_token(new)


def test_the_life_of_a_token_in_tasks(server: LiveServer, email: str) -> None:
    """The same under asyncio, with many sign-ins at once."""

    async def main() -> None:
        async with AsyncBosBase(server.url, transport=AsyncFastTransport()) as client:
            users = client.collection("users")
            token = generate_token()
            await users.bind_custom_token(email, PASSWORD, token)
            sessions = await asyncio.gather(*(users.auth_with_token(token) for _ in range(20)))
            assert len({session.record.id for session in sessions}) == 1
            await users.unbind_custom_token(email, PASSWORD, token)
            with pytest.raises(InvalidCredentialsError):
                await users.auth_with_token(token)

    asyncio.run(main())


def test_signed_requests(server: LiveServer, email: str) -> None:
    """TokenAuth signs the requests of an httpx client."""
    with BosBase(server.url, transport=FastTransport()) as client:
        users = client.collection("users")
        token = generate_token()
        users.bind_custom_token(email, PASSWORD, token)
        with httpx.Client(base_url=server.url, transport=FastTransport(), auth=users.token_auth(token)) as api:
            for _ in range(3):
                response = api.post("/api/collections/users/auth-refresh")
                assert response.status_code == 200
        users.unbind_custom_token(email, PASSWORD, token)
