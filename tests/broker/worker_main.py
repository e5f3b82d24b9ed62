"""A worker process with scripted speech: ``python worker_main.py BOOTSTRAP FOLDER PREFIX STAGES``.

Prints ``ready`` when every stage has its partitions.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import fakes  # type: ignore[import-not-found]

from agents.logging import configure_logging
from agents.pool import Ears
from agents.stages.transcribe import Patience
from agents.topics import Topics
from agents.worker import Models, WorkerConfig, run_worker
from pipeline.listening import LoudnessVoice
from pipeline.policy import EchoRule, load_policy


def main() -> None:
    bootstrap, folder, prefix, stages, idle_s = sys.argv[1:]
    configure_logging("info")
    config = WorkerConfig(
        stages=tuple(stages.split(",")),
        bootstrap=bootstrap,
        # The scripted bursts of both channels are one wave: they would count as echo.
        policy=load_policy("default").model_copy(update={"echo": EchoRule(mode="never")}),
        models=Models(
            Ears(fakes.start, (), fakes.hear, fakes.hear), LoudnessVoice, fakes.ScriptedDetector
        ),
        ledger_url=f"sqlite:///{Path(folder, 'state', 'ledger.db')}",
        keyset=Path(folder, "state", "kek.json"),
        signing_key=Path(folder, "state", "signing.pem"),
        audit_days=366,
        quarantine_hours=72,
        vault=Path(folder, "vault"),
        topics=Topics.named(prefix),
        group_prefix=prefix,
        partitions=4,
        engines=1,
        listen_s=20.0,
        patience=Patience(late_s=2.0, idle_s=float(idle_s)),
    )
    asyncio.run(run_worker(config, ready=_ready))


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
