"""What the reader found in one hearing is heard where the other hearing is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.detection.decision.outvoted import outvoted
from pipeline.records.entities import RECALL_FIRST, Entity
from pipeline.records.model import Action, Hearing, Span

pytestmark = pytest.mark.unit

RATE = 1_000
MAIN, SECOND, AGAIN = Hearing.MAIN, Hearing.SECOND, Hearing.AGAIN
FOUND = Span("PERSON", 0, 1_000, 2_000, 0.5, "reader", Action.MUTE)
"""In what the main model heard."""


def word(
    hearing: Hearing,
    start: int,
    end: int,
    secret: float,
    types: Mapping[str, float] | None = None,
    said_until: int | None = None,
) -> Opinion:
    return Opinion(start, end, hearing, secret, types or {}, said_until or end)


OWN = word(MAIN, 1_000, 2_000, 0.5)
OTHER = word(SECOND, 1_000, 2_000, 0.001)


def heard(*words: Opinion, span: Span = FOUND, below: float = 0.01) -> bool:
    opinions = Opinions(2)
    for one in words:
        opinions.add(0, one)
    return outvoted(span, opinions, below, RATE)


@pytest.mark.parametrize(
    ("others", "answer"),
    [
        ([word(SECOND, 1_000, 2_000, 0.009)], True),
        ([word(SECOND, 1_000, 2_000, 0.01)], False),
        ([], False),
        ([word(SECOND, 900, 1_500, 0.0), word(SECOND, 1_500, 2_300, 0.0)], True),
        ([word(SECOND, 900, 1_500, 0.0), word(SECOND, 1_500, 2_300, 0.02)], False),
        ([word(SECOND, 900, 1_010, 0.02), word(SECOND, 1_010, 2_000, 0.0)], False),
        ([word(SECOND, 1_000, 1_600, 0.0)], True),
        ([word(SECOND, 1_000, 1_599, 0.0)], False),
        ([word(SECOND, 1_000, 1_400, 0.0), word(SECOND, 1_200, 1_590, 0.0)], False),
        ([word(SECOND, 500, 1_000, 0.0), word(SECOND, 2_000, 9_000, 0.0)], False),
        ([word(SECOND, 700, 1_980, 0.0, said_until=1_500)], False),
        ([word(SECOND, 700, 1_980, 0.0, said_until=700)], False),
        ([OTHER, word(SECOND, 2_400, 2_800, 0.03)], False),
        ([OTHER, word(SECOND, 2_400, 2_800, 0.029)], True),
        ([OTHER, word(SECOND, 2_500, 2_800, 0.9)], True),
        ([word(SECOND, 200, 501, 0.9), OTHER], False),
    ],
    ids=[
        "sure", "not sure enough", "wrote nothing", "two words", "one not sure",
        "one that reaches in", "most of it", "too little of it", "twice the same", "beside",
        "stretched over what it dropped", "not believed", "the same name a little later",
        "something harmless later", "another name far off", "the same name earlier",
    ],
)  # fmt: skip
def test_the_other_hearing_has_to_be_sure_of_all_that_it_wrote_there(
    others: list[Opinion], *, answer: bool
) -> None:
    assert heard(OWN, *others) is answer


def test_the_main_hearing_outvotes_the_second() -> None:
    assert heard(word(SECOND, 1_000, 2_000, 0.5), word(MAIN, 1_000, 2_000, 0.001))


def test_one_hearing_that_is_sure_is_enough() -> None:
    assert heard(OWN, OTHER, span=replace(FOUND, score=0.799))
    assert not heard(OWN, OTHER, span=replace(FOUND, score=0.8))


def test_each_word_that_was_found_has_to_be_outvoted() -> None:
    two = (word(MAIN, 1_000, 1_600, 0.5), word(MAIN, 1_600, 2_000, 0.4))
    assert heard(*two, OTHER)
    assert not heard(*two, word(SECOND, 1_000, 1_700, 0.001))


def test_a_word_that_only_a_low_threshold_found_has_to_be_outvoted_too() -> None:
    low = word(MAIN, 1_600, 2_000, 0.05)
    assert not heard(word(MAIN, 1_000, 1_500, 0.5), low, word(SECOND, 1_000, 1_550, 0.001))


def test_a_word_that_is_sure_of_all_types_together_is_not_outvoted() -> None:
    assert not heard(word(MAIN, 1_000, 2_000, 0.8), OTHER, span=replace(FOUND, score=0.7))


def test_a_harmless_word_that_reaches_into_it_need_not() -> None:
    assert heard(word(MAIN, 600, 1_050, 0.05), OWN, word(SECOND, 1_060, 2_000, 0.001))


@pytest.mark.parametrize("secret", [0.005, 0.05])
def test_a_hearing_that_found_it_does_not_outvote_itself(secret: float) -> None:
    assert not heard(word(MAIN, 1_000, 2_000, secret), below=1.0)
    assert not heard(word(MAIN, 1_000, 2_000, secret), OTHER, below=1.0)


def test_what_the_third_hearing_has_too_is_not_outvoted() -> None:
    assert heard(OWN, OTHER, word(AGAIN, 1_000, 2_000, 0.001))
    assert not heard(OWN, OTHER, word(AGAIN, 1_000, 2_000, 0.01))
    assert not heard(OTHER, word(MAIN, 1_000, 2_000, 0.001), word(AGAIN, 1_000, 2_000, 0.5))
    assert not heard(OWN, word(AGAIN, 1_000, 2_000, 0.001))
    assert not heard(OWN, OTHER, word(AGAIN, 2_100, 2_400, 0.03))
    assert heard(OWN, OTHER, word(AGAIN, 2_500, 2_800, 0.9))


@pytest.mark.parametrize("entity", sorted(RECALL_FIRST | {Entity.PASSWORD}))
def test_payment_and_identity_numbers_and_secrets_are_never_outvoted(entity: Entity) -> None:
    assert not heard(OWN, OTHER, span=replace(FOUND, entity=str(entity)))
    assert not heard(word(MAIN, 1_000, 2_000, 0.7, {"PERSON": 0.4, str(entity): 0.25}), OTHER)
    assert heard(word(MAIN, 1_000, 2_000, 0.7, {"PERSON": 0.4, str(entity): 0.24}), OTHER)


@pytest.mark.parametrize("recognizer", ["spoken-account-number", "PhoneRecognizer: digits"])
def test_nor_is_what_a_form_or_a_number_tells(recognizer: str) -> None:
    assert not heard(OWN, OTHER, span=replace(FOUND, recognizer=recognizer))


def test_another_channel_says_nothing_of_it() -> None:
    opinions = Opinions(2)
    opinions.add(0, OWN)
    opinions.add(1, OTHER)
    assert not outvoted(FOUND, opinions, 0.01, RATE)
