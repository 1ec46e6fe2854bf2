"""The official Python SDKs go on with a session that a custom token opened: `python examples/official_sdks.py`.

Needs `pip install pocketbase bosbase`. Both SDKs keep a JWT and a record in their auth store.
"""

from bosbase import BosBase as OfficialBosBase
from pocketbase import PocketBase
from pocketbase.models.record import Record

from bosbase_wrapper import AuthResult, BosBase, generate_token
from bosbase_wrapper.server import LiveServer


def with_pocketbase(url: str, session: AuthResult) -> None:
    """Put the session into the store of the PocketBase SDK."""
    sdk = PocketBase(url)
    sdk.auth_store.save(session.token, Record(dict(session.record)))
    print("pocketbase:", sdk.collection("users").auth_refresh().record.email)
    sdk.http_client.close()


def with_bosbase(url: str, session: AuthResult) -> None:
    """Put the session into the store of the BosBase SDK."""
    sdk = OfficialBosBase(url)
    sdk.auth_store.save(session.token, dict(session.record))
    print("bosbase:", sdk.collection("users").auth_refresh()["record"]["email"])
    sdk.close()


def main() -> None:
    """Sign in with a token, and hand the session to both SDKs."""
    token = generate_token()
    with LiveServer() as server, BosBase(server.url) as client:
        server.create_record("users", email="user@example.com", password="user-password")
        users = client.collection("users")
        users.bind_custom_token("user@example.com", "user-password", token)
        session = users.auth_with_token(token)
        with_pocketbase(server.url, session)
        with_bosbase(server.url, session)


if __name__ == "__main__":
    main()
