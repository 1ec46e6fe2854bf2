"""The embedded server answers as BosBase did in every recorded exchange."""

from __future__ import annotations

import httpx

from bosbase_wrapper.server import LiveServer

from .replay import RECORDED, Replay

# The HTTP router of an older PocketBase sends `//` elsewhere by another status, before any route is asked.
OLD_REDIRECT = "status: expected 307, found 301"


def test_every_recorded_exchange_gives_the_recorded_answer() -> None:
    """In the recorded order, since each needs the state that those before it left."""
    with LiveServer() as server:
        is_old = httpx.post(f"{server.url}/api//health", trust_env=False).status_code == 301
        replay = Replay(server)
        replay.provision(RECORDED["provision"])
        found = {exchange["name"]: replay.differences(exchange) for exchange in RECORDED["exchanges"]}
    different = {name: differences for name, differences in found.items() if differences}
    assert different == ({"empty collection": [OLD_REDIRECT]} if is_old else {})
    assert sum(1 for exchange in RECORDED["exchanges"] if "answer" in exchange) == 89


def test_a_differing_answer_is_told(server: LiveServer) -> None:
    """The comparison itself can fail: by status, by member, by a placeholder's form."""
    request = {"method": "POST", "path": "/api/collections/users/auth-with-token", "json": {"token": "nobody's"}}
    answer = {"status": 200, "content_type": "application/json", "body": {"token": "<jwt>", "status": "<id>"}}
    found = Replay(server).differences({"name": "wrong", "request": request, "answer": answer})
    assert [line.partition(":")[0] for line in found] == [
        "status",
        "body.data",
        "body.message",
        "body.status",
        "body.token",
    ]
