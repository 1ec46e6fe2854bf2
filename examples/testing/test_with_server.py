"""Test against an embedded server, with the fixtures of the pytest plugin."""

import secrets

from my_app import greeting

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer


def test_a_bound_token(bosbase_server: LiveServer, bosbase_client: BosBase) -> None:
    email, token = f"{secrets.token_hex(6)}@example.com", generate_token()
    bosbase_server.create_record("users", email=email, password="user-password", name="Ada")
    bosbase_client.collection("users").bind_custom_token(email, "user-password", token)
    assert greeting(bosbase_client, token) == "Hello Ada"


def test_an_unknown_token(bosbase_client: BosBase) -> None:
    assert greeting(bosbase_client, generate_token()) == "Who are you?"
