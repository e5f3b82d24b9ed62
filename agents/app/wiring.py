"""From settings to running parts: workers, ledger and producer, the same way for every command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, fields
from functools import partial
from importlib import metadata
from pathlib import Path

from rich.console import Console

from agents.app.checks.surroundings import looks
from agents.app.operations.probes import Probes, ProbeServer
from agents.app.recordings.ingest import Ingested, Outcome, ingest
from agents.app.recordings.recording_folder import recordings_at
from agents.app.stage_clients import Models, WorkerConfig
from agents.app.worker import require_startable, run_worker, waits_for
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.call_ledger import Ledger
from agents.database.known_keys import HeldTokenKey
from agents.database.open_ledger import opened_ledger
from agents.database.policies.of_installation import following, policy_in_force
from agents.kafka.admin import make_topics
from agents.kafka.producer import CallProducer
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, reach_broker
from agents.runtime.engine_pool import whisper_work
from agents.runtime.outbox import Limits
from agents.settings.consent_rules import at_the_door, consent_rules, rules_of
from agents.settings.detectors import detector_settings
from agents.settings.model import STATE, Settings
from agents.settings.notices import line_names
from agents.settings.policies import read_policy
from agents.stages.all_stages import LanguageDetector
from agents.stages.door_opening import Door
from agents.stages.shadow import Candidate, candidate
from agents.stages.speakers import diarizer_of
from agents.stages.timeouts import Timeouts
from agents.system.engine_sizing import batching, window_settings
from agents.system.logging import configure_logging, get_logger, level_by_signals
from agents.system.metrics import Metrics
from agents.system.private_files import there
from agents.system.progress import Through
from agents.system.tracing.otlp import exporting
from agents.upkeep.consent_recheck import Nightly
from agents.upkeep.news.webhooks import Endpoint, endpoint
from agents.upkeep.sweep_guard import Bounds
from agents.vault.analytics.topic_list import topics_of
from agents.vault.locks import working_together
from models.speech.transcriber import TranscriberSettings, pinned, speech_models
from models.store.software import digest_of, fingerprint
from pipeline.policy.model import Policy
from pipeline.records.stages import ADMIT, DETECT, SPEECH, STAGES, TRANSCRIBE, VAULT, VERIFY
from pipeline.transcription.voice_activity import VoiceDetector


def start_worker(
    stages: list[str],
    vault: str | Path | None,
    settings: Settings,
    *,
    ready: Callable[[], None] | None = None,
) -> int:
    """Run stages until SIGTERM or SIGINT.

    Args:
        stages: their names, or ``all``.
        vault: folder of the vault, or ``s3://bucket/prefix``; the vault stage needs it.
        settings: everything else; ``bootstrap`` is required.
        ready: called when every stage has its partitions.

    Returns:
        0: the worker was stopped.

    Raises:
        HushwireError: a stage is unknown, or something that they need is missing or away.
    """
    configure_logging(settings.log_level)
    level_by_signals(settings.log_level)
    config = worker_config(stages, vault, settings)
    with working_together(settings, settings.state_folder(STATE), config.vault):
        _serve(config, settings, ready or (lambda: None))
    return 0


def _serve(config: WorkerConfig, settings: Settings, ready: Callable[[], None]) -> None:
    metrics, probes = Metrics(), Probes()
    with ExitStack() as serving:
        if settings.metrics_port:
            host, port = settings.metrics_host, settings.metrics_port
            serving.enter_context(ProbeServer(host, port, metrics.registry, probes))
        one = config.stages[0] if len(config.stages) == 1 else "worker"
        serving.enter_context(
            exporting(settings.tracing, f"hushwire-{one}", counter=metrics.traced)
        )
        get_logger().info(
            "worker starting",
            stages=list(config.stages),
            version=metadata.version("hushwire"),
            bootstrap=config.bootstrap,
            waits_for=waits_for(config.stages),
        )
        reach_broker(config.bootstrap, client=config.security.librdkafka())
        asyncio.run(run_worker(config, metrics=metrics, ready=ready, probes=probes))


def worker_config(stages: list[str], vault: str | Path | None, settings: Settings) -> WorkerConfig:
    """The worker's own configuration.

    Raises:
        SettingsError: no broker is named, or see ``agents.app.worker.require_startable``.
        PolicyError: the policy is refused.
    """
    named = STAGES if stages == ["all"] else tuple(dict.fromkeys(stages))
    require_startable(named, vault)
    bootstrap = named_broker(settings)
    policy = read_policy(settings)
    nightly = None
    if settings.consent_recheck != "off":
        nightly = Nightly(settings.consent_recheck, rules_of(settings))
    state = settings.state_folder(STATE)
    hearing = transcriber_settings(settings)
    if set(SPEECH) & set(named):
        hearing = pinned(hearing)  # engines that are started later load the same bytes, or none
    return WorkerConfig(
        stages=named,
        bootstrap=bootstrap,
        policy=policy,
        models=Models(
            pool_work=whisper_work(hearing),
            voice=_voice,
            detector=partial(_detector, policy, settings),
            speakers=partial(diarizer_of, settings),
        ),
        ledger_url=settings.ledger_location(state),
        keyset=settings.keyset_file(state),
        key_service=settings.key_service,
        token_key_file=_token_key_file(settings, state, named, policy),
        token_key_named=settings.token_key is not None,
        following=following(settings),
        signing_key=settings.signing_key_file(state),
        audit_days=settings.audit_days,
        quarantine_hours=settings.quarantine_hours,
        bounds=Bounds.of(settings),
        vault=vault,
        security=KafkaSecurity.of(settings),
        topics=Topics.named(settings.topic_prefix, backfilled=settings.backfill),
        backfill=settings.backfill,
        group_prefix=settings.topic_prefix,
        partitions=settings.partitions,
        replication=settings.replication,
        raw_retention_ms=settings.raw_retention_seconds * 1000,
        engines=settings.engine_processes,
        listening=window_settings(settings.pace),
        transcribed_by=transcribed_by(settings, hearing) if TRANSCRIBE in named else "",
        consent=consent_rules(settings) if TRANSCRIBE in named else None,
        nightly=nightly,
        batch=batching(settings.pace, settings.device),
        limits=Limits(calls=settings.calls_in_flight),
        stop_s=settings.stop_seconds,
        timeouts=Timeouts(settings.late_seconds, settings.idle_seconds),
        shadow=_candidate(settings),
        door=_door(settings, state) if ADMIT in named else None,
        counted=topics_of(settings) if VAULT in named else None,
        transcripts=settings.publish_transcripts,
        webhooks=webhook_endpoint(settings) if VAULT in named else None,
        looked_at=looks(settings, state, vault),
    )


def _token_key_file(
    settings: Settings, state: Path, stages: tuple[str, ...], policy: Policy
) -> Path | None:
    """The token key's file, where a stage needs it or it is there."""
    path = settings.token_key_file(state)
    shown = not {DETECT, VERIFY}.isdisjoint(stages) and (policy.needs_token_key or there(path))
    return path if shown or not {ADMIT, VAULT}.isdisjoint(stages) else None


