"""How a worker runs, its stages, made of its parts, and the broker client of each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import faust

from agents.access.audit_log import AuditLog
from agents.app.checks import surroundings
from agents.app.faust_app import make_app, port_of
from agents.crypto.ed25519 import SigningKey
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import Ledger
from agents.database.known_keys import HeldTokenKey, known_signing_key
from agents.database.policies.pins import Pins
from agents.database.policies.published import Following, InForce
from agents.kafka.security import KafkaSecurity
from agents.kafka.topics import PARTITIONS, RAW_RETENTION_MS, Topics
from agents.runtime.batching import LiveFirst
from agents.runtime.broker_port import Reader
from agents.runtime.engine_pool import TRANSCRIBE_S, PoolWork, TranscriberPool
from agents.runtime.outbox import Limits
from agents.runtime.record_runtime import RecordRuntime, RecordStage
from agents.runtime.stage_runtime import BACKFILL, StageRuntime
from agents.runtime.steps import Stage
from agents.stages import admit, detect, mute, transcribe, vault, verify
from agents.stages.all_stages import LANGUAGE, LanguageDetector
from agents.stages.door_opening import Door
from agents.stages.shadow import Candidate, Shadow
from agents.stages.timeouts import Timeouts
from agents.system.clock import Clock, system_clock
from agents.system.engine_sizing import Batch
from agents.system.metrics import Metrics
from agents.upkeep import consent_recheck, quarantine
from agents.upkeep.news.webhooks import Endpoint
from agents.upkeep.sweep_guard import Bounds
from agents.vault.analytics.fact_keeper import FactKeeper
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.vault import Vault
from pipeline.analytics.topics import TopicList
from pipeline.consent.gate import ConsentRules
from pipeline.evidence.stored_call import Diarizes
from pipeline.policy.model import Policy
from pipeline.transcription.voice_activity import VoiceDetector
from pipeline.transcription.windows import WindowSettings

STOP_S = 25.0
"""Less than the half minute that Kubernetes gives by default."""


@dataclass(frozen=True, slots=True)
class Models:
    """What the stages need of ``models/``; every part is made only where a stage needs it."""

    pool_work: PoolWork
    """What the pool's processes run."""
    voice: Callable[[], VoiceDetector]
    """Makes the voice-activity detector."""
    detector: Callable[[bytes | None], LanguageDetector]
    """Makes the detector, with the secret for keyed hashes where there is one."""
    speakers: Callable[[], Diarizes | None] = lambda: None
    """Makes what tells apart who speaks on a shared channel."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How a worker runs."""

    stages: tuple[str, ...]
    bootstrap: str
    policy: Policy
    """What new calls are pinned to, until a version is published in the ledger."""
    models: Models
    ledger_url: str = field(repr=False)
    keyset: Path
    signing_key: Path
    """The vault stage signs with it; made when nothing was ever signed."""
    audit_days: int
    """How long the audit log keeps its entries."""
    quarantine_hours: int
    """How long the key of a quarantined call lives."""
    bounds: Bounds = field(default_factory=Bounds)
    """When nothing is destroyed by time."""
    clock: Clock = system_clock
    """The time of ledger, audit log and whatever is destroyed by time."""
    look_s: float = quarantine.LOOK_S
    """How often is looked for quarantines, and for calls to be erased, whose time is up."""
    key_service: str | None = None
    """URI of the key service's key that encrypts the keyset file."""
    token_key_file: Path | None = None
    """The secret for keyed hashes; None: no stage needs it."""
    token_key_named: bool = False
    """Whether a setting names that file: it is not made then."""
    following: Following | None = None
    """How versions of the policy that are published are taken up; None: they are not."""
    vault: str | Path | None = None
    """Folder of the vault, or ``s3://bucket/prefix``; the vault stage needs it."""
    consent: ConsentRules | None = None
    """What calls are judged by; a policy that enforces consent needs it."""
    nightly: consent_recheck.Nightly | None = None
    """What becomes of stored calls that the rules in force would not keep any longer."""
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    """How the cluster is spoken to."""
    topics: Topics = field(default_factory=Topics.named)
    group_prefix: str = "hushwire"
    partitions: int = PARTITIONS
    replication: int = 1
    raw_retention_ms: int = RAW_RETENTION_MS
    embedded: bool = False
    """Whether the broker ends with this process."""
    engines: int = 1
    """Speech engine processes."""
    batch: Batch = field(default_factory=Batch)
    """How windows are put together for one engine process."""
    listening: WindowSettings = field(default_factory=WindowSettings)
    """How speech is packed into windows."""
    transcribed_by: str = ""
    """Digest of all that decides what is heard, see ``WindowTranscript.listening``."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    transcribe_s: float = TRANSCRIBE_S
    """How long one window may take."""
    stop_s: float = STOP_S
    """How long stopping may take; then the process ends at once."""
    shadow: Candidate | None = None
    """A policy that the detect stage tries beside the live one."""
    door: Door | None = None
    """How calls are let in; the admit stage needs it."""
    counted: TopicList | None = None
    """What the vault stage counts; None: nothing."""
    transcripts: bool = False
    """Whether the vault stage tells redacted transcripts in clear."""
    backfill: bool = False
    """Whether archives' calls are worked on, too, when live ones are served."""
    webhooks: Endpoint | None = None
    """Whom the vault stage's worker tells what became of calls."""
    looked_at: surroundings.Looks = field(default_factory=dict)
    """What is watched around the worker."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The models of this process, as far as its stages need them."""

    voice: VoiceDetector | None
    detector: LanguageDetector | None
    speakers: Diarizes | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What stages are made of, beside the models."""

    ledger: Ledger
    pool: TranscriberPool | None
    metrics: Metrics
    key: SigningKey | None
    store: Vault | None
    private: TransitPrivate | None
    in_force: InForce
    live: LiveFirst
    token_key: HeldTokenKey | None

    def require_keys(self, signing: Path) -> None:
        """Raise ``KeyFileError`` where a key that this process holds was replaced.

        Args:
            signing: the signing key's file.
        """
        if self.token_key is not None:
            self.token_key()
        if self.key is not None:
            known_signing_key(self.ledger.database).require(signing, self.key, note=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A stage, and how it reads its topics."""

    config: WorkerConfig
    stage: Stage | RecordStage
    after: LiveFirst | None = None
    """Of an archive's calls: the live ones that go first."""


