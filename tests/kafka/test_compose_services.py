"""The services of ``docker-compose.yml`` as processes: one call from its sender to the console.

Their own commands, variables, secrets and health checks, on Apache Kafka, PostgreSQL and the store.
What an engine would add is not tried: images, networks, users.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.records.stages import STAGES
from tests.kafka.broker import apache_kafka, available
from tests.ports import free_port
from tests.postgres.server import available as no_postgres
from tests.postgres.server import postgres
from tests.repository.test_compose import ROOT, SERVICES, secrets
from tests.services.test_object_store import running
from tests.waiting import HANG_S, until

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.broker,
    pytest.mark.postgres,
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(available() is not None, reason=f"COMPOSE NOT TRIED: {available()}"),
    pytest.mark.skipif(no_postgres() is not None, reason=f"COMPOSE NOT TRIED: {no_postgres()}"),
]

STARTED = (("admit", "transcribe", "redact", "vault"), ("console", "gateway"))
GRACE_S = int(SERVICES["vault"]["stop_grace_period"].removesuffix("s"))
OF_THE_IMAGE = dict(
    re.findall(r"(HUSHWIRE_\w+)=(\S+)", (ROOT / "deploy/Dockerfile").read_text("utf-8"))
)
HUSHWIRE = [sys.executable, "-m", "agents"]
UNCHECKED = ssl._create_unverified_context()  # noqa: S323 - as the health check does it


class Host:
    """Where services run: a folder for each volume, and other addresses.

    Args:
        folder: for clone and volumes.
        kafka: the broker's address.
        ledger: URL of the database.
        store: URL of the store.
    """

    def __init__(self, folder: Path, *, kafka: str, ledger: str, store: str) -> None:
        self.clone, self.volumes = folder / "clone", folder / "volumes"
        self._places = {
            "kafka:9092": kafka,
            "postgresql+psycopg://hushwire@postgres/hushwire": ledger,
            "http://store:7070": store,
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is replaced
        }
        self.ports: dict[str, dict[str, int]] = {}

    def mounted(self, name: str) -> dict[str, Path]:
        """Folders of this machine by those of the container."""
        here = {"/run/secrets": self.clone / "deploy/compose/secrets"}
        here["/state"] = self.volumes / f"{name}-state"
        for volume in SERVICES[name].get("volumes", []):
            source, path, *_ = volume.split(":")
            here[path] = self.clone / source if source[0] == "." else self.volumes / source
        for path in here.values():
            path.mkdir(parents=True, exist_ok=True)
        return here

    def moved(self, name: str, text: str) -> str:
        """A command's word or a variable's value as it is on this machine."""
        if text in self._places:
            return self._places[text]
        for path, here in self.mounted(name).items():
            text = re.sub(rf"(?<![\w/:]){path}(?![\w-])", str(here), text)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """Variables: the image's, the example's file, the service's."""
        example = (ROOT / "deploy/compose/hushwire.env.example").read_text("utf-8")
        own = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
        told = OF_THE_IMAGE | dict(re.findall(r"(?m)^(HUSHWIRE_\w+)=(.*)$", example)) | own
        told["HUSHWIRE_BACKFILL"] = "true"  # as the example has it, but commented out
        told = {key: self.moved(name, value) for key, value in told.items()}
        ports = self.ports.setdefault(name, {})
        for variable, port in (
            ("METRICS_PORT", "9464"), ("API_PORT", "8440"), ("GATEWAY_PORT", "8450"),
            ("GATEWAY_HEALTH_PORT", "8451"),
        ):  # fmt: skip
            told[f"HUSHWIRE_{variable}"] = str(ports.setdefault(port, free_port()))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HUSHWIRE_")}
        return kept | told | {"PYTHONPATH": str(ROOT)}

    def command(self, name: str) -> list[str]:
        """What a service starts."""
        words = [self.moved(name, word) for word in SERVICES[name]["command"]]
        if entry := SERVICES[name].get("entrypoint"):
            return [
                *entry,
                *(word.replace("hushwire ", f"{' '.join(HUSHWIRE)} ") for word in words),
            ]
        return [*HUSHWIRE, *words]

    def run(self, name: str, *words: str) -> str:
        """Start a service, or another command in it, and wait for its end."""
        done = subprocess.run(
            [*HUSHWIRE, *words] if words else self.command(name),
            env=self.environment(name), cwd=self.mounted(name)["/state"], check=False,
            capture_output=True, text=True, timeout=HANG_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    @contextmanager
    def up(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service that goes on."""
        with (self.clone / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(name), env=self.environment(name),
                cwd=self.mounted(name)["/state"], stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(HANG_S)
            finally:
                process.kill()

    def healthy(self, name: str) -> bool:
        """What the health check of a service says."""
        _, program, *words = SERVICES[name]["healthcheck"]["test"]
        assert program == "python"
        ports = self.ports[name]
        words = [
            re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda at: str(ports[at[0]]), one) for one in words
        ]
        done = subprocess.run(
            [sys.executable, *words], check=False, capture_output=True, timeout=HANG_S
        )
        return done.returncode == 0

    def asked(self, url: str, token: str = "") -> bytes:
        """The body of an answer."""
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=20, context=UNCHECKED) as answer:  # noqa: S310
            body: bytes = answer.read()
        return body


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "deploy/compose", clone / "deploy/compose",
                    ignore=shutil.ignore_patterns("secrets", "*.env"))  # fmt: skip
    secrets(clone)
    with ExitStack() as stack:
        kafka = stack.enter_context(apache_kafka(tmp_path / "kafka"))
        database = stack.enter_context(postgres())
        volumes = tmp_path / "volumes"
        volumes.mkdir()
        secret = clone / "deploy/compose/secrets/store-secret"
        store = stack.enter_context(running(volumes, secret))
        ledger = database.database("hushwire")
        yield Host(tmp_path, kafka=kafka.bootstrap, ledger=ledger, store=store)


def log_of(host: Host, name: str) -> str:
    return (host.clone / f"{name}.log").read_text("utf-8")[-3000:]


def wait_until_healthy(host: Host, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    def healthy(name: str, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, f"{name} ended: {log_of(host, name)}"
        return host.healthy(name)

    for name, process in processes.items():
        until(partial(healthy, name, process), partial(log_of, host, name), every_s=0.5)


def stored(host: Host, token: str, count: int) -> list[dict[str, Any]]:
    """The console's list of calls, once it has as many."""
    url = f"https://127.0.0.1:{host.ports['console']['8440']}/api/calls"
    found: list[dict[str, Any]] = until(
        lambda: json.loads(host.asked(url, token))["calls"],
        lambda: {name: log_of(host, name) for name in STARTED[0]},
        holds=lambda calls: len(calls) >= count,
        every_s=1,
    )
    return found


def figures(host: Host, name: str, port: str = "9464") -> dict[str, float]:
    """What Prometheus reads of a service, by series."""
    page = host.asked(f"http://127.0.0.1:{host.ports[name][port]}/metrics").decode()
    lines = (line.rpartition(" ") for line in page.splitlines() if line[:1] not in {"", "#"})
    return {series: float(value) for series, _, value in lines}


def caught_up(host: Host, name: str) -> dict[str, float]:
    """What a worker shows once none of its stages is behind; lag is asked for every ten seconds."""
    stages = [one for one in SERVICES[name]["command"] if one in STAGES]
    wanted = {f'hushwire_records_behind{{stage="{one}"}}': 0.0 for one in stages}
    return until(
        lambda: figures(host, name),
        lambda: f"{name} is behind",
        holds=lambda page: wanted.items() <= page.items(),
        every_s=1,
    )


def kept(host: Host) -> dict[str, bytes]:
    """Files of the volumes with keys."""
    folders = (host.volumes / name for name in ("wrapping", "tokens", "transit"))
    return {str(one): one.read_bytes() for folder in folders for one in folder.rglob("*")}


def test_a_call_goes_in_by_the_public_key_and_is_shown(host: Host) -> None:
    samples = ROOT / "benchmarks" / "samples"
    for folder, name in (("calls", "bill"), ("archive", "booking")):
        (host.volumes / folder).mkdir()
        for file in samples.glob(f"{name}.*"):
            shutil.copy(file, host.volumes / folder)
    for once in ("ledger", "keys", "models"):
        host.run(once)
    keys = kept(host)
    assert len(keys) == 3
    with ExitStack() as stack:
        running_now: dict[str, subprocess.Popen[bytes]] = {}
        for together in STARTED:
            processes = {name: stack.enter_context(host.up(name)) for name in together}
            wait_until_healthy(host, processes)
            running_now |= processes
            if "vault" in together:
                host.run("signing-public")
        host.run("ingest", "ingest", str(host.volumes / "calls"))
        told = host.run("console", "tokens", "create", "--role", "analyst", "--name", "me")
        (live,) = stored(host, token := told.split()[-1], 1)
        assert live["passed"]
        report = host.run("backfill", "backfill", str(host.volumes / "archive"), "--rate", "1000")
        assert "1 stored" in report
        assert {one["passed"] for one in stored(host, token, 2)} == {True}
        bucket = host.volumes / "vault" / "hushwire" / "vault" / "calls"
        assert {one.name for one in bucket.iterdir()} == {
            one["call_id"] for one in stored(host, token, 2)
        }
        assert not [one for one in bucket.rglob("*") if one.suffix in {".flac", ".vtt"}]
        shown = {name: caught_up(host, name) for name in STARTED[0]}
        for name in ("transcribe", "redact", "vault"):
            for stage in (one for one in SERVICES[name]["command"] if one in STAGES):
                for label in (stage, f"backfill-{stage}"):
                    assert shown[name][f'hushwire_calls_total{{stage="{label}"}}'] == 1.0
        assert shown["vault"]["hushwire_call_delay_seconds_count"] == 1.0  # the live call's
        assert "hushwire_gateway_acknowledged_seconds_sum" in figures(host, "gateway", "8451")
        for name, process in running_now.items():
            process.terminate()
            assert process.wait(GRACE_S) == 0, f"{name}: {log_of(host, name)}"
        assert kept(host) == keys  # volumes that are read-only to all that started since
