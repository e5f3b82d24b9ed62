"""What numbers are called, and that no stretch gets lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.detection.decision.resolver import apart, named
from pipeline.policy.model import Policy
from pipeline.records.model import Action, Hearing, Reason, Span
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1")


def number(
    entity: str = "PHONE_NUMBER", score: float = 0.6, recognizer: str = "spoken-long-number"
) -> Span:
    return Span(entity, 1, 8_000, 16_000, score, recognizer)


def opinions(*secrets: float, channel: int = 1, start: int = 8_000, **types: float) -> Opinions:
    """Of words of 0.1 s, one after the other."""
    found = Opinions(2)
    for place, secret in enumerate(secrets):
        at = start + 800 * place
        found.add(channel, Opinion(at, at + 800, Hearing.MAIN, secret, types, at + 800))
    return found


# -- what is it called? --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "types", "name"),
    [
        (number("NUMBER_SEQUENCE", 0.7), {"ACCOUNT_NUMBER": 0.4}, "ACCOUNT_NUMBER"),
        (number("NUMBER_SEQUENCE", 0.7), {"ACCOUNT_NUMBER": 0.39}, "NUMBER_SEQUENCE"),
        (number("PHONE_NUMBER", 0.59), {"ACCOUNT_NUMBER": 0.4}, "ACCOUNT_NUMBER"),
        (number("PHONE_NUMBER", 0.6), {"ACCOUNT_NUMBER": 0.59}, "PHONE_NUMBER"),
        (number("PHONE_NUMBER", 0.6), {"ACCOUNT_NUMBER": 0.6}, "ACCOUNT_NUMBER"),
        (number("PHONE_NUMBER", 0.85), {"ACCOUNT_NUMBER": 0.9}, "ACCOUNT_NUMBER"),
        (number("PHONE_NUMBER", 0.95), {"ACCOUNT_NUMBER": 1.0}, "PHONE_NUMBER"),
        (number("CARD_NUMBER", 0.99), {"PIN": 1.0}, "CARD_NUMBER"),
        (number("CARD_NUMBER", 0.75), {"PHONE_NUMBER": 1.0}, "CARD_NUMBER"),
        (number("CARD_NUMBER", 0.75), {"PIN": 0.95}, "PIN"),
        (number("PHONE_NUMBER", 0.5), {"CARD_NUMBER": 0.6}, "CARD_NUMBER"),
        (number("NUMBER_SEQUENCE", 0.7), {"PIN": 0.6, "MEMBER_ID": 0.6}, "MEMBER_ID"),
        (number("NUMBER_SEQUENCE", 0.7), {}, "NUMBER_SEQUENCE"),
        (number("PERSON", 0.5, Recognizer.READER), {"MEDICATION": 1.0}, "PERSON"),
        (number("UNHEARD", 0.5, "unheard"), {"PIN": 1.0}, "UNHEARD"),
    ],
)
def test_a_name_is_what_is_surest(span: Span, types: dict[str, float], name: str) -> None:
    (found,) = named([span], opinions(0.9, 0.9, **types), POLICY)
    assert found == replace(span, entity=name)


def test_the_mean_of_all_words_names_a_number() -> None:
    held = opinions(0.9, ACCOUNT_NUMBER=0.7)
    held.add(1, Opinion(9_000, 9_500, Hearing.MAIN, 0.9, {"ZIP_CODE": 0.6}, 9_500))
    (found,) = named([number("NUMBER_SEQUENCE")], held, POLICY)
    assert found.entity == "NUMBER_SEQUENCE"  # 0.35 and 0.3


# -- apart ---------------------------------------------------------------------------------------


def span(
    start: int,
    end: int,
    entity: str = "PERSON",
    score: float = 0.6,
    recognizer: str = "test",
    action: Action = Action.MUTE,
    channel: int = 0,
    reason: Reason = Reason.RECOGNISED,
) -> Span:
    return Span(entity, channel, start, end, score, recognizer, action, reason)


def places(spans: list[Span]) -> list[tuple[str, int, int]]:
    return sorted(((s.entity, s.start, s.end) for s in spans), key=lambda one: one[1])


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (
            [span(0, 8_000, "PERSON", 0.9), span(4_000, 12_000, "MEDICATION", 0.5)],
            [("PERSON", 0, 8_000), ("MEDICATION", 8_000, 12_000)],
        ),
        (
            [span(0, 8_000, "PERSON", 0.5), span(4_000, 12_000, "MEDICATION", 0.9)],
            [("PERSON", 0, 4_000), ("MEDICATION", 4_000, 12_000)],
        ),
        (
            [span(0, 12_000, "STREET_ADDRESS", 0.5), span(4_000, 8_000, "ZIP_CODE", 0.9)],
            [
                ("STREET_ADDRESS", 0, 4_000),
                ("ZIP_CODE", 4_000, 8_000),
                ("STREET_ADDRESS", 8_000, 12_000),
            ],
        ),
        (
            [span(0, 12_000, "PERSON", 0.9), span(4_000, 8_000, "ZIP_CODE", 0.5)],
            [("PERSON", 0, 12_000)],
        ),
        (
            [span(0, 4_000, "PERSON"), span(4_000, 8_000, "ZIP_CODE")],
            [("PERSON", 0, 4_000), ("ZIP_CODE", 4_000, 8_000)],
        ),
    ],
    ids=["behind", "before", "around", "inside", "beside"],
)
def test_the_surer_one_has_the_stretch(
    spans: list[Span], expected: list[tuple[str, int, int]]
) -> None:
    assert places(apart(spans, RATE)) == expected
    assert places(apart(spans[::-1], RATE)) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (8_959, [("PERSON", 0, 8_959)]),
        (8_960, [("PERSON", 0, 8_000), ("MEDICATION", 8_000, 8_960)]),
    ],
    ids=["shorter", "as long"],
)
def test_an_edge_of_less_than_0_12_s_goes_to_its_neighbour(
    end: int, expected: list[tuple[str, int, int]]
) -> None:
    spans = [span(0, 8_000, "PERSON", 0.9), span(4_000, end, "MEDICATION", 0.5)]
    assert places(apart(spans, RATE)) == expected


def test_what_is_short_by_itself_stays_an_entity() -> None:
    assert places(apart([span(0, 100), span(100, 8_000, "ZIP_CODE")], RATE)) == [
        ("PERSON", 0, 100),
        ("ZIP_CODE", 100, 8_000),
    ]


def test_numbers_come_before_the_reader_and_the_reader_before_guesses() -> None:
    guess = span(0, 8_000, "NUMBER_SEQUENCE", 1.0)
    unheard = span(0, 8_000, "UNHEARD", 1.0, reason=Reason.UNHEARD)
    reader = span(0, 8_000, "ACCOUNT_NUMBER", 0.99, Recognizer.READER)
    told = span(0, 8_000, "PHONE_NUMBER", 0.5, "spoken-answer")
    assert apart([guess, unheard, reader, told], RATE) == [told]
    assert apart([guess, unheard, reader], RATE) == [reader]


def test_what_is_kept_or_counted_stays_as_it_is_and_takes_nothing() -> None:
    counted = span(0, 8_000, "URL", 1.0, action=Action.COUNT)
    kept = span(2_000, 9_000, "ZIP_CODE", 1.0, action=Action.KEEP)
    muted = span(4_000, 12_000, "PERSON", 0.4)
    assert apart([counted, kept, muted], RATE) == [muted, counted, kept]


def test_channels_do_not_meet() -> None:
    spans = [span(0, 8_000), span(0, 8_000, "ZIP_CODE", channel=1)]
    assert apart(spans, RATE) == spans


anything = st.builds(
    lambda start, length, entity, score, recognizer, action, channel, reason: span(
        start, start + length, entity, score, recognizer, action, channel, reason
    ),
    st.integers(0, 60),
    st.integers(1, 40),
    st.sampled_from(["PERSON", "ZIP_CODE", "NUMBER_SEQUENCE", "UNHEARD"]),
    st.sampled_from([0.4, 0.6, 0.9]),
    st.sampled_from(["test", Recognizer.READER]),
    st.sampled_from([Action.MUTE, Action.MUTE, Action.MUTE, Action.COUNT, Action.KEEP]),
    st.sampled_from([0, 1]),
    st.sampled_from([Reason.RECOGNISED, Reason.RECOGNISED, Reason.UNHEARD]),
)


def silent(spans: list[Span]) -> set[tuple[int, int]]:
    return {
        (one.channel, sample)
        for one in spans
        if one.action is Action.MUTE
        for sample in range(one.start, one.end)
    }


@settings(max_examples=500, deadline=None)
@given(st.lists(anything, max_size=9))
def test_just_what_was_silent_is_silent_and_no_two_of_a_channel_overlap(spans: list[Span]) -> None:
    found = apart(spans, 100)  # an edge is up to 11 samples
    assert silent(found) == silent(spans)
    muted = sorted(
        (one for one in found if one.action is Action.MUTE), key=lambda s: (s.channel, s.start)
    )
    for one, after in pairwise(muted):
        assert one.channel != after.channel or one.end <= after.start
    others = [one for one in spans if one.action is not Action.MUTE]
    assert [one for one in found if one.action is not Action.MUTE] == others
    assert {one.entity for one in found} <= {one.entity for one in spans}
    turned = apart(spans[::-1], 100)
    assert {(s.channel, *places([s])[0]) for s in turned} == {
        (s.channel, *places([s])[0]) for s in found
    }
