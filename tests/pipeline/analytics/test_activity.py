"""Talk, silence and interruptions from literal times (a sample is a millisecond)."""

from __future__ import annotations

import pytest

from pipeline.analytics.activity import activity_of, interruptions, merged
from pipeline.records.model import Mute, Reason, Role, Span
from tests.pipeline.analytics.stored_calls import stored, word

pytestmark = pytest.mark.unit


def gap(channel: int, start: int, end: int, reason: Reason = Reason.GAP) -> Mute:
    span = Span("AUDIO_MISSING", channel, start, end, 1.0, "recorder", reason=reason)
    return Mute(channel, start, end, (span,))


def test_talk_is_words_with_short_pauses_and_the_rest_is_silence() -> None:
    words = [
        word(0, 1_000, 1_400),
        word(0, 1_900, 2_400),  # half a second later: the same phrase
        word(1, 5_000, 5_300),
        word(1, 6_300, 6_500),  # a second later: another one
    ]
    found = activity_of(stored(words, length=10_000))
    assert (found.talk_agent_ms, found.talk_customer_ms, found.talk_mixed_ms) == (1_400, 500, 0)
    assert found.silence_ms == 10_000 - 1_400 - 500
    assert (found.hold_ms, found.interruptions) == (0, 0)


def test_what_is_muted_counts_as_talk_of_its_channel() -> None:
    span = Span("CARD_NUMBER", 1, 2_000, 6_000, 0.9, "numbers")
    words = [word(1, 1_500, 1_900, "It's"), word(1, 3_000, 3_400, "four"), word(1, 6_100, 6_500)]
    found = activity_of(stored(words, [Mute(1, 2_000, 6_000, (span,))], length=8_000))
    assert (found.talk_agent_ms, found.talk_customer_ms, found.silence_ms) == (0, 5_000, 3_000)


@pytest.mark.parametrize("reason", [Reason.CONSENT, Reason.UNHEARD, Reason.NOT_UNDERSTOOD])
def test_where_nobody_listened_is_neither_talk_nor_silence(reason: Reason) -> None:
    span = Span(reason.upper(), 1, 0, 10_000, 1.0, "x", reason=reason)
    words = [word(0, 1_000, 3_000), word(0, 5_000, 7_000)]
    found = activity_of(stored(words, [Mute(1, 0, 10_000, (span,))], length=12_000))
    assert (found.talk_agent_ms, found.talk_customer_ms, found.silence_ms) == (4_000, 0, 2_000)
    assert (found.interruptions, found.sides) == (0, 1)


def test_sides_are_agent_and_customer_with_channels_of_their_own() -> None:
    for roles, sides in (
        ((Role.AGENT, Role.CUSTOMER), 2),
        ((Role.CUSTOMER, Role.CUSTOMER), 1),
        ((Role.AGENT,), 1),
        ((Role.MIXED,), 0),
    ):
        assert activity_of(stored([word(0, 0, 900)], length=4_000, roles=roles)).sides == sides


def test_both_at_once_count_for_both_and_once_against_silence() -> None:
    words = [word(0, 0, 4_000), word(1, 2_000, 6_000)]
    found = activity_of(stored(words, length=10_000))
    assert (found.talk_agent_ms, found.talk_customer_ms, found.silence_ms) == (4_000, 4_000, 4_000)
    assert found.interruptions == 1


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (2_000, 2_700, 1),
        (2_000, 2_699, 0),  # "okay"
        (299, 2_000, 0),  # both begin at once
        (300, 2_000, 1),
        (3_701, 5_000, 0),  # word times are off by as much
        (3_700, 5_000, 1),
        (4_500, 6_000, 0),
    ],
)
def test_who_interrupts(start: int, end: int, count: int) -> None:
    assert interruptions([[(0, 4_000)], [(start, end)]]) == count
    assert interruptions([[(start, end)], [(0, 4_000)]]) == count


def test_interruptions_of_a_long_talk_are_counted_one_by_one() -> None:
    assert interruptions([[(0, 20_000)], [(2_000, 3_000), (5_000, 6_000), (9_000, 9_500)]]) == 2
    assert interruptions([[(0, 20_000)]]) == 0
    assert interruptions([]) == 0


def test_a_pause_of_the_recorder_is_hold_and_a_gap_neither_talk_nor_silence() -> None:
    words = [word(0, 0, 1_000), word(1, 9_000, 10_000)]
    pauses = [gap(channel, 2_000, 5_000, Reason.PAUSED) for channel in (0, 1)]
    found = activity_of(stored(words, pauses, length=10_000))
    assert found.hold_ms == 3_000
    assert found.silence_ms == 10_000 - 2_000 - 3_000
    assert (found.talk_agent_ms, found.talk_customer_ms) == (1_000, 1_000)
    lost = activity_of(stored(words, [gap(0, 2_000, 5_000)], length=10_000))
    assert (lost.hold_ms, lost.silence_ms) == (0, 8_000)  # the other channel was recorded


def test_one_channel_that_several_share() -> None:
    found = activity_of(stored([word(0, 0, 3_000)], length=4_000, roles=(Role.MIXED,)))
    assert (found.talk_mixed_ms, found.talk_agent_ms, found.silence_ms) == (3_000, 0, 1_000)
    assert found.interruptions == 0


def test_those_who_share_a_channel_and_were_told_apart() -> None:
    words = [word(0, 0, 1_000), word(0, 1_200, 3_000), word(0, 3_500, 3_900)]
    sides = [Role.AGENT, Role.CUSTOMER, Role.AGENT]
    found = activity_of(
        stored(words, length=4_000, roles=(Role.MIXED,), speakers=lambda _, tokens: sides)
    )
    assert (found.talk_agent_ms, found.talk_customer_ms) == (1_400, 1_800)
    assert (found.talk_mixed_ms, found.sides, found.interruptions) == (0, 0, 0)


def test_a_call_in_which_nobody_spoke() -> None:
    found = activity_of(stored([], length=4_000))
    assert (found.silence_ms, found.talk_agent_ms, found.talk_customer_ms) == (4_000, 0, 0)


def test_stretches_are_joined_where_less_than_a_pause_is_between() -> None:
    assert merged([(5, 6), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 6)]
    assert merged([(0, 10), (19, 20), (30, 31)], 10) == [(0, 20), (30, 31)]
