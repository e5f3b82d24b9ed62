"""Spans to a collector, by OTLP over HTTP (protobuf), as ``OTEL_EXPORTER_OTLP_*`` say.

OpenTelemetry is imported in ``exporting``, where tracing is on. A thread of its own sends; a
collector that is away, slow or answers nonsense costs spans, which are counted, and nothing else:
the queue is bounded, no answer is read beyond its head, no redirect is followed, and the end of the
process waits ``CLOSE_S`` at most.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from agents.system.logging import get_logger
from agents.system.tracing import tracer, variables
from agents.system.tracing.trace_context import Context
from agents.system.tracing.tracer import Span
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from prometheus_client import Counter

CLOSE_S: Final = 3.0
"""How long what is still queued may take when the process ends."""
SENT: Final = "sent"
DROPPED: Final = "dropped"
QUEUE: Final = 2_048
"""Spans that wait at most, unless ``OTEL_BSP_MAX_QUEUE_SIZE`` says otherwise."""


@contextmanager
def exporting(
    wanted: str, service: str, *, sender: str = "ingest", counter: Counter | None = None
) -> Iterator[None]:
    """Tracing as a setting wants it, while the block runs.

    Args:
        wanted: ``off`` or ``otlp``.
        service: ``service.name``, unless ``OTEL_SERVICE_NAME`` says otherwise.
        sender: see ``tracer.start``.
        counter: counts spans, with one label: ``SENT`` or ``DROPPED``.

    Raises:
        SettingsError: the extra is not installed, or a variable can't be used.
    """
    if wanted == "off":
        yield
        return
    try:
        variables.check()
        out = _Spans(service, counter)
    except ImportError:
        raise SettingsError(
            'tracing needs packages that are not installed: pip install "hushwire[tracing]", or '
            "pinned and offline by requirements-small.txt (docs/deploy/install.md); or set "
            "HUSHWIRE_TRACING=off"
        ) from None
    except (ValueError, OSError):
        raise SettingsError(
            f"{variables.OTLP}*, OTEL_BSP_* or OTEL_SPAN_*: a value that OpenTelemetry does not "
            "take; see docs/tracing.md"
        ) from None
    try:
        with tracer.start(out, sender):
            yield
    finally:
        out.close()


class _Spans:
    """``tracer.Out`` by OpenTelemetry's SDK."""

    def __init__(self, service: str, counter: Counter | None) -> None:
        api: Any = importlib.import_module("opentelemetry.trace")
        self._api, self._context = api, importlib.import_module("opentelemetry.context")
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        exports: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        self._counter, self._lock, self._away = counter, threading.Lock(), False
        self._waiting, self._most = 0, int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or QUEUE)
        self._ids = _ids(sdk)
        exporter = _counting(otlp.OTLPSpanExporter, exports.SpanExportResult.SUCCESS, self._left)
        self._processor = exports.BatchSpanProcessor(
            exporter(session=_session()), max_queue_size=self._most
        )
        self._provider = sdk.TracerProvider(
            resource=_resource(service), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("hushwire", metadata.version("hushwire"))

    def sampled(self, trace: int, parent: Context | None) -> bool:
        """See ``tracer.Out``."""
        told = self._provider.sampler.should_sample(self._below(parent), trace, "")
        return bool(told.decision.is_sampled())

    def tell(self, span: Span) -> None:
        """See ``tracer.Out``."""
        try:
            self._tell(span)
        except Exception:  # noqa: BLE001 - whatever is wrong with a trace, calls go on
            self._count(DROPPED, 1)

    def _tell(self, span: Span) -> None:
        links = [self._api.Link(self._remote(span.link))] if span.link else []
        attributes = {**span.attributes, **({"error.type": span.failed} if span.failed else {})}
        with self._lock:
            self._ids.trace, self._ids.span = span.trace, span.span
            made = self._tracer.start_span(
                span.name,
                context=self._below(span.parent),
                kind=self._api.SpanKind[span.kind.value],
                attributes=attributes,
                links=links,
                start_time=round(span.began * 1e9),
            )
            if span.failed:
                made.set_status(self._api.StatusCode.ERROR)
            if made.get_span_context().trace_flags.sampled:
                self._waits()
            made.end(round(max(span.began, span.ended) * 1e9))

    def close(self) -> None:
        """Send what is queued, for ``CLOSE_S`` at most; the rest is dropped."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_S)
        with self._lock:
            if self._waiting:
                self._count(DROPPED, self._waiting)
            self._waiting = 0

    def _count(self, what: str, spans: int) -> None:
        if self._counter is not None:
            self._counter.labels(what).inc(spans)

    def _waits(self) -> None:
        """A span is about to be queued; a full queue lets go of its oldest one."""
        if self._waiting < self._most:
            self._waiting += 1
        else:
            self._count(DROPPED, 1)

    def _left(self, spans: int, *, sent: bool | None) -> None:
        """Spans left the queue (None), and were taken by the collector or not."""
        if sent is None:
            with self._lock:
                self._waiting = max(0, self._waiting - spans)
        else:
            self._count(SENT if sent else DROPPED, spans)
            if self._away is sent:
                self._away = not sent
                log = get_logger()
                if sent:
                    log.info("trace collector is back")
                else:
                    log.warning("trace collector away: spans are dropped", count=spans)

    def _below(self, parent: Context | None) -> Any:  # noqa: ANN401 - OpenTelemetry's own
        empty = self._context.Context()
        if parent is None:
            return empty
        span = self._api.NonRecordingSpan(self._remote(parent))
        return self._api.set_span_in_context(span, empty)

    def _remote(self, context: Context) -> Any:  # noqa: ANN401 - OpenTelemetry's own
        flags = self._api.TraceFlags(int(context.sampled))
        return self._api.SpanContext(context.trace, context.span, is_remote=True, trace_flags=flags)


def _ids(sdk: Any) -> Any:  # noqa: ANN401 - OpenTelemetry's own
    """Ids that are said before each span; any where none are."""
    drawn = sdk.RandomIdGenerator()

    class Said(sdk.IdGenerator):  # type: ignore[misc]
        trace = span = 0

        def generate_trace_id(self) -> int:
            return self.trace or drawn.generate_trace_id()

        def generate_span_id(self) -> int:
            return self.span or drawn.generate_span_id()

    return Said()


def _counting(exporter: Any, success: Any, left: Callable[..., None]) -> Any:  # noqa: ANN401 - OpenTelemetry's own
    """An exporter that tells what became of each batch."""

    class Counting(exporter):  # type: ignore[misc]
        def export(self, spans: Sequence[Any]) -> Any:  # noqa: ANN401 - OpenTelemetry's own
            left(len(spans), sent=None)
            sent = False
            try:
                done = super().export(spans)
                sent = done is success
            finally:
                left(len(spans), sent=sent)
            return done

    return Counting


def _session() -> Any:  # noqa: ANN401 - of requests
    """A session that reads no answer's body: it may have no end."""
    requests: Any = importlib.import_module("requests")

    class Session(requests.Session):  # type: ignore[misc]
        def request(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as it has it
            answer = super().request(*args, **{**kwargs, "stream": True, "allow_redirects": False})
            answer.close()
            return answer

    return Session()


def _resource(service: str) -> Any:  # noqa: ANN401 - OpenTelemetry's own
    resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    found = resources.Resource.create()
    named = str(found.attributes.get("service.name", ""))
    told = {"service.version": metadata.version("hushwire")}
    if named.startswith("unknown_service"):
        told["service.name"] = service
    return found.merge(resources.Resource(told))
