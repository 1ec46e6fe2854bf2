"""A hundred tasks of asyncio share one client: `python examples/asyncio_tasks.py`.

The first half signs in with the token in each task. The second half shares one session among a hundred requests.
"""

import asyncio

import httpx

from bosbase_wrapper import AsyncBosBase, AuthResult, generate_token
from bosbase_wrapper.server import LiveServer

TASKS = 100


async def main(url: str) -> None:
    """Sign in a hundred times, then send a hundred requests with one sign-in."""
    token = generate_token()
    async with AsyncBosBase(url) as client:
        users = client.collection("users")
        await users.bind_custom_token("user@example.com", "user-password", token)

        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[AuthResult]] = [
                group.create_task(users.auth_with_token(token)) for _ in range(TASKS)
            ]
        accounts = {task.result().record.id for task in tasks}
        print(f"{len(tasks)} tasks signed in to {len(accounts)} account")

        async with httpx.AsyncClient(base_url=url, auth=users.token_auth(token), timeout=30) as api:
            path = "/api/collections/users/records"
            responses = await asyncio.gather(*(api.get(path) for _ in range(TASKS)))
        print(f"{len(responses)} requests shared one sign-in: all {responses[0].status_code}")


if __name__ == "__main__":
    with LiveServer() as server:
        server.create_record("users", email="user@example.com", password="user-password")
        asyncio.run(main(server.url))
