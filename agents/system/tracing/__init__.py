"""Traces of calls by OpenTelemetry, off by default: one trace a call, without content.

In: what stages, senders, webhooks and the console say. Out: spans by OTLP, a header on records.

Files: ``trace_context`` ids of a call's trace and spans, and the header ``traceparent`` ·
``tracer`` what the others call, at no cost while tracing is off · ``otlp`` the only one that knows
OpenTelemetry, and imports it when tracing is on · ``variables`` of its own, which are no typos.

A new attribute of a span goes to the allow-list of ``tracer``. Test:
``tests/agents/system/tracing``, the whole way ``tests/broker/test_tracing.py``.
"""
