"""A worker with scripted speech, as ``worker_main.py`` starts it."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import fakes  # type: ignore[import-not-found]

from agents.app import faust_app
from agents.app.faust_app import FaustPort
from agents.app.operations import heartbeat, probes, worker_states
from agents.app.operations.probes import Probes, ProbeServer
from agents.app.recordings.backfill import run_backfill
from agents.app.stage_clients import Models, WorkerConfig
from agents.app.worker import run_worker
from agents.database.policies.published import Following
from agents.kafka.topics import Topics
from agents.runtime.engine_pool import PoolWork
from agents.stages.door_opening import Door
from agents.stages.shadow import Candidate
from agents.stages.timeouts import Timeouts
from agents.system.clock import system_clock
from agents.system.logging import configure_logging
from agents.system.metrics import Metrics
from agents.system.tracing.otlp import exporting
from agents.upkeep.news import webhooks
from agents.upkeep.news.webhooks import Endpoint, endpoint
from pipeline.consent.gate import ConsentRules
from pipeline.consent.loading import shipped_rules
from pipeline.errors import ModelError
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.loading import load_policy
from pipeline.policy.model import ConsentRule, EchoRule, Policy
from pipeline.records import schemas
from pipeline.transcription.segmenter import LoudnessVoice

AHEAD = timedelta(days=400)
"""How far the clock jumps: beyond the retention of every call."""
STOP_S = 120.0
"""Five times what ``HUSHWIRE_STOP_SECONDS`` is: one that does not stop ends with another exit code
than 0, which ``Installation.stop`` asks for."""
HURRIED = (
    (faust_app, "SESSION_S", 3.0),
    (heartbeat, "BEAT_S", 2.0),
    (worker_states, "ALIVE_S", 6.0),
    (run_backfill, "WORKERS_S", 3.0),
    (probes, "SPARE_S", 7.5),
    (webhooks, "FIRST_WAIT_S", 1.0),
)
"""What a worker, and whoever looks for one, waits for half as long or less: until one that was
killed is given up, until somebody joins at the embedded broker (half of a session), and so on."""
LOOK_S = 0.5
"""How often is looked for what is due: also while the clock is ahead."""


class JumpingClock:
    """The worker's clock; SIGUSR1 makes it jump ahead, SIGUSR2 back."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "ahead", AHEAD))
        signal.signal(signal.SIGUSR2, lambda *_: setattr(self, "ahead", timedelta(0)))

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


def warm() -> None:
    """Load what each process would load anew, and hurry what all of them wait for; no thread."""
    for module, name, seconds in HURRIED:
        setattr(module, name, seconds)
    shipped_rules()
    inspect.getmodule(sys._getframe())  # looks every module's file up, as Faust does


def main() -> None:
    """Work until the process is told to end."""
    bootstrap, folder, prefix, stages, idle_s, partitions = sys.argv[1:]
    configure_logging("info")
    if os.environ.get("SCHEMAS_OF_TEST") == "previous":
        schemas.NEWEST.update({name: one - 1 for name, one in schemas.NEWEST.items()})
    clock = JumpingClock()
    state = Path(folder, "state")
    config = WorkerConfig(
        stages=tuple(stages.split(",")),
        bootstrap=bootstrap,
        policy=_policy(os.environ.get("POLICY_OF_TEST", "default")),
        transcribed_by=f"scripted {fakes.VERSION}",
        models=Models(
            PoolWork(fakes.start, (), fakes.transcribe, fakes.check), LoudnessVoice, _detector
        ),
        ledger_url=os.environ.get("LEDGER_OF_TEST") or f"sqlite:///{state / 'ledger.db'}",
        keyset=state / "kek.json",
        token_key_file=state / "tokens.key",
        following=Following(BUILT_IN),
        signing_key=state / "signing.pem",
        audit_days=366,
        quarantine_hours=72,
        clock=clock,
        look_s=LOOK_S,
        vault=os.environ.get("VAULT_OF_TEST") or Path(folder, "vault"),
        topics=Topics.named(prefix, backfilled="BACKFILL_OF_TEST" in os.environ),
        backfill="BACKFILL_OF_TEST" in os.environ,
        group_prefix=prefix,
        partitions=int(partitions),
        engines=1,
        transcribe_s=600.0,
        timeouts=Timeouts(late_s=2.0, idle_s=float(idle_s)),
        stop_s=float(os.environ.get("STOP_OF_TEST", STOP_S)),
        consent=ConsentRules(shipped_rules(), fakes.reads),
        shadow=_candidate(os.environ.get("SHADOW_OF_TEST", "")),
        transcripts="WEBHOOK_OF_TEST" in os.environ,
        webhooks=_webhooks(folder),
        door=Door(
            private=state / "transit-private.json",
            public=state / "transit-public.json",
        ),
    )
    if "KILLED_OF_TEST" in os.environ:
        FaustPort.acknowledge = _killed  # type: ignore[assignment, method-assign]
    metrics, probes = Metrics(), Probes()
    if port := os.environ.get("METRICS_OF_TEST"):
        ProbeServer("127.0.0.1", int(port), metrics.registry, probes).__enter__()
    with exporting(
        os.environ.get("TRACING_OF_TEST", "off"), "hushwire-test", counter=metrics.traced
    ):
        asyncio.run(run_worker(config, metrics=metrics, ready=_ready, probes=probes))
    if told := os.environ.get("MODULES_OF_TEST"):
        Path(told).write_text("\n".join(sorted(sys.modules)), encoding="utf-8")


def _webhooks(folder: str) -> Endpoint | None:
    """Whom a test has told: its receiver, by the secrets in the folder, with transcripts."""
    url = os.environ.get("WEBHOOK_OF_TEST")
    return endpoint(url, Path(folder, "webhook.secrets"), included=("transcript",))


def _killed(*_: object) -> None:
    """In the place of the first acknowledgement: what a stage sent is on the broker by then."""
    os.kill(os.getpid(), signal.SIGKILL)


def _policy(name: str) -> Policy:
    """The default policy under a name; the scripted bursts of both channels are one wave, which
    would count as echo."""
    changed: dict[str, object] = {"name": name, "echo": EchoRule(mode="never")}
    withdrawal = os.environ.get("CONSENT_OF_TEST")
    if withdrawal is None:
        return load_policy("default").model_copy(update=changed)
    stated = {"enforced": True, "agents_agreed": True, "withdrawal": withdrawal}
    changed["consent"] = ConsentRule.model_validate(stated)
    return load_policy("pci+hipaa+gdpr").model_copy(update=changed)


def _detector(_key: bytes | None) -> fakes.ScriptedDetector:
    """The scripted detector, which loads until a test's file is there, or is missing."""
    loading = os.environ.get("LOADING_OF_TEST")
    if loading == "missing":
        raise ModelError("a test's model is missing")
    if loading:
        Path(loading).with_suffix(".begun").touch()
    while loading and not Path(loading).exists():
        time.sleep(0.05)
    return fakes.ScriptedDetector()


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