def made_readings(config: WorkerConfig, parts: Parts, loaded: Loaded) -> list[Reading]:
    """The wanted stages; with ``config.backfill`` each a second time, for the archive's topics.

    Those hold half as much: an archive's calls come whole, and live ones need all their room.
    """
    found = [Reading(config, stage) for stage in made_stages(config, parts, loaded)]
    if config.backfill:
        archive = replace(
            config,
            topics=config.topics.backfill(),
            group_prefix=f"{config.group_prefix}-{BACKFILL}",
            shadow=None,
            limits=config.limits.halved(),
        )
        behind = made_stages(archive, parts, loaded, live=False)
        found += [Reading(archive, stage, parts.live) for stage in behind]
    return found


def made_clients(
    readings: list[Reading], parts: Parts, language: ThreadPoolExecutor
) -> list[tuple[faust.App, Reader]]:
    """The broker client of each, and what it hands records to; call it in the loop.

    Stages of one name share a thread, and those with the detector share ``language``: models are
    not for several threads at a time.
    """
    threads: dict[str, ThreadPoolExecutor] = {}
    made = []
    for one in readings:
        name = one.stage.name
        own = threads.setdefault(name, ThreadPoolExecutor(1, f"hushwire-{name}"))
        made.append(client(one, parts, language if name in LANGUAGE else own))
    return made


def made_stages(
    config: WorkerConfig, parts: Parts, loaded: Loaded, *, live: bool = True
) -> list[Stage | RecordStage]:
    """Make the wanted stages; the door's and the release delay are for live calls alone."""
    topics, timeouts = config.topics, config.timeouts
    ledger, metrics, key, store = parts.ledger, parts.metrics, parts.key, parts.store
    detector, voice = loaded.detector, loaded.voice
    made: list[Stage | RecordStage] = []
    for name in config.stages:
        match name:
            case admit.NAME if live and config.door and parts.private and parts.token_key:
                asked, named = parts.in_force.policy, Pseudonyms(parts.token_key)
                door, private = config.door, parts.private
                made.append(admit.admit_stage(topics, ledger, private, named, door, asked))
            case transcribe.NAME if voice is not None:
                made.append(
                    transcribe.transcribe_stage(
                        topics,
                        voice,
                        timeouts,
                        listening=config.listening,
                        transcribed_by=config.transcribed_by,
                        audio=metrics.audio.inc,
                        consent=config.consent,
                    )
                )
            case detect.NAME if detector is not None:
                beside = None
                if config.shadow is not None:
                    beside = Shadow(config.shadow, ledger.database, metrics).open
                made.append(detect.detect_stage(topics, detector.open, beside))
            case mute.NAME:
                delayed = metrics.release_delay.observe if live else _nobody
                made.append(mute.mute_stage(topics, timeouts, delayed))
            case verify.NAME if detector is not None:
                made.append(verify.verify_stage(topics, detector))
            case vault.NAME if store is not None and key is not None:
                facts = None
                if config.counted and parts.token_key:
                    facts = FactKeeper(store, SearchIndex(parts.token_key()), config.counted)
                log, told = AuditLog(ledger.database), config.transcripts
                keeping = partial(
                    vault.vault_stage,
                    log=log,
                    facts=facts,
                    transcripts=told,
                    speakers=loaded.speakers,
                )
                noted = metrics.note_uncounted
                made.append(keeping(topics, store, ledger, timeouts, key=key, uncounted=noted))
    return made


def _nobody(_seconds: float) -> None:
    """An archive's call is released whenever there is time."""


def client(reading: Reading, parts: Parts, thread: ThreadPoolExecutor) -> tuple[faust.App, Reader]:
    """A stage's broker client, and what it hands records to."""
    config, stage, after = reading.config, reading.stage, reading.after
    app = make_app(
        f"{config.group_prefix}-{stage.name}",
        config.bootstrap,
        partitions=config.partitions,
        longest_job_s=config.transcribe_s,
        client_id=f"hushwire-{stage.name}",
        security=config.security,
    )
    if isinstance(stage, RecordStage):
        reader = RecordRuntime(
            stage,
            port_of(app),
            audit=AuditLog(parts.ledger.database),
            topics=config.topics,
            metrics=parts.metrics,
            limits=config.limits,
            partitions=config.partitions,
        )
        return app, reader
    live = after is None  # how late an archive is wakes nobody
    runtime = StageRuntime(
        stage,
        port_of(app),
        ledger=parts.ledger,
        policies=Pins(parts.ledger.database, parts.in_force.policy, parts.metrics).policy,
        pool=parts.pool,
        topics=config.topics,
        metrics=parts.metrics,
        limits=config.limits,
        thread=thread,
        partitions=config.partitions,
        # Longer than transcription waits: where it ends a silent call, that end comes before.
        lost_s=2 * config.timeouts.idle_s,
        delayed=parts.metrics.call_delay.observe if stage.name == vault.NAME and live else None,
        after=after,
    )
    if live:
        parts.live.add(runtime)
    return app, runtime
