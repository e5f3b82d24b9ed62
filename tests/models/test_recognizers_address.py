from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from models.recognizers.address import SpokenAddressRecognizer
from models.recognizers.base import SpokenRecognizer
from models.recognizers.postcode import SpokenPostcodeRecognizer
from models.spoken import turn_of
from pipeline.entities import Entity

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


def said_in(text: str, recognizer: SpokenRecognizer, *, recent: bool = True) -> list[str]:
    """What is found in a turn of a call in which an address was said before."""
    entity = Entity.STREET_ADDRESS
    turn = turn_of(text).given(
        (),
        frozenset(),
        medical=False,
        said={entity: frozenset({"tiverton"})},
        recent=frozenset({entity}) if recent else frozenset(),
    )
    return [
        text[turn.tokens[hit.first].start : turn.tokens[hit.last - 1].end]
        for hit in recognizer.find(turn)
        if hit.score >= 0.4
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("it's been left at one two oh", "one two oh"),
        ("I've got 12B here", "12B"),
        ("Oh no, it's West.", "West"),
        ("Avenue, not Street.", "Avenue"),
        ("Sorry, 112 or 120?", "112 or 120"),
        ("that's N4412", "N4412"),
    ],
)
def test_after_an_address_a_part_of_it_is_one(text: str, value: str) -> None:
    assert value in said_in(text, SpokenAddressRecognizer())


@pytest.mark.parametrize(
    "text",
    ["it was left at two in the afternoon", "no way", "head west for a mile", "it's $112 in all"],
)
def test_after_an_address_other_talk_stays(text: str) -> None:
    assert said_in(text, SpokenAddressRecognizer()) == []


def test_five_figures_alone_right_after_an_address_are_its_code() -> None:
    recognizer = SpokenPostcodeRecognizer()
    assert said_in("And that's here in town, so 85749?", recognizer) == ["85749"]
    assert said_in("so that's 85749?", recognizer, recent=False) == []
    assert said_in("the order is 85749 of the spring catalogue", recognizer) == []
    assert said_in("so that's $85749?", recognizer) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("I'm on the corner of Fifth and Main, by the bank", "Fifth and Main"),
        ("he's on Hawthorn, number 212", "Hawthorn, number 212"),
        ("my three words are kettle dot drifting dot maple", "kettle dot drifting dot maple"),
        ("the three words are index home raft", "index home raft"),
        ("1427 Larkspur Lane, that's in Plano, Texas", "Plano, Texas"),
        ("Still Bunker Hill Street?", "Bunker Hill Street"),
        ("No, we moved. Elm Tree Cottage, Church Lane", "Elm Tree Cottage, Church Lane"),
        ("We're at mooring 14, Teddington Lock", "mooring 14, Teddington Lock"),
        ("And do you still live at Whitfield Gardens?", "Whitfield Gardens"),
        ("I've moved from Cavendish Road", "Cavendish Road"),
    ],
)
def test_finds_what_its_frame_tells(find: Find, text: str, address: str) -> None:
    assert address in find(SpokenAddressRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Sheppard and Yonge", "Sheppard and Yonge"),
        ("pencil dot trumpet dot orbit", "pencil dot trumpet dot orbit"),
        ("RD 3, Cromwell", "RD 3, Cromwell"),
        ("Crossings apartments, I'm in K12", "K12"),
        ("there's a four front and a four rear", "four rear"),
        ("It hasn't got one, it's just The Old Forge.", "The Old Forge"),
        ("We don't have a number. It's Glenburn Station, State Highway 8", "State Highway 8"),
        (
            "It's the flat above Molloy's chemist, Main Street",
            "the flat above Molloy's chemist, Main Street",
        ),
        ("Mayo.", "Mayo"),
    ],
)
def test_finds_what_answers_a_question_for_it(find: Find, text: str, address: str) -> None:
    found = find(SpokenAddressRecognizer(), text, asked="STREET_ADDRESS")
    assert any(address in one for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "our branch is on the corner of Fifth and Main",
        "it's 12 Mill Lane, that's in stock",
        "you want the M25, number 380 is behind you",
        "tell me in three words what it is",
        "I'll come to the Market Street branch",
        "is it still raining?",
        "RD 3 is the part",
        "the four front seats",
    ],
)
def test_leaves_frames_without_an_address_alone(find: Find, text: str) -> None:
    found = find(SpokenAddressRecognizer(), text)
    assert not any(one != "12 Mill Lane" for one in found)


@pytest.mark.parametrize("text", ["My mum's.", "It hasn't got one.", "To my solicitor."])
def test_an_answer_that_names_nobodys_place_stays(find: Find, text: str) -> None:
    assert find(SpokenAddressRecognizer(), text, asked="STREET_ADDRESS") == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Code for that's 2191?", ["2191"]),
        ("Ōtaki, 5512.", ["5512"]),
        ("the gate code is 2191", []),
        ("we came in 1998.", []),
        ("it was $2191.", []),
    ],
)
def test_four_figures_behind_an_address(find: Find, text: str, codes: list[str]) -> None:
    turn = replace(turn_of(text), recent=frozenset({Entity.STREET_ADDRESS}))
    hits = SpokenPostcodeRecognizer().find(turn)
    assert [
        turn.text[turn.tokens[one.first].start : turn.tokens[one.last - 1].end] for one in hits
    ] == codes
