"""Monitors, alarms and dashboards of the chart: as those of compose, and of one namespace alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository.chart.rendering import (
    CHART,
    ROOT,
    STAGES,
    case,
    of_kind,
    rendered,
    template,
)
from tests.repository.test_monitoring import DASHBOARDS, JOBS, faults, promtool, selectors

SOURCE = ROOT / "deploy" / "monitoring" / "prometheus" / "alerts.yml"


def alarms(*values: str) -> dict[str, dict[str, Any]]:
    """The chart's rules by their names."""
    sets = [word for value in values for word in ("--set", value)]
    (rule,) = of_kind(rendered("ha", *sets), "PrometheusRule").values()
    (group,) = rule["spec"]["groups"]
    return {one["alert"]: one for one in group["rules"]}


def own() -> dict[str, dict[str, Any]]:
    """The rules of compose by their names."""
    (group,) = yaml.safe_load(SOURCE.read_text("utf-8"))["groups"]
    return {one["alert"]: one for one in group["rules"]}


def test_alarms_are_those_of_the_monitoring_and_of_one_namespace() -> None:
    assert (CHART / "files" / "alerts.yml").resolve() == SOURCE
    assert list(alarms()) == list(own())
    for name, rule in alarms().items():
        source = own()[name]
        assert rule["annotations"] == source["annotations"]
        assert rule.get("for") == source.get("for")
        assert rule["labels"] == {**source["labels"], "namespace": "phone"}
        assert faults(rule["expr"]) == []
        here = [asked for _, asked in selectors(rule["expr"])]
        assert all(one.pop("namespace") == ("=", "phone") for one in here)
        there = [asked for _, asked in selectors(source["expr"].split("\nand on () count(")[0])]
        assert here == there


def test_releases_in_one_prometheus_do_not_answer_for_one_another(tmp_path: Path) -> None:
    """Staging works; phone has no transcribe, a worker of detect that hangs, and no gateway."""
    (tmp_path / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "phone", "rules": list(alarms().values())}]}), "utf-8"
    )
    behind = {("staging", stage): "0x90" for stage in STAGES}
    behind |= {("phone", stage): "0x90" for stage in STAGES if stage != "transcribe"}
    behind["phone", "detect"] = "500x90"
    series = {
        f'hushwire_records_behind{{namespace="{where}",stage="{stage}",instance="{where}"}}': value
        for (where, stage), value in behind.items()
    }
    series |= {
        'hushwire_records_total{namespace="staging",stage="detect",instance="staging"}': "0+9x90",
        'hushwire_records_total{namespace="phone",stage="detect",instance="phone"}': "9x90",
        'up{namespace="staging",job="hushwire-gateway",instance="staging"}': "1x90",
    }
    found = [
        {"alertname": "HushwireStageAway", "stage": "transcribe", "severity": "page"},
        {
            "alertname": "HushwireStageStuck", "stage": "detect", "severity": "page",
            "instance": "phone",
        },
        {"alertname": "HushwireGatewayAway", "severity": "page"},
        {"alertname": "HushwireConsoleAway", "severity": "ticket"},
    ]  # fmt: skip
    samples = [
        {"labels": f"ALERTS{json.dumps({**one, 'namespace': 'phone', 'alertstate': 'firing'})}"}
        for one in found
    ]
    for one in samples:
        one["labels"] = re.sub(r'"(\w+)": ', r"\1=", one["labels"])
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": value} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": "ALERTS",
                "eval_time": "80m",
                "exp_samples": [{**one, "value": 1} for one in samples],
            }
        ],
    }
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(whole), "utf-8")
    promtool("test", "rules", "test.yml", at=tmp_path)


