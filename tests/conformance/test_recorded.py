"""The embedded server responds as BosBase did in every recorded exchange."""

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from ..passwords import hash_fast
from .replay import RECORDED, Replay

pytestmark = pytest.mark.untraced

# The HTTP router of an older PocketBase redirects `//` with another status.
OLD_REDIRECT = "status: expected 307, found 301"


def test_every_recorded_exchange_gets_the_recorded_response() -> None:
    """They run in the recorded order, because each needs the state that the ones before it left."""
    with LiveServer() as server, httpx.Client(trust_env=False, timeout=30) as http:
        hash_fast(server, "users")
        is_old = http.post(f"{server.url}/api//health").status_code == 301
        replay = Replay(server, http)
        replay.provision(RECORDED["provision"])
        found = {exchange["name"]: replay.differences(exchange) for exchange in RECORDED["exchanges"]}
    different = {name: differences for name, differences in found.items() if differences}
    assert different == ({"empty collection": [OLD_REDIRECT]} if is_old else {})
    assert sum(1 for exchange in RECORDED["exchanges"] if "answer" in exchange) == 89


def test_a_different_response_is_reported(server: LiveServer) -> None:
    """The comparison itself can fail: by status, by field, by the form of a placeholder."""
    request = {"method": "POST", "path": "/api/collections/users/auth-with-token", "json": {"token": "nobody's"}}
    response = {"status": 200, "content_type": "application/json", "body": {"token": "<jwt>", "status": "<id>"}}
    with httpx.Client(trust_env=False) as http:
        found = Replay(server, http).differences({"name": "wrong", "request": request, "answer": response})
    assert [line.partition(":")[0] for line in found] == [
        "status",
        "body.data",
        "body.message",
        "body.status",
        "body.token",
    ]
