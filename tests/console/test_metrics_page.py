"""docs/metrics.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.system.metrics import GatewayMetrics, Metrics
from console.http.metrics import ApiMetrics
from console.http.metrics_page import page

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make metrics`"


def test_it_names_every_metric_of_every_registry() -> None:
    named = set(re.findall(r"^\| `(\w+)` ", page(), re.MULTILINE))
    there = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for registry in (Metrics().registry, GatewayMetrics().registry, ApiMetrics().registry)
        for family in registry.collect()
        if not family.name.startswith("process_")
    }
    assert there == named
