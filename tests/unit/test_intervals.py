from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.intervals import Levels, Reach, widen
from pipeline.policy import MutingRule, Policy
from pipeline.records import Interval

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1", muting=MutingRule(snap_ms=0, after_silence_ms=300))
BEFORE = POLICY.default.pad_before_ms * RATE // 1_000
AFTER = POLICY.default.pad_after_ms * RATE // 1_000


def widened(start: int, end: int, *silences: tuple[int, int]) -> Interval:
    """Widen a span in six seconds of sound, silent at both ends and where it is said."""
    pcm: npt.NDArray[np.int16] = np.full(6 * RATE, 8_000, np.int16)
    pcm[::2] = -8_000
    for low, high in ((0, 4_000), (40_000, 48_000), *silences):
        pcm[low:high] = 2
    levels = Levels.measure(pcm, 0, RATE)
    reach = Reach.of(POLICY, RATE)
    return widen(start, end, rule=POLICY.default, reach=reach, levels=levels, sample_rate=RATE)


def test_padding_ends_at_the_pause_after_a_number() -> None:
    wide = widened(8_000, 24_000, (24_080, 26_400))
    assert wide.end == 24_080 + 1_280
    assert wide.start == 8_000 - BEFORE


def test_padding_ends_at_the_pause_before_a_number() -> None:
    wide = widened(8_000, 24_000, (5_600, 7_920))
    assert wide.start == 8_000 - BEFORE
    assert widened(8_000, 24_000, (5_600, 8_000)).start == 8_000 - BEFORE


def test_the_closure_inside_a_last_digit_is_no_pause() -> None:
    assert widened(8_000, 24_000, (24_160, 24_800)).end == 24_000 + AFTER


def test_a_pause_does_not_end_the_padding_where_no_word_sounded_before_it() -> None:
    assert widened(8_000, 24_000, (20_800, 24_080)).end == 24_000 + AFTER


def test_a_span_that_begins_with_the_end_of_another_word_is_not_padded_there() -> None:
    assert widened(8_000, 24_000, (8_400, 10_400)).start == 8_000


def test_a_first_digit_before_a_pause_stays_in_the_span() -> None:
    assert widened(8_000, 24_000, (9_600, 10_800)).start == 8_000 - BEFORE


def test_a_long_span_that_begins_in_silence_keeps_its_end() -> None:
    assert widened(8_000, 24_000, (6_000, 10_000)).end == 24_000 + AFTER


def test_a_word_is_padded_whatever_pauses_stand_beside_it() -> None:
    wide = widened(8_000, 16_000, (6_400, 7_840), (16_160, 17_600))
    assert wide == Interval(8_000 - BEFORE, 16_000 + AFTER)
