"""What the clock says of audio: true and wrong rates, stalls, pauses."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.gateways.events import GatewayError, Reason
from pipeline.gateways.pace import JUDGED_S, Pace, PauseClock

pytestmark = pytest.mark.unit

RATE = 8_000


def _frames(seconds: float, *, speed: float = 1.0, first: float = 0.0) -> list[tuple[float, int]]:
    """When frames of 20 ms come, and where each ends."""
    frames = range(1, round(seconds * 50) + 1)
    return [(first + 0.02 * one, round((first * RATE + 160 * one) * speed)) for one in frames]


def _judged(frames: Iterable[tuple[float, int]]) -> tuple[Pace, float]:
    """The pace, and when it was refused; 0: it was not."""
    pace = Pace(RATE)
    for now, end in frames:
        try:
            pace.heard(100.0 + now, end)
        except GatewayError as error:
            return pace, now if error.reason is Reason.BAD_AUDIO else -1.0
    return pace, 0.0


@pytest.mark.parametrize("speed", [0.98, 1.0, 1.02])
def test_audio_at_its_pace_is_taken(speed: float) -> None:
    pace, refused = _judged(_frames(60, speed=speed))
    assert not refused
    assert not pace.judging
    assert not pace.lacks(160.1)


@pytest.mark.parametrize("speed", [1 / 3, 1 / 2, 2 / 3, 3 / 4, 4 / 3, 3 / 2, 2, 3])
def test_another_rate_is_refused_within_seconds(speed: float) -> None:
    assert 1.9 < _judged(_frames(60, speed=speed))[1] < JUDGED_S


def test_a_stall_and_the_burst_behind_it_are_no_other_rate() -> None:
    held = [(now if not 3 <= now < 9 else 9.0, end) for now, end in _frames(30)]
    assert not _judged(held)[1]


def test_a_recording_that_is_sent_at_once_is_no_other_rate() -> None:
    assert not _judged((0.001 * n, 160 * n) for n in range(1, 500))[1]


def test_time_that_nothing_came_of_is_missing_at_the_end() -> None:
    pace, refused = _judged(_frames(30))
    assert not refused
    assert not pace.lacks(134.0)
    assert pace.lacks(136.0)
    assert not Pace(RATE).lacks(5.0)


def test_a_pause_lasts_by_the_clock_where_the_count_stands_still() -> None:
    clock = PauseClock(RATE)
    assert clock.pause(8_000, 1.0) == 8_000
    clock.resume(11.0)
    assert clock.placed(8_000, 8_000) == 88_000
    assert (clock.shift, clock.waits, clock.paused) == (80_000, 0, False)


def test_pauses_without_audio_between_them_add_up() -> None:
    clock = PauseClock(RATE)
    for begin in (1.0, 12.0):
        assert clock.pause(8_000, begin) == 8_000
        clock.resume(begin + 10)
    assert clock.placed(8_000, 8_000) == 8_000 + 21 * RATE


def test_what_was_told_of_a_pause_stays_whatever_the_platform_counts() -> None:
    clock = PauseClock(RATE)
    clock.pause(8_000, 1.0)
    assert clock.reached(61.0) == 8_000 + 60 * RATE
    clock.resume(62.0)
    assert clock.placed(8_000 + 40 * RATE, 8_000 + 60 * RATE) == 8_000 + 60 * RATE
    assert clock.shift == 20 * RATE


def test_a_late_piece_of_before_a_pause_is_not_moved() -> None:
    clock = PauseClock(RATE)
    clock.pause(8_000, 1.0)
    clock.resume(11.0)
    assert clock.placed(7_840, 8_000) == 7_840
    assert clock.placed(8_000, 8_000) == 88_000


@pytest.mark.parametrize(("at", "end"), [(0, 88_000), (8_000, 88_000), (88_800, 88_800)])
def test_a_call_that_ends_in_a_pause_ends_where_the_pause_does(at: int, end: int) -> None:
    clock = PauseClock(RATE)
    assert clock.ended(0, 0.5, 0) == 0
    clock.pause(8_000, 1.0)
    assert clock.ended(at, 11.0, 8_000) == end
