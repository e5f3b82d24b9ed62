"""Quantities, times and codes of ordinary talk that stay audible behind what was asked for."""

from __future__ import annotations

import pytest

from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.detection.numbers.tokens import Flag
from tests.pipeline.detection.numbers.test_amounts import muted

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("287,000 to 328,000", True),
        ("44.99 and 12.50", True),
        ("ten to nine", True),
        ("1 2 3 4", False),
        ("one two three to seven", False),
        ("555.0199", False),
        ("4,111", False),
        ("411,111 111,111 1,111", False),  # a card's groups as a recogniser may write them
    ],
)
def test_two_quantities_are_no_number(text: str, *, quantities: bool) -> None:
    assert read(words_from_text(text))[0].quantities is quantities


def test_pence_belong_to_their_pounds() -> None:
    _, pence = read(words_from_text("three pounds fifty"))
    assert Flag.MONEY in pence.flags
    _, rest = read(words_from_text("twenty dollars four one one"))
    assert Flag.MONEY not in rest.flags


def test_thousands_with_cents_are_money() -> None:
    (run,) = read(words_from_text("141,882.17"))
    assert Flag.MONEY in run.flags


@pytest.mark.parametrize(
    "script",
    [
        "A: Is the bath the 1700?\nC: 1700 by 700, yes. Mine is a 1600.",
        "A: I'd need the ticket number. It's in the subject line.\nC: It says I N C 0 0 1 8 4 5 2",
        "C: Is there a number I can track it with?\nA: Sure, it's 9 4 0 0 1 1 1 8 9 9.",
        "A: We have you down for 12 cases of paper.\nC: No, it should be 20.",
        "A: How old is it?\nC: It was put in in 2016, I think.",
        "A: The reference for that's 9 1 7 7 4.\nC: Thanks.",
        "A: Are you on the SIM only deal?\nC: Yes, the 40 for fourteen.",
        "C: How long do passport photos take?\nA: Ten minutes, and it's 16 99 for two.",
        "C: The gas one is 0 7 7 5 3.\nA: Thank you.",
    ],
)
def test_ordinary_talk_stays_audible(script: str) -> None:
    assert not muted(script)


@pytest.mark.parametrize(
    ("script", "value"),
    [
        (
            "A: Your date of birth?\nC: June 8th 1965.\nA: The next opening has one on Tuesday.",
            {"June", "8th", "1965."},
        ),
        (
            "A: The postcode?\nC: B 13 8 E T.\nA: And what has happened?\nC: A pipe has burst.",
            {"B", "13", "8", "E", "T."},
        ),
        (
            "A: The postcode?\nC: TR1 3HB.\nA: Since when are you alone?\nC: July. He is 24.",
            {"TR1", "3HB."},
        ),
        (
            "A: Is there a door code?\nC: 2 5 8 0.\nA: You can keep the other 13.",
            {"2", "5", "8", "0."},
        ),
    ],
)
def test_what_follows_an_answer_is_no_part_of_it(script: str, value: set[str]) -> None:
    assert muted(script).keys() == value


@pytest.mark.parametrize("more", ["And the next?", "The rest of it, please.", "Two digits left."])
def test_who_asks_for_more_gets_it_silenced(more: str) -> None:
    found = muted(f"A: Policy number?\nC: 4 4 1 9 2.\nA: {more}\nC: 7 0.")
    assert {"7", "0."} <= found.keys()
