"""Call the endpoints with the generated client, without the wrapper: `python examples/generated_client.py`.

It returns every documented response, also an error, and raises only what httpx raises. It does not retry, hide secrets
in errors, or check arguments before it sends them.
"""

from bosbase_client import Client
from bosbase_client.api.custom_tokens import auth_with_token, bind_token
from bosbase_client.models import AuthResponse, AuthWithTokenRequest, ErrorResponse, MfaRequired, TokenBindingRequest

from bosbase_wrapper.server import LiveServer


def bind(client: Client, email: str, password: str, token: str) -> None:
    """Bind a token. `sync_detailed` also returns the status; a 204 has no parsed body."""
    body = TokenBindingRequest(email=email, password=password, token=token)
    response = bind_token.sync_detailed("users", client=client, body=body)
    if response.status_code != 204:
        reason = response.parsed.message if response.parsed else "an undocumented response"
        raise SystemExit(f"{response.status_code} {reason}")


def sign_in(client: Client, token: str) -> str:
    """Sign in and describe the outcome. `asyncio` and `asyncio_detailed` are the same as coroutines."""
    result = auth_with_token.sync("users", client=client, body=AuthWithTokenRequest(token=token))
    match result:
        case AuthResponse(record=record) if record:
            # A documented field is an attribute, by its Python name: `record["email"]` raises KeyError.
            # A field of the collection is an item, by its name on the wire.
            return f"{record.email} ({record['name']})"
        case MfaRequired():
            return "a second factor is required"
        case ErrorResponse(message=message, status=status):
            return f"{status} {message}"
        case _:
            return "an undocumented response"


def main() -> None:
    """Sign in with a token that is bound, and with one that is not."""
    with LiveServer() as server, Client(server.url) as client:
        server.create_record("users", email="user@example.com", password="user-password", name="Ada")
        bind(client, "user@example.com", "user-password", "my-app-token")
        print(sign_in(client, "my-app-token"))
        print(sign_in(client, "not-a-token"))


if __name__ == "__main__":
    main()
