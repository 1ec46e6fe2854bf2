"""Bind a custom token, sign in with it, and unbind it: `python examples/quickstart.py`."""

from bosbase_wrapper import BosBase, InvalidCredentialsError, generate_token
from bosbase_wrapper.server import LiveServer

with LiveServer() as server, BosBase(server.url) as client:
    server.create_record("users", email="user@example.com", password="user-password", name="Ada")
    users = client.collection("users")

    token = generate_token()
    users.bind_custom_token("user@example.com", "user-password", token)
    auth = users.auth_with_token(token)
    print(f"Signed in as {auth.record['name']}, until {auth.expires_at}.")

    users.unbind_custom_token("user@example.com", "user-password", token)
    try:
        users.auth_with_token(token)
    except InvalidCredentialsError:
        print("The token is revoked.")
