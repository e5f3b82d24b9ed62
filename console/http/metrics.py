"""All metric names of the API: one prefix, no label with a call, a person or a token."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector


class ApiMetrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.answers = Counter(
            "hushwire_api_answers",
            "Answers by class of status.",
            ["status"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "hushwire_api_refusals", "Refusals by code.", ["code"], registry=self.registry
        )
        self.looks = Counter(
            "hushwire_api_looks", "Looks at calls.", ["what"], registry=self.registry
        )
        self.faults = Counter(
            "hushwire_api_faults", "Answers that failed for want of something, or by a fault.",
            registry=self.registry,
        )  # fmt: skip
        self.traced = Counter(
            "hushwire_api_trace_spans",
            "Spans of traces that the collector took, or that were dropped.",
            ["what"],
            registry=self.registry,
        )
        self.sweep_refused = Gauge(
            "hushwire_sweep_refused",
            "1 while a sweep destroys nothing until somebody looks: a doubtful clock, or too much.",
            ["sweep"],
            registry=self.registry,
        )
        self.sweep_failed = Counter(
            "hushwire_sweep_failed",
            "Calls that a sweep could not work on.",
            ["sweep"],
            registry=self.registry,
        )
        self.audit_broken = Gauge(
            "hushwire_audit_broken",
            "1 while the audit log can't be signed: changed, cut or away.",
            registry=self.registry,
        )
        self.audit_refused = Counter(
            "hushwire_audit_refusals",
            "Times that the audit log was not signed.",
            ["code"],
            registry=self.registry,
        )
        self.audit_unpublished = Gauge(
            "hushwire_audit_unpublished",
            "1 while the last checkpoint of the audit log is not in the vault and on its topic.",
            registry=self.registry,
        )
        self.calls = Gauge(
            "hushwire_catalogue_calls", "Calls in the catalogue.", ["state"], registry=self.registry
        )
