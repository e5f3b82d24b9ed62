"""From chunks to windows, with the fake voice detector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import AudioError, RecordError
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Interval, Role, Window
from pipeline.transcription.segmenter import LoudnessVoice, Segmenter, WindowSettings, unheard
from pipeline.transcription.voice_activity import FRAME, Bursts, Samples, VoiceState

pytestmark = pytest.mark.unit

RATES = [8_000, 11_025, 16_000]
ROLES = (Role.AGENT, Role.CUSTOMER)


def speech(rate: int, pattern: list[tuple[bool, float]], seed: int = 1) -> npt.NDArray[np.int16]:
    """Loud and silent stretches of so many seconds."""
    random = np.random.default_rng(seed)
    parts = [
        random.normal(0, 3_000 if loud else 0, int(seconds * rate)) for loud, seconds in pattern
    ]
    return np.concatenate(parts).clip(-32_000, 32_000).astype(np.int16)


def stereo(rate: int) -> npt.NDArray[np.int16]:
    """Two speakers in turns, 24 s."""
    left = speech(rate, [(False, 1), (True, 3), (False, 9), (True, 1), (False, 10)])
    right = speech(rate, [(False, 5), (True, 12), (False, 1), (True, 2), (False, 4)], seed=2)
    return np.stack([left, right], axis=1)


def listen(
    audio: npt.NDArray[np.int16],
    rate: int,
    sizes: list[int],
    settings: WindowSettings | None = None,
    *,
    level: float | None = None,
) -> list[Window]:
    """Feed the audio in chunks of the given sizes, over and over."""
    call = CallInfo("c1", rate, ROLES[: audio.shape[1]])
    voice = LoudnessVoice() if level is None else LoudnessVoice(level=level)
    segmenter = Segmenter(call, voice, settings)
    windows: list[Window] = []
    start = seq = 0
    while start < len(audio):
        size = sizes[seq % len(sizes)]
        windows += segmenter.take(AudioChunk(call, seq, start, audio[start : start + size]))
        start, seq = start + size, seq + 1
    return windows + segmenter.finish(CallEnd("c1", seq, len(audio)))


def content(window: Window) -> tuple[object, ...]:
    return (
        *(getattr(window, name) for name in Window.__slots__ if name != "pcm"),
        window.pcm.tobytes(),
    )


@pytest.mark.parametrize("rate", RATES)
def test_windows_hold_the_calls_own_audio_and_cover_all_speech(rate: int) -> None:
    audio = stereo(rate)
    windows = listen(audio, rate, [rate])
    assert [window.seq for window in windows] == list(range(len(windows)))
    for window in windows:
        if len(window.pcm):
            expected = audio[window.start : window.end, window.channel]
            np.testing.assert_array_equal(window.pcm, expected)
        else:
            assert window.speech == ()
    for channel, first, last in ((0, 1.0, 4.0), (1, 5.0, 17.0), (1, 18.0, 20.0)):
        heard = np.zeros(len(audio), np.bool_)
        for window in windows:
            for part in window.speech if window.channel == channel else ():
                heard[part.start : part.end] = True
        assert heard[int(first * rate) : int(last * rate)].all()


@pytest.mark.parametrize("rate", RATES)
def test_each_channel_is_heard_to_the_end_without_holes(rate: int) -> None:
    audio = stereo(rate)[: rate * 24 - 77]
    windows = listen(audio, rate, [rate // 3])
    for channel in (0, 1):
        position = 0
        for window in windows:
            if window.channel != channel:
                continue
            assert window.owned == Interval(position, window.heard_until)
            position = window.heard_until
        assert position == len(audio)


def test_silence_advances_what_is_heard_every_five_seconds() -> None:
    windows = listen(np.zeros((8_000 * 21, 1), np.int16), 8_000, [8_000])
    steps = [window.heard_until for window in windows]
    assert max(np.diff([0, *steps])) <= 8_000 * 5.1
    assert steps[-1] == 8_000 * 21


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(50, 60_000), min_size=1, max_size=5))
def test_the_chunking_changes_nothing(rate: int, sizes: list[int]) -> None:
    audio = stereo(rate)
    whole = [content(window) for window in listen(audio, rate, [len(audio)])]
    assert [content(window) for window in listen(audio, rate, sizes)] == whole


def test_a_missing_chunk_is_silence_of_its_length() -> None:
    call = CallInfo("c1", 8_000, (Role.MIXED,))
    segmenter = Segmenter(call, LoudnessVoice())
    loud = speech(8_000, [(True, 1.0)])[:, None]
    windows = segmenter.take(AudioChunk(call, 0, 0, loud))
    windows += segmenter.take(AudioChunk(call, 2, 16_000, loud))
    windows += segmenter.finish(CallEnd("c1", 3, 24_000))
    assert segmenter.gaps == (Interval(8_000, 16_000),)
    (window,) = [one for one in windows if len(one.pcm)]
    assert (window.start, window.end) == (0, 24_000)
    assert not window.pcm[8_000:16_000].any()
    assert len(window.speech) == 2


def test_a_chunk_of_another_shape_is_refused() -> None:
    call = CallInfo("c1", 8_000, (Role.MIXED,))
    segmenter = Segmenter(call, LoudnessVoice())
    with pytest.raises(RecordError):
        segmenter.take(AudioChunk(call, 0, 0, np.zeros((10, 2), np.int16)))


@pytest.mark.parametrize(
    "call",
    [CallInfo("c1", 8_000, ()), CallInfo("c1", 4_000, ROLES), CallInfo("c1", 16_001, ROLES)],
)
def test_a_call_that_cannot_be_listened_to_is_refused(call: CallInfo) -> None:
    with pytest.raises(AudioError):
        Segmenter(call, LoudnessVoice())


def test_a_loud_burst_that_the_detector_misses_is_listened_to() -> None:
    class Deaf(LoudnessVoice):
        def __init__(self) -> None:
            super().__init__(level=2.0)

    call = CallInfo("c1", 8_000, (Role.MIXED,))
    audio = speech(8_000, [(False, 2), (True, 0.4), (False, 2)])[:, None]
    segmenter = Segmenter(call, Deaf())
    windows = segmenter.take(AudioChunk(call, 0, 0, audio))
    windows += segmenter.finish(CallEnd("c1", 1, len(audio)))
    (part,) = [part for window in windows for part in window.speech]
    assert part.start <= 16_000
    assert part.end >= 19_200


def test_steady_noise_is_no_burst() -> None:
    bursts = Bursts()
    levels = np.random.default_rng(3).uniform(0.8, 1.2, 600) * 1e-3
    assert sum(bursts.loud(level) for level in levels) == 0


def test_what_sounds_on_and_on_stops_counting_as_a_burst() -> None:
    bursts = Bursts()
    assert not bursts.loud(1e-9)
    assert [bursts.loud(1e-2) for _ in range(120)].count(True) <= 94


class Counting(LoudnessVoice):
    """Counts the frames that it gets, and may take all of them for speech of some likelihood."""

    def __init__(self, likelihood: float = 0.0) -> None:
        super().__init__(0.05)
        self.frames, self.likelihood = 0, likelihood

    def probabilities(self, audio: Samples, state: VoiceState) -> tuple[Samples, VoiceState]:
        found, state = super().probabilities(audio, state)
        self.frames += len(found)
        return np.maximum(found, np.float32(self.likelihood)), state


def line(seconds: float, loud_at: float) -> npt.NDArray[np.float64]:
    """The noise of a line at 16 kHz, and one second of something 12 dB louder in it."""
    audio = np.random.default_rng(4).normal(0, 300, int(seconds * 16_000))
    audio[int(loud_at * 16_000) : int((loud_at + 1) * 16_000)] *= 4
    return audio


@pytest.mark.parametrize(
    ("likelihood", "least", "most"), [(0.0, 4.0, 7.5), (0.06, 20.0, 20.5)], ids=["rests", "doubts"]
)
def test_the_noise_of_a_line_is_not_shown_to_the_detector(
    likelihood: float, least: float, most: float
) -> None:
    """Shown are the 3 s of the beginning, and the half seconds in which a band is louder."""
    voice = Counting(likelihood)
    call = CallInfo("c1", 16_000, (Role.MIXED,))
    segmenter = Segmenter(call, voice)
    audio = line(20, 10).astype(np.int16)[:, None]
    segmenter.take(AudioChunk(call, 0, 0, audio))
    segmenter.finish(CallEnd("c1", 1, len(audio)))
    assert least <= voice.frames * FRAME / 16_000 <= most


def test_an_unheard_window_silences_all_that_it_owns() -> None:
    window = Window(
        call_id="c1",
        seq=3,
        channel=1,
        start=500,
        end=900,
        sample_rate=8_000,
        pcm=np.ones(400, np.int16),
        speech=(Interval(520, 880),),
        heard_until=1_000,
        owned=Interval(400, 1_000),
    )
    heard = unheard(window)
    assert heard.unheard == (Interval(400, 1_000),)
    assert (heard.seq, heard.channel, heard.heard_until) == (3, 1, 1_000)
    assert heard.words == ()


@pytest.mark.parametrize(("dbfs", "counts"), [(-6.0, True), (-30.0, True), (-66.0, False)])
def test_all_that_is_heard_with_a_loud_tone_has_to_be_understood(
    dbfs: float, *, counts: bool
) -> None:
    """A detector finds no voice beside it, and people do."""
    time = np.arange(20 * 8_000) / 8_000
    tone = 32_767 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * 1_000 * time)
    windows = listen(tone.astype(np.int16)[:, None], 8_000, [8_000], level=2.0)
    late = [one for window in windows for one in window.sounds if one.end > 12 * 8_000]
    assert bool(late) == counts


def test_a_tone_as_loud_as_the_voice_before_it_counts_however_faint_both_are() -> None:
    voice = speech(8_000, [(False, 4), (True, 1), (False, 1), (True, 2)])
    time = np.arange(20 * 8_000) / 8_000
    tone = 3_000 * np.sin(2 * np.pi * 1_000 * time)
    quiet = np.concatenate([voice, tone / 8]) * 10 ** (-10 / 20)
    windows = listen(quiet.astype(np.int16)[:, None], 8_000, [8_000], level=2.0)
    late = [one for window in windows for one in window.sounds if one.end > 20 * 8_000]
    assert late
