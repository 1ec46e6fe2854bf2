"""TokenAuth on the embedded server: one sign-in for all, whatever happens to the session meanwhile."""

import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from bosbase_wrapper import (
    AsyncBosBase,
    AsyncTokenAuth,
    BosBase,
    FileAuthStore,
    InvalidCredentialsError,
    MfaRequiredError,
    TokenAuth,
    generate_token,
)
from bosbase_wrapper.server import LiveServer

from ..passwords import FAST

pytestmark = pytest.mark.untraced

PASSWORD = "password1234"


class Counter:
    """An event hook that counts sign-ins."""

    def __init__(self) -> None:
        self.sign_ins = 0

    def __call__(self, request: httpx.Request) -> None:
        self.sign_ins += request.url.path.endswith("/auth-with-token")

    async def for_tasks(self, request: httpx.Request) -> None:
        """The same for tasks."""
        self(request)


@dataclass(frozen=True)
class Member:
    """An account of a collection of its own, with a token that is bound to it."""

    server: LiveServer
    collection: str
    email: str
    record_id: str
    token: str

    @property
    def path(self) -> str:
        """Answers 200 to who is signed in, and 401 to others."""
        return f"/api/collections/{self.collection}/auth-refresh"

    def revoke(self) -> None:
        """A changed password ends every session; the bound token stays bound."""
        self.server.update_record(self.collection, self.record_id, password=f"{PASSWORD}{secrets.token_hex(4)}")

    @contextmanager
    def auth(self, counter: Counter | None = None, **options: Any) -> Iterator[TokenAuth]:
        """Sign in with the token, over a client whose sign-ins are counted."""
        hooks: dict[str, list[Any]] = {"request": [counter or Counter()]}
        with httpx.Client(event_hooks=hooks) as http, BosBase(self.server.url, http_client=http, timeout=60) as client:
            yield client.collection(self.collection).token_auth(self.token, **options)


def made(server: LiveServer, **options: Any) -> Member:
    """A collection with these options, an account and a token."""
    name = f"m{secrets.token_hex(6)}"
    server.create_collection({"name": name, "type": "auth", "fields": [FAST], **options})
    email, token = f"{name}@example.com", generate_token()
    record = server.create_record(name, email=email, password=PASSWORD)
    with BosBase(server.url) as client:
        client.collection(name).bind_custom_token(email, PASSWORD, token)
    return Member(server, name, email, record["id"], token)


@pytest.fixture
def member(server: LiveServer) -> Member:
    """An account on the shared server."""
    return made(server)


def in_threads(member: Member, auth: TokenAuth, number: int) -> list[int]:
    """Send `number` requests from 50 threads, and return their statuses."""
    # httpx's pool for threads now and then closes a connection that another thread has just taken: let it close none.
    keep = httpx.Limits(max_connections=50, max_keepalive_connections=50, keepalive_expiry=None)
    with (
        httpx.Client(base_url=member.server.url, auth=auth, timeout=60, limits=keep) as api,
        ThreadPoolExecutor(50) as pool,
    ):
        return list(pool.map(lambda _: api.post(member.path).status_code, range(number)))


async def in_tasks(member: Member, auth: AsyncTokenAuth, number: int) -> list[int]:
    """Send `number` requests at the same time, each in a task, and return their statuses."""
    found: list[int] = []

    async def post() -> None:
        found.append((await api.post(member.path)).status_code)

    limits = httpx.Limits(max_connections=10)
    async with (
        httpx.AsyncClient(base_url=member.server.url, auth=auth, timeout=60, limits=limits) as api,
        anyio.create_task_group() as group,
    ):
        for _ in range(number):
            group.start_soon(post)
    return found


def test_all_requests_at_once_cause_one_sign_in_and_one_more_when_it_is_revoked(member: Member) -> None:
    """First they have no session, then a dead one."""
    counter = Counter()
    with member.auth(counter) as auth:
        assert in_threads(member, auth, 1000) == [200] * 1000
        assert counter.sign_ins == 1
        member.revoke()
        assert in_threads(member, auth, 200) == [200] * 200
        assert counter.sign_ins == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_same_in_tasks(member: Member, backend: str) -> None:
    """With AsyncTokenAuth."""
    counter = Counter()

    async def main() -> None:
        async with (
            httpx.AsyncClient(event_hooks={"request": [counter.for_tasks]}) as http,
            AsyncBosBase(member.server.url, http_client=http, timeout=60) as client,
        ):
            auth = client.collection(member.collection).token_auth(member.token)
            assert await in_tasks(member, auth, 200) == [200] * 200
            assert counter.sign_ins == 1
            await anyio.to_thread.run_sync(member.revoke)
            assert await in_tasks(member, auth, 200) == [200] * 200
            assert counter.sign_ins == 2

    anyio.run(main, backend=backend)


def test_a_jwt_that_is_revoked_under_load_is_replaced_by_one_sign_in_each_time(member: Member) -> None:
    """Nobody sees a 401."""
    counter, over = Counter(), threading.Event()
    with member.auth(counter) as auth, httpx.Client(base_url=member.server.url, auth=auth, timeout=60) as api:

        def work() -> set[int]:
            found: set[int] = set()
            while not over.is_set():
                found.add(api.post(member.path).status_code)
            return found

        with ThreadPoolExecutor(8) as pool:
            workers = [pool.submit(work) for _ in range(8)]
            for _ in range(3):
                over.wait(0.3)
                member.revoke()
            over.wait(0.3)
            over.set()
            assert [worker.result(60) for worker in workers] == [{200}] * 8
    assert counter.sign_ins == 4


