from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.address import SpokenAddressRecognizer

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "forty three Ellis Street Boise Idaho eight eight six two one",
            "forty three Ellis Street Boise Idaho eight eight six two one",
        ),
        ("it's sixty one oh eight James Lane", "sixty one oh eight James Lane"),
        ("1 6 3 Jackson Road unit B 1 7 0 5 7", "1 6 3 Jackson Road unit B 1 7 0 5 7"),
        ("I'm at 120 West Maple Avenue, Apt 4.", "120 West Maple Avenue, Apt 4"),
        ("send it to P O box four twelve", "P O box four twelve"),
        (
            "we moved to Albany New York one two two oh three",
            "Albany New York one two two oh three",
        ),
    ],
)
def test_finds_addresses(find: Find, text: str, address: str) -> None:
    assert address in find(SpokenAddressRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("it's eighty two eighty two Laster the Elaine", "eighty two eighty two Laster the Elaine"),
        ("Ross Drive, Albany", "Ross Drive, Albany"),
    ],
)
def test_silences_the_answer_where_one_was_asked_for(find: Find, text: str, address: str) -> None:
    assert address in find(SpokenAddressRecognizer(), text, asked="STREET_ADDRESS")


@pytest.mark.parametrize(
    "text",
    [
        "your total is two hundred three dollars and sixty five cents",
        "it took two days in a row",
        "I need five of the phone chargers right away",
        "the truck left for Chicago this morning",
        "turn the green wheel four times and drive away",
        "it happened two times on the way",
    ],
)
def test_leaves_other_talk_alone(find: Find, text: str) -> None:
    assert find(SpokenAddressRecognizer(), text) == []


def test_an_answer_without_an_address_stays(find: Find) -> None:
    assert find(SpokenAddressRecognizer(), "yes that's right", asked="STREET_ADDRESS") == []


@pytest.mark.parametrize(
    "text",
    [
        "flat 12 Rosewood House 60 Park Lane",
        "unit 7 45 Bondi Road",
        "rural route 4 box 118",
        "RR 2 box 71",
        "P O box nine oh two",
        "apartment 4 B 60 Lincoln Place",
        "one eleven West 57th Street suite 1200",
    ],
)
def test_finds_addresses_of_other_kinds_whole(find: Find, text: str) -> None:
    assert find(SpokenAddressRecognizer(), f"it's {text}", asked="STREET_ADDRESS")[0] == text


def test_where_else_something_is_sent_is_no_address(find: Find) -> None:
    text = "Please send it to IBAN G B 7 4 T D G J"
    assert find(SpokenAddressRecognizer(), text) == []


def test_the_answer_to_another_question_is_none(find: Find) -> None:
    text = "41 Orchard Place Akron Ohio, and two three one two"
    found = find(SpokenAddressRecognizer(), text, asked="STREET_ADDRESS")
    assert found[0] == "41 Orchard Place Akron Ohio"
