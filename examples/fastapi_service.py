"""A FastAPI service that accepts its callers' custom tokens.

    BOSBASE_URL=https://bosbase.example.com uvicorn fastapi_service:app

A caller sends `Authorization: Bearer <custom token>`. The service signs in with that token and keeps the session for
a minute, so most requests need no call to BosBase. An unbound token stops working within that minute.
"""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Annotated

from cachetools import TTLCache
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import bosbase_wrapper as bosbase

Sessions = TTLCache[bytes, asyncio.Task[bosbase.AuthResult]]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Open one client and one cache for the life of the service."""
    async with bosbase.AsyncBosBase.from_env() as client:
        app.state.users = client.collection("users")
        app.state.sessions = Sessions(maxsize=10_000, ttl=60)  # bounded: a flood of tokens cannot fill the memory
        yield


app = FastAPI(lifespan=lifespan)


def sign_in(token: str) -> asyncio.Task[bosbase.AuthResult]:
    """Return the sign-in of a token. Requests that come at the same time share one."""
    sessions: Sessions = app.state.sessions
    key = sha256(token.encode()).digest()  # a dump of the cache shows no token that signs in
    task = sessions.get(key)
    if task is None:

        def keep_success_only(done: asyncio.Task[bosbase.AuthResult]) -> None:
            if done.cancelled() or done.exception():
                sessions.pop(key, None)

        task = sessions[key] = asyncio.create_task(app.state.users.auth_with_token(token))
        task.add_done_callback(keep_success_only)
    return task


def http_error(error: bosbase.BosBaseError) -> HTTPException:
    """Translate an error of the client into a response that tells nothing about BosBase."""
    match error:
        case bosbase.ForbiddenError() | bosbase.MfaRequiredError():
            return HTTPException(403, "This account may not use the service with a token alone.")
        case bosbase.BadRequestError() | bosbase.ConfigurationError():  # unknown, too long, or not a possible token
            return HTTPException(401, "Invalid token.", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        case bosbase.RateLimitedError():
            return HTTPException(429, "Too many sign-ins.", {"Retry-After": str(math.ceil(error.retry_after or 1))})
        case _:
            return HTTPException(503, "Sign-in is not available.", {"Retry-After": "5"})


async def caller(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> bosbase.AuthResult:
    """The dependency of a route: the session of the account whose token the request carries."""
    try:
        return await asyncio.shield(sign_in(sent.credentials))  # a caller that hangs up does not cancel the others
    except bosbase.BosBaseError as error:
        raise http_error(error) from None


@app.get("/me")
async def me(session: Annotated[bosbase.AuthResult, Depends(caller)]) -> dict[str, str]:
    """Tell callers who they are."""
    return {"id": session.record.id, "email": session.record.email}
