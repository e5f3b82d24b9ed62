"""What of sounding speech is silent, and for which finding."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.plain_speech import silenced
from pipeline.records.model import Action, Mute, Span

pytestmark = pytest.mark.unit

RATE = 8_000


def tone_then_silence() -> np.ndarray:
    """Four seconds, of which the second and third sound."""
    times = np.arange(4 * RATE) / RATE
    pcm = (8_000 * np.sin(2 * np.pi * 220 * times)).astype(np.int16)
    pcm[:RATE] = pcm[3 * RATE :] = 0
    return pcm[:, None]


def span(entity: str, start: float, end: float) -> Span:
    return Span(entity, 0, int(start * RATE), int(end * RATE), 0.9, "reader", Action.MUTE)


def test_only_what_sounds_counts_and_goes_to_the_finding_that_takes_most_of_it() -> None:
    mutes = [Mute(0, 0, 2 * RATE), Mute(0, int(2.5 * RATE), 4 * RATE)]
    spans = [span("PERSON", 0.2, 1.9), span("PIN", 1.8, 2.0)]
    whole, parts = silenced(tone_then_silence(), RATE, mutes, spans)
    assert whole == pytest.approx(2.0, abs=0.2)
    assert parts["PERSON (reader)"] == pytest.approx(1.0, abs=0.15)
    assert parts["verification, echo or padding"] == pytest.approx(0.5, abs=0.15)


def test_two_findings_of_one_type_count_for_it() -> None:
    mutes = [Mute(0, RATE, int(1.5 * RATE)), Mute(0, 2 * RATE, int(2.5 * RATE))]
    spans = [span("PERSON", 1.1, 1.4), span("PERSON", 2.1, 2.4)]
    _, parts = silenced(tone_then_silence(), RATE, mutes, spans)
    assert parts == {"PERSON (reader)": pytest.approx(1.0, abs=0.05)}


def test_what_two_mutes_silence_counts_once() -> None:
    mutes = [Mute(0, 0, 4 * RATE), Mute(0, RATE, 2 * RATE)]
    whole, parts = silenced(tone_then_silence(), RATE, mutes, [])
    assert sum(parts.values()) == pytest.approx(whole)
