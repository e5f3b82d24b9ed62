"""What is read off an expression rules out no text that it matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.language.regex_prefixes import Beginnings, beginnings, needed

pytestmark = pytest.mark.unit

_WORDS = ("a", "b", "at", "an", "ant", "card", "cards", "card2", "12", "7", "ohio", "co", "é")


def no_word_is_rarer(_: str) -> float:
    return 1.0


def short_words_are_common(beginning: str) -> float:
    return 1.0 / (1 + len(beginning))


def _joined(pieces: list[str]) -> str:
    return "".join(pieces)


_ATOMS = st.sampled_from(
    [
        "a", "an", "at ", "card", "cards? ", r"\w+ ", "[a-c]", "[a-z]+ ", r"\d+", r"\d{1,3} ", " ",
        r"\b", "(?!an)", "(?=a)", "(?<=a )", ".", r"\w", "é", "[^a]", "(?:ohio|oh|a t) ",
        "(?:a |b )*",
    ]
)  # fmt: skip
_SOURCES = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(_joined),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}?", "{0,2}"])).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
        inner.map(lambda one: f"({one})"),
    ),
    max_leaves=8,
)


@settings(max_examples=600, deadline=None)
@given(
    _SOURCES,
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=6),
    st.sampled_from([no_word_is_rarer, short_words_are_common]),
)
def test_a_text_with_a_match_has_all_that_is_needed(source, words, share) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    text = " ".join(words)
    starts = {0, *(at + 1 for at, sign in enumerate(text) if sign == " ")}
    found = re.compile(source)
    if not any((match := found.match(text, at)) and match.end() > at for at in starts):
        return
    sets = needed(source, share)
    have = Beginnings(sets)
    bits = 0
    for word in words:
        bits |= have.of(word)
    assert bits == (1 << len(sets)) - 1


@settings(max_examples=300, deadline=None)
@given(_SOURCES, st.sampled_from(_WORDS), st.sampled_from(_WORDS))
def test_a_word_with_which_a_match_begins_is_told(source: str, word: str, after: str) -> None:
    match = re.compile(source).match(f"{word} {after}")
    if match and match.end():
        assert Beginnings([beginnings(source)]).of(word)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("card (?:number|no)", {"card "}),
        ("card", {"card"}),
        ("(?:my )?card ", {"my ", "card "}),
        ("(?:my |your )*card ", {"my ", "your ", "card "}),
        (r"\w+ number", {""}),
        ("[ab]4 ", {"a4 ", "b4 "}),
        (r"\d+ ", {*"0123456789"} | {f"{digit} " for digit in "0123456789"}),
        ("prescriptions ", {"prescrip"}),
        (r"(?:visa|card)s? ", {"visa ", "visas ", "card ", "cards "}),
        ("(?i:card) ", {""}),
    ],
)
def test_what_a_match_can_begin_with(source: str, expected: set[str]) -> None:
    assert beginnings(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\b(?:\w+ ){1,3}(?:ohio|utah) ", [{"ohio ", "utah "}]),
        (r"\bmy (?:\w+ )+card\b", [{"my "}, {"card"}]),
        (r"\b(?:my blue|a red) ", [{"my ", "a "}, {"blue", "red"}]),
        (r"\w*(?:dot|point)", []),
    ],
)
def test_what_a_match_needs(source: str, expected: list[set[str]]) -> None:
    assert needed(source, short_words_are_common) == expected


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(re.error):
        needed("(card", no_word_is_rarer)
