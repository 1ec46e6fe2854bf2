"""Calls of the server's REST API as its superuser."""

import base64
import json
import os
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import httpx

_TIMEOUT_SECONDS: Final = 60.0
_LEEWAY_SECONDS: Final = 5.0  # PocketBase treats an expired session as a guest's


class SuperuserApi:
    """Sends requests as a superuser, and signs in again when the session ends.

    A forked child opens connections of its own.
    """

    def __init__(self, url: str, email: str, password: str) -> None:
        self._url = url
        self._account: Final = {"identity": email, "password": password}
        self._clients: dict[int, httpx.Client] = {}  # by process: a fork must not use its parent's connections
        self._jwt = ""
        self._expires_at = 0.0

    def call(self, method: str, path: str, body: Any) -> Any:
        """The JSON of the response, None if it is empty. Raises httpx.HTTPStatusError for any status but a 2xx."""
        if time.time() > self._expires_at - _LEEWAY_SECONDS:
            self._sign_in()
        response = self._send(method, path, body)
        if response.status_code == HTTPStatus.UNAUTHORIZED:  # the session was revoked
            self._sign_in()
            response = self._send(method, path, body)
        if method != "GET" and "/_superusers" in path:
            self._expires_at = 0.0  # this may have revoked the session, and PocketBase would not always respond 401
        return _json(response)

    def close(self) -> None:
        """Close the connections of this process."""
        client = self._clients.pop(os.getpid(), None)
        if client:
            client.close()

    def _sign_in(self) -> None:
        # The old session stays in place meanwhile: other threads must not send their calls as guests.
        path = "/api/collections/_superusers/auth-with-password"
        session = _json(self._client().post(path, json=self._account))
        self._jwt = session["token"]
        self._expires_at = _expires_at(self._jwt)

    def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        return self._client().request(method, path, json=body, headers={"Authorization": self._jwt})

    def _client(self) -> httpx.Client:
        process = os.getpid()
        if process not in self._clients:
            # No proxy of the environment: the server is on this machine.
            self._clients[process] = httpx.Client(base_url=self._url, timeout=_TIMEOUT_SECONDS, trust_env=False)
        return self._clients[process]


def _expires_at(jwt: str) -> float:
    payload = jwt.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"])


def _json(response: httpx.Response) -> Any:
    if not response.is_success:
        raise httpx.HTTPStatusError(_in_words(response), request=response.request, response=response)
    return response.json() if response.content else None


def _in_words(response: httpx.Response) -> str:
    """The status, the server's message, and a line for each invalid field."""
    try:
        envelope = response.json()
    except ValueError:  # no body, as for HEAD
        return f"{response.status_code} {response.reason_phrase}"
    return "\n  ".join([f"{response.status_code} {envelope['message']}", *_problems(envelope["data"])])


def _problems(data: dict[str, Any], path: str = "") -> Iterator[str]:
    """The problems in an envelope's data; a collection's fields have theirs some levels down."""
    if isinstance(data.get("message"), str):
        yield f"{path.removesuffix('.')}: {data['message']} ({data.get('code')})"
        return
    for name, problem in data.items():
        yield from _problems(problem, f"{path}{name}.")
