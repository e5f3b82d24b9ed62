"""Frame by frame: where windows are cut, and that no frame of speech is lost or stated twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.transcription.windows import Cut, Cutter, WindowSettings

pytestmark = pytest.mark.unit

# In frames of 32 ms: pad 2, silence 4, pause 10, enough 30, most 40, span 60, overlap 3, silent 20.
SMALL = WindowSettings(
    pad_ms=64,
    silence_ms=128,
    pause_ms=320,
    enough_ms=960,
    most_ms=1_280,
    span_ms=1_920,
    overlap_ms=96,
    silent_ms=640,
)


def run(pattern: list[tuple[float, int]], settings: WindowSettings = SMALL) -> list[Cut]:
    """Push runs of (probability, frames); every frame is as loud as it is likely."""
    cutter = Cutter(settings)
    cuts: list[Cut] = []
    for probability, count in pattern:
        for _ in range(count):
            cuts += cutter.push(probability, probability)
    return cuts + cutter.finish()


def test_an_utterance_is_cut_after_the_pause_with_padding() -> None:
    assert run([(0.0, 5), (1.0, 8), (0.0, 12)]) == [
        Cut(start=3, end=15, owned=(0, 21), speech=((3, 15),), heard_until=21),
        Cut(start=25, end=25, owned=(21, 25), speech=(), heard_until=25),
    ]


def test_silence_is_reported_as_heard() -> None:
    assert [(cut.start, cut.end, cut.heard_until) for cut in run([(0.0, 50)])] == [
        (20, 20, 20),
        (40, 40, 40),
        (50, 50, 50),
    ]


def test_a_short_pause_keeps_utterances_together() -> None:
    (first, _) = run([(1.0, 8), (0.0, 6), (1.0, 8), (0.0, 12)])
    assert first.speech == ((0, 10), (12, 24))


def test_enough_speech_is_cut_at_any_pause() -> None:
    first, second = run([(1.0, 27), (0.0, 4), (1.0, 8)])
    assert first == Cut(start=0, end=29, owned=(0, 29), speech=((0, 29),), heard_until=29)
    assert second.speech == ((29, 39),)


def test_hysteresis_holds_on_to_weak_speech_but_does_not_begin_with_it() -> None:
    (only,) = run([(0.2, 10), (0.3, 1), (0.2, 5), (0.0, 2)])
    assert only.speech == ((8, 18),)


def test_too_much_speech_is_cut_in_the_last_pause() -> None:
    first, second = run([(1.0, 20), (0.0, 5), (1.0, 25)])
    assert first.speech == ((0, 22),)
    assert first.heard_until == 23
    assert second.speech == ((23, 50),)


def test_talk_without_pause_is_cut_at_the_quietest_frame_with_overlap() -> None:
    first, second = run([(1.0, 28), (0.16, 3), (1.0, 30)])
    assert first == Cut(start=0, end=32, owned=(0, 29), speech=((0, 29),), heard_until=29)
    assert (second.start, second.owned[0], second.speech[0][0]) == (26, 29, 29)


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": 0.1, "off": 0.2},
        {"on": 1.0},
        {"off": 0.0},
        {"silence_ms": 100, "pad_ms": 60},
        {"overlap_ms": 3_000},
        {"enough_ms": 20_000},
        {"span_ms": 5_000},
        {"silent_ms": 0},
    ],
)
def test_settings_that_would_lose_speech_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        WindowSettings(**wrong)  # type: ignore[arg-type]


def test_a_pace_that_is_quicker_closes_windows_sooner() -> None:
    live, recorded = WindowSettings.latency(), WindowSettings.throughput()
    assert live.pause_ms < recorded.pause_ms
    assert live.span_ms < recorded.span_ms


PATTERNS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0]), st.integers(1, 45)), max_size=12
)


@given(PATTERNS)
def test_every_frame_is_owned_once_and_all_voiced_frames_are_speech(
    pattern: list[tuple[float, int]],
) -> None:
    cuts = run(pattern)
    total = sum(count for _, count in pattern)
    position = 0
    for cut in cuts:
        assert cut.owned == (position, cut.heard_until)
        position = cut.heard_until
    assert position == total
    speech = {frame for cut in cuts for start, end in cut.speech for frame in range(start, end)}
    assert len(speech) == sum(end - start for cut in cuts for start, end in cut.speech)
    frame = 0
    for probability, count in pattern:
        if probability >= SMALL.on:
            assert speech.issuperset(range(frame, frame + count))
        frame += count


@given(PATTERNS)
def test_windows_stay_within_their_limits(pattern: list[tuple[float, int]]) -> None:
    for cut in run(pattern):
        assert cut.end - cut.start <= 60 + 2 * 3 + 2 * 2
        assert sum(end - start for start, end in cut.speech) <= 40 + 2 * 2
        assert all(cut.start <= start <= end <= cut.end for start, end in cut.speech)