@pytest.fixture
def client(member: Member) -> Iterator[BosBase]:
    """A client of the account's server."""
    with BosBase(member.server.url) as client:
        yield client


def test_a_token_that_was_unbound_signs_in_no_more_but_its_session_goes_on(member: Member, client: BosBase) -> None:
    """Until the session ends, or somebody ends it."""
    with member.auth() as auth, httpx.Client(base_url=member.server.url, auth=auth) as api:
        assert api.post(member.path).status_code == 200
        client.collection(member.collection).unbind_custom_token(member.email, PASSWORD, member.token)
        assert api.post(member.path).status_code == 200
        member.revoke()
        with pytest.raises(InvalidCredentialsError):
            api.post(member.path)


def test_a_second_factor_is_asked_for_out_of_the_request(server: LiveServer) -> None:
    """A token alone does not do in a collection with MFA."""
    guarded = made(server, mfa={"enabled": True, "duration": 600}, otp={"enabled": True})
    with (
        guarded.auth() as auth,
        httpx.Client(base_url=server.url, auth=auth) as api,
        pytest.raises(MfaRequiredError) as caught,
    ):
        api.post(guarded.path)
    assert caught.value.mfa_id


@pytest.mark.parametrize(("leeway", "sign_ins"), [(60, 3), (0, 1)])
def test_a_short_jwt_is_renewed_before_its_end(server: LiveServer, leeway: float, sign_ins: int) -> None:
    """Its 30 seconds are less than a leeway of 60."""
    short = made(server, authToken={"duration": 30})
    counter = Counter()
    with short.auth(counter, leeway=leeway) as auth, httpx.Client(base_url=server.url, auth=auth) as api:
        assert {api.post(short.path).status_code for _ in range(3)} == {200}
    assert counter.sign_ins == sign_ins


def test_a_jwt_that_expired_is_renewed_before_a_request_goes_out_as_a_guests(server: LiveServer) -> None:
    """A guest gets 200 and an empty list from a collection whose rule hides its records."""
    server.create_collection(
        {
            "name": "hidden",
            "type": "base",
            "listRule": "@request.auth.id != ''",
            "fields": [{"name": "title", "type": "text"}],
        }
    )
    server.create_record("hidden", title="x")
    short = made(server, authToken={"duration": 10})
    with short.auth(leeway=0) as auth, httpx.Client(base_url=server.url, auth=auth) as api:
        assert api.get("/api/collections/hidden/records").json()["totalItems"] == 1
        time.sleep(11)
        assert api.get("/api/collections/hidden/records").json()["totalItems"] == 1


def test_a_file_carries_the_session_from_one_process_to_the_next(member: Member, tmp_path: Path) -> None:
    """The second one signs in only when that session is dead."""
    counter = Counter()
    for revoke, expected in ((False, 1), (False, 1), (True, 2), (False, 2)):
        if revoke:
            member.revoke()
        with member.auth(counter, store=FileAuthStore(tmp_path / "session.json")) as auth:
            assert in_threads(member, auth, 5) == [200] * 5
        assert counter.sign_ins == expected


def test_a_rotation_moves_an_account_from_one_token_to_the_next(member: Member, client: BosBase) -> None:
    """The new one signs in, the old one does not."""
    collection = client.collection(member.collection)
    token = collection.rotate_custom_token(member.email, PASSWORD, member.token)
    assert collection.auth_with_token(token).record.id == member.record_id
    with pytest.raises(InvalidCredentialsError):
        collection.auth_with_token(member.token)


def test_a_rotation_that_is_refused_changes_nothing(member: Member, client: BosBase) -> None:
    """Here for a wrong password: the old token signs in, the new one was not bound."""
    collection, token = client.collection(member.collection), generate_token()
    with pytest.raises(InvalidCredentialsError):
        collection.rotate_custom_token(member.email, "not the password", member.token, token)
    assert collection.auth_with_token(member.token).record.id == member.record_id
    with pytest.raises(InvalidCredentialsError):
        collection.auth_with_token(token)


def test_a_rotation_in_a_task(member: Member) -> None:
    """The async client does the same."""

    async def main() -> None:
        async with AsyncBosBase(member.server.url) as client:
            collection = client.collection(member.collection)
            token = await collection.rotate_custom_token(member.email, PASSWORD, member.token)
            assert (await collection.auth_with_token(token)).record.id == member.record_id
            with pytest.raises(InvalidCredentialsError):
                await collection.auth_with_token(member.token)

    anyio.run(main)


def test_the_example_tells_what_it_does() -> None:
    """One sign-in, none, and one."""
    example = Path(__file__).parents[2] / "examples" / "token_auth.py"
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=60, check=True)
    counts = re.findall(r"100 requests, all 200: (\d) sign-in", done.stdout)
    assert (counts, done.stderr) == (["1", "0", "1"], "")
