"""What words account for, and where they lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.intervals import merge_intervals, uncovered
from pipeline.records.model import Interval
from pipeline.transcription.packing import pack
from pipeline.transcription.word_timing import (
    Loudness,
    Timing,
    audible_part,
    drawn_back,
    longest,
    plausible,
    without_loops,
)

pytestmark = pytest.mark.unit

RATE = 16_000


@pytest.mark.parametrize(
    ("text", "seconds"), [("I", 0.44), ("4", 1.1), ("4111,", 3.35), ("okay.", 0.71), ("...", 0.35)]
)
def test_longest(text: str, seconds: float) -> None:
    assert longest(text, RATE) == pytest.approx(seconds * RATE, abs=1)


def test_a_word_stretched_over_dropped_digits_does_not_explain_them() -> None:
    assert plausible("is", Interval(0, 80_000), RATE) == Interval(0, longest("is", RATE))
    assert plausible("is", Interval(0, 1_000), RATE) == Interval(0, 1_000)


@pytest.mark.parametrize(
    ("speech", "covers", "left"),
    [
        ([(0, 100)], [], [(0, 100)]),
        ([(0, 100)], [(0, 100)], []),
        ([(0, 100)], [(20, 30), (25, 60)], [(0, 20), (60, 100)]),
        ([(0, 100)], [(5, 95)], []),  # what is left is shorter than 10
        ([(0, 50), (60, 100)], [(40, 70)], [(0, 40), (70, 100)]),
        ([(0, 30), (30, 60)], [(200, 300)], [(0, 60)]),
    ],
)
def test_uncovered(
    speech: list[tuple[int, int]], covers: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    found = uncovered(
        [Interval(*part) for part in speech], [Interval(*part) for part in covers], at_least=10
    )
    assert found == [Interval(*part) for part in left]


INTERVALS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 40)).map(lambda p: Interval(p[0], p[0] + p[1])),
    max_size=8,
)


def samples(intervals: list[Interval]) -> set[int]:
    return {sample for part in intervals for sample in range(part.start, part.end)}


@given(INTERVALS, INTERVALS)
def test_uncovered_is_the_difference_of_sets(
    speech: list[Interval], covers: list[Interval]
) -> None:
    assert samples(uncovered(speech, covers, at_least=1)) == samples(speech) - samples(covers)


@given(INTERVALS)
def test_merged_keeps_every_sample_and_is_in_order(intervals: list[Interval]) -> None:
    joined = merge_intervals(intervals)
    assert samples(joined) == samples(intervals)
    assert all(a.end < b.start for a, b in itertools.pairwise(joined))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("my number is 0 0 0 0", 7),
        ("0 0 0 0 1", 5),
        ("5 5 5 5 5 5 5", 4),
        ("bye. Bye, bye bye bye now", 4),
        ("go to go to go to go to go to go to", 8),
        ("M -H -M -E -N -E -S -E -N -E -S -E -N -E -S -E", 7),
        ("A B C A B C A B C A 4", 3),
        ("J O E J O E J O E 4 5 6", 12),
        ("A B C A B C 4", 7),
        ("A B A B A B A", 7),
        ("1 2 3 1 2 3 1 2 3 4", 10),
        ("so it is so it is so it is", 9),
        ("", 0),
    ],
)
def test_a_loop_ends_the_text(text: str, kept: int) -> None:
    assert without_loops(text.split()) == kept


def tone(*loud: tuple[float, float], seconds: float = 3.0) -> np.ndarray:
    random = np.random.default_rng(5)
    audio = random.normal(0, 0.001, int(seconds * RATE))
    for start, end in loud:
        audio[int(start * RATE) : int(end * RATE)] += random.normal(
            0, 0.1, int(end * RATE) - int(start * RATE)
        )
    return audio.astype(np.float32)


def test_borders_next_to_a_pause_move_to_where_the_sound_ends() -> None:
    loudness = Loudness.of(tone((1.0, 1.5)), RATE)
    (snapped,) = loudness.snap_all([Interval(int(1.1 * RATE), int(1.2 * RATE))], RATE)
    assert snapped.start == pytest.approx(1.0 * RATE, abs=400)
    assert snapped.end == pytest.approx(1.5 * RATE, abs=400)


def test_a_word_said_to_be_in_the_pause_before_its_sound_reaches_it() -> None:
    loudness = Loudness.of(tone((1.0, 1.2)), RATE)
    (snapped,) = loudness.snap_all([Interval(int(0.7 * RATE), int(0.8 * RATE))], RATE)
    assert snapped.end >= 1.19 * RATE


def test_snapping_never_takes_time_away_and_keeps_the_order() -> None:
    loudness = Loudness.of(tone((0.5, 2.5)), RATE)
    words = [Interval(10_000, 14_000), Interval(14_000, 15_000), Interval(15_000, 30_000)]
    snapped = loudness.snap_all(words, RATE)
    assert [part.start for part in snapped] == sorted(part.start for part in snapped)
    assert all(
        new.start <= old.start and new.end >= old.end
        for new, old in zip(snapped, words, strict=True)
    )


def test_a_silent_audio_has_no_sound_to_snap_to() -> None:
    word = Interval(10, 20)
    assert Loudness.of(np.zeros(0, np.float32), RATE).snap_all([word], RATE) == [word]


@given(
    stretches=st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), min_size=1, max_size=6),
    margin=st.integers(0, 30),
    apart=st.booleans(),
)
def test_every_sample_of_a_stretch_is_in_a_pack_and_finds_its_way_back(
    stretches: list[tuple[int, int]], margin: int, *, apart: bool
) -> None:
    audio = np.arange(1, 1_001, dtype=np.float32)
    parts = merge_intervals(
        Interval(start, min(1_000, start + length)) for start, length in stretches
    )
    packs = pack(audio, parts, most=250, margin=margin, lead=7, overlap=20, apart=apart)
    heard: set[int] = set()
    for one in packs:
        assert len(one.audio) <= 250 + 7
        assert not one.audio[:7].any()
        for at in range(7, len(one.audio)):
            origin = one.place(at, at + 1)
            assert one.audio[at] == audio[origin.start]
            heard.add(origin.start)
    assert heard >= samples(parts)


SPEECH = [Interval(0, 1_000), Interval(6_000, 8_000)]


@pytest.mark.parametrize(
    ("text", "spoken", "expected"),
    [
        # Stretched to the next utterance: all of it fits before the pause.
        ("Kevin.", Interval(600, 6_400), Interval(600, 1_100)),
        # Begins early: before the pause there is next to nothing of it.
        ("Can", Interval(950, 6_300), Interval(5_900, 6_300)),
        # Neither side is sure: it stays.
        ("appointment", Interval(700, 6_300), Interval(700, 6_300)),
        # Digits are never cut back.
        ("4111", Interval(600, 6_400), Interval(600, 6_400)),
        # No pause inside.
        ("yes", Interval(200, 800), Interval(200, 800)),
    ],
)
def test_a_word_stretched_over_a_pause_is_drawn_back(
    text: str, spoken: Interval, expected: Interval
) -> None:
    assert drawn_back(text, spoken, SPEECH, 1_000) == expected


@pytest.mark.parametrize(
    ("text", "spoken", "sound", "expected"),
    [
        ("okay.", (1_000, 1_600), [(1_100, 1_500)], (1_100, 1_500)),
        ("okay.", (1_000, 5_000), [(900, 1_010), (4_600, 4_900)], (4_600, 4_900)),
        ("times.", (1_000, 5_000), [(1_100, 1_400), (4_950, 6_000)], (1_100, 1_400)),
        ("551 20", (1_000, 5_000), [(1_100, 1_400), (2_000, 2_500)], (1_100, 2_500)),
        ("okay.", (1_000, 1_600), [], (1_000, 1_600)),
        ("okay.", (1_000, 1_600), [(0, 1_000), (1_600, 2_000)], (1_000, 1_600)),
    ],
    ids=["narrower", "begins late", "ends early", "a number in pieces", "silent", "beside it"],
)
def test_a_word_lies_where_it_can_be_heard(
    text: str,
    spoken: tuple[int, int],
    sound: list[tuple[int, int]],
    expected: tuple[int, int],
) -> None:
    place = audible_part(text, Interval(*spoken), [Interval(*one) for one in sound], 1_000)
    assert (place.start, place.end) == expected


def steps(*sounds: tuple[float, float], until: float) -> Loudness:
    """Loud from second to second, silent between."""
    loud = np.zeros(round(until * 100), np.bool_)
    for start, end in sounds:
        loud[round(start * 100) : round(end * 100)] = True
    return Loudness(loud, RATE // 100)


EARLY, LATE = Timing(back=0.1, ahead=0.4), Timing(back=0.4, ahead=0.1)


def settled(
    borders: tuple[float, float, float], *sounds: tuple[float, float], timing: Timing
) -> list[tuple[float, float]]:
    """Seconds of two words that touch at the middle border."""
    first, middle, last = (round(each * RATE) for each in borders)
    words = [Interval(first, middle), Interval(middle, last)]
    loudness = steps(*sounds, until=borders[2] + 1.0)
    return [
        (round(one.start / RATE, 2), round(one.end / RATE, 2))
        for one in loudness.settled(words, timing, RATE)
    ]


def test_a_digit_that_begins_in_the_word_before_begins_after_the_pause() -> None:
    """ "is" until 1.4, a pause, a digit from 1.8 on; the border was heard at 1.2."""
    sounds = ((0.9, 1.4), (1.8, 2.2))
    assert settled((1.0, 1.2, 2.2), *sounds, timing=EARLY) == [(1.0, 1.46), (1.65, 2.2)]
    assert settled((1.0, 1.2, 2.2), *sounds, timing=LATE) == [(1.0, 1.2), (1.2, 2.2)]


def test_a_digit_that_ends_in_the_next_sentence_ends_before_the_pause() -> None:
    sounds = ((1.0, 1.4), (1.8, 2.6))
    assert settled((1.0, 2.0, 2.6), *sounds, timing=LATE) == [(1.0, 1.46), (1.65, 2.6)]
    assert settled((1.0, 2.0, 2.6), *sounds, timing=EARLY) == [(1.0, 2.0), (2.0, 2.6)]


def test_a_little_every_border_may_move() -> None:
    sounds = ((1.0, 1.4), (1.8, 2.6))
    assert settled((1.0, 1.35, 2.6), *sounds, timing=Timing()) == [(1.0, 1.46), (1.65, 2.6)]
    assert settled((1.0, 1.85, 2.6), *sounds, timing=Timing()) == [(1.0, 1.46), (1.65, 2.6)]


def test_a_border_stays_where_a_word_would_lose_its_sound() -> None:
    before = settled((1.0, 1.2, 1.85), (0.9, 1.4), (1.8, 2.2), timing=EARLY)
    after = settled((1.35, 2.0, 2.6), (1.0, 1.4), (1.8, 2.6), timing=LATE)
    assert before == [(1.0, 1.2), (1.2, 1.85)]
    assert after == [(1.35, 2.0), (2.0, 2.6)]


def test_the_closure_inside_a_digit_is_no_pause() -> None:
    stays = settled((1.0, 1.2, 2.0), (0.9, 1.4), (1.5, 2.0), timing=EARLY)
    assert stays == [(1.0, 1.2), (1.2, 2.0)]


def test_a_border_far_inside_a_sound_stays() -> None:
    stays = settled((1.0, 1.5, 2.6), (0.9, 2.0), (2.3, 2.6), timing=EARLY)
    assert stays == [(1.0, 1.5), (1.5, 2.6)]
