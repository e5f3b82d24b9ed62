"""Prints ``docs/metrics.md``: every metric of every process, as its registry has it.

``python -m console.http.metrics_page``, or ``make metrics``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

from agents.system.metrics import GatewayMetrics, Metrics
from console.http.metrics import ApiMetrics

_HEAD: Final = """# Metrics

Every metric that a process of Hushwire shows to Prometheus; `make metrics` writes this page. No
label names a call, a person or a token. Times are in seconds, ages and delays go by the clocks of
the hosts that wrote the records: keep NTP on all of them. `process_*` are those of Prometheus' own
client.

| process | `/metrics` at |
|---|---|
| worker | `HUSHWIRE_METRICS_HOST`, `HUSHWIRE_METRICS_PORT`; [probes](operate/workers.md#probes) |
| gateway | `HUSHWIRE_GATEWAY_HEALTH_HOST`, `HUSHWIRE_GATEWAY_HEALTH_PORT` |
| console | its own port, for whoever may [read metrics](access.md) |

What comes per worker adds up over workers. `backfill-` before a stage's name are archives' calls.
"""


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for title, metrics in (
        ("Worker", Metrics()),
        ("Gateway", GatewayMetrics()),
        ("Console", ApiMetrics()),
    ):
        rows = sorted(row for one in vars(metrics).values() for row in _rows(one))
        head = [f"## {title}", "", "| metric | kind | labels | what |", "|---|---|---|---|"]
        parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


def _rows(one: object) -> Iterator[str]:
    """A line for a metric; none for whatever else an object of metrics holds."""
    if isinstance(one, MetricWrapperBase):
        names = one._labelnames  # noqa: SLF001 - it tells them in no other way
        labels = ", ".join(f"`{name}`" for name in names)
        for family in one.describe():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


if __name__ == "__main__":
    sys.stdout.write(page())
