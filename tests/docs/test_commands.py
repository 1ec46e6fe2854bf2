"""The commands that pages show exist, with the options that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bosbase_wrapper.cli._commands import bosbase_tokens

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
BLOCK = re.compile(r"^ *```(.*?)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def shell_words(line: str) -> list[str]:
    """Split a line into words and operators, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    return list(lexer)


def token_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each `bosbase-tokens ...` of a shell block: its page, and its arguments up to a pipe or redirect."""
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = re.findall(r"bosbase-tokens\b[^\n]*", block) if language in {"", "sh"} else []
            for line in lines:
                words = shell_words(line)
                end = next((index for index, word in enumerate(words) if set(word) <= set("<>|&;()")), len(words))
                yield page.relative_to(ROOT).as_posix(), words[1:end]


@pytest.mark.parametrize(("page", "arguments"), list(token_commands()), ids=str)
def test_a_command_of_a_page_parses(page: str, arguments: list[str]) -> None:
    """Its options exist, and each has the values that it needs."""
    name, *rest = arguments
    command = bosbase_tokens.commands[name]
    with click.Context(command, info_name=name) as context:
        _, _, parameters = command.make_parser(context).parse_args(args=rest)
    assert parameters or not rest, page


def test_every_make_target_of_a_page_exists() -> None:
    """Also in running text, as `make test`."""
    named = {
        (page.relative_to(ROOT).as_posix(), target)
        for page in PAGES
        for line in re.findall(r"(?:`|^)make ((?:[a-z-]+ ?)+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        for target in line.split()
    }
    assert {(page, target) for page, target in named if target not in TARGETS} == set()
    assert ("README.md", "test") in named
