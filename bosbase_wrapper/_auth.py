"""TokenAuth: signs the requests of an httpx client in with a custom token."""

from __future__ import annotations

import httpx

from ._operations import Call
from ._results import AuthResult
from ._stores import AuthStore


class TokenAuth(httpx.Auth):
    """An httpx.Auth that signs in with a custom token; made by `Collection.token_auth`."""

    def __init__(self, call: Call[AuthResult], *, leeway: float, store: AuthStore | None) -> None:
        self._call = call
