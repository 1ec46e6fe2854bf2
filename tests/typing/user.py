"""A user's program, as type checkers see it. It is never run.

`make check` runs mypy --strict and pyright's strict mode over it. Each wrong use has a comment for each of the two, and
a comment that suppresses nothing is an error itself.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

import httpx

from bosbase_wrapper import (
    ApiError,
    AsyncBosBase,
    AsyncTokenAuth,
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
    generate_token,
)


def right_use(client: BosBase) -> None:
    """The types of what the calls return."""
    users = client.collection("users")
    assert_type(users.bind_custom_token("e", "p", generate_token("app")), None)
    auth = users.auth_with_token("t", expand=["team"], fields="*", timeout=None, query={"a": [1, "x"]})
    assert_type(auth, AuthResult)
    assert_type(auth.token, str)
    assert_type(auth.record, Record)
    assert_type(auth.record["nick"], Any)
    assert_type(auth.meta, Mapping[str, Any])
    assert_type(auth.expires_at, datetime | None)
    assert_type(auth.record.created, datetime | None)
    assert_type(auth.record.verified, bool)
    assert_type(users.rotate_custom_token("e", "p", "old"), str)
    assert_type(users.token_auth("t", store=MemoryAuthStore()), TokenAuth)
    assert_type(BosBase.from_env(timeout=httpx.Timeout(5)), BosBase)
    httpx.Client(auth=users.token_auth("t"))
    BosBase("http://127.0.0.1", transport=httpx.MockTransport(lambda _: httpx.Response(204)))


async def right_async_use(client: AsyncBosBase) -> None:
    """The same, awaited."""
    users = client.collection("users")
    assert_type(await users.auth_with_token("t", timeout=1.5), AuthResult)
    assert_type(await users.rotate_custom_token("e", "p", "old", "new"), str)
    assert_type(users.token_auth("t"), AsyncTokenAuth)
    httpx.AsyncClient(auth=users.token_auth("t"))


def errors(
    mfa: MfaRequiredError, limited: RateLimitedError, invalid: ValidationError, half: TokenRotationError, api: ApiError
) -> None:
    """The types of the attributes of errors."""
    assert_type(mfa.mfa_id, str)
    assert_type(mfa.attempts, int)
    assert_type(limited.retry_after, float | None)
    assert_type(invalid.data, Mapping[str, FieldError])
    assert_type(half.new_token, str)
    assert_type((api.status, api.message), tuple[int, str])


def wrong_use(client: BosBase, other: AsyncBosBase) -> None:
    """Each line is an error to both type checkers."""
    users = client.collection("users")
    users.auth_with_token(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.auth_with_token("t", "mfa")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.auth_with_token("t", mfaId="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.auth_with_token("t", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.bind_custom_token("e", "p")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.auth_with_token("t").token = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    users.auth_with_token("t").record["x"] = 1  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    BosBase("http://localhost", http_client=httpx.AsyncClient())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _: AuthResult = other.collection("users").auth_with_token("t")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class OwnStore:
    """Names the session as it likes."""

    def load(self) -> AuthResult | None:
        """Nothing is kept."""

    def save(self, auth: AuthResult) -> None:
        """Keeps nothing."""

    def clear(self) -> None:
        """Nothing is kept."""


STORES: list[AuthStore] = [MemoryAuthStore(), FileAuthStore("session.json"), OwnStore()]
