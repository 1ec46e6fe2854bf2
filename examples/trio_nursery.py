"""The async client under trio: `python examples/trio_nursery.py`."""

import trio

from bosbase_wrapper import AsyncBosBase, AsyncCollection, BosBaseError, generate_token
from bosbase_wrapper.server import LiveServer


async def sign_in(users: AsyncCollection, name: str, token: str) -> None:
    """Sign in and print what happened."""
    try:
        auth = await users.auth_with_token(token)
    except BosBaseError as error:
        print(f"{name}: {type(error).__name__}")
    else:
        print(f"{name}: signed in as {auth.record['name']}")


async def main(url: str) -> None:
    """Sign in with two tokens at the same time; one of them was never bound."""
    bound, unknown = generate_token(), generate_token()
    async with AsyncBosBase(url) as client:
        users = client.collection("users")
        await users.bind_custom_token("user@example.com", "user-password", bound)
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sign_in, users, "a bound token", bound)
                nursery.start_soon(sign_in, users, "an unknown token", unknown)


if __name__ == "__main__":
    with LiveServer() as server:
        server.create_record("users", email="user@example.com", password="user-password", name="Ada")
        trio.run(main, server.url)
