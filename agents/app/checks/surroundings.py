"""What can go wrong around a worker while it runs: topics, clock, disks, certificates.

Looked at when it starts and every few minutes; what is weak is logged once, with what to do, and
``hushwire_weak`` is 1 until it is mended. ``hushwire doctor`` finds the same. Nothing that is found
ends a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from agents.app.checks.disks import disks, written
from agents.app.operations.expiry import certificates
from agents.app.operations.findings import Finding, Grade
from agents.database.engine import Database
from agents.kafka.admin import ClusterState, cluster_state
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, wanted_configs
from agents.settings.model import Settings
from agents.system.clock import system_clock
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from agents.upkeep.sweep_guard import SweepGuard
from pipeline.errors import HushwireError

LOOK_S: Final = 300.0
CLOCK_S: Final = 2.0
"""Two clocks may differ by this much: the audit log's times should tell an order."""
CALL_S = 8 * 3_600
"""The longest call that is reckoned with, as `tests/pipeline/muting/test_misbehaving.py` tries
one."""
TAKEOVER_S = 600
"""Until another worker has a killed one's partitions, has loaded its models and has caught up."""
NEEDED: Final = "too short for a call of eight hours, its idle time and a takeover"

Looks: TypeAlias = Mapping[str, Callable[[], Iterable[Finding]]]
"""What is looked at, by its name in ``hushwire_weak``."""


def broker_findings(cluster: ClusterState, topics: Topics, settings: Settings) -> list[Finding]:
    """Compare a cluster with the settings; an archive's topics that are there count, too."""
    topics = topics.among(cluster.topics)
    retention_ms = settings.raw_retention_seconds * 1000
    wanted = wanted_configs(topics, retention_ms, settings.replication)
    missing = [name for name in topics.all() if name not in cluster.topics]
    found = []
    if missing:
        told = f"missing: {', '.join(missing)}"
        found.append(Finding(Grade.WEAK, "topics", told, "hushwire topics create"))
    counts = sorted({one.partitions for one in cluster.topics.values()})
    if len(counts) > 1:
        told = f"their numbers of partitions differ: {counts}"
        advice = "stop, delete and create them anew: a call's order depends on it"
        found.append(Finding(Grade.WEAK, "partitions", told, advice))
    for name, topic in cluster.topics.items():
        for key, value in wanted[name].items():
            has = topic.config.get(key, "unknown")
            if not _as_strong(key, has, value):
                told = f"{key} is {has}, should be {value}"
                shorter = " --shorten" if key == "retention.ms" else ""
                found.append(Finding(Grade.WEAK, name, told, f"hushwire topics update{shorter}"))
        if name in topics.transit() and _too_short(topic.config, settings):
            told = f"retention.ms is {topic.config['retention.ms']}, {NEEDED}"
            least = needed_s(settings)
            advice = f"HUSHWIRE_RAW_RETENTION_SECONDS={least} or more, hushwire topics update"
            found.append(Finding(Grade.WEAK, name, told, advice))
        if topic.replicas < settings.replication:
            told = f"{topic.replicas} copies, should be {settings.replication}"
            advice = "raise it with kafka-reassign-partitions"
            found.append(Finding(Grade.WEAK, name, told, advice))
    if settings.replication == 1 and cluster.brokers > 1:
        told = f"one copy of every record on {cluster.brokers} brokers"
        advice = "HUSHWIRE_REPLICATION=3: a lost broker loses the calls in flight"
        found.append(Finding(Grade.WEAK, "replication", told, advice))
    if not found:
        told = f"{len(cluster.topics)} topics of {counts[0]} partitions, as the settings say"
        found.append(Finding(Grade.OK, "topics", told))
    return found


def _as_strong(key: str, has: str, wanted: str) -> bool:
    """Whether a topic's setting keeps nothing longer than wanted, and loses nothing sooner."""
    if key in {"cleanup.policy", "unclean.leader.election.enable"}:
        return has == wanted
    if key == "min.insync.replicas":
        return has.isdigit() and int(has) >= int(wanted)
    # -1 is for ever.
    return has.isdigit() and int(has) <= int(wanted)


