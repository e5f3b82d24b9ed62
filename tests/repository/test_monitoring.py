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

from agents.system.metrics import CALLS_S, GatewayMetrics, Metrics
from console.http.metrics import ApiMetrics
from tests.repository.chart.rendering import STAGES
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
ALERTS = MONITORING / "prometheus" / "alerts.yml"
OF_PROMETHEUS = {"up": {"job", "instance", "namespace"}}
OF_A_SCRAPE = {"job", "instance", "service", "namespace"}
JOBS = {"hushwire-worker", "hushwire-gateway", "hushwire-console"}


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


def parsed(expression: str) -> list[Any]:
    """All nodes of an expression, also of a dashboard's."""
    return list(nodes(promql.parse(expression.replace("$__rate_interval", "5m"))))


def selectors(expression: str) -> list[tuple[str, dict[str, tuple[str, str]]]]:
    """Each metric that an expression selects, and what it asks for: operator and value by label."""
    signs = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return [
        (
            str(one.name),
            {
                asked.name: (signs[str(asked.op).rsplit(".", 1)[-1]], asked.value)
                for asked in one.matchers.matchers
            },
        )
        for one in parsed(expression)
        if isinstance(one, promql.VectorSelector)
    ]


def faults(expression: str) -> list[str]:
    """What an expression names and nothing has."""
    every = selectors(expression)
    named = {name for name, _ in every}
    wrong = [name for name in sorted(named) if name not in known()]
    labels: set[str] = set.intersection(*(known().get(name, set()) for name in named))
    for one in parsed(expression):
        modifier = getattr(one, "modifier", None)
        grouped = getattr(modifier, "labels", None) or getattr(
            getattr(modifier, "matching", None), "labels", None
        )
        wrong += [f"label {label}" for label in grouped or () if label not in labels | {"le"}]
    return wrong + [
        f"{name}{{{label}}}"
        for name, asked in every
        for label in asked
        if label not in known().get(name, set()) | {"__name__"}
    ]


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


SOURCE = {"type": "prometheus", "uid": "${datasource}"}
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


def promtool(*words: str, at: Path = ALERTS.parent) -> None:
    """Run promtool in a folder; the test is left out, and says so, where it can't be had."""
    tools = ROOT / "build" / "tools"
    program = shutil.which("promtool", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("no promtool: the alarms themselves are not tried (make test says so, too)")
    done = subprocess.run(
        [program, *words],
        cwd=at,
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_configuration_and_rules() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")


def test_alarms_fire_as_tried(tmp_path: Path) -> None:
    """``promtool test rules alerts_test.yml``, where each test computes only alarms it asks for."""
    tried = yaml.safe_load((ALERTS.parent / "alerts_test.yml").read_text("utf-8"))
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    assert tried["rule_files"] == [ALERTS.name]
    files = []
    for number, test in enumerate(tried["tests"]):
        asked = {one["alertname"] for one in test["alert_rule_test"]}
        chosen = [rule for rule in group["rules"] if rule["alert"] in asked]
        assert {rule["alert"] for rule in chosen} == asked
        assert asked
        alarms = tmp_path / f"alerts{number}.yml"
        alarms.write_text(yaml.safe_dump({"groups": [group | {"rules": chosen}]}), "utf-8")
        files.append(f"tests{number}.yml")
        given = tried | {"rule_files": [alarms.name], "tests": [test]}
        (tmp_path / files[-1]).write_text(yaml.safe_dump(given), "utf-8")
    promtool("test", "rules", *files, at=tmp_path)


def test_an_archive_that_waits_wakes_nobody() -> None:
    """What of these metrics is an archive's has another label; the others count live calls."""
    waits = {
        "hushwire_records_behind", "hushwire_oldest_call_seconds", "hushwire_calls_refused_total"
    }  # fmt: skip
    for rule in rules():
        for name, asked in selectors(rule["expr"]):
            if "source" in known().get(name, ()):
                assert asked["source"] == ("=", "live"), rule["alert"]
            if name in waits and asked.get("code") != ("=", "consent"):
                assert asked["stage"] in {
                    ("!~", "backfill-.+"), *(("=", stage) for stage in STAGES)
                }, rule["alert"]  # fmt: skip


def test_jobs_have_the_names_that_alarms_ask_for() -> None:
    scraped = yaml.safe_load((ALERTS.parent / "prometheus.yml").read_text("utf-8"))
    assert {one["job_name"] for one in scraped["scrape_configs"]} == JOBS
    named = [
        asked["job"]
        for rule in rules()
        for name, asked in selectors(rule["expr"])
        if name in {"up", "process_start_time_seconds"}
    ]
    assert {("=", "hushwire-gateway"), ("=", "hushwire-console")} < set(named)
    assert all(any(re.fullmatch(value, job) for job in JOBS) for _, value in named)


def test_late_calls_are_counted_at_a_limit_that_the_histogram_has() -> None:
    (late,) = (one["expr"] for one in rules() if one["alert"] == "HushwireCallsLate")
    (limit,) = {
        asked["le"][1]
        for name, asked in selectors(late)
        if name.endswith("_bucket") and asked["le"][0] == "=~"
    }
    assert [str(one) for one in CALLS_S if re.fullmatch(limit, str(one))] == ["900.0"]


def test_what_the_chart_changes_in_an_alarm_stands_there_once() -> None:
    for rule in rules():
        marked = [line for line in rule["expr"].splitlines() if "# threshold" in line]
        assert len(marked) <= 1, rule["alert"]
        assert all(re.search(r"> [0-9.]+  # threshold$", line) for line in marked)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_what_exists(path: Path) -> None:
    shown = panels(path)
    assert shown
    for panel in shown:
        assert panel["title"]
        assert panel["targets"]
        assert panel["datasource"] == SOURCE
        for target in panel["targets"]:
            assert faults(target["expr"]) == [], panel["title"]
            assert target["datasource"] == SOURCE
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            for name, asked in selectors(target["expr"]):
                assert asked["namespace"] == ("=~", "$namespace"), panel["title"]
                of_process = name.startswith("process_")
                assert asked.get("job") == (("=~", "$job") if of_process else None)
                assert legend <= known()[name], panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_finds_namespaces_and_jobs_by_what_its_program_always_shows(path: Path) -> None:
    source, namespace, job = json.loads(path.read_text("utf-8"))["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource", "datasource", "prometheus",
    )  # fmt: skip
    assert (namespace["name"], job["name"]) == ("namespace", "job")
    assert namespace["allValue"] == ".*"  # also where there are none, as with compose
    asked = r"label_values\((\w+){}, {}\)"
    found = re.fullmatch(asked.format("", "namespace"), namespace["query"]["query"])
    where = re.escape('{namespace=~"$namespace"}')
    again = re.fullmatch(asked.format(where, "job"), job["query"]["query"])
    assert found is not None
    assert again is not None
    assert found[1] == again[1]
    registry = {"overview": Metrics, "gateway": GatewayMetrics, "console": ApiMetrics}[path.stem]()
    shown = {one.name for family in registry.registry.collect() for one in family.samples}
    assert found[1] in shown


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
