"""The function that the tests beside this file test."""

from bosbase_wrapper import BosBase, InvalidCredentialsError


def greeting(client: BosBase, token: str) -> str:
    """Greet the account that a token belongs to."""
    try:
        auth = client.collection("users").auth_with_token(token)
    except InvalidCredentialsError:
        return "Who are you?"
    return f"Hello {auth.record['name']}"
