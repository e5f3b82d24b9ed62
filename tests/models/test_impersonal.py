"""Talk of cover, goods and machines stays audible; what somebody has of his own does not."""

from __future__ import annotations

import pytest

from models.impersonal import Impersonal
from models.spoken import turn_of
from pipeline.entities import Entity

pytestmark = pytest.mark.models

CONDITION = Entity.MEDICAL_CONDITION


def drops(
    before: list[str], text: str, found: str, *, wanted: frozenset[str] = frozenset()
) -> bool:
    """Whether a condition in the last of some turns is nobody's."""
    call = Impersonal()
    for said in before:
        call.take(turn_of(said), wanted, medical=False)
    turn = turn_of(text)
    call.take(turn, frozenset(), medical=False)
    start = text.index(found)
    return call.drops(turn, CONDITION, start, start + len(found))


@pytest.mark.parametrize(
    ("before", "text", "found"),
    [
        (["What does the plan pay out on?"], "Cancer, stroke and heart attack.", "stroke"),
        (["I'm comparing life cover"], "is diabetes covered", "diabetes"),
        (["We run first aid courses"], "burns, bleeding and seizures", "seizures"),
        (["do you stock thermometers"], "and pregnancy tests", "pregnancy"),
        ([], "it's popular with people who have back pain", "back pain"),
        ([], "is it good for asthma sufferers", "asthma"),
        ([], "there is a dementia unit", "dementia"),
        (["the printer is slow"], "it keeps coughing", "coughing"),
    ],
)
def test_what_is_nobodys(before: list[str], text: str, found: str) -> None:
    assert drops(before, text, found)


@pytest.mark.parametrize(
    ("before", "text", "found"),
    [
        (["What does the plan pay out on?"], "I have asthma", "asthma"),
        (["What does the plan pay out on?"], "my wife had a stroke", "stroke"),
        ([], "she is in the dementia unit", "dementia"),
        ([], "diabetes, type two", "diabetes"),
        (["the printer is slow"], "he keeps coughing", "coughing"),
    ],
)
def test_what_is_somebodys(before: list[str], text: str, found: str) -> None:
    assert not drops(before, text, found)


def test_who_has_told_of_somebody_goes_on_about_him() -> None:
    call = Impersonal()
    call.take(turn_of("what does the plan pay out on"), frozenset(), medical=False)
    own, later = turn_of("My mum has epilepsy"), turn_of("cover for epilepsy")
    assert not call.drops(own, CONDITION, 11, 19)
    assert call.told
    call.take(later, frozenset(), medical=True)
    assert not call.drops(later, CONDITION, 10, 18)


def test_who_is_asked_for_his_birth_date_speaks_of_himself() -> None:
    asked = frozenset({Entity.DATE_OF_BIRTH})
    assert not drops(["What does the plan pay out on?"], "asthma", "asthma", wanted=asked)


def test_only_health_is_dropped() -> None:
    call = Impersonal()
    turn = turn_of("what does it pay out on")
    call.take(turn, frozenset(), medical=False)
    assert not call.drops(turn, Entity.PERSON, 0, 4)
