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
    waiting = sorted(
        (span for span in stated.spans if span.action is Action.MUTE),
        key=lambda span: span.start,
        reverse=True,
    )
    told, near = [], list[SpanStated]()
    for mute in sorted(stated.mutes, key=lambda one: (one.start, one.channel)):
        while waiting and waiting[-1].start < mute.end:
            near.append(waiting.pop())
        # Mutes come by their beginnings: what ends before this one concerns no later one.
        near = [span for span in near if span.end > mute.start]
        told.append(_muted(mute, near, rate))
    return told


def _muted(mute: MuteStated, near: list[SpanStated], rate: int) -> Muted:
    behind = [one for one in near if one.channel == mute.channel and one.start < mute.end]
    alone = "paused" if mute.paused else "gap" if mute.gap else "verification"
    reasons = {span.reason.value for span in behind} or {alone}
    return Muted(
        channel=mute.channel,
        start_ms=mute.start * 1_000 // rate,
        end_ms=-(-mute.end * 1_000 // rate),
        entities=tuple(sorted({span.entity for span in behind})),
        reasons=tuple(sorted(reasons)),
        score=max((span.score for span in behind), default=None),
        recognizers=tuple(sorted({span.recognizer for span in behind})),
    )
