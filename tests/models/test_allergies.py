"""What leads up to a medicine that somebody can't have."""

from __future__ import annotations

import pytest

from models.allergies import led_up_to
from models.recognizers.ailment import AilmentRecognizer
from models.spoken import turn_of

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm allergic to penicillin", "im allergic to"),
        ("well, she is severely allergic to the codeine", "she is severely allergic to the"),
        ("but I react badly to codeine", "i react badly to"),
        ("he had a bad reaction to amoxicillin", "he had a bad reaction to"),
        ("I'm allergic to shellfish", ""),
        ("I'm allergic to latex", ""),
        ("are you allergic to anything", ""),
        ("I'm allergic to", ""),
    ],
)
def test_only_what_leads_up_to_a_medicine(text: str, words: str) -> None:
    turn = turn_of(text)
    assert " ".join(turn.all_keys[at] for at in sorted(led_up_to(turn))) == words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I'm allergic to shellfish", ["allergic to shellfish"]),
        ("I'm allergic to penicillin", ["penicillin"]),
    ],
)
def test_of_a_medicine_the_name_alone_is_silenced(text: str, found: list[str]) -> None:
    turn = turn_of(text)
    hits = AilmentRecognizer().find(turn)
    assert [" ".join(turn.keys(hit.first, hit.last)) for hit in hits] == found
