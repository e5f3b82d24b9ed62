"""Keys that muting let through are muted here, and counted where even that leaves one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speech.keypad import pcm16, pressed
from pipeline.records.model import CallEnd, Reason, RedactedChunk, Verdict
from pipeline.verification import review_state
from pipeline.verification.left_keys import LeftKeys
from pipeline.verification.verifier import CallVerifier
from tests.pipeline.verification.verified import CALL, POLICY, RATE

pytestmark = pytest.mark.unit


def verified(pcm: np.ndarray) -> tuple[np.ndarray, Verdict]:
    verifier, out = CallVerifier(POLICY), []
    chunks = -(-len(pcm) // RATE)
    for seq in range(chunks):
        part = pcm[seq * RATE : (seq + 1) * RATE]
        out += verifier.take(RedactedChunk(CALL, seq, seq * RATE, part))
    out += verifier.take(CallEnd(CALL.call_id, chunks, len(pcm)))
    verdict = out[-1]
    assert isinstance(verdict, Verdict)
    samples = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert samples.shape == pcm.shape
    return samples, verdict


def left(pcm: np.ndarray) -> int:
    keys = LeftKeys(CALL)
    return len([*keys.take(pcm, ()), *keys.finish()])


def keys_at(*places: tuple[int, float], seconds: float = 6.0) -> np.ndarray:
    pcm = np.zeros((round(seconds * RATE), 2), np.int16)
    for channel, at in places:
        tones = pcm16(pressed("4711"))
        start = round(at * RATE)
        pcm[start : start + len(tones), channel] = tones[: len(pcm) - start]
    return pcm


@pytest.mark.parametrize("at", [0.0, 0.93, 2.4, 5.3])
def test_keys_that_muting_let_through_are_muted(at: float) -> None:
    samples, verdict = verified(keys_at((1, at)))
    assert left(samples) == 0
    spans = {span for mute in verdict.added for span in mute.spans}
    assert {(one.entity, one.reason) for one in spans} == {("DTMF", Reason.VERIFICATION)}
    assert len(spans) == 4
    assert all(0 <= mute.start < mute.end <= len(samples) for mute in verdict.added)
    assert [one.measured for one in verdict.checks if one.name == "keys_still_heard"] == [0.0]
    assert verdict.passed


def test_a_call_without_keys_is_let_through_as_it_is() -> None:
    pcm = keys_at()
    samples, verdict = verified(pcm)
    np.testing.assert_array_equal(samples, pcm)
    assert verdict.added == ()
    assert verdict.passed


def test_a_key_that_is_left_all_the_same_quarantines_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such as by a fault in what mutes: what goes on is listened to itself."""

    def unchanged(samples: np.ndarray, *_: object, **__: object) -> np.ndarray:
        return samples

    monkeypatch.setattr(review_state, "apply_mutes", unchanged)
    _, verdict = verified(keys_at((0, 1.5)))
    assert [one.measured for one in verdict.checks if one.name == "keys_still_heard"] == [4.0]
    assert not verdict.passed
