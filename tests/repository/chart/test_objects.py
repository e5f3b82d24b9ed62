"""Every object is one that Kubernetes takes, by its schemas or an operator's documented fields."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import kubernetes_validate
import pytest

from tests.repository.chart.rendering import (
    CASES,
    CHART,
    KUBERNETES,
    Manifest,
    case,
    helm,
    of_kind,
    rendered,
)

SELECTOR: Final = {"matchLabels"}
CUSTOM: Final[dict[tuple[str, str], tuple[set[str], set[str]]]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): (
        {"scaleTargetRef", "triggers"},
        {"pollingInterval", "minReplicaCount", "maxReplicaCount", "advanced"},
    ),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): (
        set(),
        {"secretTargetRef", "configMapTargetRef", "env"},
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): ({"selector", "podMetricsEndpoints"}, set()),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ({"selector", "endpoints"}, set()),
    ("monitoring.coreos.com/v1", "PrometheusRule"): ({"groups"}, set()),
    ("external-secrets.io/v1", "ExternalSecret"): (
        {"secretStoreRef", "target", "data"},
        {"refreshInterval"},
    ),
}
"""Fields of the operators' objects: those that have to be there, and others that may."""
METADATA: Final = {"name", "namespace", "labels", "annotations"}


@pytest.mark.parametrize("name", CASES)
def test_helm_finds_nothing(name: str) -> None:
    done = helm(
        "lint", "--strict", str(CHART), "-f", case(name), "--kube-version", KUBERNETES,
        "--set", "networkPolicy.enabled=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_every_object_follows_its_schema(name: str) -> None:
    own = 0
    for one in rendered(name):
        key = (one["apiVersion"], one["kind"])
        if key in CUSTOM:
            needed, allowed = CUSTOM[key]
            assert needed <= one["spec"].keys() <= needed | allowed, one
            assert one["metadata"].keys() <= METADATA
        else:
            own += 1
            kubernetes_validate.validate(one, KUBERNETES.removesuffix(".0"), strict=True)
    assert own > 20


def test_a_wrong_object_does_not_pass() -> None:
    deployment = dict(of_kind(rendered("small"), "Deployment")["calls-vault"])
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**deployment, "specs": {}}, "1.33", strict=True)


@pytest.mark.parametrize("name", CASES)
def test_each_object_is_there_once(name: str) -> None:
    objects = rendered(name)
    keys = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(keys) == len(set(keys))
    assert all(one["metadata"].get("namespace", "phone") == "phone" for one in objects)


def _manifest(kind: str) -> Manifest:
    return next(iter(of_kind(rendered("ha"), kind).values()))


def test_external_secrets_are_there_before_the_ledger_and_stay() -> None:
    one = _manifest("ExternalSecret")
    job = _manifest("Job")
    hooks = [two["metadata"]["annotations"] for two in (one, job)]
    assert [two["helm.sh/hook"] for two in hooks] == ["pre-install,pre-upgrade"] * 2
    assert int(hooks[0]["helm.sh/hook-weight"]) < int(hooks[1]["helm.sh/hook-weight"])
    # Without an owner, the Secret survives that the object is made anew with each upgrade.
    assert one["spec"]["target"]["creationPolicy"] == "Orphan"
    assert one["spec"]["target"]["name"] == one["metadata"]["name"]
    assert one["spec"]["secretStoreRef"] == {"name": "production", "kind": "ClusterSecretStore"}


def test_cases_stay_out_of_the_package(tmp_path: Path) -> None:
    done = helm("package", str(CHART), "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (made,) = tmp_path.iterdir()
    import tarfile  # noqa: PLC0415 - here alone

    with tarfile.open(made) as file:
        names = file.getnames()
        alerts = file.extractfile("hushwire/files/alerts.yml")
        assert alerts is not None
        assert b"groups:" in alerts.read()  # the file itself, no link to somewhere else
        overview = file.extractfile("hushwire/files/dashboards/overview.json")
        assert overview is not None
        assert b"panels" in overview.read()
    assert not [one for one in names if one.startswith("hushwire/ci/")]
