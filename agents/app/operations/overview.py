"""An installation at a glance: workers, lag, delay, what waits, keys, versions; no content.

``Operations.look`` asks the database each time, the broker at most every few seconds. A broker that
is away, or that nobody named, is a part of the answer. Outcomes: ``StoreError`` where the database
is away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import metadata
from typing import Final, Literal, TypeAlias

from agents.app.operations.expiry import Ending, certificates, keys
from agents.app.operations.parts import Kept, StageState, Throughput, kept, oldest, throughput
from agents.app.operations.worker_states import Delay, WorkerState, WorkerStates, delay_of
from agents.database.call_ledger import Ledger
from agents.database.policies.of_installation import policy_in_force
from agents.kafka.lag import BrokerLag, LagReader
from agents.kafka.security import KafkaSecurity
from agents.kafka.topics import Topics
from agents.settings.model import Settings
from agents.stages.all_stages import INPUTS
from models.store.model_catalogue import entries
from pipeline.errors import BrokerError, PolicyError, SealError, SettingsError
from pipeline.records.stages import ADMIT, STAGES

AGAIN_S: Final = 5.0
"""The broker is asked at most this often."""
BrokerState: TypeAlias = Literal["ok", "away", "unnamed"]


@dataclass(frozen=True, slots=True)
class BrokerView:
    """What the broker says."""

    state: BrokerState
    told: str
    """What it is about, and what to do."""
    dead_letters: int | None = None
    """Records on the dead-letter topic; None: not known."""
    missing: tuple[str, ...] = ()
    """Topics that are not there."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it is shown."""

    worker_id: str
    host: str
    stages: tuple[str, ...]
    state: Literal["starting", "ready", "away"]
    started: str
    seen: str
    version: str
    policy: str
    audio_seconds: int
    refused: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Versions:
    """What runs here, and what workers say that they run."""

    software: str
    schema: str
    policy: str
    """Name and version as the settings of the server have it; why not, where it can't be read."""
    workers: tuple[str, ...]
    """Versions of the workers that are alive."""
    policies: tuple[str, ...]
    """Policies of the workers that are alive."""
    models: tuple[str, ...]
    """As the catalogue pins them: id and the beginning of the sha256."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything."""

    at: str
    broker: BrokerView
    stages: tuple[StageState, ...]
    workers: tuple[WorkerView, ...]
    delay: Delay
    """From audio that came to the muting stage to its release, within the last quarter of an
    hour."""
    throughput: Throughput
    kept: Kept
    keys: tuple[Ending, ...]
    certificates: tuple[Ending, ...]
    versions: Versions


class Operations:
    """Looks at one installation.

    Args:
        settings: which broker, and what is configured.
        ledger: its database.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._topics = Topics.named(settings.topic_prefix, backfilled=True)
        self._states = WorkerStates(ledger.database)
        self._lock = threading.Lock()
        self._reader: LagReader | None = None
        self._asked = -AGAIN_S
        self._answer: tuple[BrokerView, BrokerLag | None] = (UNNAMED, None)

    def look(self) -> Overview:
        """Everything as it is now."""
        database = self._ledger.database
        now = database.now()
        workers = self._states.known()
        alive = [one for one in workers if one.alive(now)]
        view, lag = self._broker()
        return Overview(
            at=now.isoformat(),
            broker=view,
            stages=self._stages(workers, now, lag),
            workers=tuple(
                _shown(one, now)
                for one in sorted(workers, key=lambda one: (not one.alive(now), one.host))
            ),
            delay=delay_of(one.delays for one in alive),
            throughput=throughput(database, now),
            kept=kept(database, now, len(self._ledger.quarantined())),
            keys=tuple(keys(database, now)),
            certificates=tuple(certificates(self._settings, now)),
            versions=self._versions(alive),
        )

    def _stages(
        self, workers: list[WorkerState], now: datetime, lag: BrokerLag | None
    ) -> tuple[StageState, ...]:
        ages = oldest(self._ledger.database, [one for one in STAGES if one != ADMIT], now)
        made = []
        for stage in STAGES:
            mine = [one for one in workers if stage in one.stages]
            alive = [one for one in mine if one.alive(now)]
            made.append(
                StageState(
                    stage,
                    workers=len(alive),
                    away=len(mine) - len(alive),
                    behind=lag.behind[self._group(stage)] if lag is not None else None,
                    in_flight=sum(one.counts.get(f"in_flight.{stage}", 0) for one in alive),
                    oldest_seconds=ages.get(stage),
                )
            )
        return tuple(made)

    def _group(self, stage: str) -> str:
        return f"{self._settings.topic_prefix}-{stage}"

    def _broker(self) -> tuple[BrokerView, BrokerLag | None]:
        if not self._settings.bootstrap:
            return UNNAMED, None
        with self._lock:
            if time.monotonic() - self._asked >= AGAIN_S:
                self._answer = self._ask(self._settings.bootstrap)
                self._asked = time.monotonic()
            return self._answer

    def _ask(self, bootstrap: str) -> tuple[BrokerView, BrokerLag | None]:
        groups: Mapping[str, tuple[str, ...]] = {
            self._group(stage): reads(self._topics) for stage, reads in INPUTS.items()
        }
        try:
            if self._reader is None:
                client = KafkaSecurity.of(self._settings).librdkafka()
                self._reader = LagReader(bootstrap, client)
            lag = self._reader.read(groups, self._topics.all())
        except (BrokerError, SettingsError) as error:
            return BrokerView("away", str(error)), None
        there = set(self._topics.all()).difference(lag.missing)
        wanted = replace(self._topics, backfilled=self._settings.backfill).among(there).all()
        missing = tuple(one for one in lag.missing if one in wanted)
        told = (
            f"{len(missing)} topics are not there: start a worker, or `hushwire topics create`"
            if missing
            else f"{bootstrap} answers"
        )
        letters = lag.records[self._topics.deadletter]
        return BrokerView("ok", told, letters, missing), lag

    def _versions(self, alive: list[WorkerState]) -> Versions:
        from agents.database import migrate  # noqa: PLC0415 - Alembic takes its time

        try:
            policy = policy_in_force(self._settings, self._ledger)
            named = f"{policy.name} {policy.version}"
        except (PolicyError, SealError) as error:
            named = str(error)
        return Versions(
            software=metadata.version("hushwire"),
            schema=migrate.current(self._ledger.database) or "",
            policy=named,
            workers=tuple(sorted({one.version for one in alive})),
            policies=tuple(sorted({f"{one.policy} {one.policy_version}" for one in alive})),
            models=tuple(f"{one.id} {one.files[one.main][:12]}" for one in entries()),
        )


UNNAMED: Final = BrokerView(
    "unnamed",
    "This server knows no broker, so lag and dead letters can't be shown: set HUSHWIRE_BOOTSTRAP "
    "(and HUSHWIRE_KAFKA_…) for `hushwire serve`.",
)
"""Of a server to which no broker was named."""


def _shown(worker: WorkerState, now: datetime) -> WorkerView:
    state: Literal["starting", "ready", "away"] = "away"
    if worker.alive(now):
        state = "ready" if worker.state == "ready" else "starting"
    return WorkerView(
        worker_id=worker.worker_id,
        host=worker.host,
        stages=worker.stages,
        state=state,
        started=worker.started.isoformat(),
        seen=worker.seen.isoformat(),
        version=worker.version,
        policy=f"{worker.policy} {worker.policy_version}",
        audio_seconds=worker.counts.get("audio_seconds", 0),
        refused=worker.counts.get("refused", 0),
        dead_letters=worker.counts.get("dead_letters", 0),
    )
