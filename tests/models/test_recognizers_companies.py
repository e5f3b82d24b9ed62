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