def test_each_alarm_can_be_switched_off_or_have_another_threshold_and_time() -> None:
    changed = alarms(
        "monitoring.alarms.HushwireUnheard.enabled=false",
        "monitoring.alarms.HushwireCallHeld.threshold=9000",
        "monitoring.alarms.HushwireCallHeld.for=5m",
        "monitoring.alarms.HushwireCallsLate.threshold=0.2",
    )
    plain = alarms()
    assert plain.keys() - changed.keys() == {"HushwireUnheard"}
    assert changed["HushwireCallHeld"]["for"] == "5m"
    for name, old, new in (("CallHeld", "36000", "9000"), ("CallsLate", "0.05", "0.2")):
        before, after = (one[f"Hushwire{name}"]["expr"] for one in (plain, changed))
        assert after == before.replace(f"> {old} ", f"> {new} ") != before
    rest = changed.keys() - {"HushwireCallHeld", "HushwireCallsLate"}
    assert all(changed[name] == plain[name] for name in rest)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "HushwireStageGone.enabled=false",
            "there is no such alarm; there are HushwireAuditBroken",
        ),
        ("HushwireWeak.threshold=3", "HushwireWeak: has no threshold; set for or enabled"),
        ("HushwireUnheard.treshold=3", "treshold"),
        ("HushwireUnheard.for=soon", "soon"),
    ],
)
def test_what_no_alarm_has_is_refused(value: str, told: str) -> None:
    done = template("-f", case("ha"), "--set", f"monitoring.alarms.{value}")
    assert done.returncode != 0
    assert told in done.stderr


def test_nobody_is_woken_for_a_gateway_or_console_that_is_not_wanted() -> None:
    assert {"HushwireGatewayAway", "HushwireConsoleAway"} <= alarms().keys()
    fewer = alarms("gateway.enabled=false", "console.enabled=false")
    assert not {"HushwireGatewayAway", "HushwireConsoleAway"} & fewer.keys()
    unseen = alarms("monitoring.console.tokenSecret.name=")
    assert alarms().keys() - unseen.keys() == {"HushwireConsoleAway"}


def test_where_runbooks_lie_is_said_by_a_value() -> None:
    address = "https://docs.example.com/runbooks/%s.html"
    told = {
        one["annotations"]["runbook_url"]
        for one in alarms(f"monitoring.runbooks={address}").values()
    }
    pages = (ROOT / "docs" / "runbooks").glob("*.md")
    assert told == {address.replace("%s", page.stem) for page in pages}


def test_monitors_find_ports_that_pods_have_and_name_jobs_as_compose_does() -> None:
    objects = rendered("ha")
    ports = {
        port["name"]
        for one in of_kind(objects, "Deployment").values()
        for container in one["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }
    of_pods = {
        endpoint["port"]: endpoint
        for one in of_kind(objects, "PodMonitor").values()
        for endpoint in one["spec"]["podMetricsEndpoints"]
    }
    assert of_pods.keys() == {"metrics", "health"} <= ports
    (monitor,) = of_kind(objects, "ServiceMonitor").values()
    service = of_kind(objects, "Service")["calls-console"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["scheme"] == "https"
    assert endpoint["authorization"]["credentials"] == {
        "name": "hushwire-metrics-token",
        "key": "token",
    }
    jobs = [one["relabelings"] for one in (of_pods["metrics"], of_pods["health"], endpoint)]
    named = ("hushwire-worker", "hushwire-gateway", "hushwire-console")
    assert jobs == [[{"targetLabel": "job", "replacement": name}] for name in named]
    assert set(named) == JOBS


def test_dashboards_are_those_of_compose_for_the_sidecar() -> None:
    assert not [name for name in of_kind(rendered("ha"), "ConfigMap") if "dashboards" in name]
    values = (
        "monitoring.dashboards.enabled=true", "monitoring.dashboards.annotations.folder=Calls",
    )  # fmt: skip
    objects = rendered("ha", *(word for value in values for word in ("--set", value)))
    made = of_kind(objects, "ConfigMap")["calls-dashboards"]
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["annotations"] == {"folder": "Calls"}
    assert {name: json.loads(text) for name, text in made["data"].items()} == {
        f"hushwire-{path.name}": json.loads(path.read_text("utf-8")) for path in DASHBOARDS
    }
