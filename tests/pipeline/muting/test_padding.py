from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.audio.levels import Levels
from pipeline.muting.padding import Padding, sounding, widen
from pipeline.policy.model import MutingRule, Policy
from pipeline.records.model import Interval

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1", muting=MutingRule(snap_ms=0, after_silence_ms=300))
BEFORE = POLICY.default.pad_before_ms * RATE // 1_000
AFTER = POLICY.default.pad_after_ms * RATE // 1_000


def sound(*silences: tuple[int, int]) -> npt.NDArray[np.int16]:
    """Six seconds of sound, silent at both ends and where it is said."""
    pcm: npt.NDArray[np.int16] = np.full(6 * RATE, 8_000, np.int16)
    pcm[::2] = -8_000
    for low, high in ((0, 4_000), (40_000, 48_000), *silences):
        pcm[low:high] = 2
    return pcm


def widened(start: int, end: int, *silences: tuple[int, int], timed: bool = True) -> Interval:
    """Widen a span in such a sound."""
    return widen(
        start,
        end,
        rule=POLICY.default,
        padding=Padding.of(POLICY, RATE),
        levels=Levels.measure(sound(*silences), 0, RATE),
        sample_rate=RATE,
        timed=timed,
    )


def test_padding_ends_at_the_pause_after_a_number() -> None:
    wide = widened(8_000, 24_000, (23_840, 26_400))
    assert wide.end == 23_840 + 1_280
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


def test_a_word_that_sounds_amid_silence_is_not_padded_beyond_its_soft_consonants() -> None:
    assert widened(8_000, 16_000, (5_000, 10_400), (12_000, 17_000)) == Interval(8_000, 16_000)
    wide = widened(9_040, 12_080, (5_000, 10_400), (12_000, 17_000))
    assert wide == Interval(10_400 - 280 * 8, 12_000 + 220 * 8)


def test_what_is_too_short_for_a_word_does_not_end_the_padding_at_a_pause() -> None:
    wide = widened(9_600, 12_080, (5_000, 11_200), (12_000, 17_000))
    assert wide.start < 11_200 - 280 * 8
    assert wide.end > 12_000 + 220 * 8


def test_a_word_behind_a_pause_stays_in_the_padding_of_a_word_cut_by_its_span() -> None:
    # The span ends inside a sound: nothing says that the word is over.
    assert widened(8_000, 12_000, (4_800, 8_800)).end == 12_000 + AFTER + 800


def test_the_borders_of_a_sound_are_not_moved_by_silence_in_it() -> None:
    assert widened(8_000, 9_600, (6_400, 8_480)).end == 9_600 + AFTER + 480
    assert widened(8_000, 9_600, (6_400, 8_480), timed=False).end == 9_600 + AFTER


def test_an_edge_moves_inward_to_a_quiet_moment_by_60_ms_at_most() -> None:
    edge = 8_000 - BEFORE
    near, far = (edge + 320, edge + 400), (edge + 640, edge + 720)
    assert widened(8_000, 16_000, near).start == near[0]
    assert widened(8_000, 16_000, far).start == edge
    edge = 16_000 + AFTER
    near, far = (edge - 400, edge - 320), (edge - 800, edge - 720)
    assert widened(8_000, 16_000, near).end == near[1]
    assert widened(8_000, 16_000, far).end == edge


def test_where_a_voice_sounds_with_soft_consonants_around() -> None:
    pcm = sound((8_000, 24_000))
    assert sounding(pcm, 100_000, RATE) == [
        Interval(100_000 + 4_000 - 2_240, 100_000 + 8_000 + 1_760),
        Interval(100_000 + 24_000 - 2_240, 100_000 + 40_000 + 1_760),
    ]


def test_where_loud_and_soft_are_alike_all_of_it_sounds() -> None:
    assert sounding(np.full(8_000, 900, np.int16), 0, RATE) == [Interval(0, 8_000)]
    assert sounding(np.zeros(8_000, np.int16), 0, RATE) == [Interval(0, 8_000)]
