"""What stages, senders, webhooks and the console say of their work, for a trace.

While tracing is off (``start`` was not called) everything here does nothing and OpenTelemetry is
not imported. Nothing here waits, and nothing raises for want of a collector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from agents.system.clock import epoch_seconds
from agents.system.logging import adding
from agents.system.tracing.trace_context import (
    Context,
    context_of,
    is_of,
    parent_of,
    read,
    span_of,
    trace_of,
    written,
)

Attribute: TypeAlias = str | int | float | bool
ATTRIBUTES: Final = frozenset(
    {
        "hushwire.call_id",
        "hushwire.stage",
        "hushwire.policy",
        "hushwire.outcome",
        "hushwire.records",
        "hushwire.sent",
        "hushwire.windows",
        "hushwire.channel",
        "hushwire.audio_seconds",
        "hushwire.delay_seconds",
        "hushwire.kind",
        "hushwire.attempt",
        "error.type",
        "http.request.method",
        "http.route",
        "http.response.status_code",
    }
)
"""What a span may say: counts, ids, durations and fixed words. Whatever else is left out."""
_LONGEST: Final = 256
_CAME: Final = 8
"""Contexts of one call that are looked at: those of its senders and of the stages before."""


class Kind(Enum):
    """What a span is to others, in OpenTelemetry's words."""

    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"
    SERVER = "SERVER"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time, and is over."""

    name: str
    kind: Kind
    began: float
    """In seconds since 1970, as ``ended``."""
    ended: float
    attributes: Mapping[str, Attribute]
    trace: int = 0
    """0: a trace of its own."""
    span: int = 0
    """0: any."""
    parent: Context | None = None
    link: Context | None = None
    """A span of somebody else's trace that led to it."""
    failed: str = ""
    """Why, as a code; empty: it did not fail."""


class Out(Protocol):
    """Where spans go."""

    def sampled(self, trace: int, parent: Context | None) -> bool:
        """Whether spans of a trace are sent at all."""
        ...

    def tell(self, span: Span) -> None:
        """Take a span; never waits."""
        ...


@dataclass(frozen=True, slots=True)
class _On:
    out: Out
    sender: str


_on: list[_On] = []
"""Where spans go, while tracing is on."""


@contextmanager
def start(out: Out, sender: str = "ingest") -> Iterator[None]:
    """Tracing is on in this process while the block runs.

    Args:
        out: where spans go.
        sender: the span of a call that this process sends: one of ``trace_context.SENDERS``.
    """
    one = _On(out, sender)
    _on.append(one)
    try:
        with adding(_log_fields):
            yield
    finally:
        _on.remove(one)


def _log_fields(call_id: str) -> Mapping[str, str]:
    return {"trace_id": f"{trace_of(call_id):032x}"}


def is_on() -> bool:
    """Whether there is tracing."""
    return bool(_on)


class CallTrace:
    """One call at one stage, or at its sender; this one is of nothing."""

    __slots__ = ()

    @property
    def header(self) -> bytes:
        """``traceparent`` of what the stage sends of the call; empty: none."""
        return b""

    def came(self, headers: Mapping[str, bytes | None]) -> None:
        """A record of the call came, with these headers."""

    def part(
        self, name: str, key: str, began: float, attributes: Mapping[str, Attribute], failed: str
    ) -> None:
        """Something within it is over; ``key`` tells it from others of its name."""

    def end(self, attributes: Mapping[str, Attribute], failed: str = "") -> None:
        """It is over."""


NOTHING: Final = CallTrace()


def trace_call(call_id: str, stage: str) -> CallTrace:
    """A call that a stage takes up now.

    Args:
        call_id: the call's own, opaque id.
        stage: its name.
    """
    return _Traced(_on[-1].out, call_id, stage, Kind.CONSUMER) if _on else NOTHING


def trace_sent_call(call_id: str) -> CallTrace:
    """A call that this process begins to send now."""
    return _Traced(_on[-1].out, call_id, _on[-1].sender, Kind.PRODUCER) if _on else NOTHING


class _Traced(CallTrace):
    __slots__ = ("_began", "_came", "_header", "_id", "_link", "_out", "_stage", "_what")

    def __init__(self, out: Out, call_id: str, stage: str, what: Kind) -> None:
        self._out, self._id, self._stage, self._what = out, call_id, stage, what
        self._began = epoch_seconds()
        self._came: dict[int, Context] = {}
        self._link: Context | None = None
        self._header = b""

    @property
    def header(self) -> bytes:
        if not self._header:
            self._header = written(self._own(self._parent()))
        return self._header

    def came(self, headers: Mapping[str, bytes | None]) -> None:
        context = read(headers)
        if context is None or context.span in self._came or len(self._came) >= _CAME:
            return
        if is_of(context, self._id):
            self._came[context.span] = context
            self._header = b""
        else:
            self._link = self._link or context

    def part(
        self, name: str, key: str, began: float, attributes: Mapping[str, Attribute], failed: str
    ) -> None:
        own = self._own(self._parent())
        self._tell(
            Span(
                name,
                Kind.INTERNAL,
                began,
                epoch_seconds(),
                self._said(attributes),
                own.trace,
                span_of(self._id, f"{self._stage}/{name}/{key}"),
                parent=own,
                failed=failed,
            )
        )

    def end(self, attributes: Mapping[str, Attribute], failed: str = "") -> None:
        parent = self._parent()
        self._tell(
            Span(
                self._stage,
                self._what,
                self._began,
                epoch_seconds(),
                self._said(attributes),
                trace_of(self._id),
                span_of(self._id, self._stage),
                parent=parent,
                link=self._link,
                failed=failed,
            )
        )

    def _tell(self, span: Span) -> None:
        self._out.tell(span)

    def _parent(self) -> Context | None:
        return parent_of(self._id, self._stage, self._came.values())

    def _own(self, parent: Context | None) -> Context:
        sampled = self._out.sampled(trace_of(self._id), parent)
        return context_of(self._id, self._stage, sampled=sampled)

    def _said(self, attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
        return allowed({"hushwire.call_id": self._id, "hushwire.stage": self._stage, **attributes})


@dataclass(slots=True)
class Work:
    """What ``traced`` is told of work while it runs."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    failed: str = ""
    name: str = ""
    """Another name than the one that it began with."""


@contextmanager
def traced(
    name: str,
    kind: Kind,
    *,
    call_id: str = "",
    below: str = "",
    link: Context | None = None,
) -> Iterator[Work]:
    """Work that is no stage's, such as an answer to a request; one span, when the block ends.

    Args:
        name: of fixed words.
        kind: see ``Kind``.
        call_id: of the call in whose trace it is; empty: in a trace of its own.
        below: the stage whose work led to it; empty: none.
        link: what somebody else says that led to it.
    """
    work = Work()
    if not _on:
        yield work
        return
    out, began = _on[-1].out, epoch_seconds()
    try:
        yield work
    finally:
        trace, parent = trace_of(call_id) if call_id else 0, None
        if call_id and below:
            parent = context_of(call_id, below, sampled=out.sampled(trace, None))
        said = {"hushwire.call_id": call_id} if call_id else {}
        out.tell(
            Span(
                work.name or name,
                kind,
                began,
                epoch_seconds(),
                allowed({**said, **work.attributes}),
                trace,
                parent=parent,
                link=link,
                failed=work.failed,
            )
        )


def allowed(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Those of the list, with texts of a length that an id may have."""
    return {
        name: value[:_LONGEST] if isinstance(value, str) else value
        for name, value in attributes.items()
        if name in ATTRIBUTES
    }
