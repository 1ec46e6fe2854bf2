"""What a type checker sees. `make check` runs mypy over this file; pytest imports it and so tries the names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, assert_type

import httpx

import bosbase_wrapper
from bosbase_wrapper import (
    AsyncBosBase,
    AuthResult,
    AuthStore,
    BosBase,
    FieldError,
    FileAuthStore,
    MemoryAuthStore,
    MfaRequiredError,
    RateLimitedError,
    Record,
    TokenAuth,
    TokenRotationError,
    ValidationError,
)

if TYPE_CHECKING:

    def right_use(client: BosBase) -> None:
        """The types of what the calls give."""
        users = client.collection("users")
        assert_type(users.bind_custom_token("e", "p", "t"), None)
        auth = users.auth_with_token("t", expand=["team"], fields="*", timeout=None, query={"a": [1, "x"]})
        assert_type(auth, AuthResult)
        assert_type(auth.token, str)
        assert_type(auth.record, Record)
        assert_type(auth.meta, Mapping[str, Any])
        assert_type(auth.expires_at, datetime | None)
        assert_type(auth.record.created, datetime | None)
        assert_type(auth.record.verified, bool)
        assert_type(users.rotate_custom_token("e", "p", "old"), str)
        assert_type(users.token_auth("t", store=MemoryAuthStore()), TokenAuth)
        assert_type(BosBase.from_env(timeout=httpx.Timeout(5)), BosBase)
        httpx.Client(auth=users.token_auth("t"))

    async def right_async_use(client: AsyncBosBase) -> None:
        """The same, awaited."""
        users = client.collection("users")
        assert_type(await users.auth_with_token("t", timeout=1.5), AuthResult)
        assert_type(await users.rotate_custom_token("e", "p", "old", "new"), str)
        httpx.AsyncClient(auth=users.token_auth("t"))

    def errors(
        mfa: MfaRequiredError, limited: RateLimitedError, invalid: ValidationError, half: TokenRotationError
    ) -> None:
        """The types of what errors carry."""
        assert_type(mfa.mfa_id, str)
        assert_type(mfa.attempts, int)
        assert_type(limited.retry_after, float | None)
        assert_type(invalid.data, Mapping[str, FieldError])
        assert_type(half.new_token, str)

    def wrong_use(client: BosBase, other: AsyncBosBase) -> None:
        """Each line is an error to a type checker; one that is none makes `make check` fail."""
        users = client.collection("users")
        users.auth_with_token(5)  # type: ignore[arg-type]
        users.auth_with_token("t", "mfa")  # type: ignore[call-arg]
        users.auth_with_token("t", mfaId="x")  # type: ignore[call-arg]
        users.bind_custom_token("e", "p")  # type: ignore[call-arg]
        users.auth_with_token("t").token = "x"  # type: ignore[misc]
        users.auth_with_token("t").record["x"] = 1  # type: ignore[index]
        BosBase("http://localhost", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
        print(other.collection("users").auth_with_token("t").token)  # type: ignore[attr-defined]

    stores: list[AuthStore] = [MemoryAuthStore(), FileAuthStore("session.json")]


def test_every_public_name_is_there() -> None:
    """Also those that are imported on demand."""
    assert {name for name in bosbase_wrapper.__all__ if getattr(bosbase_wrapper, name) is None} == set()
    assert set(bosbase_wrapper.__all__) <= set(dir(bosbase_wrapper))
    names: dict[str, Any] = {}
    exec("from bosbase_wrapper import *", names)  # the one way to see what a star brings
    assert set(bosbase_wrapper.__all__) <= set(names)
