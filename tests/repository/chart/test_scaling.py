"""By what workers are scaled: topics, groups and metrics are those of the code."""

from __future__ import annotations

import re
from math import ceil

import pytest

from agents.kafka.topics import Topics
from agents.stages.all_stages import INPUTS
from agents.system.metrics import Metrics
from tests.repository.chart.rendering import (
    CASES,
    STAGES,
    Manifest,
    environment,
    of_kind,
    pods,
    rendered,
    stages,
)


def scaled(*values: str) -> dict[str, Manifest]:
    return of_kind(rendered("ha", *values), "ScaledObject")


def triggers(one: Manifest, kind: str) -> list[Manifest]:
    return [trigger for trigger in one["spec"]["triggers"] if trigger["type"] == kind]


def test_lag_is_that_of_the_stage_s_own_group_and_topics() -> None:
    topics = Topics.named("hushwire")
    assert scaled().keys() == {f"calls-{stage}" for stage in STAGES}
    for stage in STAGES:
        lags = [one["metadata"] for one in triggers(scaled()[f"calls-{stage}"], "kafka")]
        assert [one["topic"] for one in lags] == list(INPUTS[stage](topics))
        assert {one["consumerGroup"] for one in lags} == {f"hushwire-{stage}"}
        assert all(int(one["lagThreshold"]) > 0 for one in lags)
        # A group that acknowledged nothing yet reads from the beginning.
        assert {one["offsetResetPolicy"] for one in lags} == {"earliest"}


def test_every_value_of_a_trigger_is_text() -> None:
    for one in scaled().values():
        for trigger in one["spec"]["triggers"]:
            assert all(isinstance(value, str) for value in trigger["metadata"].values())
        names = [trigger["name"] for trigger in one["spec"]["triggers"]]
        assert len(names) == len(set(names))


def test_age_is_asked_for_by_a_metric_that_workers_have() -> None:
    known = {family.name for family in Metrics().registry.collect()}
    for stage in STAGES:
        (age,) = triggers(scaled()[f"calls-{stage}"], "prometheus")
        query = age["metadata"]["query"]
        named = re.findall(r'(\w+)\{namespace="phone",stage="(\w+)"\}', query)
        assert named == [
            ("hushwire_records_behind", stage),
            ("hushwire_oldest_call_seconds", stage),
        ]
        assert {metric for metric, _ in named} <= known


def wanted(stage: str, pods_now: int, lag: int, age_s: int) -> int:
    """Pods that the autoscaler makes of a stage's triggers, by its documented formula."""
    one = scaled()[f"calls-{stage}"]
    lags = triggers(one, "kafka")
    (age,) = triggers(one, "prometheus")
    found = re.fullmatch(
        r"\(ceil\(sum\(\w+\{[^}]*\}\) / (\d+)\) \+ 1\) and on\(\) \(max\(\w+\{[^}]*\}\) > (\d+)\)",
        age["metadata"]["query"],
    )
    assert found is not None, age
    records, oldest = map(int, found.groups())
    # KEDA takes an empty answer for 0.
    value = ceil(lag * len(lags) / records) + 1 if age_s > oldest else 0
    asked = [ceil(lag / int(trigger["metadata"]["lagThreshold"])) for trigger in lags]
    threshold = int(age["metadata"]["threshold"])
    asked.append(
        ceil(pods_now * value / threshold)
        if age.get("metricType") == "Value"
        else ceil(value / threshold)
    )
    spec = one["spec"]
    return int(min(max(*asked, spec["minReplicaCount"]), spec["maxReplicaCount"]))


@pytest.mark.parametrize("stage", STAGES)
def test_one_call_that_hangs_asks_for_one_pod_more_and_never_for_all(stage: str) -> None:
    spec = scaled()[f"calls-{stage}"]["spec"]
    per_pod = int(triggers(scaled()[f"calls-{stage}"], "kafka")[0]["metadata"]["lagThreshold"])
    least, most = spec["minReplicaCount"], spec["maxReplicaCount"]
    day = 86_400
    now = least
    for _ in range(50):  # as often as the autoscaler looks, nothing is added to what was added
        now = wanted(stage, now, per_pod * least, day)
    assert now == min(least + 1, most)
    assert wanted(stage, now, 0, 10) == least
    # Lag alone still scales, to the most.
    assert wanted(stage, least, per_pod * (least + 1), 10) == least + 1
    assert wanted(stage, least, per_pod * 10 * most, 10) == most


