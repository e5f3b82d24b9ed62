"""Names: spelled, corrected, joined, called, and given names that stand alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.given import GivenNameRecognizer
from models.recognizers.naming import bare, is_acronym, is_contracted, name_end
from models.recognizers.person import SpokenPersonRecognizer
from models.recognizers.spelling import spelling, spellings
from models.spoken import turn_of

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("B, A, R, R, E, R, A", "barrera"),
        ("P, U, G, aitch.", "pugh"),
        ("T H I R U, then V E N, and then K A T", "thiruvenkat"),
        ("N for Nellie, E, for er echo, D for Derby", "ned"),
        ("Sugar, zebra, charlie, zebra", "szcz"),
        ("P for Peter, A, double R, Y", "parry"),
        ("capital W, A, L, hyphen, S", "wals"),
        ("S I O B H A N, Ni Cheallaigh", "siobhan"),
        ("K as in kilo I as in ice M", "kim"),
    ],
)
def test_reads_rows_of_letters(text: str, letters: str) -> None:
    assert spelling(turn_of(text), 0).letters == letters


@pytest.mark.parametrize(
    "text",
    [
        "I for one think so",
        "a B and Q shop",
        "and then for a while",
        "so it was a C",
        "U S B cable",
    ],
)
def test_finds_no_row_of_letters_in_talk(text: str) -> None:
    assert list(spellings(turn_of(text))) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm his brother, Fergal.", "Fergal"),
        ("it's for my flatmate, Ottoline", "Ottoline"),
        ("Thanks for holding, Priyanka speaking.", "Priyanka"),
        ("Rose Hunter, and is that the gas?", "Rose Hunter"),
        ("Iolo Gwynedd-Parry, I'm his step-dad", "Iolo Gwynedd-Parry"),
        ("Pierce, not Pearce.", "Pierce, not Pearce"),
        ("No, Shaun with a U.", "Shaun with a U"),
        ("Are you Jayesh or Jitesh?", "Jitesh"),
        ("It's Eirlys, or Dafydd if I'm out.", "Dafydd"),
        ("A-D-E-B-A-Y-O, hyphen, Wright", "hyphen, Wright"),
        ("Delroy, like I told the other lady, D-E-L-R-O-Y.", "D-E-L-R-O-Y"),
        ("No, Catherine, C for Charlie.", "C for Charlie"),
        ("the first initial is V", "V"),
        ("It's Cornelius Vanterpool the third.", "Cornelius Vanterpool the third"),
        ("my name is Maria Ibarra de la Fuente", "Maria Ibarra de la Fuente"),
        ("My name's Tobias Wren. Wren, like the bird.", "Wren"),
        ("hiya its gobnait from the credit union", "gobnait"),
        ("Is Hyacinth about?", "Hyacinth"),
        ("Reverend Okonjo married us", "Okonjo"),
    ],
)
def test_finds_what_stands_round_names(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nah, it's my wife. Agnieszka.", "Agnieszka"),
        ("And your surname for the machine? Pugh.", "Pugh"),
        ("Lovely. Yeah, it's Tyreke", "Tyreke"),
        ("the second is B for Bombay, A L A, S for Surat", "B for Bombay, A L A, S for Surat"),
    ],
)
def test_finds_a_name_that_was_asked_for_behind_small_talk(
    find: Find, text: str, name: str
) -> None:
    found = find(SpokenPersonRecognizer(), text, asked="PERSON")
    assert any(name in one for one in found) or name in found


@pytest.mark.parametrize(
    "text",
    [
        "What's the rego on the ute, mate?",
        "Do you take Amex?",
        "That's awful, I'm sorry.",
        "nobody can spell it and the date of birth",
        "I have the IBAN here on a statement",
        "The rose is a David Austin, it's potted.",
        "Queen Victoria, then there's a Lidl",
        "We're the Sue Ryder shop",
        "two Dr Peppers and the cookie dough",
        "parking at Alexandra Park is free",
        "a Stanley knife and some brushes",
        "Do you deliver to Milton Keynes?",
        "What's the first name on the booking?",
        "Is everything there?",
        "it comes with a C on the lid",
        "Morning, Kwik Fit Didcot, what can we do",
    ],
)
def test_leaves_brands_things_and_small_talk_alone(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == []
    assert find(GivenNameRecognizer(), text) == []


def test_a_famous_name_that_somebody_says_is_theirs_is_found(find: Find) -> None:
    assert find(SpokenPersonRecognizer(), "I bought Paul Smith socks") == []
    assert "Paul Smith" in find(SpokenPersonRecognizer(), "my name is Paul Smith")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Blessing, can you have a look?", ["Blessing"]),
        ("Joy, another form.", []),
        ("which Grace, we've three", ["Grace"]),
        ("by the grace of the landlord", []),
        ("it may say Will on it", ["Will"]),
        ("I will ask", []),
        ("is that harbhajan", ["harbhajan"]),
        ("chantelles off thursday", ["chantelles"]),
        ("The Rose Garden Centre", []),
        ("we drove to Charlotte", []),
        ("give it to Charlotte's mum", ["Charlotte's"]),
        ("two tickets from Charlotte to Lincoln", []),
        ("tell Charlotte", ["Charlotte"]),
        ("The one at Ashby's only fifty minutes", []),
        ("I'm at Toby's", ["Toby's"]),
        ("a letter from Graham", ["Graham"]),
    ],
)
def test_given_names_stand_alone_where_they_are_little_else(
    find: Find, text: str, names: list[str]
) -> None:
    assert find(GivenNameRecognizer(), text) == names


def test_an_answer_that_is_a_code_names_nobody(find: Find) -> None:
    assert find(GivenNameRecognizer(), "J as in John, 4 4 1") == []
    assert find(SpokenPersonRecognizer(), "V I N 4 4 1 9", asked=None) == []


def test_keys_without_what_is_contracted() -> None:
    turn = turn_of("Aoife's number, she'll say, and Zoë's IBAN")
    assert bare(turn, 0) == "aoife"
    assert [is_contracted(turn, at) for at in range(4)] == [False, False, True, False]
    assert bare(turn, 5) == "zoe"
    assert is_acronym(turn, 6)
    assert not is_acronym(turn_of("IBAN"), 0)


def test_a_name_ends_at_a_comma_unless_it_was_asked_for() -> None:
    turn = turn_of("Jo, Smith is here")
    assert name_end(turn, 0, free=False) == 1


def test_a_name_that_is_a_word_after_an_opener(find: Find) -> None:
    text = "Okay Heather, your next payment is due"
    assert find(GivenNameRecognizer(), text) == ["Heather"]
    assert find(GivenNameRecognizer(), "St. Brendan's is open") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ask for hope she's my daughter", "hope"),
        ("It's grace calling again", "grace"),
        ("is mark there with you", "mark"),
        ("this is dale from billing", "dale"),
        ("Hi, I got a letter for a Mr. B. Osei here", "B. Osei"),
        ("I'm Will. will shepherd.", "will shepherd"),
        ("Thank you, Ms. Lane.", "Lane"),
        ("kyle who bergstrom", "bergstrom"),
        ("My son River is the patient", "River"),
    ],
)
def test_finds_names_that_are_words(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Summer. Her legal name's Samira Haddad.", "Summer"),
        ("Ask for hope, she'll be at the desk", "hope"),
        ("Mine. D Wayne Purcell.", "D Wayne Purcell"),
        ("My dad's. Major Tidwell.", "Major Tidwell"),
    ],
)
def test_finds_names_that_are_words_in_answers(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text, asked="PERSON")


@pytest.mark.parametrize(
    ("text", "name"),
    [("hope okay and a buzzer code", "hope"), ("destiny and then the other one", "destiny")],
)
def test_finds_names_that_are_words_again(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text, known=frozenset({name}))


@pytest.mark.parametrize(
    "text",
    ["i hope so", "it's sunny here today", "mark my words", "will do", "is there hope for it",
     "ask for grace period terms", "is summer busy there", "plan B costs more", "hope you like it"],
)  # fmt: skip
def test_leaves_the_words_alone(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text, known=frozenset({"hope"})) == []
