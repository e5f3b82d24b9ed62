"""Phrases are found as a search for each of their expressions would find them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.language.phrase_matcher import Phrases

pytestmark = pytest.mark.unit

_LISTS = {
    "card": ["(credit|debit)? ?card (number|no)", r"(card|visa) (\w+ ){0,2}ending( in)?", "card"],
    "social": ["(your )?social( security)?(?! (media|club))", r"soc\w* number"],
    "any": [r"(\w+ )?number( (is|on))*"],
    "none": [],
}
_WORDS = ("your", "credit", "card", "visa", "no", "number", "is", "on", "social", "security",
          "media", "ending", "in", "socks", "x")  # fmt: skip


@given(st.lists(st.sampled_from(_WORDS), max_size=12), st.booleans())
def test_the_one_pass_finds_what_a_search_for_each_finds(words: list[str], padded: bool) -> None:  # noqa: FBT001
    text = f" {' '.join(words)} " if padded else " ".join(words)
    expected = [
        (label, *match.span())
        for label, phrases in _LISTS.items()
        if phrases
        for match in re.finditer(
            rf"(?<!\S)(?=\S)(?:{'|'.join(f'(?:{one})' for one in phrases)})(?!\S)", text
        )
    ]
    assert Phrases(_LISTS).find(text) == expected


def test_the_first_phrase_in_the_list_stands() -> None:
    assert Phrases({"a": ["my", "my card"]}).find("my card") == [("a", 0, 2)]
    assert Phrases({"a": ["my card", "my"]}).find("my card") == [("a", 0, 7)]


def test_no_phrase_is_found_in_the_middle_of_a_word() -> None:
    assert Phrases({"a": ["card"]}).find("cards discard card") == [("a", 14, 18)]


@pytest.mark.parametrize("phrase", ["(card", "(?<=my +)card"])
def test_what_is_no_expression_is_refused(phrase: str) -> None:
    with pytest.raises(re.error):
        Phrases({"a": [phrase]})
