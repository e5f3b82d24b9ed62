"""The verify stage as a whole: a finding, another round, then a quarantine."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import pytest

from agents.runtime.steps import Send, Step, Transcribe
from agents.stages.verify import VerifyCall
from pipeline.policy.model import Policy, VerificationRule
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Mute,
    Pcm,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Window,
    WindowTranscript,
    Word,
)

pytestmark = pytest.mark.unit

RATE = 8_000
SECONDS = 40
CALL = CallInfo("call-1", RATE, (Role.MIXED,))
CARD = Span("CARD_NUMBER", 0, 10 * RATE, 12 * RATE, 0.9, "test")
MUTE = Mute(0, CARD.start, CARD.end, (CARD,))


class Finds:
    """An inspector that finds a number at a place, so often."""

    def __init__(self, start: float, end: float, *, times: int) -> None:
        self.span = Span("CARD_NUMBER", 0, round(start * RATE), round(end * RATE), 0.9, "digits")
        self.times = times

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = "en",
        policy: Policy | None = None,
    ) -> Sequence[Span]:
        del sample_rate, language, policy
        assert "CARD_NUMBER" in expected
        if self.times == 0 or not transcript.start < self.span.start < transcript.end:
            return ()
        self.times -= 1
        return (self.span,)


class Grows(Finds):
    """Finds the next second of the call in every round: a number without an end."""

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = "en",
        policy: Policy | None = None,
    ) -> Sequence[Span]:
        found = super().inspect(
            transcript, sample_rate=sample_rate, expected=expected, language=language
        )
        start = self.span.end
        self.span = Span("CARD_NUMBER", 0, start, start + RATE, 0.9, "digits")
        return found


def bursts() -> Pcm:
    pcm = np.random.default_rng(1).normal(0, 2_500, (SECONDS * RATE, 1))
    pcm *= ((np.arange(SECONDS * RATE) % 4_800) < 3_200)[:, None]
    pcm[MUTE.start : MUTE.end] = 0
    return pcm.clip(-32_768, 32_767).astype(np.int16)


def talk(window: Window) -> WindowTranscript:
    words = [
        Word(0, start, min(start + 3_200, part.end), "perhaps", 0.9)
        for part in window.speech
        for start in range(part.start, part.end, 3_200)
    ]
    return WindowTranscript(
        window.call_id, window.seq, 0, window.start, window.end, tuple(words), models=("tiny@1",)
    )


def verified(inspector: Finds, rounds: int = 3) -> tuple[Pcm, Verdict, list[Window]]:
    policy = Policy(
        name="test",
        version="1",
        verification=VerificationRule(max_rounds=rounds, max_cost=1.0, sample_share=0.0),
    )
    stage, pcm = VerifyCall("verified", policy, inspector), bursts()
    steps: deque[Step] = deque()
    for second in range(SECONDS):
        start = second * RATE
        mutes = (MUTE,) if MUTE.start < start + RATE and MUTE.end > start else ()
        chunk = RedactedChunk(CALL, second, start, pcm[start : start + RATE], mutes)
        steps += stage.take("redacted", chunk)
    steps += stage.take("redacted", CallEnd(CALL.call_id, SECONDS, SECONDS * RATE))
    out: list[RedactedChunk] = []
    windows: list[Window] = []
    verdicts: list[Verdict] = []
    while steps:
        match steps.popleft():
            case Transcribe() as listen:
                assert listen.check
                windows.append(listen.window)
                steps += listen.then(talk(listen.window))
            case Send(record=RedactedChunk() as chunk):
                out.append(chunk)
            case Send(record=Verdict() as verdict):
                verdicts.append(verdict)
            case step:
                raise AssertionError(type(step).__name__)
    assert stage.done
    return np.concatenate([chunk.pcm for chunk in out]), verdicts[0], windows


def test_it_says_how_much_audio_it_holds() -> None:
    policy = Policy(name="test", version="1")
    stage, pcm = VerifyCall("verified", policy, Finds(13, 14, times=0)), bursts()
    assert stage.held == 0
    released = 0
    for second in range(SECONDS):
        start = second * RATE
        chunk = RedactedChunk(CALL, second, start, pcm[start : start + RATE], ())
        for _ in range(2):  # a repeat is held once, or no more
            steps = stage.take("redacted", chunk)
            released += sum(isinstance(step, Send) for step in steps)
            assert stage.held == (second + 1 - released) * RATE * 2
    assert 0 < released < SECONDS
    stage.take("redacted", CallEnd(CALL.call_id, SECONDS, SECONDS * RATE))
    assert stage.done
    assert stage.held == 0


def test_a_clean_call_passes_after_one_round() -> None:
    after, verdict, windows = verified(Finds(13, 14, times=0))
    assert verdict.passed
    assert len(windows) == 1
    np.testing.assert_array_equal(after, bursts())


def test_what_is_found_is_silenced_and_listened_to_again() -> None:
    after, verdict, windows = verified(Finds(13, 14, times=1))
    assert verdict.passed
    assert len(windows) == 2
    assert not after[13 * RATE : 14 * RATE].any()
    (added,) = verdict.added
    again = windows[1]
    assert not again.pcm[max(0, added.start - again.start) : added.end - again.start].any()


def test_a_second_round_goes_beyond_the_first() -> None:
    """A number that begins where the first look ended may go on behind it."""
    _, _, windows = verified(Finds(18, 19, times=1))
    assert windows[1].end > windows[0].end


def test_what_is_still_found_in_the_last_round_quarantines_the_call() -> None:
    _, verdict, windows = verified(Grows(13, 14, times=99), rounds=2)
    assert len(windows) == 2
    assert not verdict.passed
    assert [one.name for one in verdict.checks if not one.passed] == ["still_found"]
