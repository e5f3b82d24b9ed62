"""What a threshold decided on in a stored call: read again, and decided by another policy.

A file of its own beside the call's others, sealed like them, that no certificate names: entity
types, places, scores and recognisers, never a word. It lets ask what another threshold would have
silenced, before padding and muting. What it can't tell: what verification would have found, numbers
that the reader explained away, words that another hearing outvoted, and what lies below the
reader's ``FLOOR``.

Outcomes of ``read_candidates``: a ``Candidates``, or ``RecordError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.errors import RecordError
from pipeline.policy.model import Policy
from pipeline.records.model import Action, Reason, Span
from pipeline.records.scores import FoundBy, Recognizer

VERSION: Final = 1
_FIELDS: Final = 7
_UNJUDGED: Final = frozenset({Recognizer.UNDECIDED, Recognizer.AFTER_UNHEARD})
"""Recognisers whose score no threshold judges."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was weighed in one call."""

    rate: int
    """Hz; times are in its samples."""
    policy: str
    """Digest of the policy that the call was redacted by."""
    spans: tuple[Span, ...]

    def decided(self, policy: Policy) -> list[Span]:
        """The stretches that a policy's thresholds and actions would let count."""
        return [
            replace(span, action=_action(span, policy))
            for span in self.spans
            if not _judged(span) or span.score >= _threshold(span, policy)
        ]


def candidates_json(rate: int, policy: str, spans: Iterable[Span]) -> bytes:
    """The file of a call.

    Args:
        rate: Hz.
        policy: digest of the call's policy.
        spans: what was weighed, and what was found without a threshold.
    """
    rows = [
        [one.entity, one.channel, one.start, one.end, one.score, one.recognizer, one.reason.value]
        for one in sorted(set(spans), key=lambda s: (s.start, s.channel, s.end, s.entity, s.score))
    ]
    form = {"version": VERSION, "rate": rate, "policy": policy, "spans": rows}
    return json.dumps(form, separators=(",", ":")).encode()


def read_candidates(data: bytes) -> Candidates:
    """Read a file.

    Raises:
        RecordError: it holds no candidates, or a newer version wrote it.
    """
    try:
        form = json.loads(data)
        if form["version"] != VERSION:
            raise RecordError("candidates of a newer version: upgrade")
        rate, policy = int(form["rate"]), str(form["policy"])
        spans = tuple(_read(form["spans"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordError("not the candidates of a call") from None
    if rate <= 0:
        raise RecordError("not the candidates of a call")
    return Candidates(rate, policy, spans)


def weighed(spans: Iterable[Span], candidates: Iterable[Span]) -> Iterator[Span]:
    """What goes into the file: the candidates, and of the final spans those that none decided."""
    yield from candidates
    yield from (span for span in spans if not _judged(span))


def _read(rows: list[list[object]]) -> Iterator[Span]:
    for row in rows:
        if len(row) != _FIELDS:
            raise ValueError(row)
        entity, channel, start, end, score, recognizer, reason = row
        match entity, channel, start, end, score, recognizer, reason:
            case (str(), int(), int(), int(), float() | int(), str(), str()) if 0 <= start <= end:
                why = Reason(reason)
                yield Span(entity, channel, start, end, float(score), recognizer, reason=why)
            case _:
                raise ValueError(entity)


def _judged(span: Span) -> bool:
    return span.reason is Reason.RECOGNISED and span.recognizer not in _UNJUDGED


def _threshold(span: Span, policy: Policy) -> float:
    return policy.threshold(span.entity, FoundBy.read(span.recognizer).recognizer)


def _action(span: Span, policy: Policy) -> Action:
    return policy.rule(span.entity).action if _judged(span) else Action.MUTE
