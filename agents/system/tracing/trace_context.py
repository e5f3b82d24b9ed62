"""Ids of a call's trace and spans, and the header that carries them (W3C Trace Context).

They follow from the call's id and the stage's name: whoever takes a call up, with whatever is in
memory, says the same of it, and what a header says of a call can be checked. A header is bound by
no seal: one that is malformed, or names no span that a call can have, says nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.records.stages import STAGES

HEADER: Final = "traceparent"
SENDERS: Final = ("gateway", "ingest", "watch", "backfill")
"""Who sends calls."""
_WAY: Final = (*SENDERS, *STAGES)
_LONGEST: Final = 512
_SAMPLED: Final = 0x01
_WRITTEN: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Context:
    """A span that something belongs to."""

    trace: int
    """128 bits, not 0."""
    span: int
    """64 bits, not 0."""
    sampled: bool


def trace_of(call_id: str) -> int:
    """The trace of a call."""
    return _drawn(f"hushwire/trace/{call_id}", 16)


def span_of(call_id: str, name: str) -> int:
    """The span of a call at a stage, or of its sender."""
    return _drawn(f"hushwire/span/{call_id}/{name}", 8)


def context_of(call_id: str, name: str, *, sampled: bool) -> Context:
    """A call's span at a stage as others name it."""
    return Context(trace_of(call_id), span_of(call_id, name), sampled)


def written(context: Context) -> bytes:
    """The header of what a span caused."""
    return b"00-%032x-%016x-%02x" % (context.trace, context.span, context.sampled)


def read(headers: Mapping[str, bytes | None]) -> Context | None:
    """What a header says, from anybody; None: nothing, or nothing that is well formed."""
    value = headers.get(HEADER)
    if value is None or len(value) > _LONGEST:
        return None
    found = _WRITTEN.fullmatch(value)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5] is not None):
        return None
    trace, span = int(found[2], 16), int(found[3], 16)
    return Context(trace, span, bool(int(found[4], 16) & _SAMPLED)) if trace and span else None


def is_of(context: Context, call_id: str) -> bool:
    """Whether a span is of a call's own trace."""
    return context.trace == trace_of(call_id)


def parent_of(call_id: str, stage: str, came: Iterable[Context]) -> Context | None:
    """The span that a stage's own one is below: of who had the call last, of those before it.

    Args:
        call_id: of the call.
        stage: whose span it is.
        came: what headers of the call's records said.
    """
    known = {one.span: one for one in came if is_of(one, call_id)}
    before = _WAY[: _WAY.index(stage)] if stage in _WAY else _WAY
    for name in reversed(before):
        found = known.get(span_of(call_id, name))
        if found is not None:
            return found
    return None


def _drawn(text: str, size: int) -> int:
    """As good as drawn: bytes of a hash; never 0, which is no id."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1
