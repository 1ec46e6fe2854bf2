"""The Python code of every page runs, top to bottom, against the embedded server."""

import secrets
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from bosbase_wrapper import BosBase, generate_token
from bosbase_wrapper.server import LiveServer

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts and "```python\n" in page.read_text(encoding="utf-8")]
# These show the call of the check, which sends 500 requests. tests/contract and tests/live run it.
NOT_RUN = {"docs/check.md", "docs/pytest-plugin.md"}
PASSWORD = "user-password"


def name(page: Path) -> str:
    """The page, as the test is named."""
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def stand_ins(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the placeholders of the pages stand for: an account of its own for each page, with a bound token."""
    email, token, admin_token = f"{secrets.token_hex(6)}@example.com", generate_token(), generate_token()
    record = server.create_record("users", email=email, password=PASSWORD, name="Ada", verified=True)
    with BosBase(server.url) as client:
        client.collection("users").bind_custom_token(email, PASSWORD, token)
        admins = client.collection("_superusers")
        admins.bind_custom_token(server.admin_email, server.admin_password, admin_token)
    monkeypatch.setenv("BOSBASE_URL", server.url)
    monkeypatch.setenv("BOSBASE_TOKEN", token)
    return {
        "http://127.0.0.1:8090": server.url,
        "user@example.com": email,
        "my-app-token": token,
        "my-admin-token": admin_token,
        "the-record-id": record["id"],
    }


@pytest.mark.parametrize("page", [page for page in PAGES if name(page) not in NOT_RUN], ids=name)
def test_the_code_of_a_page_runs(
    page: Path, server: LiveServer, stand_ins: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first block to the last, as one program."""
    text = page.read_text(encoding="utf-8")
    for placeholder, value in stand_ins.items():
        text = text.replace(placeholder, value)
    copy = tmp_path / page.name
    copy.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    document = Sybil([PythonCodeBlockParser(), SkipParser()]).parse(copy)
    document.namespace["server"] = server
    blocks = list(document.examples())
    assert blocks
    for block in blocks:
        block.evaluate()


def test_every_page_that_is_not_run_exists() -> None:
    """So that the list does not outlive a page."""
    assert {name(page) for page in PAGES} >= NOT_RUN
