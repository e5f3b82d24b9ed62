"""The real models on our own sample calls: digits are heard, the same way every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.runtime.engine_pool import engine_pool
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber, TranscriberSettings, transcribe
from models.store.loader import find
from models.store.model_catalogue import Entry, entries
from pipeline.errors import ModelError
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Hearing,
    Interval,
    Role,
    Window,
    WindowTranscript,
)
from pipeline.transcription.hallucination import Doubt
from pipeline.transcription.segmenter import Segmenter
from pipeline.transcription.voice_activity import FRAME
from tests.models.loaded.windows import spoken_digits, windows_of

pytestmark = [pytest.mark.models, pytest.mark.slow]

SAMPLES = Path(__file__).parents[3] / "benchmarks" / "samples"
DIGIT_WORDS = frozenset(
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)


def test_card_digits_lie_under_recognised_digits(
    numbers: Path, windows: list[Window], heard: list[WindowTranscript]
) -> None:
    assert all(not one.unheard for one in heard)
    rate, pad = windows[0].sample_rate, 0.25
    masks = {channel: np.zeros(windows[-1].heard_until, np.bool_) for channel in (0, 1)}
    for one in heard:
        for word in one.words:
            plain = "".join(letter for letter in word.text.lower() if letter.isalnum())
            if plain in DIGIT_WORDS or any(letter.isdigit() for letter in plain):
                first = max(0, word.start - int(pad * rate))
                masks[word.channel][first : word.end + int(pad * rate)] = True
    digits = spoken_digits(numbers)
    assert len(digits) >= 15
    covered = [
        float(masks[channel][int(start * rate / 1_000) : int(end * rate / 1_000)].mean())
        for channel, start, end in digits
    ]
    assert np.mean(covered) >= 0.99


def test_main_words_come_in_order_and_inside_the_call(
    windows: list[Window], heard: list[WindowTranscript]
) -> None:
    window, first = next(
        (one, told) for one, told in zip(windows, heard, strict=True) if told.words
    )
    main = [word for word in first.words if word.hearing is Hearing.MAIN]
    assert len(main) >= 5
    assert [word.start for word in main] == sorted(word.start for word in main)
    assert all(window.start <= word.start <= word.end <= window.end for word in main)
    assert all(0.0 <= word.probability <= 1.0 for word in first.words)
    assert first.models == ("whisper-base@753752d23a0c", "whisper-tiny.en@2a4410629ba3")


def test_another_process_hears_the_same_bit_by_bit(windows: list[Window]) -> None:
    spoken = sorted((one for one in windows if len(one.pcm)), key=lambda one: len(one.pcm))[:2]
    with engine_pool(TranscriberSettings(), 1) as pool:
        here = list(pool.map(transcribe, spoken))
    with engine_pool(TranscriberSettings(), 1) as pool:
        there = list(pool.map(transcribe, reversed(spoken)))
    assert list(reversed(there)) == here
    assert any(one.words for one in here)


def test_the_check_hears_digits_too(transcriber: Transcriber, windows: list[Window]) -> None:
    heard = [transcriber.check(one) for one in windows]
    digits = sum(letter.isdigit() for one in heard for word in one.words for letter in word.text)
    assert digits >= 12
    assert {one.models for one in heard if one.models} == {("whisper-tiny.en@2a4410629ba3",)}


def test_noise_taken_for_speech_is_either_explained_or_stated(transcriber: Transcriber) -> None:
    noise = np.random.default_rng(1).normal(0, 300, 8_000 * 4).astype(np.int16)
    whole = window_of(noise)
    heard = transcriber.transcribe(whole)
    digits = [word for word in heard.words if any(letter.isdigit() for letter in word.text)]
    assert not [word for word in digits if word.hearing is Hearing.MAIN]
    assert heard.heard_until == whole.heard_until


def window_of(pcm: np.ndarray) -> Window:
    length = len(pcm)
    return Window("noise", 0, 0, 0, length, 8_000, pcm, (Interval(0, length),), heard_until=length)


def no_speech(kind: str) -> np.ndarray:
    """Six seconds of a telephone line on which nobody speaks, at 8 kHz."""
    rate = 8_000
    at = np.arange(6 * rate) / rate
    rng = np.random.default_rng(7)
    hiss = rng.normal(0, 60, len(at))
    tones = {
        # Precise tone plan: 440 + 480 Hz, two seconds on, four off.
        "ringback": ((440.0, 480.0), at % 6 < 2),
        # ITU-T Q.23: "5" is 770 + 1336 Hz; keys of 80 ms with 120 ms pauses.
        "dtmf": ((770.0, 1_336.0), at % 0.2 < 0.08),
    }
    if kind == "silence":
        return np.zeros(len(at), np.int16)
    if kind == "noise":
        return rng.normal(0, 400, len(at)).astype(np.int16)
    pitches, gate = tones[kind]
    tone = sum(3_000 * np.sin(2 * np.pi * pitch * at) for pitch in pitches)
    return (tone * gate + hiss).astype(np.int16)


@pytest.mark.parametrize("kind", ["silence", "noise", "ringback", "dtmf"])
def test_where_nobody_speaks_no_words_are_believed_without_a_doubt(
    transcriber: Transcriber, voice: SileroVoice, kind: str
) -> None:
    """By the voice detector's windows, and with all of it taken for speech."""
    pcm = no_speech(kind)
    call = CallInfo("quiet", 8_000, (Role.MIXED,))
    segmenter = Segmenter(call, voice)
    windows = segmenter.take(AudioChunk(call, 0, 0, pcm[:, None]))
    windows += segmenter.finish(CallEnd("quiet", 1, len(pcm)))
    for window in [*windows, window_of(pcm)]:
        heard = transcriber.transcribe(window)
        main = [word for word in heard.words if word.hearing is Hearing.MAIN]
        assert not [word for word in main if any(letter.isdigit() for letter in word.text)]
        if kind == "silence" and len(window.pcm):
            # Too faint to be anything: silenced whole, and nobody was asked.
            assert (heard.unheard, heard.doubts) == ((Interval(0, len(pcm)),), (Doubt.FAINT,))
            return
        assert not heard.unheard
        assert len(heard.doubts) >= len(heard.unexplained)
    # All of it was called speech; what the doubted words don't explain is stated.
    assert Doubt.WORDLESS in heard.doubts
    assert sum(len(part) for part in heard.unexplained) >= 0.4 * len(pcm)


