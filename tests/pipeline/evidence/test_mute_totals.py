"""Milliseconds by reason: every muted sample counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evidence.mute_totals import muted_by_reason
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Mute, Reason, Span

pytestmark = pytest.mark.unit

RATE = 1_000


def span(start: int, end: int, reason: Reason = Reason.RECOGNISED, channel: int = 0) -> Span:
    return Span("CARD_NUMBER", channel, start, end, 0.9, "test", reason=reason)


def mute(start: int, end: int, *spans: Span, channel: int = 0) -> Mute:
    return Mute(channel, start, end, spans)


UNEXPLAINED, ECHO = Reason.UNEXPLAINED, Reason.ECHO


@pytest.mark.parametrize(
    ("mutes", "counted"),
    [
        ([], {}),
        ([mute(0, 500)], {}),
        ([mute(100, 900, span(200, 700))], {"recognised": 800}),
        # padding goes with the nearest span, a shared sample with the stronger reason
        (
            [mute(0, 1_000, span(100, 400), span(300, 900, UNEXPLAINED))],
            {"recognised": 400, "unexplained": 600},
        ),
        # the rest between two spans is parted in its middle
        (
            [mute(0, 1_000, span(0, 400), span(600, 1_000, UNEXPLAINED))],
            {"recognised": 500, "unexplained": 500},
        ),
        # two mutes of one channel that overlap, and another channel
        (
            [
                mute(0, 600, span(0, 600, UNEXPLAINED)),
                mute(400, 1_000, span(400, 1_000, Reason.VERIFICATION)),
                mute(0, 250, span(0, 250, ECHO, 1), channel=1),
            ],
            {"verification": 600, "echo": 250, "unexplained": 400},
        ),
        # a long mute in pieces states its span whole in each
        (
            [mute(0, 500, span(0, 900)), mute(500, 1_000, span(0, 900))],
            {"recognised": 1_000},
        ),
        ([mute(0, 100, span(40, 40))], {"recognised": 100}),
    ],
)
def test_every_sample_counts_once(mutes: list[Mute], counted: dict[str, int]) -> None:
    assert muted_by_reason(mutes, RATE) == counted


PLACES = st.tuples(st.integers(0, 400), st.integers(0, 400), st.sampled_from(list(Reason)))


@st.composite
def some_mutes(draw: st.DrawFn) -> list[Mute]:
    mutes = []
    for _ in range(draw(st.integers(1, 4))):
        low = draw(st.integers(0, 300))
        high = low + draw(st.integers(1, 300))
        channel = draw(st.integers(0, 1))
        spans = [span(a, a + b, why, channel) for a, b, why in draw(st.lists(PLACES, min_size=1))]
        mutes.append(Mute(channel, low, high, tuple(spans)))
    return mutes


@given(some_mutes())
def test_the_reasons_add_up_to_the_whole(mutes: list[Mute]) -> None:
    whole = sum(
        len(one)
        for channel in (0, 1)
        for one in merge_intervals(each.interval for each in mutes if each.channel == channel)
    )
    assert sum(muted_by_reason(mutes, RATE).values()) == whole
