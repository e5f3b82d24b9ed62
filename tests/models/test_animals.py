"""What ails a pet or a plant stays audible; what ails the person who calls does not."""

from __future__ import annotations

import pytest

from models.animals import of_an_animal
from models.prompts import is_about
from models.spoken import turn_of
from pipeline.entities import Entity
from pipeline.vocabulary import Subject

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Riverside Vets, how can I help", True),
        ("my dog is limping", True),
        ("my roses have black spot", True),
        ("I had a cat scan", False),
        ("it makes her sick as a dog", False),
        ("swollen up like a hamster", False),
        ("the doctor rang", False),
    ],
)
def test_what_tells_a_call_about_animals(text: str, *, told: bool) -> None:
    assert is_about(turn_of(text), Subject.ANIMALS) is told


@pytest.mark.parametrize(
    ("text", "ailment", "animal"),
    [
        ("my dog is limping", "limping", True),
        ("I think he has an infection", "infection", True),
        ("an infection?", "infection", True),
        ("I have asthma", "asthma", False),
        ("my wife has MS", "MS", False),
        ("my hand is swollen", "hand is swollen", False),
        ("he is fine. I have a migraine", "migraine", False),
    ],
)
def test_whose_ailment_it_is(text: str, ailment: str, *, animal: bool) -> None:
    start = text.index(ailment)
    assert of_an_animal(turn_of(text), Entity.MEDICAL_CONDITION, start) is animal
    assert not of_an_animal(turn_of(text), Entity.PERSON, start)
