"""Pods: what they may, how they are looked at, started, stopped and replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import ClassVar

import pytest
from aiohttp.web import AbstractRoute
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from agents.app.gateway import health
from agents.system.metrics import GatewayMetrics
from tests.repository.chart.rendering import (
    CASES,
    STAGES,
    containers,
    environment,
    main,
    of_kind,
    pods,
    rendered,
    selects,
    stages,
)
from tests.waiting import HANG_S

EACH = pytest.mark.parametrize("name", CASES)


@EACH
def test_no_container_may_more_than_it_needs(name: str) -> None:
    for pod in pods(rendered(name)).values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False  # HUSHWIRE_…_PORT of a Service is no setting
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()


@EACH
def test_only_what_has_to_is_writable(name: str) -> None:
    for component, pod in pods(rendered(name)).items():
        mounts = main(pod)["volumeMounts"]
        writable = {one["mountPath"] for one in mounts if not one.get("readOnly")}
        allowed = {"/tmp"}  # noqa: S108 - of a pod
        if "vault" in stages(pod):
            allowed |= {"/signing", "/vault"}
        if component == "console":
            allowed |= {"/vault"}
        if component == "models":
            allowed |= {"/models"}
        assert {"/tmp"} <= writable <= allowed  # noqa: S108
        names = {one["name"] for one in pod["spec"]["volumes"]}
        assert {one["name"] for one in mounts} <= names
        assert environment(pod)["HOME"] == main(pod)["workingDir"] == "/tmp"  # noqa: S108


@EACH
def test_probes_ask_what_the_program_answers(name: str) -> None:
    answered = {route.resource.canonical for route in _gateway_routes() if route.resource}
    for component, pod in pods(rendered(name)).items():
        container = main(pod)
        found = {
            probe: container[f"{probe}Probe"]["httpGet"]
            for probe in ("startup", "readiness", "liveness")
            if f"{probe}Probe" in container
        }
        ports = {one["name"]: one["containerPort"] for one in container.get("ports", ())}
        paths = {probe: (one["path"], ports[one["port"]]) for probe, one in found.items()}
        if component in {"ledger", "models"}:
            assert not found
        elif component == "gateway":
            assert paths == {
                "startup": ("/startup", 8451),
                "readiness": ("/ready", 8451),
                "liveness": ("/live", 8451),
            }
            assert {path for path, _ in paths.values()} <= answered
        elif component == "console":
            assert set(paths.values()) == {("/healthz", 8440)}
            tls = "HUSHWIRE_API_CERTIFICATE" in environment(pod)
            assert {one["scheme"] for one in found.values()} == {"HTTPS" if tls else "HTTP"}
        else:
            assert paths == {
                "startup": ("/startup", 9464),
                "readiness": ("/ready", 9464),
                "liveness": ("/live", 9464),
            }
            assert environment(pod)["HUSHWIRE_METRICS_PORT"] == "9464"
            assert environment(pod)["HUSHWIRE_METRICS_HOST"] == "0.0.0.0"  # noqa: S104


def _gateway_routes() -> list[AbstractRoute]:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    made = health.Health(CollectorRegistry(), lambda: None, lambda: False)
    return list(made.app().router.routes())


@EACH
def test_selectors_find_their_pods_and_no_others(name: str) -> None:
    objects = rendered(name)
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(objects).items()}
    for kind in ("Deployment", "PodDisruptionBudget", "Service"):
        for one in of_kind(objects, kind).values():
            selector = one["spec"]["selector"]
            wanted = selector if "matchLabels" in selector else {"matchLabels": selector}
            found = [component for component in labels if selects(wanted, labels[component])]
            assert found == [one["metadata"]["labels"]["app.kubernetes.io/component"]]
            # With a label of the version, each version would be another selector: refused.
            assert wanted["matchLabels"].keys() == labels[found[0]].keys()
    budgets = of_kind(objects, "PodDisruptionBudget").keys()
    assert budgets == of_kind(objects, "Deployment").keys()
    accounts = of_kind(objects, "ServiceAccount")
    assert {pod["spec"]["serviceAccountName"] for pod in pods(objects).values()} == set(accounts)
    assert not any(one["automountServiceAccountToken"] for one in accounts.values())


@EACH
def test_pods_are_spread(name: str) -> None:
    for pod in pods(rendered(name)).values():
        spread = pod["spec"].get("topologySpreadConstraints")
        if spread is None:
            assert pod["spec"]["restartPolicy"] == "Never"
            continue
        keys = [one["topologyKey"] for one in spread]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        assert all(selects(one["labelSelector"], pod["metadata"]["labels"]) for one in spread)
        how = {"ha": "DoNotSchedule"}.get(name, "ScheduleAnyway")
        assert {one["whenUnsatisfiable"] for one in spread} == {how}


@EACH
def test_every_stage_runs_in_one_worker(name: str) -> None:
    run = sorted(stage for pod in pods(rendered(name)).values() for stage in stages(pod))
    assert run == sorted(STAGES)


def test_an_archive_is_taken_by_all_that_work_on_it_and_scales_nothing() -> None:
    told = {
        name: environment(pod).get("HUSHWIRE_BACKFILL")
        for name, pod in pods(rendered("ha", "--set", "backfill=true")).items()
    }
    assert {name for name, value in told.items() if value} == {*STAGES, "console"} - {"admit"}
    assert {value for value in told.values() if value} == {"true"}
    kinds = ("ScaledObject", "HorizontalPodAutoscaler")
    scaled = [
        [one for one in rendered("ha", *more) if one["kind"] in kinds]
        for more in ((), ("--set", "backfill=true"))
    ]
    assert scaled[0] == scaled[1]
    assert "backfill" not in str(scaled[1])


def test_a_worker_is_never_replaced_by_one_more() -> None:
    """One more than partitions gets none, is never ready, and the upgrade would stand still."""
    for name, deployment in of_kind(rendered("ha"), "Deployment").items():
        if name not in {"calls-gateway", "calls-console"}:
            assert deployment["spec"]["strategy"]["rollingUpdate"] == {
                "maxSurge": 0,
                "maxUnavailable": 1,
            }
    # The volume of the signing key is on one node.
    alone = of_kind(rendered("small"), "Deployment")["calls-vault"]
    assert alone["spec"]["strategy"] == {"type": "Recreate"}


def test_the_ledger_is_migrated_before_anything_else() -> None:
    objects = rendered("ha")
    hooked = [one for one in objects if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    order = sorted(
        hooked, key=lambda one: int(one["metadata"]["annotations"]["helm.sh/hook-weight"])
    )
    assert order[-1]["kind"] == "Job"
    assert main(order[-1]["spec"]["template"])["args"] == ["ledger", "upgrade"]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooked} == {
        "pre-install,pre-upgrade"
    }
    # What the Job names is a hook before it, or not the chart's: nothing else is there yet.
    pod = order[-1]["spec"]["template"]["spec"]
    before = {(one["kind"], one["metadata"]["name"]) for one in order[:-1]}
    assert ("ServiceAccount", pod["serviceAccountName"]) in before
    assert {("NetworkPolicy", f"calls-{one}") for one in ("ledger", "models")} <= before
    made = {one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap"}
    assert not made & {one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one}


def test_files_roll_those_who_read_them() -> None:
    text = "--set-string"
    before, after, public = (
        {
            component: pod["metadata"]["annotations"]["checksum/config"]
            for component, pod in pods(rendered("ha", *values)).items()
            if "annotations" in pod["metadata"]
        }
        for values in (
            (),
            (text, r"files.policy\.yaml=name: other"),
            (text, "keys.transitPublic=HpkePublicKey"),
        )
    )
    assert {one for one in before if before[one] != after[one]} == {*STAGES, "console"}
    assert {one for one in before if before[one] != public[one]} == {"gateway"}


def test_images_by_digest_tag_and_of_one_s_own() -> None:
    images = {main(pod)["image"] for pod in pods(rendered("ha")).values()}
    assert images == {f"registry.example.com/hushwire@sha256:{'0' * 64}"}
    gpu = {component: main(pod)["image"] for component, pod in pods(rendered("gpu")).items()}
    assert gpu["transcribe"] == gpu["verify"] == "registry.example.com/hushwire-cuda:0.1.0"
    usual = {gpu[one] for one in ("admit", "detect", "mute", "vault")}
    assert usual == {"registry.example.com/hushwire:0.1.0"}


def test_a_digest_holds_for_the_image_that_it_is_of_alone() -> None:
    every = pods(rendered(
        "ha",
        "--set", "workers.admit.image.tag=0.1.0-small",
        "--set", "console.image.repository=registry.example.com/hushwire-console",
        "--set", f"ledger.upgrade.image.digest=sha256:{'1' * 64}",
        "--set", "gateway.image.tag=0.1.0-edge",
        "--set", f"gateway.image.digest=sha256:{'2' * 64}",
    ))  # fmt: skip
    images = {
        component: {one["image"] for one in containers(pod)} for component, pod in every.items()
    }
    base = "registry.example.com/hushwire"
    assert images["admit"] == {f"{base}:0.1.0-small"}
    assert images["console"] == {f"{base}-console:0.1.0"}
    assert images["ledger"] == {f"{base}@sha256:{'1' * 64}"}
    assert images["gateway"] == {f"{base}@sha256:{'2' * 64}"}
    assert images["vault"] == {f"{base}@sha256:{'0' * 64}"}


def test_a_gpu_is_asked_for_and_used() -> None:
    for component, pod in pods(rendered("gpu")).items():
        limits, env = main(pod)["resources"]["limits"], environment(pod)
        has = component in {"transcribe", "verify"}
        assert limits.get("nvidia.com/gpu") == (1 if has else None)
        assert env.get("HUSHWIRE_DEVICE") == ("cuda" if has else None)
        assert env.get("HUSHWIRE_COMPUTE_TYPE") == ("float16" if has else None)
        assert ("nodeSelector" in pod["spec"]) is has
        assert (env.get("HUSHWIRE_MODELS_DIR") == "/models") is has


def test_models_are_fetched_by_one_who_holds_nothing_and_only_read_by_the_rest() -> None:
    objects = rendered("ha")
    every = pods(objects)
    assert main(every["models"])["args"] == ["models", "pull"]
    assert main(every["models"])["image"] == main(every["transcribe"])["image"]
    assert not {"HUSHWIRE_LEDGER_URL", "HUSHWIRE_BOOTSTRAP"} & environment(every["models"]).keys()
    for component, pod in every.items():
        mounts = [one for one in main(pod)["volumeMounts"] if one["name"] == "models"]
        assert bool(mounts) is (component in {"models", "transcribe", "verify"})
        assert all(one.get("readOnly") or component == "models" for one in mounts)
        (env,) = [environment(pod).get("HUSHWIRE_MODELS_DIR")]
        assert env == ("/models" if mounts else None)


def test_the_time_to_stop_is_longer_than_what_the_program_takes() -> None:
    from agents.settings.model import Settings  # noqa: PLC0415
    from console.server import STOP_S as CONSOLE_S  # noqa: PLC0415

    least = dict.fromkeys(STAGES, Settings().stop_seconds)
    least |= {"gateway": 600 + Settings().gateway_grace_seconds, "console": CONSOLE_S}
    for component, pod in pods(rendered("ha")).items():
        if component in least:
            assert pod["spec"]["terminationGracePeriodSeconds"] >= least[component] + 10
    longer = (
        "--set",
        "gateway.settings.gateway_grace_seconds=60.5",
        "--set",
        "gateway.drainSeconds=1800",
    )
    assert pods(rendered("ha", *longer))["gateway"]["spec"]["terminationGracePeriodSeconds"] == 1871


class Metrics(BaseHTTPRequestHandler):
    """A gateway's page of metrics: calls that are open, as often as it is asked."""

    open_calls: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        registry = CollectorRegistry()
        gauge = Gauge(
            "hushwire_gateway_calls_open", "Calls that come in now.", ["gateway"], registry=registry
        )
        gauge.labels("twilio").set(self.open_calls.pop(0) if self.open_calls else 0)
        gauge.labels("telnyx").set(0)
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(generate_latest(registry))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("open_calls", "most", "asked"),
    [([], "60", 1), ([3, 1, 0, 9], "60", 3), ([1] * 90, "0.5", None)],
)
def test_a_gateway_that_is_to_end_waits_for_its_calls_and_not_forever(
    open_calls: list[int], most: str, asked: int | None
) -> None:
    pod = main(pods(rendered("ha"))["gateway"])
    python, option, script, least, longest = pod["lifecycle"]["preStop"]["exec"]["command"]
    assert (python, option, least, longest) == ("python", "-c", "5", "600")
    assert "hushwire_gateway_calls_open" in {
        family.name for family in GatewayMetrics().registry.collect()
    }
    Metrics.open_calls[:] = open_calls
    with ThreadingHTTPServer(("127.0.0.1", 0), Metrics) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        moved = script.replace(":8451/", f":{server.server_port}/").replace("2.0", "0.05")
        began = monotonic()
        subprocess.run([sys.executable, option, moved, "0.1", most], check=True, timeout=HANG_S)
        took = monotonic() - began
        server.shutdown()
        thread.join()
    if asked is not None:
        assert len(Metrics.open_calls) == max(0, len(open_calls) - asked)
    assert took >= 0.1
    if asked is None:
        assert took >= 0.5
        assert Metrics.open_calls