def webhook_endpoint(settings: Settings) -> Endpoint | None:
    """Whom webhooks tell, if anybody.

    Raises:
        SettingsError: see ``agents.upkeep.news.webhooks.endpoint``.
    """
    return endpoint(
        settings.webhook_url,
        settings.webhook_secrets,
        included=settings.webhook_body,
        networks=settings.webhook_networks,
        ca=settings.webhook_ca,
        timeout_s=settings.webhook_timeout_seconds,
    )


def _door(settings: Settings, state: Path) -> Door:
    return Door(
        private=settings.transit_private_file(state),
        public=settings.transit_public_file(state),
        service=settings.transit_key_service,
        may_be_sent=at_the_door(settings),
        language=settings.language,
        lines=line_names(settings),
    )


def _candidate(settings: Settings) -> Candidate | None:
    """What is tried beside the live policy and reader, if anything is."""
    if not settings.shadow_policy and settings.shadow_reader is None:
        return None
    policy = read_policy(settings, settings.shadow_policy or settings.policy)
    own = partial(detector_settings, settings, shadow=True)
    return candidate(policy, own, follows=not settings.shadow_policy)


def _voice() -> VoiceDetector:
    # Imported where the models are loaded: other parts of a worker start meanwhile.
    from models.speech.silero_vad import SileroVoice  # noqa: PLC0415

    return SileroVoice()


