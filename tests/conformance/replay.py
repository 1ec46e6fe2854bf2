"""Replays recorded exchanges against a server and reports how its responses differ."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from bosbase_wrapper.server import LiveServer

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "exchanges.json").read_text())

# Placeholders in recorded responses for values that change from run to run.
PLACEHOLDERS = {
    "<jwt>": re.compile(r"[\w-]+\.[\w-]+\.[\w-]+"),
    "<datetime>": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z"),
    "<id>": re.compile(r"[\w-]{15,36}"),
    "<mfaId>": re.compile(r"[\w-]{15,36}"),
    "<collectionId>": re.compile(r"[\w-]{10,36}"),
    "<team>": re.compile(r"[\w-]{15,36}"),
}
# BosBase adds these to the records of collections that were created through its API. PocketBase does not.
ADDED_FIELDS = {"created", "updated", "createdBy", "updatedBy"}
BUILT_IN = {"users", "_superusers"}


class Replay:
    """A run through recorded exchanges, with the state that they need and the values that they save."""

    def __init__(self, server: LiveServer, http: httpx.Client) -> None:
        self._server = server
        self._http = http
        self._saved: dict[str, str] = {}

    def provision(self, calls: list[dict[str, Any]]) -> None:
        """Build the state that the exchanges need."""
        for call in calls:
            made = self._server.api(call["method"], call["path"], json=self._filled(call["json"]))
            if call["save"]:
                self._saved[call["save"]] = made["id"]

    def differences(self, exchange: dict[str, Any]) -> list[str]:
        """Send the request of an exchange, and return how the response differs from the recorded one."""
        if exchange.get("step"):
            self._step(exchange)
            return []
        response = self._send(exchange["request"])
        self._save(exchange["request"].get("save", {}), response)
        expected = exchange["answer"]
        content_type = response.headers.get("content-type", "").partition(";")[0]
        body = response.json() if expected["body"] is not None else None
        return [
            *_differences("status", expected["status"], response.status_code),
            *_differences("content type", expected["content_type"], content_type if expected["content_type"] else ""),
            *_differences("body", _comparable(expected["body"]), _comparable(body)),
        ]

    def _step(self, exchange: dict[str, Any]) -> None:
        if "sleep_s" in exchange:  # only BosBase needs the wait
            return
        self._server.api(exchange["method"], self._filled(exchange["path"]), json=exchange.get("json"))

    def _send(self, request: dict[str, Any]) -> httpx.Response:
        content: dict[str, Any] = {}
        if "json" in request:
            content["content"] = json.dumps(self._filled(request["json"])).encode()
            content["headers"] = {"Content-Type": "application/json"}
        elif "form" in request:
            content["data"] = request["form"]
        elif "token_of_n_a" in request:
            content["json"] = {"token": "a" * request["token_of_n_a"]}
        elif "raw" in request:
            content["content"] = request["raw"].encode()
        content["headers"] = {**content.get("headers", {}), **request.get("headers", {})}
        return self._http.request(request["method"], self._server.url + self._filled(request["path"]), **content)

    def _save(self, wanted: dict[str, str], response: httpx.Response) -> None:
        for name, field in wanted.items():
            self._saved[name] = response.json()[field]

    def _filled(self, value: Any) -> Any:
        text = json.dumps(value)
        for name, saved in self._saved.items():
            text = text.replace("{{" + name + "}}", saved)
        return json.loads(text)


def _comparable(body: Any) -> Any:
    record = body.get("record") if isinstance(body, dict) else None
    if not record or record["collectionName"] in BUILT_IN:
        return body
    return {**body, "record": _without_dates(record)}


def _without_dates(record: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name not in ADDED_FIELDS}
    if "expand" in kept:
        kept["expand"] = {name: _without_dates(related) for name, related in kept["expand"].items()}
    return kept


def _differences(where: str, expected: Any, found: Any) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        names = expected.keys() | found.keys()
        missing = object()
        return [
            difference
            for name in sorted(names)
            for difference in _differences(f"{where}.{name}", expected.get(name, missing), found.get(name, missing))
        ]
    pattern = PLACEHOLDERS.get(expected) if isinstance(expected, str) else None
    same = bool(pattern.fullmatch(found)) if pattern and isinstance(found, str) else expected == found
    return [] if same else [f"{where}: expected {expected!r}, found {found!r}"]