def test_who_the_load_balancer_lets_in() -> None:
    service = of_kind(rendered("ha"), "Service")["calls-gateway"]["spec"]
    assert service["loadBalancerSourceRanges"] == ["203.0.113.0/24", "10.20.0.0/16", "10.21.0.7/32"]
    assert service["externalTrafficPolicy"] == "Local"


def test_a_pod_that_is_not_ready_keeps_no_node() -> None:
    budgets = of_kind(rendered("ha"), "PodDisruptionBudget").values()
    assert {one["spec"]["unhealthyPodEvictionPolicy"] for one in budgets} == {"AlwaysAllow"}


def test_a_secret_s_new_version_rolls_those_who_have_it() -> None:
    def sums(*values: str) -> dict[str, str]:
        every = pods(rendered("ha", *values)).items()
        return {
            component: pod["metadata"]["annotations"]["checksum/secrets"]
            for component, pod in every
            if "annotations" in pod["metadata"]
        }

    newer = sums("--set-string", "externalSecrets.secrets.hushwire-ledger.password.version=2")
    assert {one for one in newer if newer[one] != sums()[one]} == {*STAGES, "console"}
    for one in of_kind(rendered("ha"), "Deployment").values():
        assert one["metadata"]["annotations"] == {"reloader.stakater.com/auto": "true"}