def _detector(policy: Policy, settings: Settings, token_key: bytes | None) -> LanguageDetector:
    from models.detection.detector import Detector  # noqa: PLC0415 - as above

    return Detector(policy, settings=detector_settings(settings), token_key=token_key)


def ingest_paths(
    paths: list[Path], settings: Settings, *, console: Console, again: bool = False
) -> int:
    """Ingest recordings and print what became of each.

    Args:
        paths: recordings, or folders of them.
        settings: which broker and ledger.
        console: where it is printed.
        again: take recordings whose calls were refused anew.

    Returns:
        How many were neither sent now nor stored before.

    Raises:
        HushwireError: a path is unusable, nothing there is a recording, or the broker or the ledger
            is away.
    """
    files = recordings_at(paths)
    have_topics(settings)
    with (
        working_together(settings, settings.state_folder(STATE)),
        opened_ledger(settings, STATE, make_key=True) as ledger,
        Through(console, len(files), "recordings") as progress,
    ):
        results = ingest_files(
            files, ledger, settings, lambda one: progress.through(one.line), again=again
        )
    counts = {outcome: sum(one.outcome is outcome for one in results) for outcome in Outcome}
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
    return sum(not one.outcome.good for one in results)


def have_topics(settings: Settings) -> None:
    """Make all topics unless there is one for raw audio.

    Many brokers make a topic with the first record for it, and with a number of partitions of their
    own: workers, which make the others, would then refuse to start.

    Raises:
        BrokerError: the broker is away, or does not let us make them.
    """
    client = KafkaSecurity.of(settings).librdkafka()
    there = reach_broker(named_broker(settings), client=client)
    if Topics.named(settings.topic_prefix).audio_raw not in there:
        make_topics(settings, there)


def ingest_files(
    files: list[Path],
    ledger: Ledger,
    settings: Settings,
    report: Callable[[Ingested], None],
    *,
    embedded: bool = False,
    again: bool = False,
    options: str = "",
) -> list[Ingested]:
    """Send recordings to the broker that the settings name; see ``ingest``."""
    topic = Topics.named(settings.topic_prefix).audio_raw
    client = KafkaSecurity.of(settings).librdkafka()
    path = settings.token_key_file(settings.state_folder(STATE))
    named = Pseudonyms(HeldTokenKey(ledger.database, path))
    allowed, policy = at_the_door(settings), policy_in_force(settings, ledger)
    with CallProducer(named_broker(settings), topic, client=client) as producer:
        return ingest(
            files,
            producer,
            ledger,
            chunk_seconds=settings.chunk_seconds,
            named=named,
            language=settings.language,
            embedded=embedded,
            again=again,
            options=options,
            may_be_sent=lambda call: allowed(call, policy),
            lines=line_names(settings),
            report=report,
        )


def transcribed_by(settings: Settings, hearing: TranscriberSettings) -> str:
    """Digest of all that decides what is heard in a call, see ``WindowTranscript.listening``.

    Where models lie and how many inputs share a batch change no bit of it.

    Args:
        settings: how speech is packed.
        hearing: what the engines are told, ``pinned``.
    """
    transcriber = {
        one.name: getattr(hearing, one.name)
        for one in fields(hearing)
        if one.name not in {"models", "catalogue", "allow_hub", "batch", "pinned"}
    }
    # A team's own model is named by the team: its bytes are what counts.
    files = [one.files for one in speech_models(hearing)]
    return digest_of(fingerprint(), transcriber, files, asdict(window_settings(settings.pace)))


def transcriber_settings(settings: Settings) -> TranscriberSettings:
    """What the speech engines are told."""
    return TranscriberSettings(
        main=settings.main_model,
        second=None if settings.second_model == "none" else settings.second_model,
        second_where=settings.second_where,
        device=settings.device,
        compute_type=settings.compute_type,
        check=settings.check_model,
        models=settings.models_dir,
        catalogue=settings.models_catalogue,
        allow_hub=settings.allow_hub,
        batch=batching(settings.pace, settings.device).most,
    )
