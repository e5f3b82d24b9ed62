"""Runs any subset of the stages in one process: one Faust app and consumer group per stage.

Outcomes of ``run_worker``: returns when it was told to stop and everything is closed; raises
``ModelError``, ``StoreError`` or ``BrokerError`` when it can't start. While it runs, a failure
that risks a loss ends the process with one of ``agents.system.fatal_exit``'s exit codes.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata
from pathlib import Path

from agents.access.audit_log import AuditLog
from agents.app.checks import surroundings
from agents.app.consumers import Serving
from agents.app.operations import behind
from agents.app.operations.heartbeat import Heartbeat
from agents.app.operations.probes import Probes
from agents.app.stage_clients import (
    Loaded,
    Parts,
    WorkerConfig,
    made_clients,
    made_readings,
)
from agents.crypto.envelope import KeyEncryptionKey
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import Ledger
from agents.database.known_keys import HeldTokenKey, known_signing_key, known_token_key
from agents.database.migrate import uses_keys
from agents.database.policies.published import InForce
from agents.kafka.topics import (
    create_topics,
    keep_partitions,
)
from agents.runtime.batching import LiveFirst
from agents.runtime.engine_pool import TranscriberPool
from agents.stages import admit, transcribe, vault
from agents.stages.all_stages import LANGUAGE
from agents.system import fatal_exit
from agents.system.logging import get_logger, silence_libraries
from agents.system.metrics import Metrics
from agents.upkeep import consent_recheck, quarantine, retention, unfinished_calls
from agents.upkeep.audit_checkpoints import TopicCheckpoints, VaultCheckpoints
from agents.upkeep.audit_keeper import AuditKeeper
from agents.upkeep.news.erased_calls import LOOK_S as NEWS_S
from agents.upkeep.news.erased_calls import ErasedCalls
from agents.upkeep.news.webhooks import LOOK_S as HOOKS_S
from agents.upkeep.news.webhooks import Webhooks
from agents.upkeep.sweep_guard import SweepGuard
from agents.vault.file_store import is_bucket
from agents.vault.vault import Vault
from pipeline.errors import SettingsError
from pipeline.records.stages import SPEECH, STAGES


async def run_worker(
    config: WorkerConfig,
    *,
    stop: asyncio.Event | None = None,
    metrics: Metrics | None = None,
    ready: Callable[[], None] = lambda: None,
    signals: bool = True,
    probes: Probes | None = None,
) -> None:
    """Run stages until stopped.

    Args:
        config: how.
        stop: set it to end the worker.
        metrics: what is counted; the caller may read it while the worker runs.
        ready: called when every stage has its partitions.
        signals: whether SIGTERM and SIGINT end the worker; only in the main thread. A second one
            ends it at once.
        probes: is told how it is doing.

    Raises:
        SettingsError: an unknown stage, a vault stage without a vault, or consent is to be
            rechecked by a policy that asks for none.
        ModelError: a model is missing or can't be loaded.
        StoreError: the ledger or the vault can't be opened.
        PolicyError: the published version of the policy can't be taken up here.
        BrokerError: the broker is away.
    """
    require_startable(config.stages, config.vault)
    _require_door(config)
    silence_libraries()
    stop, metrics = stop or asyncio.Event(), metrics or Metrics()
    if signals:
        told = _Told(stop, config.stop_s)
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, told)
    pool, live = None, LiveFirst()
    if set(SPEECH) & set(config.stages):
        pool = TranscriberPool(
            config.models.pool_work,
            config.engines,
            batch=config.batch,
            transcribe_s=config.transcribe_s,
            live=live,
        )
    # What loads stays: the collector would look through it again and again.
    gc.disable()
    ledger = loading = None
    try:
        ledger, token_key = await asyncio.to_thread(_open_ledger, config)
        loading = asyncio.create_task(_load(config, pool, token_key))
        await asyncio.to_thread(
            create_topics,
            config.bootstrap,
            config.topics,
            partitions=config.partitions,
            replication=config.replication,
            retention_ms=config.raw_retention_ms,
            client=config.security.librdkafka(),
        )
        key = None
        if vault.NAME in config.stages:
            # A setting may name it, too: it lies on a volume that the vault's workers alone have.
            ensured = known_signing_key(ledger.database).ensured
            key = await asyncio.to_thread(ensured, config.signing_key)
        store = await asyncio.to_thread(_open_vault, config, ledger)
        private = await asyncio.to_thread(_private, config, ledger)
        in_force = InForce(ledger.database, ledger.kek, config.policy, config.following, metrics)
        await asyncio.to_thread(in_force.start)
        if config.nightly is not None:
            consent_recheck.require_enforced(in_force.current)
        parts = Parts(ledger, pool, metrics, key, store, private, in_force, live, token_key)
        counts = partial(parts.require_keys, config.signing_key)
        beat = Heartbeat(ledger.database, config.stages, lambda: in_force.current, metrics, counts)

        def reads() -> None:
            beat.state = "ready"
            ready()

        async with _kept(config, parts), beat.kept():
            await _run(config, parts, loading, stop, reads, probes or Probes())
    finally:
        gc.unfreeze()  # or the interpreter's end would leave it, and libraries complain
        gc.enable()
        if loading is not None:
            loading.cancel()
            await asyncio.wait([loading])
        if pool is not None:
            pool.stop()
        if ledger is not None:
            ledger.dispose()


def _require_door(config: WorkerConfig) -> None:
    if admit.NAME in config.stages and config.door is None:
        raise SettingsError("the admit stage needs the private key of calls on their way in")


def require_startable(stages: Sequence[str], place: str | Path | None) -> None:
    """Refuse what a worker is asked for, before anything is read or reached.

    Args:
        stages: their names.
        place: of the vault.

    Raises:
        SettingsError: a stage that is none, a vault that is missing or can be none.
    """
    unknown = sorted(set(stages) - set(STAGES))
    if unknown or not stages:
        raise SettingsError(f"no stage {', '.join(unknown) or 'named'}: {', '.join(STAGES)}")
    if place is not None:
        is_bucket(place)
    elif vault.NAME in stages:
        raise SettingsError(
            "the vault stage needs a vault: --to with a folder or s3://bucket/prefix"
        )


def waits_for(stages: Sequence[str]) -> list[str]:
    """What has to be there before these stages are ready, in the order in which it is asked for."""
    loads = bool({*SPEECH, *LANGUAGE} & set(stages))
    stores = vault.NAME in stages
    return ["broker", "ledger", *["vault"] * stores, *["models"] * loads, "partitions"]


def _open_ledger(config: WorkerConfig) -> tuple[Ledger, HeldTokenKey | None]:
    used = partial(uses_keys, config.ledger_url)
    kek = KeyEncryptionKey.load_or_create(config.keyset, config.key_service, used=used)
    ledger = Ledger(config.ledger_url, kek, config.clock)
    path = config.token_key_file
    if path is None:
        return ledger, None
    try:
        key = known_token_key(ledger.database).ensured(path, make=not config.token_key_named)
    except BaseException:
        ledger.dispose()
        raise
    return ledger, HeldTokenKey(ledger.database, path, key)


def _private(config: WorkerConfig, ledger: Ledger) -> TransitPrivate | None:
    if config.door is None or admit.NAME not in config.stages:
        return None
    return config.door.open(ledger)


def _open_vault(config: WorkerConfig, ledger: Ledger) -> Vault | None:
    if vault.NAME not in config.stages or config.vault is None:
        return None
    return Vault.opened(config.vault, ledger)


@asynccontextmanager
async def _kept(config: WorkerConfig, parts: Parts) -> AsyncIterator[None]:
    """Watch the partitions; beside the vault stage, keep the audit log, end what is due.

    Where one of these tasks ends by itself, the process does.
    """
    ledger, metrics, key, store = parts.ledger, parts.metrics, parts.key, parts.store
    client = config.security.librdkafka()
    partitions = keep_partitions(config.bootstrap, config.topics, config.partitions, client=client)
    watched = [
        fatal_exit.watched("partitions", partitions),
        fatal_exit.watched("surroundings", surroundings.tend(config.looked_at, metrics)),
    ]
    if key is None or store is None:
        try:
            yield
        finally:
            await fatal_exit.cancelled(watched)
        return
    log = AuditLog(ledger.database)
    topic = TopicCheckpoints(config.bootstrap, config.topics.audit, client)
    guard = SweepGuard(ledger.database, config.bounds, metrics)
    # From now on what is dated goes by a time that is believed.
    await asyncio.to_thread(guard.believes, ledger.database.now())
    keeper = AuditKeeper(
        log,
        key,
        keep_days=config.audit_days,
        guard=guard,
        metrics=metrics,
        publishers=(VaultCheckpoints(store.place), topic),
    )
    hours, look_s = config.quarantine_hours, config.look_s
    raw_s = config.raw_retention_ms // 1000
    opened = unfinished_calls.tend(
        ledger, log, raw_s, guard, metrics, embedded=config.embedded, look_s=look_s
    )
    watched += [
        fatal_exit.watched("audit log", keeper.tend()),
        fatal_exit.watched("quarantine", quarantine.tend(ledger, log, hours, guard, look_s=look_s)),
        fatal_exit.watched("retention", retention.tend(store, ledger, log, guard, look_s=look_s)),
        fatal_exit.watched("open calls", opened),
    ]
    erased = ErasedCalls(ledger.database, config.bootstrap, config.topics.calls_redacted, client)
    watched.append(fatal_exit.watched("erased calls", erased.tend(min(look_s, NEWS_S))))
    webhooks = None
    if config.webhooks is not None:
        webhooks = Webhooks(config.webhooks, store, metrics)
        watched.append(fatal_exit.watched("webhooks", webhooks.tend(min(look_s, HOOKS_S))))
    if config.nightly is not None:
        daily = consent_recheck.tend(
            store, ledger, log, guard, config.nightly, parts.in_force.certain, look_s=look_s
        )
        watched.append(fatal_exit.watched("consent", daily))
    try:
        yield
    finally:
        await fatal_exit.cancelled(watched)
        if webhooks is not None:
            await webhooks.close()
        await keeper.close()


async def _load(
    config: WorkerConfig, pool: TranscriberPool | None, token_key: HeldTokenKey | None
) -> Loaded:
    """Load all models: the engines' in their own processes, the others in a thread of this one."""
    loaded, _ = await asyncio.gather(
        asyncio.to_thread(_load_here, config, token_key),
        pool.start() if pool is not None else asyncio.sleep(0),
    )
    return loaded