def test_own_variables_volumes_and_a_proxy() -> None:
    volume = {"name": "cache", "emptyDir": {}}
    mount = {"name": "cache", "mountPath": "/cache"}
    every = pods(rendered(
        "ha",
        "--set", "extraEnv.OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4318",
        "--set", "workers.mute.extraEnv.OTEL_EXPORTER_OTLP_ENDPOINT=http://other:4318",
        "--set", "proxy.url=http://proxy:3128",
        "--set-json", f"workers.mute.extraVolumes={json.dumps([volume])}",
        "--set-json", f"workers.mute.extraVolumeMounts={json.dumps([mount])}",
    ))  # fmt: skip
    for component, pod in every.items():
        env = environment(pod)
        host = "other" if component == "mute" else "otel"
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{host}:4318"
        assert env["HTTPS_PROXY"] == "http://proxy:3128"
        assert ".svc" in env["NO_PROXY"].split(",")
        assert (volume in pod["spec"]["volumes"]) is (component == "mute")
        assert (mount in main(pod)["volumeMounts"]) is (component == "mute")


def test_startup_waits_as_long_as_is_said() -> None:
    for name, seconds in (("transcribe", 600), ("admit", 120)):
        probe = main(pods(rendered("small"))[name])["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == seconds
    odd = rendered("small", "--set", "workers.admit.startupSeconds=11")
    probes = [main(pods(one)["admit"])["startupProbe"] for one in (rendered("small"), odd)]
    assert [one["failureThreshold"] for one in probes] == [24, 3]
