"""Where a call is silent and why, as its certificate states it."""

from __future__ import annotations

from console.api.schemas import Muted
from pipeline.evidence.certificate import MuteStated, SpanStated, parse_certificate
from pipeline.records.model import Action


def muted_spans(certificate: bytes) -> list[Muted]:
    """The silenced stretches of a call in order of time.

    Args:
        certificate: as it is stored.

    Raises:
        RecordError: it does not follow its schema.
    """
    stated = parse_certificate(certificate)
    rate = max(1, stated.sample_rate)
    spans = [span for span in stated.spans if span.action is Action.MUTE]
    ordered = sorted(stated.mutes, key=lambda mute: (mute.start, mute.channel))
    return [_muted(mute, spans, rate) for mute in ordered]


def _muted(mute: MuteStated, spans: list[SpanStated], rate: int) -> Muted:
    behind = [
        span
        for span in spans
        if span.channel == mute.channel and span.start < mute.end and mute.start < span.end
    ]
    alone = "paused" if mute.paused else "gap" if mute.gap else "verification"
    reasons = {span.reason.value for span in behind} or {alone}
    return Muted(
        channel=mute.channel,
        start_ms=mute.start * 1_000 // rate,
        end_ms=-(-mute.end * 1_000 // rate),
        entities=tuple(sorted({span.entity for span in behind})),
        reasons=tuple(sorted(reasons)),
    )
