"""The demo of the gateways: what each way carries, its truth, and how two results are compared."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.demo import SAMPLES
from benchmarks.gateways.compared import Redacted, altered, differences, heard
from benchmarks.gateways.ways import (
    CLEAR_S,
    RATE,
    Kind,
    Sample,
    Way,
    harmless,
    later,
    read_sample,
    ways,
)
from pipeline.errors import InputError
from pipeline.evaluation.corpora.call_manifest import TruthCall
from pipeline.evidence.certificate import (
    Certificate,
    MuteStated,
    PolicyStated,
    SpanStated,
)
from pipeline.records.model import Action, Reason

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def sample() -> Sample:
    return read_sample(SAMPLES, "order")


@pytest.fixture(scope="module")
def every(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Way]:
    return {way.kind: way for way in ways(sample, tmp_path_factory.mktemp("drop"))}


def _mute(channel: int, start: int, end: int, *, paused: bool = False) -> MuteStated:
    return MuteStated(channel, start, end, gap=paused, paused=paused)


def _span(channel: int, start: int, end: int) -> SpanStated:
    return SpanStated(
        "CREDIT_CARD", channel, start, end, 0, 0, 1.0, "x", Action.MUTE, Reason.RECOGNISED
    )


def _redacted(way: Way, *mutes: MuteStated, spans: tuple[SpanStated, ...] = ()) -> Redacted:
    """What is carried, silent where it is said to be."""
    pcm = way.carried.copy()
    for one in mutes:
        pcm[one.start : one.end, one.channel] = 0
    certificate = Certificate(
        schema="hushwire.certificate.v1",
        call_id="a",
        started_at="",
        ended_by="recorder",
        marks=(),
        sample_rate=RATE,
        roles=way.truth.channels,
        samples=len(pcm),
        duration_ms=0,
        policy=PolicyStated("p", "1", "0" * 64),
        style="silence",
        software="",
        models=(),
        spans=spans,
        mutes=mutes,
        muted_ms=0,
        muted_ms_by_entity={},
        muted_ms_by_reason={},
        passed=True,
        checks=(),
        listened_ms=0,
        files={},
    )
    return Redacted(certificate, pcm)


def _words(truth: TruthCall) -> list[tuple[float, float, str]]:
    return [
        (word.start_ms, word.end_ms, word.digits)
        for entity in truth.entities
        for word in entity.words
    ]


def _all_words(way: Way) -> list[MuteStated]:
    """Every word of the truth, silenced by the sample."""
    sides = {side: place for place, side in enumerate(way.truth.channels)}
    return [
        _mute(sides[entity.channel], int(word.start_ms * 8), int(word.end_ms * 8) + 1)
        for entity in way.truth.entities
        for word in entity.words
    ]


@pytest.mark.parametrize("kind", list(Kind))
def test_the_truth_lies_where_each_way_carries_it(every: dict[Kind, Way], kind: Kind) -> None:
    """All digits are heard in what came, and none once the truth's words are silent."""
    way = every[kind]
    whole = heard(way, _redacted(way))
    assert (whole.count, whole.digits) == (19, 19)
    silent = heard(way, _redacted(way, *_all_words(way)))
    assert (silent.count, silent.audible) == (0, frozenset())


def test_a_truth_in_the_wrong_place_would_be_seen(every: dict[Kind, Way]) -> None:
    way = every[Kind.TWILIO]
    off = dataclasses.replace(way, truth=later(way.truth, 400))
    assert heard(off, _redacted(way, *_all_words(way))).count > 0


def test_what_each_way_carries(every: dict[Kind, Way], sample: Sample) -> None:
    assert len(every[Kind.TWILIO].carried) == len(sample.pcm) + 88 * RATE // 1_000
    assert np.array_equal(every[Kind.WAV].carried, sample.pcm)
    assert every[Kind.AUDIOSOCKET].carried.shape == (len(sample.pcm), 1)
    assert not np.array_equal(every[Kind.MP3].carried, sample.pcm)
    assert np.array_equal(every[Kind.AUDIOHOOK].carried[:, ::-1], sample.pcm)  # a telephone's
    assert every[Kind.AUDIOHOOK].truth.channels == ("customer", "agent")
    pause = every[Kind.PAUSED].pause
    assert pause is not None
    assert not every[Kind.PAUSED].carried[slice(*pause)].any()
    assert every[Kind.AUDIOHOOK].carried[slice(*pause)].any()
    assert len({way.recorder_id for way in every.values() if way.recorder_id}) == len(every) - 2


def test_a_pause_takes_nothing_sensitive(sample: Sample) -> None:
    start, end = harmless(sample.truth, len(sample.pcm), 3.0)
    assert (start % 1_600, end - start) == (0, 24_000)
    for first, last, _ in _words(sample.truth):
        assert last <= start / 8 - CLEAR_S * 900 or first >= end / 8 + CLEAR_S * 900
    with pytest.raises(InputError, match="harmless"):
        harmless(sample.truth, len(sample.pcm), 40.0)


def test_a_long_call_is_cut_where_nothing_sensitive_is_said() -> None:
    cut = read_sample(SAMPLES, "order", 35.0)
    assert 30 * RATE < len(cut.pcm) <= 35 * RATE
    words = _words(cut.truth)
    assert sum(len(digits) for _, _, digits in words) >= 16
    assert all(end * 8 + CLEAR_S * RATE <= len(cut.pcm) + 1 for _, end, _ in words)


def test_samples_that_do_not_do_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no call"):
        read_sample(SAMPLES, "nobody")
    with pytest.raises(InputError, match="no card number"):
        read_sample(SAMPLES, "support")
    soundfile.write(tmp_path / "a.wav", np.zeros((1_600, 2), np.int16), 16_000)
    line = json.dumps({"file": "a.wav", "channels": ["agent", "customer"], "entities": []})
    (tmp_path / "manifest.jsonl").write_text(line)
    with pytest.raises(InputError, match="16000 Hz"):
        read_sample(tmp_path, "a")


def test_differences_are_told_with_their_side_and_their_reason(every: dict[Kind, Way]) -> None:
    way = every[Kind.PAUSED]
    stored = _redacted(
        way,
        _mute(0, 800, 1_600),
        _mute(0, 86_400, 110_400, paused=True),
        spans=(_span(0, 800, 1_600),),
    )
    other = _redacted(way, _mute(0, 800, 1_200), _mute(0, 90_000, 91_000), _mute(1, 8_000, 8_800))
    told = [
        (one.channel, one.start_s, one.end_s, one.stored, one.why)
        for one in differences(stored, other)
    ]
    assert told == [
        (0, 0.15, 0.2, True, "CREDIT_CARD recognised"),
        (1, 1.0, 1.1, False, "padding"),
    ]
    assert stored.silent_s == pytest.approx(0.1)
    assert list(differences(stored, stored)) == []


def test_audio_that_is_altered_without_a_word_is_counted(every: dict[Kind, Way]) -> None:
    way = every[Kind.WAV]
    redacted = _redacted(way, _mute(0, 800, 1_600))
    assert redacted.pcm is not None
    assert altered(way, redacted, 10) == 0
    redacted.pcm[[800 - 80, 1_600 + 79], 0] += 1  # within the ramps
    assert altered(way, redacted, 10) == 0
    redacted.pcm[[800 - 81, 1_600 + 80], 0] += 1
    redacted.pcm[4_000, 1] += 1
    assert altered(way, redacted, 10) == 3
