"""What verification mutes and says depends on the call, not on how fast it is listened to."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speech.keypad import pcm16, pressed
from pipeline.policy.model import Policy, VerificationRule
from pipeline.records.model import Interval, Mute, Span, Window, Word
from pipeline.records.scores import Recognizer
from tests.pipeline.verification.verified import CALL, POLICY, RATE, call_audio, chunks_of, drive

pytestmark = pytest.mark.unit
SECONDS = 60
TIGHT = POLICY.model_copy(
    update={
        "verification": VerificationRule(sample_share=0.3, max_cost=0.3, neighbourhood_ms=3_000)
    }
)


def heard_in(window: Window, part: Interval, salt: int) -> int:
    """What an ear makes of a stretch, as a number: of what sounds there and of nothing else."""
    pcm = window.pcm[part.start - window.start : part.end - window.start]
    told = f"{salt} {part} {window.channel}".encode() + pcm.tobytes()
    return int.from_bytes(hashlib.sha256(told).digest()[:4], "big")


def words(window: Window, salt: int) -> tuple[Word, ...]:
    """Digits of any probability, and words, and sounds without any."""
    return tuple(
        Word(window.channel, part.start, min(part.end, part.start + 2_400), text, probability)
        for part in window.speech
        if (drawn := heard_in(window, part, salt)) % 5
        for text in ("seven" if drawn % 3 else "perhaps",)
        for probability in ((drawn >> 8) % 100 / 100,)
    )


def spans(window: Window, salt: int) -> list[Span]:
    """A finding in every fourth stretch."""
    kinds = ("second", Recognizer.EDGE_DIGITS, Recognizer.FEW_DIGITS)
    return [
        Span(
            "CARD_NUMBER", window.channel, part.start, min(part.end, part.start + 2_400), 0.8, kind
        )
        for part in window.speech
        if (drawn := heard_in(window, part, salt + 1)) % 4 == 0
        for kind in (kinds[(drawn >> 8) % 3],)
    ]


def call(salt: int, *, keys: bool) -> tuple[np.ndarray, tuple[Mute, ...]]:
    """A minute and more, with a number every few seconds on either channel."""
    rng = np.random.default_rng(salt)
    pcm = call_audio(SECONDS, salt)
    if keys:
        tones = pcm16(pressed("5501", rest_s=0.6, dbfs=-14.0))
        at = int(rng.integers(15, 40)) * RATE
        pcm[at : at + len(tones), 0] = tones
    mutes, at = [], 0
    while (at := at + int(rng.integers(3 * RATE, 12 * RATE))) < (SECONDS - 3) * RATE:
        channel, end = int(rng.integers(0, 2)), at + int(rng.integers(RATE // 2, 2 * RATE))
        mutes.append(Mute(channel, at, end, (Span("CARD_NUMBER", channel, at, end, 0.9, "test"),)))
    return pcm, tuple(mutes)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400), st.booleans())
def test_how_fast_it_is_listened_to_changes_nothing(salt: int, seed: int, keys: bool) -> None:  # noqa: FBT001
    pcm, mutes = call(salt, keys=keys)
    chunks = chunks_of(pcm, mutes, TIGHT)

    def run(order: random.Random | None) -> tuple[np.ndarray, object, object]:
        done, verdict, _ = drive(
            chunks,
            lambda window: spans(window, salt),
            policy=TIGHT,
            order=order,
            words=lambda window: words(window, salt),
        )
        return np.concatenate([one.pcm for one in done]), verdict.added, verdict.checks

    at_once, late = run(None), run(random.Random(seed))
    assert np.array_equal(at_once[0], late[0])
    assert at_once[1:] == late[1:]


def test_the_ears_of_this_file_find_something() -> None:
    pcm, mutes = call(1, keys=True)
    _, verdict, asked = drive(
        chunks_of(pcm, mutes, TIGHT),
        lambda window: spans(window, 1),
        policy=TIGHT,
        words=lambda window: words(window, 1),
    )
    assert len(asked) > 4
    kinds = {span.recognizer for mute in verdict.added for span in mute.spans}
    assert len(kinds) >= 4
    assert CALL.channels == 2
    assert isinstance(TIGHT, Policy)