def test_stages_that_share_a_worker_are_each_asked_for() -> None:
    one = rendered(
        "small",
        "--set", "scaling.by=keda",
        "--set", "scaling.prometheus=http://p",
        "--set", "workers.transcribe.maxReplicas=8",
    )  # fmt: skip
    objects = of_kind(one, "ScaledObject")
    assert objects.keys() == {"calls-admit", "calls-transcribe", "calls-detect", "calls-vault"}
    shared = objects["calls-detect"]
    assert len(triggers(shared, "kafka")) == 4
    assert len(triggers(shared, "prometheus")) == 3


def test_the_broker_is_asked_as_the_workers_ask_it() -> None:
    (auth,) = of_kind(rendered("ha"), "TriggerAuthentication").values()
    for one in scaled().values():
        for trigger in triggers(one, "kafka"):
            assert trigger["authenticationRef"] == {"name": auth["metadata"]["name"]}
            assert trigger["metadata"]["tls"] == "enable"
            assert trigger["metadata"]["sasl"] == "scram_sha512"
    (user,) = auth["spec"]["env"]
    assert user["name"] in environment(pods(rendered("ha"))["mute"])
    assert auth["spec"]["secretTargetRef"] == [
        {"parameter": "password", "name": "hushwire-kafka", "key": "password"}
    ]
    assert auth["spec"]["configMapTargetRef"] == [
        {"parameter": "ca", "name": "hushwire-trust", "key": "kafka-ca.pem"}
    ]
    mutual = rendered("gpu", "--set", "scaling.by=keda", "--set", "scaling.prometheus=http://p")
    (auth,) = of_kind(mutual, "TriggerAuthentication").values()
    assert [one["parameter"] for one in auth["spec"]["secretTargetRef"]] == ["cert", "key"]
    assert "env" not in auth["spec"]


def test_a_broker_with_tls_and_no_users_needs_no_credentials() -> None:
    values = (
        "--set", "scaling.by=keda", "--set", "scaling.prometheus=http://p",
        "--set", "kafka.clientCertificateSecret=",
        "--set", "gateway.kafka.clientCertificateSecret=",
    )  # fmt: skip
    known = of_kind(rendered("gpu", *values), "TriggerAuthentication")
    assert [one["spec"].keys() for one in known.values()] == [{"configMapTargetRef"}]
    system = rendered("gpu", *values, "--set", "kafka.ca=")
    assert not of_kind(system, "TriggerAuthentication")
    for one in of_kind(system, "ScaledObject").values():
        for trigger in triggers(one, "kafka"):
            assert "authenticationRef" not in trigger
            assert trigger["metadata"]["tls"] == "enable"


@pytest.mark.parametrize("name", CASES)
def test_exactly_one_decides_how_many(name: str) -> None:
    objects = rendered(name)
    by = {"small": None, "ha": "ScaledObject", "gpu": "HorizontalPodAutoscaler"}[name]
    for kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        there = of_kind(objects, kind)
        assert bool(there) is (kind == by)
        for one in there.values():
            target = one["spec"]["scaleTargetRef"]
            deployment = of_kind(objects, "Deployment")[target["name"]]
            assert (target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment")
            assert "replicas" not in deployment["spec"]
            assert stages(deployment["spec"]["template"])
    if by is None:
        assert all("replicas" in one["spec"] for one in of_kind(objects, "Deployment").values())


@pytest.mark.parametrize("name", ["ha", "gpu"])
def test_never_more_than_partitions_and_never_none(name: str) -> None:
    objects = rendered(name)
    partitions = int(environment(pods(objects)["mute"])["HUSHWIRE_PARTITIONS"])
    for one in of_kind(objects, "ScaledObject").values():
        assert 1 <= one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"] <= partitions
    for one in of_kind(objects, "HorizontalPodAutoscaler").values():
        assert 1 <= one["spec"]["minReplicas"] <= one["spec"]["maxReplicas"] <= partitions
