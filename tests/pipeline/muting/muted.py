"""What the tests of muting share: calls, spans, records, and a run over them."""

from __future__ import annotations

import numpy as np

from pipeline.muting.muter import CallMuter
from pipeline.policy.model import EchoRule, EntityRule, MutingRule, Policy
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    RedactedChunk,
    Role,
    Span,
    Watermark,
)

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
PLAIN = Policy(
    name="plain",
    version="1",
    default=EntityRule(pad_before_ms=0, pad_after_ms=0),
    muting=MutingRule(ramp_ms=0, merge_ms=0, snap_ms=0, after_silence_ms=0),
    echo=EchoRule(mode="never"),
)
KEYS_S = 9
"""So much audio has to follow before it is certain that no typed key is missed."""
RNG = np.random.default_rng(3)


def loud(seconds: float, channels: int = 2) -> np.ndarray:
    return RNG.integers(1_000, 9_000, (round(seconds * RATE), channels)).astype(np.int16)


def span(channel: int, start: float, end: float, entity: str = "CARD_NUMBER") -> Span:
    return Span(entity, channel, round(start * RATE), round(end * RATE), 0.9, "test")


def chunk(seq: int, pcm: np.ndarray, start: int | None = None) -> AudioChunk:
    return AudioChunk(CALL, seq, seq * RATE if start is None else start, pcm)


def findings(*spans: Span, seq: int = 0, mark: float = 0, end: CallEnd | None = None) -> Findings:
    return Findings(CALL.call_id, seq, spans, watermark=Watermark(round(mark * RATE)), end=end)


def end_of(chunks: int) -> CallEnd:
    return CallEnd(CALL.call_id, chunks, chunks * RATE)


def run(policy: Policy, pcm: np.ndarray, *spans: Span) -> tuple[np.ndarray, list[RedactedChunk]]:
    """A whole call in chunks of a second with all findings at once."""
    muter = CallMuter(policy)
    count = len(pcm) // RATE
    out = muter.take_findings(findings(*spans, mark=count, end=end_of(count)))
    for seq in range(count):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    chunks = [each for each in out if isinstance(each, RedactedChunk)]
    assert isinstance(out[-1], CallEnd)
    return np.concatenate([each.pcm for each in chunks]), chunks
