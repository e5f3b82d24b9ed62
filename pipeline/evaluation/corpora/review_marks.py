"""Marks: places in calls where a reviewer heard what should be silent, or missed what should not.

A mark is a labelled case without content: times, type, the policy and models that decided, and the
spans that stand there with their scores. ``mark_of`` makes one against a call's certificate;
``read_marks`` reads what ``hushwire marks list --json`` printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import entity_name, is_known
from pipeline.evidence.certificate import Certificate, SpanStated
from pipeline.records.model import Action

SCHEMA: Final = "hushwire.mark.v1"
MOST_MS: Final = 120_000
"""A mark is a place, not a call."""


class Kind(StrEnum):
    """What a reviewer says of a place."""

    MISSED = "missed"
    """Something sensitive can be heard."""
    WRONG = "wrong"
    """Something harmless is silent."""


class HeardIn(StrEnum):
    """What the reviewer listened to."""

    REDACTED = "redacted"
    RAW = "raw"
    """A quarantined call, while its key lived."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a reviewer marks."""

    channel: int
    """As in the certificate: from 0."""
    start_ms: int
    end_ms: int
    missed: str = ""
    """Entity type, also in short (``card``); empty: what is silent there is harmless."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MarkedSpan(_Model):
    """A span that stands at the place."""

    entity: str
    start_ms: int
    end_ms: int
    score: float
    recognizer: str
    action: Action
    reason: str


class Mark(_Model):
    """A mark as it is stored and exported; no content."""

    schema_: Literal["hushwire.mark.v1"] = Field(SCHEMA, alias="schema")
    mark_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    call_id: str
    channel: int
    start_ms: int
    end_ms: int
    kind: Kind
    entity: str
    """Of what was missed; empty for a wrong mute."""
    heard: HeardIn
    policy: str
    policy_version: str
    policy_digest: str
    models: tuple[str, ...]
    spans: tuple[MarkedSpan, ...]
    by: str
    created: str
    """ISO 8601 in UTC."""

    def as_line(self) -> str:
        """The mark as a line of JSON."""
        return self.model_dump_json(by_alias=True)


@dataclass(frozen=True, slots=True)
class Judged:
    """A place that was checked against the call's certificate."""

    place: Place
    kind: Kind
    entity: str
    spans: tuple[MarkedSpan, ...]


def judge(place: Place, stated: Certificate) -> Judged:
    """Check a place against a certificate, and collect the spans that stand there.

    Raises:
        InputError: it lies outside the call, the type is unknown, or nothing can be missed (or
            wrong) there.
    """
    channels = len(stated.roles)
    if not 0 <= place.channel < channels:
        raise InputError(f"the call has channels 0 to {channels - 1}, no channel {place.channel}")
    if not 0 <= place.start_ms < place.end_ms <= stated.duration_ms:
        raise InputError(f"a mark begins before it ends, within {stated.duration_ms / 1_000:.1f} s")
    if place.end_ms - place.start_ms > MOST_MS:
        raise InputError(f"a mark is {MOST_MS // 1_000} s at most: mark each place on its own")
    rate = max(1, stated.sample_rate)
    start, end = place.start_ms * rate // 1_000, -(-place.end_ms * rate // 1_000)
    mutes = [
        mute
        for mute in stated.mutes
        if mute.channel == place.channel and mute.start < end and start < mute.end
    ]
    # A mute is wider than its spans: those of every mute that is touched explain it.
    low = min([start, *(mute.start for mute in mutes)])
    high = max([end, *(mute.end for mute in mutes)])
    spans = tuple(
        _marked(span)
        for span in stated.spans
        if span.channel == place.channel and span.start < high and low < span.end
    )
    if not place.missed:
        if not mutes:
            raise InputError("nothing is silent there, so no mute can be wrong")
        wrong = tuple(span for span in spans if span.action is Action.MUTE)
        return Judged(place, Kind.WRONG, "", wrong)
    if any(mute.start <= start and end <= mute.end for mute in mutes):
        raise InputError("all of that is silent already, so nothing can be heard there")
    return Judged(place, Kind.MISSED, _type(place.missed, stated), spans)


def _type(name: str, stated: Certificate) -> str:
    """Our own types, and those of own recognisers that the call shows."""
    entity = entity_name(name)
    if not is_known(entity) and entity not in {span.entity for span in stated.spans}:
        raise InputError("that is no type that Hushwire has: docs/entities.md lists them")
    return entity


def _marked(span: SpanStated) -> MarkedSpan:
    return MarkedSpan(
        entity=span.entity,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        score=span.score,
        recognizer=span.recognizer,
        action=span.action,
        reason=span.reason.value,
    )


def read_marks(text: str, *, origin: str) -> list[Mark]:
    """Read exported marks.

    Raises:
        InputError: a line is none; the message names it.
    """
    marks = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            marks.append(Mark.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(f"{origin}, line {number}: {where}: {first['msg']}") from None
    return marks


def wrong_scores(marks: Iterable[Mark]) -> dict[str, Sequence[float]]:
    """Scores of the spans behind wrong mutes, the best of each mark, by entity type."""
    scores: dict[str, list[float]] = {}
    for mark in marks:
        if mark.kind is Kind.WRONG:
            best: dict[str, float] = {}
            for span in mark.spans:
                best[span.entity] = max(span.score, best.get(span.entity, 0.0))
            for entity, score in best.items():
                scores.setdefault(entity, []).append(score)
    return {entity: tuple(each) for entity, each in scores.items()}
