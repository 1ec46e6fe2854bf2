"""Generated tokens: random, found by scanners, and a typing error shows."""

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosbase_wrapper import ConfigurationError, generate_token, is_generated_token

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ENDS = st.sampled_from(BASE62)
PREFIXES = ENDS | st.tuples(ENDS, st.text(f"{BASE62}_-", max_size=76), ENDS).map("".join)


def random_part(token: str) -> int:
    """The number that a token without its prefix and checksum stands for."""
    number = 0
    for digit in token.rpartition("_")[2][:-6]:
        number = number * 62 + BASE62.index(digit)
    return number


@given(PREFIXES)
def test_a_token_is_safe_in_urls_and_at_most_128_bytes_with_every_prefix(prefix: str) -> None:
    """It begins with the prefix, so that scanners find it."""
    token = generate_token(prefix)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token, re.ASCII)
    assert token.startswith(f"{prefix}_")
    assert len(token) == len(prefix) + 50 <= 128
    assert is_generated_token(token)


def test_a_token_has_256_random_bits() -> None:
    """Each bit is 0 in some tokens and 1 in others; none comes twice."""
    numbers = [random_part(generate_token()) for _ in range(300)]
    ones = zeros = 0
    for number in numbers:
        ones |= number
        zeros |= ~number
    assert ones == 2**256 - 1
    assert zeros & ones == ones
    assert len(set(numbers)) == 300


def test_without_a_prefix_it_says_what_it_is() -> None:
    """A BosBase token."""
    assert re.fullmatch(r"bbt_[A-Za-z0-9]{49}", generate_token())


@given(PREFIXES, st.data())
def test_a_changed_character_shows(prefix: str, data: st.DataObject) -> None:
    """Wherever it is, whatever it became."""
    token = generate_token(prefix)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.one_of(st.sampled_from(BASE62 + "_-"), st.characters()).filter(lambda char: char != token[at]))
    assert not is_generated_token(token[:at] + other + token[at + 1 :])


@given(st.integers(0, 51))
def test_a_lost_or_doubled_character_shows(at: int) -> None:
    """The length of a token is part of its form."""
    token = generate_token()
    assert not is_generated_token(token[:at] + token[at + 1 :])
    assert not is_generated_token(token[:at] + token[at] + token[at:])


@given(st.text())
def test_another_text_is_no_generated_token(text: str) -> None:
    """Whatever it is."""
    assert not is_generated_token(text)


@pytest.mark.parametrize("value", [None, 5, b"bbt_", "", "bbt_", "my-app-token"])
def test_another_value_is_no_generated_token(value: Any) -> None:
    """Nor does it raise."""
    assert is_generated_token(value) is False


def test_spaces_and_line_breaks_around_a_token_show() -> None:
    """They are not trimmed, as the server trims nothing."""
    token = generate_token()
    assert not any(map(is_generated_token, (f"{token}\n", f" {token}", f"{token} ")))


@pytest.mark.parametrize("prefix", ["", "_a", "a-", "a b", "a/b", "ä", "a" * 79, "a\n", None, 5, b"bbt"])
def test_a_prefix_that_would_not_be_safe_is_refused(prefix: Any) -> None:
    """It must be 1 to 78 letters, digits, _ and -, with a letter or a digit at both ends."""
    with pytest.raises(ConfigurationError, match=r"^prefix must be 1 to 78 letters, digits, _ and -, with "):
        generate_token(prefix)
