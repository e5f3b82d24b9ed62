from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.person import SpokenPersonRecognizer

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, this is Northside Pharmacy, how can I help?",
        "Hi, this is Summit Wireless customer care.",
        "Good morning, Eastview Family Clinic, what can I do for you?",
    ],
)
def test_a_company_that_greets_is_nobodys_name(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Good morning, Eastview Family Clinic, my name is Brittany.", "Brittany"),
        ("Hello, this is Peter Bank.", "Peter"),
        ("Hello, this is Wexley Thornquist, clinic manager.", "Wexley Thornquist"),
        ("Hello, this is Ngozi Thornbury from the Medical Center.", "Ngozi Thornbury"),
    ],
)
def test_people_at_companies_are_found(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello, PeakForm Gyms, this is Jordan.", "Jordan"),
        ("Fairway Pensions, Alistair speaking, how can I help you?", "Alistair"),
        ("Good morning, you're through to Northway Broadband, my name's Callum.", "Callum"),
    ],
)
def test_who_answers_says_the_firm_first(find: Find, text: str, name: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == [name]


def test_who_is_greeted_is_no_firm(find: Find) -> None:
    found = find(SpokenPersonRecognizer(), "Hello, Linda Hargreaves, this is Bob.")
    assert {"Linda Hargreaves", "Bob"} <= set(found)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi, this is Paul Smith here.", "Paul Smith"),
        ("Stephen King speaking.", "Stephen King"),
        ("put it under johnny cash please", "johnny cash"),
    ],
)
def test_a_caller_may_have_a_famous_name(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


def test_a_famous_name_that_was_asked_for(find: Find) -> None:
    assert "Thomas Cook" in find(SpokenPersonRecognizer(), "Thomas Cook, he is", asked="PERSON")


def test_famous_people_stay_audible(find: Find) -> None:
    assert find(SpokenPersonRecognizer(), "I have Ed Sheeran and Billy Connolly on the 19th") == []