def needed_s(settings: Settings) -> int:
    """How long the records of a call have to stay, in seconds: it is read again from its first."""
    return int(CALL_S + settings.idle_seconds + settings.late_seconds + TAKEOVER_S)


def _too_short(config: Mapping[str, str], settings: Settings) -> bool:
    has = config.get("retention.ms", "")
    return has.isdigit() and int(has) < needed_s(settings) * 1000


def topic_findings(settings: Settings) -> list[Finding]:
    """The same of the cluster that the settings name.

    Raises:
        BrokerError: it is away.
    """
    topics = Topics.named(settings.topic_prefix, backfilled=settings.backfill)
    client = KafkaSecurity.of(settings).librdkafka()
    cluster = cluster_state(named_broker(settings), topics, client=client)
    return broker_findings(cluster, topics, settings)


def clock(database: Database) -> Finding:
    """How far our clock is from the database's; SQLite has none: whether ours went back."""
    before = database.now()
    theirs = database.server_time()
    if theirs is None:
        return _went_back(database, before)
    ours = before + (database.now() - before) / 2
    apart = abs((theirs - ours).total_seconds())
    told = f"{apart:.1f} s from the database's"
    if apart > CLOCK_S:
        return Finding(Grade.WEAK, "clock", told, "let NTP set both")
    return Finding(Grade.OK, "clock", told)


def _went_back(database: Database, now: datetime) -> Finding:
    last = SweepGuard(database).believed()
    behind = (last - now).total_seconds() if last else 0.0
    if behind <= CLOCK_S:
        return Finding(Grade.OK, "clock", "not behind the last time that was believed")
    told = f"{behind:.1f} s behind the last time that was believed"
    advice = "let NTP set it; where it is right, it was ahead before: docs/operate/retention.md"
    return Finding(Grade.WEAK, "clock", told, advice)


def ending_certificates(settings: Settings) -> Iterator[Finding]:
    """The TLS files that the settings name."""
    for one in certificates(settings, system_clock()):
        grade, advice = Grade.OK, ""
        if one.grade != "ok":
            grade, advice = Grade.WEAK, "renew it, then start again what uses it"
        yield Finding(grade, one.what.lower(), f"{one.name}: {one.told}", advice)


def looks(settings: Settings, state: Path, vault: str | Path | None) -> Looks:
    """What a worker looks at.

    Args:
        settings: what should be.
        state: folder of ledger and keys.
        vault: a folder, a bucket, or none.
    """
    return {
        "topics": partial(topic_findings, settings),
        "clock": lambda: [_clock(settings, state)],
        "disk": lambda: disks(written(settings, state, vault)),
        "certificates": partial(ending_certificates, settings),
    }


def _clock(settings: Settings, state: Path) -> Finding:
    database = Database(settings.ledger_location(state))
    try:
        return clock(database)
    finally:
        database.dispose()


def _found(look: Callable[[], Iterable[Finding]]) -> dict[str, Finding]:
    return {one.what: one for one in look() if one.grade is Grade.WEAK}


async def tend(looked_at: Looks, metrics: Metrics, *, look_s: float = LOOK_S) -> None:
    """Look until cancelled. What can't be asked just now keeps its last answer."""
    log, weak = get_logger(), dict[str, set[str]]()
    while True:
        for name, look in looked_at.items():
            try:
                found = await asyncio.to_thread(_found, look)
            except (HushwireError, OSError):
                continue
            for what, one in found.items():
                if what not in weak.get(name, ()):
                    log.warning("weak", state=name, why=f"{what}: {one.told}; {one.advice}")
            weak[name] = set(found)
            metrics.weak.labels(name).set(bool(found))
        await asyncio.sleep(look_s)
