"""A sound server with every kind of account, for the tests of the contract check."""

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import httpx

from bosbase_wrapper.check import CHECKS, LAST, Account, Check, Probe, Report, run_checks
from bosbase_wrapper.check._fuzz import fuzz_checks
from bosbase_wrapper.server import LiveServer

from ..passwords import FAST, hash_fast
from .broken import BrokenServer, Spoiler

_COLLECTIONS = {"user": "users", "mfa": "mfaers", "kept-out": "kept_out", "related": "related"}
_COLLECTIONS |= {"no-password": "nopass", "superuser": "_superusers"}


class World:
    """Serves while the context is open. Its passwords are hashed at the least cost: a run is several times faster."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self.server = LiveServer(data_dir=Path(self._folder.name))
        self._team = ""
        self._admin = httpx.Client(
            verify=False
        )  # one for all, without certificates: LiveServer makes one for each call

    def __enter__(self) -> Self:
        self.server.start()
        hash_fast(self.server, "users", "_superusers")
        account = {"identity": self.server.admin_email, "password": self.server.admin_password}
        path = "/api/collections/_superusers/auth-with-password"
        self._admin.headers["Authorization"] = self._admin.post(self.server.url + path, json=account).json()["token"]
        self._make("mfaers", mfa={"enabled": True, "duration": 1800}, otp={"enabled": True})
        self._make("kept_out", authRule="verified = true")
        self._make("nopass", passwordAuth={"enabled": False}, otp={"enabled": True})
        title = [{"name": "title", "type": "text"}]
        teams = self.server.create_collection({"name": "teams", "type": "base", "viewRule": "", "fields": title})
        self._team = self.server.create_record("teams", title="red")["id"]
        relation = {"name": "team", "type": "relation", "collectionId": teams["id"], "maxSelect": 1}
        self._make("related", fields=[FAST, relation])
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._admin.close()
        self.server.stop()
        self._folder.cleanup()

    def _make(self, name: str, **definition: Any) -> None:
        self.server.create_collection({"name": name, "type": "auth", "fields": [FAST], **definition})

    def account(self, kind: str = "user", url: str = "") -> Account:
        """A new account of a kind: "user", "mfa", "kept-out", "related", "no-password", "superuser"."""
        collection = _COLLECTIONS[kind]
        account = Account(
            url or self.server.url, collection, f"u{secrets.token_hex(6)}@example.com", f"Pw-{secrets.token_hex(8)}"
        )
        members = {"email": account.email, "password": account.password, "passwordConfirm": account.password}
        members |= {"team": self._team} if kind == "related" else {}
        self._admin.post(f"{self.server.url}/api/collections/{collection}/records", json=members).raise_for_status()
        return account

    def examine(
        self, spoil: Spoiler, kind: str = "user", *, checks: Sequence[Check] = CHECKS, fuzz: int | None = None
    ) -> Report:
        """What the check says of the server with something spoiled; it does not wait for anything."""
        with BrokenServer(self.server.url, spoil) as url, httpx.Client(timeout=30, verify=False) as client:
            probe = Probe(self.account(kind, url), client, pause=lambda _: None)
            last = LAST if checks is CHECKS else ()
            return run_checks(probe, [*checks, *(fuzz_checks(fuzz) if fuzz else ())], last=last)

    def bindings(self, record_id: str = "%") -> int:
        """How many tokens are bound on the server, to one record or to whomever."""
        with closing(sqlite3.connect(Path(self._folder.name) / "data.db")) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = '_token_bindings'").fetchone():
                return 0  # the first bind makes the table
            query = "SELECT count(*) FROM _token_bindings WHERE recordRef LIKE ?"
            return int(database.execute(query, (record_id,)).fetchone()[0])

    def rows(self) -> list[tuple[str, ...]]:
        """The rows of the table of bindings, with the hash at the end."""
        with closing(sqlite3.connect(Path(self._folder.name) / "data.db")) as database:
            return database.execute("SELECT recordRef, tokenHash FROM _token_bindings").fetchall()
