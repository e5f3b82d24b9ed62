"""What the encoder gets of a turn: pieces of words, and of numbers everything but their digits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from models.reader.inputs import LABELS, LONGEST, PLACEHOLDERS, Piece, Pieces
from models.text.turn import turn_of
from pipeline.records.checksums import luhn
from pipeline.records.entities import Entity
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

UNKNOWN = 100
DOT, COMMA, ASKS, CALLS = 101, 102, 103, 104
DOLLAR, PERCENT, AT, HASH = 110, 113, 114, 115
HELLO, MY, CARD, S, MORE_S, OH = 200, 201, 202, 203, 204, 205
VOCABULARY = {
    "[UNK]": UNKNOWN,
    **{sign: DOT + place for place, sign in enumerate(".,?!")},
    **{sign: DOLLAR + place for place, sign in enumerate("$£€%@#+:/&=*")},
    "hello": HELLO,
    "my": MY,
    "card": CARD,
    "s": S,
    "##s": MORE_S,
    "oh": OH,
}
AGENT, CUSTOMER, MIXED = 1, 2, 3
DIGIT, TENS, CODE, CHECKED = 4, 5, 6, 7
FIGURES = 7
"""And so many of them."""


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    """Of a tokenizer with a handful of words."""
    tokenizer = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))  # noqa: S106 - a piece
    tokenizer.normalizer = normalizers.Replace("zz", "")
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path: Path = tmp_path_factory.mktemp("reader") / "tokenizer.json"
    tokenizer.save(str(path))
    return Pieces(path.read_bytes())


def ids(pieces: Pieces, text: str, *, language: str = "en", bare: bool = False) -> list[int]:
    """Of a text that is read at once by an agent, without who speaks."""
    (piece,) = pieces.read(turn_of(text, language=language), Role.AGENT, bare=bare)
    assert piece.ids[0] == AGENT
    assert piece.words[0] == -1
    return list(piece.ids[1:])


@pytest.mark.parametrize(
    ("role", "first"), [(Role.AGENT, AGENT), (Role.CUSTOMER, CUSTOMER), (Role.MIXED, MIXED)]
)
def test_the_first_piece_says_who_speaks(pieces: Pieces, role: Role, first: int) -> None:
    assert pieces.read(turn_of("Hello"), role) == [Piece((first, HELLO), (-1, 0))]


@pytest.mark.parametrize("text", ["", " ", "...", "/", "?! $"])
def test_of_a_turn_without_words_nothing_is_read(pieces: Pieces, text: str) -> None:
    assert pieces.read(turn_of(text), Role.AGENT) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello four my", [HELLO, DIGIT, MY]),
        ("forty fifteen ninety", [TENS, TENS, TENS]),
        ("5 55 555 5555", [FIGURES + 1, FIGURES + 2, FIGURES + 3, FIGURES + 4]),
        ("5" * 15, [FIGURES + 15]),
        ("5" * 16 + " 1", [FIGURES + 16, FIGURES + 1]),
        ("5" * 40, [FIGURES + 16]),
        ("L12345678 b2b", [CODE, CODE]),
        ("twenty-one", [TENS, DIGIT]),
    ],
)
def test_a_number_is_a_placeholder(pieces: Pieces, text: str, expected: list[int]) -> None:
    assert ids(pieces, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oh", [OH]),
        ("oh hello", [OH, HELLO]),
        ("my oh my", [MY, OH, MY]),
        ("oh. four", [DIGIT, DOT, DIGIT]),
        ("four oh", [DIGIT, DIGIT]),
        ("four oh two", [DIGIT, DIGIT, DIGIT]),
        ("my 5 oh", [MY, FIGURES + 1, DIGIT]),
        ("four hello oh", [DIGIT, HELLO, OH]),
    ],
)
def test_oh_is_a_number_beside_one_only(pieces: Pieces, text: str, expected: list[int]) -> None:
    assert ids(pieces, text) == expected


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("4111111111111111", True),
        ("four one one one one one one one one one one one one one one one", True),
        ("four 111 1111 1111 one one 11", True),
        ("4111 1111 1111 1112", False),
        ("5111 1111 1111 1111", False),
        ("4111 1111 hello 1111 1111", False),
        ("18", False),  # passes, and is far too short for a card
        ("00000000000000000000", False),  # likewise too long
    ],
)
def test_one_bit_says_that_a_run_passes_the_checksum_of_cards(
    pieces: Pieces, text: str, *, checked: bool
) -> None:
    found = set(ids(pieces, text)) - {HELLO}
    assert (found == {CHECKED}) is checked
    assert (CHECKED in found) is checked


def test_the_bit_is_that_run_s_alone(pieces: Pieces) -> None:
    assert ids(pieces, "5 my 4111111111111111 hello 5") == [8, MY, CHECKED, HELLO, 8]


WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ROUND = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "eleven",
         "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen")  # fmt: skip
shapes = st.lists(
    st.one_of(
        st.tuples(st.just("figures"), st.integers(1, 18)),
        st.tuples(st.sampled_from(["digit", "tens", "code", "hello", "oh"]), st.just(1)),
    ),
    max_size=20,
)


def spoken(data: st.DataObject, shape: list[tuple[str, int]]) -> str:
    """A text of a shape, whatever its digits."""
    parts = []
    for kind, length in shape:
        figures = data.draw(st.text("0123456789", min_size=length, max_size=length))
        parts.append(
            {
                "figures": figures,
                "digit": WORDS[int(figures[0])],
                "tens": data.draw(st.sampled_from(ROUND)),
                "code": f"s{figures}",
            }.get(kind, kind)
        )
    return " ".join(parts)


@settings(max_examples=200, deadline=None)
@given(shapes, st.data())
def test_no_placeholder_depends_on_which_digits_are_said(
    pieces: Pieces, shape: list[tuple[str, int]], data: st.DataObject
) -> None:
    read = [pieces.read(turn_of(spoken(data, shape)), Role.AGENT) for _ in range(2)]
    assert len(read[0]) == len(read[1])
    for one, other in zip(*read, strict=True):
        assert one.words == other.words
        for left, right in zip(one.ids, other.ids, strict=True):
            assert left == right or CHECKED in (left, right)


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789", min_size=1, max_size=22))
def test_figures_are_told_by_their_number_and_their_checksum(pieces: Pieces, figures: str) -> None:
    passes = 13 <= len(figures) <= 19 and luhn(figures)
    assert ids(pieces, figures) == [CHECKED if passes else FIGURES + min(len(figures), 16)]


@pytest.mark.parametrize(
    ("text", "whole", "bare"),
    [
        ("hello / my", [HELLO, DOT, MY], [HELLO, MY]),
        ("hello. my, card?", [HELLO, DOT, MY, COMMA, CARD, ASKS], [HELLO, MY, CARD]),
        ("hello!", [HELLO, CALLS], [HELLO]),
        ("$5 5%", [DOLLAR, 8, 8, PERCENT], [DOLLAR, 8, 8, PERCENT]),
        ("my #5", [MY, HASH, 8], [MY, HASH, 8]),
        ("hello@my.card", [HELLO, AT, MY, DOT, CARD], [HELLO, AT, MY, CARD]),
        ("($5", [DOLLAR, 8], [DOLLAR, 8]),
        ("?$hello", [DOLLAR, HELLO], [DOLLAR, HELLO]),
        ("hello ?!?!?! my", [HELLO, ASKS, CALLS, ASKS, MY], [HELLO, MY]),
        ("hello \u2026 \u00bfmy", [HELLO, MY], [HELLO, MY]),
    ],
)
def test_pauses_and_signs(pieces: Pieces, text: str, whole: list[int], bare: list[int]) -> None:
    assert ids(pieces, text) == whole
    assert ids(pieces, text, bare=True) == bare


@pytest.mark.parametrize(
    "word", ["मैं", "谢谢", "привет", "قلب", "zz"], ids=["hi", "zh", "ru", "ar", "emptied"]
)
def test_a_word_that_the_tokenizer_does_not_know_has_a_piece(pieces: Pieces, word: str) -> None:
    (piece,) = pieces.read(turn_of(f"hello {word} my"), Role.AGENT)
    known = [at for at in piece.words if at >= 0]
    assert known == list(range(len(turn_of(f"hello {word} my").tokens)))
    assert piece.ids[:2] == (AGENT, HELLO)
    assert set(piece.ids[2:-1]) == {UNKNOWN}
    assert piece.ids[-1] == MY


def test_of_a_long_word_six_pieces_are_read(pieces: Pieces) -> None:
    (piece,) = pieces.read(turn_of("hello ssssssssss my"), Role.AGENT)
    assert piece.ids == (AGENT, HELLO, S, *[MORE_S] * 5, MY)
    assert piece.words == (-1, 0, 1, *[-1] * 5, 2)


def test_numbers_are_those_of_the_call_s_language(pieces: Pieces) -> None:
    text = "cuatro dieciséis dieciseis doscientos"
    assert ids(pieces, text, language="es") == [DIGIT, TENS, TENS, DIGIT]
    assert set(ids(pieces, text)) == {UNKNOWN}
    assert ids(pieces, "four", language="es") == [UNKNOWN]


def test_a_turn_longer_than_can_be_read_at_once_is_parted_between_words(pieces: Pieces) -> None:
    first, second, third = pieces.read(turn_of("hello " * 200), Role.CUSTOMER)
    assert LONGEST == 96
    assert [len(one.ids) for one in (first, second, third)] == [96, 96, 11]
    assert {one.ids[0] for one in (first, second, third)} == {CUSTOMER}
    assert first.words == (-1, *range(95))
    assert third.words == (-1, *range(190, 200))


TEXTS = st.lists(
    st.sampled_from(
        ["hello", "sssssssss", "four", "4111", "oh", "谢谢", "/", "?", "$5", "zz", "."]
    ),
    max_size=150,
).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.booleans())
def test_every_word_begins_at_one_piece_in_order(pieces: Pieces, text: str, bare: bool) -> None:  # noqa: FBT001
    turn = turn_of(text)
    read = pieces.read(turn, Role.AGENT, bare=bare)
    assert [at for one in read for at in one.words if at >= 0] == list(range(len(turn.tokens)))
    for one in read:
        assert 1 < len(one.ids) == len(one.words) <= LONGEST
        assert one.ids[0] == AGENT


def test_nothing_of_a_turn_shows_in_a_repr(pieces: Pieces) -> None:
    (piece,) = pieces.read(turn_of("hello my card"), Role.AGENT)
    assert repr(piece) == "Piece(words=(-1, 0, 1, 2))"


def test_what_a_word_may_be() -> None:
    assert LABELS[0] == "O"
    assert set(LABELS[1:]) == set(map(str, Entity)) - {"NUMBER_SEQUENCE", "AGE_OVER_89", "DTMF"}
    assert list(LABELS[1:]) == sorted(LABELS[1:])
    assert range(1, 24) == PLACEHOLDERS
