"""What a run knows of the server: its accounts, its special collections, and the bindings of an embedded one."""

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

from ..passwords import hash_fast
from .document import ACTIONS

# The account of openapi.yaml's examples, whose values the coverage phase takes.
EXAMPLES: Final = ("users", "user@example.com", "user-password")
SHORT: Final = 8  # a shorter secret is in many a text by chance
EXAMPLE_TOKENS: Final = ("my-app-token", "my-other-token")


@dataclass(frozen=True)
class Account:
    """An account of an auth collection."""

    collection: str
    email: str
    password: str = field(repr=False)
    record_id: str = ""

    def body(self, token: str) -> dict[str, str]:
        """The body of a bind or an unbind."""
        return {"email": self.email, "password": self.password, "token": token}


@dataclass(frozen=True)
class Binding:
    """A row of the server's table."""

    collection_id: str
    record_id: str
    token_hash: str


class Table:
    """The bindings in the embedded server's database."""

    def __init__(self, data_dir: Path) -> None:
        self._uri = (data_dir / "data.db").as_uri() + "?mode=ro"

    def rows(self) -> frozenset[Binding]:
        """All bindings; none if the server has not created the table yet."""
        with closing(sqlite3.connect(self._uri, uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = '_token_bindings'").fetchone():
                return frozenset()
            rows = database.execute("SELECT collectionRef, recordRef, tokenHash FROM _token_bindings")
            return frozenset(Binding(*row) for row in rows)


@dataclass(frozen=True)
class Special:
    """What only a superuser can set up: an account for each documented refusal, and a view of the bindings."""

    server: LiveServer
    other: Account  # of the ordinary account's collection
    namesake: Account  # the ordinary account's email and password in another collection
    two_factors: Account  # its collection requires a second factor
    kept_out: Account  # it does not satisfy the auth rule
    member: Account  # it has a relation to expand
    no_password: Account  # password authentication is off
    limited: Account  # the rate limit of its collection is reached
    no_accounts: str  # a collection without accounts
    ids: Mapping[str, str]  # of the collections, by name
    table: Table

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All of them."""
        more = (self.two_factors, self.kept_out, self.member, self.no_password)
        return (self.other, self.namesake, *more)


@dataclass
class State:
    """A server and what is known of it. `special` is None without a superuser."""

    url: str
    account: Account
    special: Special | None = None
    tokens: tuple[str, ...] = EXAMPLE_TOKENS
    unbound: set[str] = field(default_factory=set)  # those of `tokens` that are not bound
    bound: set[str] = field(default_factory=set)  # every value that the run bound to `account`
    before: frozenset[Binding] = frozenset()  # the table when the last request was sent
    known: list[Account] = field(default_factory=list)  # accounts that a story made

    def __post_init__(self) -> None:
        self.unbound |= set(self.tokens)

    def named(self, collection: str, email: str) -> Account | None:
        """The account of a request, if the run knows it. The collection is a name in any case, or an id."""
        ids = self.special.ids if self.special else {self.account.collection: ""}
        names = {name for name, found in ids.items() if collection.lower() in (name.lower(), found.lower())}
        known = [self.account, *(self.special.accounts if self.special else ()), *self.known]
        return next((one for one in known if one.collection in names and one.email == email), None)

    def hide(self, text: str, *more: str) -> str:
        """The text without the account's secrets and the given ones. A short one may be in the text by chance."""
        for secret in (self.account.password, *self.tokens, *self.bound, *more):
            text = text.replace(secret, "***") if len(secret) >= SHORT else text
        return text

    def make_sure_it_signs_in(self, token: str) -> None:
        """Bind a token of `tokens` again that a generated request unbound."""
        if token in self.unbound:
            path = f"{self.url}/api/collections/{self.account.collection}/bind-token"
            self.bound.add(token)
            httpx.post(path, json=self.account.body(token), timeout=30)
            self.unbound.discard(token)

    def unbind_all(self) -> None:
        """Unbind everything that the run bound to the ordinary account."""
        path = f"{self.url}/api/collections/{self.account.collection}/unbind-token"
        for token in sorted(self.bound):
            httpx.post(path, json=self.account.body(token), timeout=30)


def token_hash(token: str) -> str:
    """The hash of a token, as the server stores it."""
    return hashlib.sha256(token.encode()).hexdigest()


def of_environment(url: str) -> State:
    """An ordinary account of another server. Raises KeyError for a variable that is not set."""
    names = os.environ
    account = Account(names.get("BOSBASE_COLLECTION", "users"), names["BOSBASE_EMAIL"], names["BOSBASE_PASSWORD"])
    random = os.urandom(12).hex()
    return State(url.rstrip("/"), account, tokens=(f"contract-1-{random}", f"contract-2-{random}"))


@contextmanager
def embedded() -> Iterator[State]:
    """A fresh embedded server with everything that the run needs."""
    with TemporaryDirectory(prefix="bosbase-contract-") as folder, LiveServer(Path(folder)) as server:
        yield provisioned(server, Path(folder))


def provisioned(server: LiveServer, data_dir: Path) -> State:
    """Set up an embedded server: an account for each response that openapi.yaml documents."""
    title = {"name": "title", "type": "text"}
    team = server.create_collection({"name": "teams", "type": "base", "viewRule": "", "fields": [title]})
    red = server.create_record("teams", title="red")
    for definition in _auth_collections(team["id"]):
        server.create_collection({"type": "auth", **definition})
    # `others` keeps the default cost.
    hash_fast(server, "users", "two_factors", "ruled", "members", "no_password", "limited")
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


def _account(server: LiveServer, collection: str, email: str, **members: object) -> Account:
    made = server.create_record(collection, email=email, password=EXAMPLES[2], **members)
    return Account(collection, email, EXAMPLES[2], made["id"])


def _limit(server: LiveServer, account: Account) -> None:
    """Set a rate limit for each call of one collection only, and reach it."""
    limit = {"maxRequests": 1, "duration": 86_400, "audience": ""}
    rules = [{"label": f"{account.collection}:{call}", **limit} for call in ACTIONS]
    server.api("PATCH", "/api/settings", {"rateLimits": {"enabled": True, "rules": rules}})
    for action in ACTIONS.values():
        httpx.post(f"{server.url}/api/collections/{account.collection}/{action}", json={}, timeout=30)