def _load_here(config: WorkerConfig, token_key: HeldTokenKey | None) -> Loaded:
    stages = set(config.stages)
    return Loaded(
        config.models.voice() if transcribe.NAME in stages else None,
        config.models.detector(token_key() if token_key else None) if LANGUAGE & stages else None,
        config.models.speakers() if vault.NAME in stages else None,
    )


async def _run(
    config: WorkerConfig,
    parts: Parts,
    loading: asyncio.Task[Loaded],
    stop: asyncio.Event,
    ready: Callable[[], None],
    probes: Probes,
) -> None:
    """Make the stages once the models are loaded, and join their groups; until stopped."""
    log = get_logger()
    serving, policy = Serving(), parts.in_force.current
    # The detector is not for several threads at a time: its stages share one.
    language = ThreadPoolExecutor(1, thread_name_prefix="hushwire-language")

    async def served() -> None:
        loaded = await loading
        probes.loaded = True
        stages = await asyncio.to_thread(made_readings, config, parts, loaded)
        await serving.join(made_clients(stages, parts, language))
        log.info(
            "worker started",
            stages=list(config.stages),
            version=metadata.version("hushwire"),
            policy=f"{policy.name} {policy.version}",
            bootstrap=config.bootstrap,
        )
        if await serving.until_assigned():
            gc.freeze()
            gc.enable()
            held = {one.group: one.partitions for one in serving.look()}
            log.info("worker ready", partitions=held)
            ready()
            await serving.until_broken()
        fatal_exit.exit_now(
            fatal_exit.ExitCode.CRASHED, "a stage's broker client ended; start the worker again"
        )

    serve, stopped = asyncio.create_task(served()), asyncio.create_task(stop.wait())
    kept = asyncio.create_task(probes.keep(serving.look))
    lag = asyncio.create_task(behind.tend(serving.behind, parts.metrics))
    try:
        await asyncio.wait([serve, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not stopped.done():
            await serve
    finally:
        probes.stopping, began = True, time.monotonic()
        for task in (serve, stopped, kept, lag):
            task.cancel()
        await asyncio.wait([serve, stopped, kept, lag])
        await serving.stop()
        language.shutdown(wait=False, cancel_futures=True)
        seconds = round(time.monotonic() - began, 3)
        log.info("worker stopped", stages=list(config.stages), seconds=seconds)


class _Told:
    """What a signal does: the first one stops the worker within its time, a second one ends it."""

    def __init__(self, stop: asyncio.Event, within_s: float) -> None:
        self._stop, self._within_s, self._before = stop, within_s, False

    def __call__(self) -> None:
        # Not by ``stop``: others set it, too, and the first signal after that is no second one.
        if self._before:
            fatal_exit.exit_now(
                fatal_exit.ExitCode.STOPPED, "told to stop a second time: ended at once"
            )
        self._before = True
        self._stop.set()
        why = f"not stopped within {self._within_s:g} s (HUSHWIRE_STOP_SECONDS): ended at once"
        fatal_exit.exit_after(self._within_s, fatal_exit.ExitCode.STOPPED, why)
