"""All metric names, and a snapshot of them for the live display.

One prefix, base units, no label with a call id. Counters live in a registry of their own, so
that several workers in one process (tests) do not share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

DELAYS_S: Final = (
    0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0,
    120.0, 180.0, 300.0, 600.0, 1_800.0,
)  # fmt: skip
"""Limits between which releases are counted, in seconds."""


CALLS_S: Final = (
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    14_400.0, 28_800.0,
)  # fmt: skip
"""The same for whole calls."""

SOURCES: Final = ("live", "archive")
"""Whose calls: those that come in, or those of ``hushwire backfill``. Where a metric is by stage,
an archive's begin with ``backfill-``."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far a worker has come."""

    calls: Mapping[str, int]
    """Calls finished, by stage."""
    in_flight: Mapping[str, int]
    """Calls in flight, by stage."""
    lag: Mapping[str, int]
    """Records taken and not acknowledged yet, by stage."""
    spans: Mapping[str, int]
    """Spans found, by entity type."""
    audio_seconds: float
    """Audio of the calls that transcription has finished."""
    dead_letters: Mapping[str, int]
    """Dead letters, by code."""
    refused: int
    """Calls refused."""


class Metrics:
    """The metrics of one worker process.

    Args:
        registry: where they are registered; a new one where none is given.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.calls = self._counter("calls", "Calls finished.", "stage")
        self.refused = self._counter("calls_refused", "Calls refused.", "stage", "code")
        self.expired = self._counter(
            "calls_expired", "Calls ended because they stayed open for too long.", "source"
        )
        for one in SOURCES:
            self.expired.labels(one)  # an alarm sees the first one, too
        self.records = self._counter("records", "Records taken.", "stage")
        self.dropped = self._counter(
            "records_dropped", "Repeats and records of finished calls.", "stage", "why"
        )
        self.dead_letters = self._counter("dead_letters", "Dead letters.", "stage", "code")
        self.spans = self._counter("spans", "Spans found.", "entity")
        self.audio = self._counter("audio_seconds", "Audio of calls that were transcribed.")
        self.unheard = self._counter("windows_unheard", "Windows that could not be heard.")
        self.doubts = self._counter(
            "speech_doubts", "Guards against invented or missing words that struck.", "reason"
        )
        self.shadow_calls = self._counter(
            "shadow_calls", "Calls in which a candidate policy was compared with the live one."
        )
        self.shadow_seconds = self._counter(
            "shadow_seconds", "Speech silenced by both policies or by one.", "entity", "side"
        )
        self.shadow_spans = self._counter(
            "shadow_spans", "Stretches silenced by both policies or by one.", "entity", "side"
        )
        self.shadow_failed = self._counter(
            "shadow_failed", "Comparisons that were dropped; the live path went on.", "code"
        )
        self.assignments = self._counter(
            "assignments", "Times that the group gave this worker its partitions.", "stage"
        )
        self.in_flight = self._gauge("calls_in_flight", "Calls in flight.", "stage")
        self.oldest_open = self._gauge(
            "oldest_open_call_seconds",
            "Age of the oldest open call in the ledger; 0: none is open.",
            "source",
        )
        self.lag = self._gauge("records_unacknowledged", "Records not acknowledged yet.", "stage")
        self.held = self._gauge("held_bytes", "Audio held back.", "stage")
        self.release_delay = Histogram(
            "hushwire_release_delay_seconds",
            "From audio that came to the muting stage to its release.",
            registry=self.registry,
            buckets=DELAYS_S,
        )
        self.call_delay = Histogram(
            "hushwire_call_delay_seconds",
            "From the end of a live call's audio to its end in the vault, stored or quarantined.",
            registry=self.registry,
            buckets=CALLS_S,
        )
        self.stage_call = Histogram(
            "hushwire_stage_call_seconds",
            "From a call's first record for a stage to the stage's last result, its wait included.",
            ("stage",),
            registry=self.registry,
            buckets=CALLS_S,
        )
        self.behind = self._gauge(
            "records_behind",
            "Records of the worker's own partitions that are not acknowledged, those that it has "
            "not read yet included: add up over workers. Absent while the broker has no answer.",
            "stage",
        )
        self.oldest_call = self._gauge(
            "oldest_call_seconds",
            "Age of the oldest call that the stage has in hand, by its first record; 0: none.",
            "stage",
        )
        self.traced = self._counter(
            "trace_spans", "Spans of traces that the collector took, or that were dropped.", "what"
        )
        self.weak = self._gauge(
            "weak",
            "1 while something is weaker than it should be; `hushwire doctor` says what to do.",
            "check",
        )
        self.pinned = self._counter(
            "calls_pinned_otherwise",
            "Calls that a stage took up under the policy that they began with, not this worker's.",
        )
        self.policy_version = self._gauge(
            "policy_version", "Version of the policy that new calls get; 0: the settings' policy."
        )
        self.policy_refused = self._gauge(
            "policy_version_refused",
            "Published version that this worker could not take up; 0: none. Above 0 is an alarm.",
        )
        self.uncounted = self._counter(
            "calls_uncounted",
            "Calls that were stored without their facts: `hushwire analytics rebuild` makes them.",
            "code",
        )
        self.quarantined = self._counter(
            "calls_quarantined", "Calls that verification kept out of the vault."
        )
        self.checks_failed = self._counter(
            "checks_failed", "Questions of verification that kept a call out of the vault.", "check"
        )
        self.over_limit = self._counter(
            "calls_over_limit", "Calls admitted beyond the limit so as not to stall.", "stage"
        )
        self.sweep_refused = self._gauge(
            "sweep_refused",
            "1 while a sweep destroys nothing until somebody looks: a doubtful clock, or too much.",
            "sweep",
        )
        self.sweep_failed = self._counter(
            "sweep_failed", "Calls that a sweep could not work on.", "sweep"
        )
        self.webhooks_sent = self._counter("webhooks", "Webhooks that were taken.", "kind")
        self.webhooks_failed = self._counter(
            "webhooks_failed", "Attempts to deliver a webhook that failed.", "code"
        )
        self.webhooks_waiting = self._gauge("webhooks_waiting", "Webhooks to be delivered yet.")
        self.webhooks_dead = self._gauge(
            "webhooks_dead", "Webhooks that were given up; `hushwire webhooks list` shows them."
        )
        self.audit_broken = self._gauge(
            "audit_broken", "1 while the audit log can't be signed: changed, cut or away."
        )
        self.audit_refused = self._counter(
            "audit_refusals", "Times that the audit log was not signed.", "code"
        )
        self.audit_unpublished = self._gauge(
            "audit_unpublished",
            "1 while the last checkpoint of the audit log is not in the vault and on its topic.",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hushwire_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"hushwire_{name}", text, labels, registry=self.registry)

    def note_uncounted(self, code: str) -> None:
        """Count a call that was stored without its facts."""
        self.uncounted.labels(code).inc()

    def delays(self) -> tuple[int, ...]:
        """Releases so far by ``DELAYS_S``, and those that took longer."""
        upto = [
            int(sample.value)
            for family in self.release_delay.collect()
            for sample in family.samples
            if sample.name.endswith("_bucket")
        ]
        return tuple(now - before for before, now in zip((0, *upto), upto, strict=False))

    def snapshot(self) -> Snapshot:
        """Read all counters."""
        return Snapshot(
            calls=_by(self.calls, "stage"),
            in_flight=_by(self.in_flight, "stage"),
            lag=_by(self.lag, "stage"),
            spans=_by(self.spans, "entity"),
            audio_seconds=sum(
                sample.value
                for metric in self.audio.collect()
                for sample in metric.samples
                if sample.name.endswith("_total")
            ),
            dead_letters=_by(self.dead_letters, "code"),
            refused=sum(_by(self.refused, "stage").values()),
        )


class GatewayMetrics:
    """The metrics of one gateway process; ``gateway`` is a protocol's name.

    Args:
        registry: where they are registered; a new one where none is given.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.refused = self._counter(
            "refused", "Connections refused or ended by us.", "gateway", "reason"
        )
        self.ended = self._counter("calls", "Calls that are over.", "gateway", "outcome")
        self.open = Gauge(
            "hushwire_gateway_calls_open", "Calls that come in now.", ("gateway",),
            registry=self.registry,
        )  # fmt: skip
        self.audio = self._counter("audio_seconds", "Audio that was sent on.", "gateway")
        self.keys = self._counter("keys", "Keys that were pressed; never which.", "gateway")
        self.probes = self._counter("probes", "Probes that were answered.", "gateway")
        self.traced = self._counter(
            "trace_spans", "Spans of traces that the collector took, or that were dropped.", "what"
        )
        self.acknowledged = Histogram(
            "hushwire_gateway_acknowledged_seconds",
            "From a chunk that is whole to the broker's acknowledgement.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hushwire_gateway_{name}", text, labels, registry=self.registry)


def _by(metric: Counter | Gauge, label: str) -> dict[str, int]:
    values: dict[str, int] = {}
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            name = sample.labels[label]
            values[name] = values.get(name, 0) + int(sample.value)
    return values