@pytest.mark.parametrize("size", [999, 8_000, 60_000])
def test_the_chunking_changes_no_window(voice: SileroVoice, size: int) -> None:
    whole = windows_of(SAMPLES / "order.flac", voice, 10_000_000)
    parts = windows_of(SAMPLES / "order.flac", voice, size)
    assert parts == whole
    assert [one.pcm.tobytes() for one in parts] == [one.pcm.tobytes() for one in whole]


def test_the_voice_detector_is_a_function_of_audio_and_state(voice: SileroVoice) -> None:
    audio = np.random.default_rng(2).normal(0, 0.05, FRAME * 32).astype(np.float32)
    whole, _ = voice.probabilities(audio, voice.start())
    first, state = voice.probabilities(audio[: FRAME * 16], voice.start())
    voice.probabilities(audio, state)  # another channel in between
    second, _ = voice.probabilities(audio[FRAME * 16 :], state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-5)


def test_the_voice_detector_refuses_broken_frames(voice: SileroVoice) -> None:
    with pytest.raises(ModelError):
        voice.probabilities(np.zeros(FRAME + 1, np.float32), voice.start())


@pytest.mark.parametrize("model", entries(), ids=lambda model: model.id)
def test_the_catalogue_states_the_real_size(model: Entry) -> None:
    path = find(model.id, allow_hub=False)
    assert sum((path / name).stat().st_size for name in model.files) == model.bytes
