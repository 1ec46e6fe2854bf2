"""What a run knows of the server: its accounts, its special collections and, where it can look, its bindings."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from bosbase_wrapper.server import LiveServer

# The account of openapi.yaml's examples: the coverage phase takes its values from there.
EXAMPLES: Final = ("users", "user@example.com", "user-password")
ACTIONS: Final = {"bindToken": "bind-token", "unbindToken": "unbind-token", "authWithToken": "auth-with-token"}
SHORT: Final = 8  # a secret of less letters stands in many a text by chance
EXAMPLE_TOKENS: Final = ("my-app-token", "my-other-token")


@dataclass(frozen=True)
class Account:
    """An account of an auth collection."""

    collection: str
    email: str
    password: str = field(repr=False)
    record_id: str = ""

    def body(self, token: str) -> dict[str, str]:
        """What binding and unbinding send."""
        return {"email": self.email, "password": self.password, "token": token}


@dataclass(frozen=True)
class Binding:
    """A row of the server's table."""

    collection_id: str
    record_id: str
    token_hash: str


class Table:
    """The bindings as they stand in the embedded server's database."""

    def __init__(self, data_dir: Path) -> None:
        self._uri = (data_dir / "data.db").as_uri() + "?mode=ro"

    def rows(self) -> frozenset[Binding]:
        """All bindings at this moment; none where the server has not made the table yet."""
        with closing(sqlite3.connect(self._uri, uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = '_token_bindings'").fetchone():
                return frozenset()
            rows = database.execute("SELECT collectionRef, recordRef, tokenHash FROM _token_bindings")
            return frozenset(Binding(*row) for row in rows)


@dataclass(frozen=True)
class Special:
    """What only a superuser can set up: an account for each documented refusal, and what looks behind the answers."""

    server: LiveServer
    other: Account  # of the ordinary account's collection
    namesake: Account  # the ordinary account's email and password in another collection
    two_factors: Account
    kept_out: Account  # the auth rule does
    member: Account  # it has a relation to expand
    no_password: Account
    limited: Account  # the rate limit of its collection is reached
    no_accounts: str  # a collection without accounts
    ids: Mapping[str, str]  # of the collections, by name
    table: Table

    def account(self, collection: str, email: str) -> Account | None:
        """The account that a request names; the collection by name, in any case, or by id."""
        names = {name for name, found in self.ids.items() if collection.lower() in (name.lower(), found.lower())}
        known = (self.other, self.namesake, self.two_factors, self.kept_out, self.member, self.no_password)
        return next((one for one in known if one.collection in names and one.email == email), None)


@dataclass
class State:
    """A server and what is known of it; `special` is None where nobody could set it up."""

    url: str
    account: Account
    special: Special | None = None
    tokens: tuple[str, ...] = EXAMPLE_TOKENS
    unbound: set[str] = field(default_factory=set)  # of `tokens`: those that do not sign in at this moment
    bound: set[str] = field(default_factory=set)  # every value that the run bound to `account`
    before: frozenset[Binding] = frozenset()  # the table when the last request went out

    def __post_init__(self) -> None:
        self.unbound |= set(self.tokens)

    def named(self, collection: str, email: str) -> Account | None:
        """The account that a request names, where the run knows it."""
        own = self.account
        ids = self.special.ids if self.special else {}
        if email == own.email and collection.lower() in (own.collection.lower(), ids.get(own.collection, "").lower()):
            return own
        return self.special.account(collection, email) if self.special else None

    def hide(self, text: str, *more: str) -> str:
        """The text without the account's secrets, and without others that are no chance finds."""
        for secret in (self.account.password, *self.tokens, *self.bound, *more):
            text = text.replace(secret, "***") if len(secret) >= SHORT else text
        return text

    def make_sure_it_signs_in(self, token: str) -> None:
        """Bind one of `tokens` that a generated request unbound."""
        if token in self.unbound:
            path = f"{self.url}/api/collections/{self.account.collection}/bind-token"
            self.bound.add(token)
            httpx.post(path, json=self.account.body(token), timeout=30)
            self.unbound.discard(token)

    def take_away(self) -> None:
        """Unbind all that the run bound to the ordinary account."""
        path = f"{self.url}/api/collections/{self.account.collection}/unbind-token"
        for token in sorted(self.bound):
            httpx.post(path, json=self.account.body(token), timeout=30)


def token_hash(token: str) -> str:
    """What the server keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def of_environment(url: str) -> State:
    """An ordinary account of another server; raises KeyError for a variable that is not set."""
    names = os.environ
    account = Account(names.get("BOSBASE_COLLECTION", "users"), names["BOSBASE_EMAIL"], names["BOSBASE_PASSWORD"])
    random = os.urandom(12).hex()
    return State(url.rstrip("/"), account, tokens=(f"contract-1-{random}", f"contract-2-{random}"))


@contextmanager
def embedded() -> Iterator[State]:
    """A fresh embedded server with all that the run needs."""
    with TemporaryDirectory(prefix="bosbase-contract-") as folder, LiveServer(Path(folder)) as server:
        yield provisioned(server, Path(folder))


def provisioned(server: LiveServer, data_dir: Path) -> State:
    """Set an embedded server up: an account for each answer that openapi.yaml documents."""
    title = {"name": "title", "type": "text"}
    team = server.create_collection({"name": "teams", "type": "base", "viewRule": "", "fields": [title]})
    red = server.create_record("teams", title="red")
    for definition in _auth_collections(team["id"]):
        server.create_collection({"type": "auth", **definition})
    for collection in ("users", "two_factors", "ruled", "members", "no_password", "limited"):
        hash_fast(server, collection)
    special = Special(
        server,
        other=_account(server, "users", "other@example.com"),
        namesake=_account(server, "others", EXAMPLES[1]),
        two_factors=_account(server, "two_factors", "factor@example.com"),
        kept_out=_account(server, "ruled", "out@example.com"),
        member=_account(server, "members", "member@example.com", team=red["id"]),
        no_password=_account(server, "no_password", "none@example.com"),
        limited=_account(server, "limited", "limited@example.com"),
        no_accounts="teams",
        ids={found["name"]: found["id"] for found in server.api("GET", "/api/collections?perPage=100")["items"]},
        table=Table(data_dir),
    )
    _limit(server, special.limited)
    return State(server.url, _account(server, "users", EXAMPLES[1]), special)


def _auth_collections(team_id: str) -> list[dict[str, object]]:
    return [
        {"name": "others"},
        {"name": "two_factors", "mfa": {"enabled": True, "duration": 1800}, "otp": {"enabled": True}},
        {"name": "ruled", "authRule": "id = ''"},
        {"name": "members", "fields": [{"name": "team", "type": "relation", "collectionId": team_id, "maxSelect": 1}]},
        {"name": "no_password", "passwordAuth": {"enabled": False, "identityFields": ["email"]}},
        {"name": "limited"},
    ]


def hash_fast(server: LiveServer, collection: str) -> None:
    """Let a password cost a millisecond: a run sends some thousands. `others` costs what a server's own would."""
    fields = server.api("GET", f"/api/collections/{collection}")["fields"]
    cheap = [{**field, "cost": 4} if field["name"] == "password" else field for field in fields]
    server.api("PATCH", f"/api/collections/{collection}", {"fields": cheap})


def _account(server: LiveServer, collection: str, email: str, **members: object) -> Account:
    made = server.create_record(collection, email=email, password=EXAMPLES[2], **members)
    return Account(collection, email, EXAMPLES[2], made["id"])


def _limit(server: LiveServer, account: Account) -> None:
    """Set a rate limit for each call of one collection alone, and reach it."""
    limit = {"maxRequests": 1, "duration": 86_400, "audience": ""}
    rules = [{"label": f"{account.collection}:{call}", **limit} for call in ACTIONS]
    server.api("PATCH", "/api/settings", {"rateLimits": {"enabled": True, "rules": rules}})
    for action in ACTIONS.values():
        httpx.post(f"{server.url}/api/collections/{account.collection}/{action}", json={}, timeout=30)
