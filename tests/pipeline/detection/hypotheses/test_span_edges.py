"""A name ends where the word behind it begins, if both models wrote that word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.levels import Levels
from pipeline.detection.hypotheses.span_edges import bordered
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.muting.padding import Padding, widen
from pipeline.policy.loading import load_policy
from pipeline.records.model import Hearing, Span, Word

pytestmark = pytest.mark.unit

RATE = 1_000
MAIN = (
    ("is", 0, 900),
    ("Norman.", 800, 1_900),
    ("Last", 1_600, 2_100),
    ("name", 2_000, 2_400),
)
SECOND = (
    ("is", 0, 1_100),
    ("Norman.", 1_000, 2_000),
    ("Last", 1_800, 2_200),
    ("name", 2_200, 2_500),
)


def words(rows: tuple[tuple[str, int, int], ...], hearing: Hearing) -> list[Word]:
    return [Word(0, start, end, text, 0.9, hearing) for text, start, end in rows]


def edges(
    second: tuple[tuple[str, int, int], ...],
    span: tuple[int, int] = (800, 1_900),
    main: tuple[tuple[str, int, int], ...] = MAIN,
) -> tuple[int, int]:
    turn = words(main, Hearing.MAIN)
    found = Span("PERSON", 0, *span, 0.8, "names")
    heard = [*turn, *words(second, Hearing.SECOND)]
    [one] = bordered([found], turn, heard, vocabulary(), RATE)
    return one.start, one.end


def test_both_edges_lie_between_the_places_of_the_words_beside() -> None:
    # 200 ms apart, of which a third counts: 70 ms in from the outer place.
    assert edges(SECOND) == (870, 1_800 - 70)


def test_the_end_moves_in_by_no_more_than_100_ms_from_the_later_word() -> None:
    far = tuple((t, s + 250 * (t == "Last"), e + 250) for t, s, e in SECOND)
    assert edges(far, main=MAIN)[1] == 1_900
    near = (*MAIN[:2], ("Last", 1_400, 2_100), MAIN[3])
    assert edges(SECOND, main=near)[1] == 1_800 - 100


@pytest.mark.parametrize("after", ["five", "5", "b", "Loss"])
def test_a_word_that_the_other_model_wrote_otherwise_or_a_number_or_letter_moves_nothing(
    after: str,
) -> None:
    main = (*MAIN[:2], (after, 1_600, 2_100), MAIN[3])
    second = (*SECOND[:2], (after if after != "Loss" else "Last", 1_800, 2_200), SECOND[3])
    assert edges(second, main=main)[1] == 1_900


def test_without_a_second_model_nothing_moves() -> None:
    assert edges(()) == (800, 1_900)


def test_where_the_other_model_has_no_word_between_the_beginning_moves_little() -> None:
    dropped = (SECOND[0], ("Barrier", 1_250, 2_000), *SECOND[2:])
    assert edges(dropped)[0] == 800 + 100


def test_a_word_keeps_what_it_takes_when_it_is_spoken_fast() -> None:
    early = (*MAIN[:2], ("Last", 1_200, 2_100), MAIN[3])
    same = (*SECOND[:2], ("Last", 1_200, 2_200), SECOND[3])
    assert edges(same, main=early)[1] == 800 + 150 + 6 * 60


def test_a_span_that_no_word_begins_stays() -> None:
    assert edges(SECOND, span=(2_600, 2_900)) == (2_600, 2_900)


ALLERGIC = (("I'm", 0, 400), ("allergic", 300, 800), ("to", 700, 1_300), ("sulfa.", 1_200, 1_900))
LATER = (("I'm", 100, 500), ("allergic", 400, 900), ("to", 800, 1_500), ("silver", 1_400, 2_000))


def led(
    main: tuple[tuple[str, int, int], ...] = ALLERGIC,
    second: tuple[tuple[str, int, int], ...] = LATER,
    span: tuple[int, int] = (300, 1_900),
    entity: str = "MEDICAL_CONDITION",
) -> list[tuple[int, int]]:
    turn = words(main, Hearing.MAIN)
    heard = [*turn, *words(second, Hearing.SECOND)]
    found = Span(entity, 0, *span, 0.8, "reader")
    return [(one.start, one.end) for one in bordered([found], turn, heard, vocabulary(), RATE)]


def test_a_value_begins_behind_the_words_that_lead_to_it() -> None:
    # A tenth of a second before the earlier of the places where the models have its first word.
    assert led() == [(1_200 - 100, 1_900)]
    earlier = (*LATER[:3], ("silver", 1_000, 2_000))
    assert led(second=earlier) == [(1_000 - 100, 1_900)]


def test_what_leads_to_a_birthday_is_no_part_of_it() -> None:
    main = (("born", 0, 500), ("on", 400, 800), ("May", 700, 1_100), ("5th", 1_000, 1_600))
    second = (("born", 50, 500), ("on", 450, 800), ("May", 800, 1_100), ("5.", 1_000, 1_600))
    assert led(main, second, (0, 1_600), "DATE_OF_BIRTH") == [(700 - 100, 1_600)]


def test_in_a_name_no_word_leads() -> None:
    assert led(entity="PERSON")[0][0] == 300 + 35  # as beside any word


def test_a_word_that_the_other_model_did_not_write_may_be_the_value() -> None:
    brain = (("with", 0, 400), ("my", 300, 700), ("brain", 600, 1_200))
    migraine = (("with", 0, 400), ("migraine", 350, 1_200))
    assert led(brain, migraine, (0, 1_200)) == [(300 - 100, 1_200)]
    assert led(brain, (("migraine", 0, 1_200),), (300, 1_200)) == [(300, 1_200)]


def test_nothing_moves_where_the_models_are_far_apart_or_a_word_may_be_missing() -> None:
    far = (*LATER[:3], ("silver", 1_900, 2_300))
    assert led(second=far)[0][0] == 700  # from the last word that leads on
    gap = (*ALLERGIC[:3], ("sulfa.", 2_000, 2_500))
    late = (*LATER[:3], ("silver", 2_100, 2_500))
    assert led(gap, late, (300, 2_500))[0][0] == 700


def test_a_span_of_nothing_but_words_that_lead_goes() -> None:
    assert led(span=(300, 1_300)) == []
    assert led(second=LATER[:2], span=(300, 1_300)) != []
    assert led(span=(250, 1_300)) != []  # it begins inside a word before it: who knows


@given(
    lead=st.lists(st.sampled_from(("allergic", "to", "my", "having")), max_size=3),
    starts=st.lists(st.integers(0, 400), min_size=8, max_size=8),
    apart=st.integers(0, 900),
    value=st.lists(st.sampled_from(("sulfa", "copper", "gout")), min_size=1, max_size=2),
)
def test_no_hearing_of_a_value_is_uncovered(
    lead: list[str], starts: list[int], apart: int, value: list[str]
) -> None:
    texts = [*lead, *value]
    placed = [400 * index for index in range(len(texts))]
    main = [
        Word(0, at, at + 500, text, 0.9, Hearing.MAIN)
        for at, text in zip(placed, texts, strict=True)
    ]
    other = [
        Word(0, at + shift + (apart if n >= len(lead) else 0), at + 900, text, 0.9, Hearing.SECOND)
        for n, (at, shift, text) in enumerate(zip(placed, starts, texts, strict=False))
    ]
    found = Span("MEDICATION", 0, 0, main[-1].end, 0.8, "reader")
    (one,) = bordered([found], main, [*main, *other], vocabulary(), RATE)
    first = main[len(lead)]
    assert one.start <= max(0, first.start - 100)
    assert one.start <= other[len(lead)].start
    assert one.end >= main[-1].end


@given(
    heard_early=st.integers(-100, 400),
    shift=st.integers(0, 500),
    gap=st.integers(0, 400),
    noise=st.integers(1, 60),
)
def test_the_sound_of_a_value_stays_silent_as_the_level_meter_sees_it(
    heard_early: int, shift: int, gap: int, noise: int
) -> None:
    """A value sounds from at most 100 ms before either model has it: all of it is in the mute."""
    onset, end = 1_500 + gap, 2_300 + gap
    pcm = np.random.default_rng(noise).normal(0, noise, 4_000)
    pcm[400:1_500] += 6_000 * np.sin(np.arange(1_100))
    pcm[onset:end] += 6_000 * np.sin(np.arange(end - onset))
    at = onset + 100 - max(0, heard_early + 100)
    main = words((("allergic", 400, 1_000), ("to", 900, 1_500), ("sulfa", at, end)), Hearing.MAIN)
    rows = (("allergic", 420, 1_000), ("to", 950, 1_500), ("so", at + shift, end))
    heard = [*main, *words(rows, Hearing.SECOND)]
    found = Span("MEDICATION", 0, 400, end, 0.8, "reader")
    (one,) = bordered([found], main, heard, vocabulary(), RATE)
    policy = load_policy("default")
    wide = widen(
        one.start,
        one.end,
        rule=policy.rule(one.entity),
        padding=Padding.of(policy, RATE),
        levels=Levels.measure(pcm.astype(np.int16), 0, RATE),
        sample_rate=RATE,
    )
    assert wide.start <= onset
    assert wide.end >= end
