"""A worker process with scripted speech: ``python worker_main.py BOOTSTRAP FOLDER PREFIX STAGES``.

Prints ``ready`` when every stage has its partitions.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import fakes  # type: ignore[import-not-found]
from prometheus_client import start_http_server

from agents.logging import configure_logging
from agents.metrics import Metrics
from agents.pool import Ears
from agents.shadowing import Candidate
from agents.stages.transcribe import Patience
from agents.topics import Topics
from agents.worker import Models, WorkerConfig, run_worker
from pipeline.errors import ModelError
from pipeline.listening import LoudnessVoice
from pipeline.policy import EchoRule, Policy, load_policy

HOUR_S = 3_600
_real_time = time.time


def main() -> None:
    bootstrap, folder, prefix, stages, idle_s, partitions = sys.argv[1:]
    configure_logging("info")
    signal.signal(signal.SIGUSR1, lambda *_: jump())
    config = WorkerConfig(
        stages=tuple(stages.split(",")),
        bootstrap=bootstrap,
        policy=_policy(os.environ.get("POLICY_OF_TEST", "default")),
        heard_by=f"scripted {fakes.VERSION}",
        models=Models(Ears(fakes.start, (), fakes.hear, fakes.check), LoudnessVoice, _detector),
        ledger_url=f"sqlite:///{Path(folder, 'state', 'ledger.db')}",
        keyset=Path(folder, "state", "kek.json"),
        signing_key=Path(folder, "state", "signing.pem"),
        audit_days=366,
        quarantine_hours=72,
        vault=os.environ.get("VAULT_OF_TEST") or Path(folder, "vault"),
        topics=Topics.named(prefix),
        group_prefix=prefix,
        partitions=int(partitions),
        engines=1,
        listen_s=20.0,
        patience=Patience(late_s=2.0, idle_s=float(idle_s)),
        shadow=_candidate(os.environ.get("SHADOW_OF_TEST", "")),
    )
    metrics = Metrics()
    if port := os.environ.get("METRICS_OF_TEST"):
        start_http_server(int(port), addr="127.0.0.1", registry=metrics.registry)
    asyncio.run(run_worker(config, metrics=metrics, ready=_ready))


def _policy(name: str) -> Policy:
    """The default policy under a name; the scripted bursts of both channels are one wave, which
    would count as echo."""
    changed = {"name": name, "echo": EchoRule(mode="never")}
    return load_policy("default").model_copy(update=changed)


def _detector() -> fakes.ScriptedDetector:
    """The scripted detector, which loads until a test's file is there, or is missing."""
    loading = os.environ.get("LOADING_OF_TEST")
    if loading == "missing":
        raise ModelError("a test's model is missing")
    if loading:
        Path(loading).with_suffix(".begun").touch()
    while loading and not Path(loading).exists():
        time.sleep(0.05)
    return fakes.ScriptedDetector()


def jump() -> None:
    """The wall clock jumps an hour ahead, and back with the next signal."""
    ahead = time.time() - _real_time() < HOUR_S / 2
    time.time = (lambda: _real_time() + HOUR_S) if ahead else _real_time


def _candidate(wanted: str) -> Candidate | None:
    """The policy that a test tries beside the live one: words that it finds, or ``failing``."""
    if not wanted:
        return None
    policy = load_policy("default").model_copy(update={"name": "tried", "version": "2"})
    if wanted == "failing":
        return Candidate(policy, lambda: fakes.FailingDetector().open)
    return Candidate(policy, lambda: fakes.ScriptedDetector(frozenset(wanted.split())).open)


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
