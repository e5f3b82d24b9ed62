"""What is told of a call's work; nothing while tracing is off, and never more than is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.system.tracing import tracer
from agents.system.tracing.trace_context import (
    HEADER,
    Context,
    context_of,
    read,
    span_of,
    trace_of,
    written,
)
from agents.system.tracing.tracer import Kind, Span

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]


class Told:
    """Keeps spans; samples what is below a sampled one, and else by a rule."""

    def __init__(self, *, roots: bool = True) -> None:
        self.spans: list[Span] = []
        self.roots = roots

    def sampled(self, trace: int, parent: Context | None) -> bool:
        return self.roots if parent is None else parent.sampled

    def tell(self, span: Span) -> None:
        self.spans.append(span)


def test_off_nothing_is_imported_written_or_kept() -> None:
    code = (
        "import sys\n"
        "import agents.app.wiring, agents.app.gateway.process, agents.kafka.call_sender\n"
        "from agents.system.tracing import otlp, tracer\n"
        "with otlp.exporting('off', 'x'):\n"
        "    call = tracer.trace_call('c', 'mute')\n"
        "    call.came({'traceparent': b'x'}); call.end({})\n"
        "    assert call is tracer.NOTHING and call.header == b''\n"
        "    assert tracer.trace_sent_call('c') is tracer.NOTHING\n"
        "    with tracer.traced('x', tracer.Kind.CLIENT): pass\n"
        "print([one for one in sys.modules if one.startswith(('opentelemetry', 'requests'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_call_at_a_stage_is_a_span_below_the_one_before() -> None:
    told = Told()
    with tracer.start(told):
        call = tracer.trace_call("c", "detect")
        call.came({HEADER: written(context_of("c", "transcribe", sampled=True))})
        assert read({HEADER: call.header}) == context_of("c", "detect", sampled=True)
        call.part("listen", "0/1", 1.0, {"hushwire.channel": 0}, "")
        call.end({"hushwire.outcome": "finished"})
    part, stage = told.spans
    assert (stage.name, stage.kind) == ("detect", Kind.CONSUMER)
    assert (stage.trace, stage.span) == (trace_of("c"), span_of("c", "detect"))
    assert stage.parent == context_of("c", "transcribe", sampled=True)
    assert part.parent == context_of("c", "detect", sampled=True)
    assert part.span != stage.span
    assert stage.attributes == {
        "hushwire.call_id": "c", "hushwire.stage": "detect", "hushwire.outcome": "finished",
    }  # fmt: skip
    assert not tracer.is_on()


def test_a_strange_trace_is_a_link_the_first_one_and_never_the_parent() -> None:
    told = Told()
    theirs, others = Context(1, 2, sampled=False), Context(3, 4, sampled=True)
    with tracer.start(told):
        call = tracer.trace_call("c", "admit")
        for one in (theirs, others):
            call.came({HEADER: written(one)})
        call.came({HEADER: b"00-zz-1-1"})
        assert read({HEADER: call.header}) == context_of("c", "admit", sampled=True)
        call.end({})
    (span,) = told.spans
    assert (span.parent, span.link, span.trace) == (None, theirs, trace_of("c"))


def test_what_a_stage_before_does_not_sample_is_not_sampled() -> None:
    with tracer.start(Told(roots=True)):
        call = tracer.trace_call("c", "mute")
        call.came({HEADER: written(context_of("c", "admit", sampled=False))})
        assert read({HEADER: call.header}) == context_of("c", "mute", sampled=False)
        call.came({HEADER: written(context_of("c", "detect", sampled=True))})
        assert read({HEADER: call.header}) == context_of("c", "mute", sampled=True)


def test_a_flood_of_headers_is_not_kept() -> None:
    told = Told()
    with tracer.start(told):
        call = tracer.trace_call("c", "mute")
        for number in range(1, 10_000):
            call.came({HEADER: written(Context(trace_of("c"), number, sampled=True))})
        assert len(call._came) == 8  # type: ignore[attr-defined]


def test_only_what_is_allowed_is_said() -> None:
    told = Told()
    with tracer.start(told):
        tracer.trace_call("c", "mute").end({"words": "secret", "hushwire.policy": "p" * 10_000})
        with tracer.traced("webhook", Kind.CLIENT, call_id="c", below="vault") as work:
            work.attributes["url"] = "secret"
            work.failed = "timeout"
    first, second = told.spans
    assert "words" not in first.attributes
    assert len(str(first.attributes["hushwire.policy"])) == 256
    assert second.attributes == {"hushwire.call_id": "c"}
    assert second.parent == context_of("c", "vault", sampled=True)
    assert second.failed == "timeout"


def test_a_sender_names_its_span() -> None:
    told = Told()
    with tracer.start(told, "gateway"):
        call = tracer.trace_sent_call("c")
        call.end({})
    (span,) = told.spans
    assert (span.name, span.kind, span.span) == ("gateway", Kind.PRODUCER, span_of("c", "gateway"))
