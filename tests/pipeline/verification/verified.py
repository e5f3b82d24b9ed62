"""What the tests of verification share: calls, answers, and a run over them."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import EntityRule, MutingRule, Policy, VerificationRule
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Check,
    Mute,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.verification.verifier import CallVerifier

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
POLICY = Policy(
    name="plain",
    version="1",
    default=EntityRule(pad_before_ms=50, pad_after_ms=50),
    muting=MutingRule(snap_ms=50, after_silence_ms=0),
    verification=VerificationRule(sample_share=0.0),
)
SECRET = Span("CARD_NUMBER", 1, 10 * RATE, 12 * RATE, 0.9, "test")
SECRET_MUTE = Mute(1, SECRET.start, SECRET.end, (SECRET,))
MODELS = ("second@abc",)

Answer = Callable[[Window], list[Span]]


def nothing(_: Window) -> list[Span]:
    return []


def talk(window: Window) -> tuple[Word, ...]:
    """A clear word wherever something sounds."""
    return tuple(
        Word(window.channel, start, min(start + 3_200, part.end), "perhaps", 0.9)
        for part in window.speech
        for start in range(part.start, part.end, 3_200)
    )


def call_audio(seconds: int, seed: int = 1) -> np.ndarray:
    """Bursts of 0.4 s with pauses of 0.2 s on both channels."""
    pcm = np.random.default_rng(seed).normal(0, 2_500, (seconds * RATE, 2))
    gate = (np.arange(seconds * RATE) % 4_800) < 3_200
    return (pcm * gate[:, None]).clip(-32_768, 32_767).astype(np.int16)


def chunks_of(
    pcm: np.ndarray, mutes: tuple[Mute, ...], policy: Policy = POLICY
) -> list[RedactedChunk]:
    out = apply_mutes(pcm, mutes, RATE, policy.muting, key=CALL.call_id)
    return [
        RedactedChunk(
            CALL,
            start // RATE,
            start,
            out[start : start + RATE],
            tuple(one for one in mutes if one.start < start + RATE and one.end > start),
        )
        for start in range(0, len(pcm), RATE)
    ]


def drive(
    chunks: list[RedactedChunk],
    answer: Answer,
    *,
    policy: Policy = POLICY,
    end: CallEnd | None = None,
    order: random.Random | None = None,
    models: tuple[str, ...] = MODELS,
    words: Callable[[Window], tuple[Word, ...]] = talk,
) -> tuple[list[RedactedChunk], Verdict, list[Window]]:
    """Feed a call; answers come at once, or late and shuffled where ``order`` is given."""
    verifier = CallVerifier(policy)
    length = chunks[-1].end if chunks else 0
    items = [*chunks, end or CallEnd(CALL.call_id, len(chunks), length)]
    waiting: list[Window] = []
    seen: list[Window] = []
    out: list[Window | RedactedChunk | Verdict] = []

    def sort_out(new: list[Window | RedactedChunk | Verdict]) -> None:
        windows = [one for one in new if isinstance(one, Window)]
        waiting.extend(windows)
        seen.extend(windows)
        out.extend(one for one in new if not isinstance(one, Window))

    def answer_one(index: int) -> None:
        window = waiting.pop(index)
        heard = WindowTranscript(
            CALL.call_id,
            window.seq,
            window.channel,
            window.start,
            window.end,
            words=words(window),
            models=models,
        )
        sort_out(verifier.take_transcript(heard, answer(window)))

    for item in items:
        sort_out(verifier.take(item))
        while waiting and (order is None or order.random() < 0.3):
            answer_one(0 if order is None else order.randrange(len(waiting)))
    while waiting:
        answer_one(0 if order is None else order.randrange(len(waiting)))
    assert isinstance(out[-1], Verdict)
    assert verifier.finished
    return [one for one in out if isinstance(one, RedactedChunk)], out[-1], seen


def check(verdict: Verdict, name: str) -> Check:
    return next(one for one in verdict.checks if one.name == name)


def left_over(window: Window) -> list[Span]:
    """A listener that hears a digit from 12.3 to 12.6 s as long as it is audible."""
    low, high = round(12.3 * RATE), round(12.6 * RATE)
    if window.channel != 1 or window.start >= high or window.end <= low:
        return []
    heard = window.pcm[max(0, low - window.start) : high - window.start]
    if not np.abs(heard.astype(int)).max(initial=0) > 500:
        return []
    return [Span("CARD_NUMBER", 1, low, high, 0.8, "second")]
