"""Pods of the chart, started as a kubelet would start them: their files, variables, probes.

They find a broker and a PostgreSQL. Stages that load speech models are left to their own tests.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from agents.cli.main import app
from agents.kafka.embedded_broker import EmbeddedBroker
from tests.ports import free_port
from tests.postgres.server import available, postgres
from tests.repository.chart.rendering import (
    Manifest,
    case,
    environment,
    main,
    pods,
    secret_files,
    template,
)
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.postgres]

STARTED = (("admit", "mute", "vault", "console"), ("gateway",))  # which makes no topics


class Node:
    """Where pods run: folders for volumes, and a port for each of theirs.

    Args:
        folder: for all volumes.
        secrets: content of the files of all Secrets.
    """

    def __init__(self, folder: Path, secrets: dict[str, str]) -> None:
        self._folder, self._secrets = folder, secrets
        self.ports: dict[tuple[str, int], int] = {}

    def path(self, component: str, mount: str) -> Path:
        """A mounted folder; those of claims are shared."""
        shared = mount in {"/signing", "/vault"}
        return self._folder / ("claims" if shared else component) / mount.strip("/")

    def moved(self, component: str, text: str) -> str:
        """A value in which paths of the pod are those of this machine."""
        for mount in ("/state", "/tmp", "/signing", "/vault", "/public", "/config"):  # noqa: S108
            if text == mount or text.startswith(f"{mount}/"):
                return f"{self.path(component, mount)}{text.removeprefix(mount)}"
        return text

    def prepare(self, component: str, pod: Manifest, configs: dict[str, Manifest]) -> None:
        """Mount all, and run the first container."""
        for one in main(pod)["volumeMounts"]:
            self.path(component, one["mountPath"]).mkdir(parents=True, exist_ok=True)
        for volume in pod["spec"]["volumes"]:
            if "configMap" in volume:
                for name, text in configs[volume["configMap"]["name"]].items():
                    (self.path(component, f"/{volume['name']}") / name).write_text(text)
        mounted = self._folder / component / "secrets"
        mounted.mkdir()
        for file in secret_files(pod):
            (mounted / file).write_text(self._secrets[file])
            (mounted / file).chmod(0o440)
        (keys,) = pod["spec"]["initContainers"]
        shell, options, script = keys["command"]
        here = script.replace("/secrets", str(mounted))
        here = here.replace("/state", str(self.path(component, "/state")))
        subprocess.run([shell, options, here], check=True, timeout=HANG_S)

    def started(self, component: str, pod: Manifest) -> subprocess.Popen[bytes]:
        """The program of a pod."""
        for port in main(pod).get("ports", ()):
            self.ports[component, port["containerPort"]] = free_port()
        told = {name: self.moved(component, value) for name, value in environment(pod).items()}
        for name, value in told.items():
            if name.endswith("_HOST"):
                told[name] = "127.0.0.1"
            if name.endswith("_PORT"):
                told[name] = str(self.ports[component, int(value)])
        given = {8440: "API_PORT", 8450: "GATEWAY_PORT", 8451: "GATEWAY_HEALTH_PORT"}
        for (whose, port), here in self.ports.items():
            if whose == component and port in given:
                told[f"HUSHWIRE_{given[port]}"] = str(here)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HUSHWIRE_")}
        arguments = [self.moved(component, one) for one in main(pod)["args"]]
        return subprocess.Popen(
            [sys.executable, "-m", "agents", *arguments],
            env={**kept, **told, "PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=self.path(component, main(pod)["workingDir"]),
        )

    def probe(self, component: str, pod: Manifest, name: str) -> int:
        """The status of a probe's answer; 0: nobody answers."""
        asked = main(pod)[f"{name}Probe"]["httpGet"]
        ports = {one["name"]: one["containerPort"] for one in main(pod)["ports"]}
        here = self.ports[component, ports[asked["port"]]]
        url = f"{asked.get('scheme', 'HTTP').lower()}://127.0.0.1:{here}{asked['path']}"
        unchecked = ssl._create_unverified_context()  # noqa: S323 - as kubelets do it
        try:
            with urllib.request.urlopen(url, timeout=5, context=unchecked) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def files_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def test_pods_start_get_ready_and_stop(tmp_path: Path) -> None:
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {problem}")
    keys = tmp_path / "keys"
    for command in (["keys", "new"], ["keys", "transit", "new"]):
        assert CliRunner().invoke(app, [*command, "--state-dir", str(keys)]).exit_code == 0
    secrets = {one.name: one.read_text() for one in keys.iterdir()}
    secrets |= {"ledger-password": "change-me\n"}
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        database.empty()
        broker = stack.enter_context(EmbeddedBroker())
        values = tmp_path / "values.yaml"
        values.write_text(
            yaml.safe_dump(
                {
                    "kafka": {
                        "bootstrap": broker.bootstrap,
                        "securityProtocol": "PLAINTEXT",
                        "ca": "",
                        "partitions": 2,
                    },
                    "ledger": {"url": database.url},
                    "keys": {"transitPublic": secrets["transit-public.json"]},
                    "trust": {"configMap": ""},
                    "extraEnv": {"SSL_CERT_FILE": ""},
                    "vault": {
                        "url": "/vault/calls",
                        "claim": "calls",
                        "s3": {"credentialsSecret": {"name": ""}},
                    },
                    "workers": {"transcribe": {"replicas": 1}, "detect": {"stages": ["detect"]}}
                    | {one: {"stages": [one]} for one in ("mute", "verify")},
                    "gateway": {
                        "enabled": True,
                        "proxies": ["127.0.0.1"],
                        "audiosocket": {"from": ["127.0.0.1"]},
                    },
                    "networkPolicy": {"enabled": False},
                    "console": {"ingress": {"host": ""}},
                }
            )
        )
        done = template("-f", case("small"), "-f", str(values))
        assert done.returncode == 0, done.stderr
        objects = tuple(one for one in yaml.safe_load_all(done.stdout) if one)
        every = pods(objects)
        configs = {
            one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"
        }
        node = Node(tmp_path / "node", secrets)
        node.prepare("ledger", every["ledger"], configs)
        assert node.started("ledger", every["ledger"]).wait(60) == 0
        (node.path("vault", "/vault") / "calls").mkdir(parents=True, mode=0o700)
        running: dict[str, subprocess.Popen[bytes]] = {}
        before: dict[str, dict[str, bytes]] = {}
        for together in STARTED:
            for component in together:
                node.prepare(component, every[component], configs)
                before[component] = files_of(node.path(component, "/state") / "keys")
                running[component] = node.started(component, every[component])
                stack.enter_context(ended(running[component]))
            deadline = time.monotonic() + HANG_S
            for component in together:
                while node.probe(component, every[component], "readiness") != HTTPStatus.OK:
                    assert running[component].poll() is None, component
                    assert time.monotonic() < deadline, component
                    time.sleep(0.2)
                for one in ("startup", "liveness"):
                    assert node.probe(component, every[component], one) == HTTPStatus.OK
        made = files_of(node.path("vault", "/signing") / "key")
        assert made.keys() == {"signing.pem", "signing.pem.head"}
        for component, process in running.items():
            process.send_signal(signal.SIGTERM)
            grace = every[component]["spec"]["terminationGracePeriodSeconds"]
            assert process.wait(grace) == 0, component
            # The folder is read-only to pods: nothing was to be made in it.
            assert files_of(node.path(component, "/state") / "keys") == before[component]
