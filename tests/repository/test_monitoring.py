"""Dashboards and alarms: every metric and label that they name exists, and every alarm fires."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client import CollectorRegistry

from agents.system.metrics import GatewayMetrics, Metrics
from console.http.metrics import ApiMetrics

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
ALERTS = MONITORING / "prometheus" / "alerts.yml"
OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_A_SCRAPE = {"job", "instance", "service"}


def metrics_of(registry: CollectorRegistry) -> dict[str, set[str]]:
    """Every series that a registry may show, and its labels, also those without a sample yet."""
    found: dict[str, set[str]] = {}
    for collector in set(registry._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        for name in registry._collector_to_names[collector]:
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    for family in registry.collect():  # a process's own figures are described by nothing else
        for sample in family.samples:
            found.setdefault(sample.name, set(sample.labels))
    return found


@cache
def known() -> dict[str, set[str]]:
    registries = (Metrics().registry, GatewayMetrics().registry, ApiMetrics().registry)
    return OF_PROMETHEUS | {
        name: labels | OF_A_SCRAPE
        for registry in registries
        for name, labels in metrics_of(registry).items()
    }


def children(node: object) -> Iterator[Any]:
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield child
    yield from getattr(node, "args", ())


def nodes(node: object) -> Iterator[Any]:
    yield node
    for child in children(node):
        yield from nodes(child)


def faults(expression: str) -> list[str]:
    """What an expression names and nothing has."""
    text = expression.replace("$__rate_interval", "5m")
    every = list(nodes(promql.parse(text)))
    selectors = [one for one in every if isinstance(one, promql.VectorSelector)]
    named = {one.name for one in selectors}
    wrong = [name for name in sorted(named) if name not in known()]
    labels: set[str] = set.intersection(*(known().get(name, set()) for name in named))
    for one in every:
        modifier = getattr(one, "modifier", None)
        grouped = getattr(modifier, "labels", None) or getattr(
            getattr(modifier, "matching", None), "labels", None
        )
        wrong += [f"label {label}" for label in grouped or () if label not in labels | {"le"}]
    for selector in selectors:
        wrong += [
            f"{selector.name}{{{matcher.name}}}"
            for matcher in selector.matchers.matchers
            if matcher.name not in known().get(selector.name, set()) | {"__name__"}
        ]
    return wrong


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return list(group["rules"])


def runbook(rule: dict[str, Any]) -> str:
    """The page of this repository that an alarm names."""
    name = re.fullmatch(
        r'{{ with \$externalLabels\.runbooks }}{{ printf \. "([\w-]+)" }}'
        r"{{ else }}docs/runbooks/\1\.md{{ end }}",
        rule["annotations"]["runbook_url"],
    )
    assert name is not None, rule["alert"]
    return f"docs/runbooks/{name[1]}.md"


DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))


def panels(path: Path) -> list[dict[str, Any]]:
    return [one for one in json.loads(path.read_text("utf-8"))["panels"] if one["type"] != "row"]


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("sum by (stage) (rate(hushwire_calls_total[5m]))", []),
        ("sum by (stage) (rate(hushwire_call_total[5m]))", ["hushwire_call_total", "label stage"]),
        ("sum by (stages) (hushwire_held_bytes)", ["label stages"]),
        ('hushwire_held_bytes{stge="mute"}', ["hushwire_held_bytes{stge}"]),
        ("a > 0 and on (b) up", ["a", "label b"]),
    ],
)
def test_what_does_not_exist_is_found(expression: str, wrong: list[str]) -> None:
    assert faults(expression) == wrong


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alarm_names_what_exists_and_its_runbook(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    assert rule["labels"]["severity"] in {"page", "ticket"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    page = (ROOT / runbook(rule)).read_text("utf-8")
    assert page.startswith(f"# {rule['alert']}\n")
    assert len(page.splitlines()) <= 40
    assert re.findall(r"(?m)^## (.*)", page) == [
        "What it means",
        "How to look",
        "What to do",
        "When to worry",
    ]


def test_every_runbook_has_its_alarm() -> None:
    named = {runbook(rule) for rule in rules()}
    there = (ROOT / "docs" / "runbooks").glob("*.md")
    assert {path.relative_to(ROOT).as_posix() for path in there} == named


def test_every_alarm_is_tried_where_it_fires_and_where_it_nearly_does() -> None:
    tests = yaml.safe_load((ALERTS.parent / "alerts_test.yml").read_text("utf-8"))["tests"]
    tried = [one for test in tests for one in test["alert_rule_test"]]
    for name in (rule["alert"] for rule in rules()):
        outcomes = {bool(one["exp_alerts"]) for one in tried if one["alertname"] == name}
        assert outcomes == {True, False}, name


def promtool(*words: str) -> None:
    tools = ROOT / "build" / "tools"
    program = shutil.which("promtool", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("no promtool: the alarms themselves are not tried (make test says so, too)")
    done = subprocess.run(
        [program, *words],
        cwd=ALERTS.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_configuration_and_rules_and_alarms_fire_as_tried() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


def test_an_archive_that_waits_wakes_nobody() -> None:
    """What of these metrics is an archive's has another label; the others count live calls."""
    for rule in rules():
        for one in nodes(promql.parse(rule["expr"])):
            if isinstance(one, promql.VectorSelector) and "source" in known().get(one.name, ()):
                assert ("source", "live") in {(m.name, m.value) for m in one.matchers.matchers}
    (stuck,) = (one["expr"] for one in rules() if one["alert"] == "HushwireStageStuck")
    assert 'sum by (stage) (hushwire_records_behind{stage!~"backfill-.+"})' in stuck


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_what_exists(path: Path) -> None:
    provisioned = yaml.safe_load(
        (MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )
    uids = {source["uid"] for source in provisioned["datasources"]}
    shown = panels(path)
    assert shown
    for panel in shown:
        assert panel["title"]
        assert panel["targets"]
        assert panel["datasource"]["uid"] in uids
        for target in panel["targets"]:
            assert faults(target["expr"]) == [], panel["title"]
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            named = {
                one.name
                for one in nodes(promql.parse(target["expr"].replace("$__rate_interval", "5m")))
                if isinstance(one, promql.VectorSelector)
            }
            assert all(legend <= known()[name] for name in named), panel["title"]


def test_dashboards_have_names_of_their_own_and_panels_do_not_lie_on_one_another() -> None:
    whole = [json.loads(path.read_text("utf-8")) for path in DASHBOARDS]
    assert len({one["uid"] for one in whole}) == len(whole) == 3
    for one in whole:
        taken: set[tuple[int, int]] = set()
        for panel in one["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])


def test_the_overview_shows_what_operators_ask_first() -> None:
    asked = " ".join(
        target["expr"]
        for panel in panels(MONITORING / "grafana/dashboards/overview.json")
        for target in panel["targets"]
    )
    for name in (
        "hushwire_calls_total",
        "hushwire_records_behind",
        "hushwire_call_delay_seconds_bucket",
        "hushwire_release_delay_seconds_bucket",
        "hushwire_oldest_call_seconds",
        "hushwire_oldest_open_call_seconds",
        "hushwire_held_bytes",
        "hushwire_dead_letters_total",
        "hushwire_checks_failed_total",
        "hushwire_calls_refused_total",
        "hushwire_sweep_refused",
        "process_resident_memory_bytes",
    ):
        assert name in asked


@pytest.mark.parametrize("name", ["log", "forward"])
def test_a_pipeline_of_the_collector_is_made_of_what_is_configured(name: str) -> None:
    folder = MONITORING / "otel"
    both = [
        yaml.safe_load((folder / f"{one}.yaml").read_text("utf-8")) for one in ("collector", name)
    ]
    parts = {key: set(value) for one in both for key, value in one.items() if key != "service"}
    (pipeline,) = both[1]["service"]["pipelines"].values()
    assert {key: set(value) <= parts[key] for key, value in pipeline.items()} == {
        "receivers": True,
        "processors": True,
        "exporters": True,
    }
