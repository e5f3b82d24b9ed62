"""What a worker looks at around itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agents.access.audit_log import AuditLog, Event
from agents.app.checks import disks, surroundings
from agents.app.checks.surroundings import clock, looks, tend
from agents.app.operations.findings import Finding, Grade
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.kafka.admin import ClusterState, TopicState
from agents.kafka.topics import Topics, wanted_configs
from agents.settings.model import Settings
from agents.system.clock import system_clock
from agents.system.metrics import Metrics
from agents.system.sockets import serving
from agents.system.sockets.serving import refuse_ended
from agents.upkeep.sweep_guard import Confirmed, SweepGuard
from pipeline.errors import BrokerError, SettingsError
from tests.agents.app.operations.test_expiry import NOW, pem
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

FULL = Finding(Grade.WEAK, "vault", "0.1 GiB free", "make room")


class Watched:
    """Looks whose answers a test sets, and what became of them."""

    def __init__(self) -> None:
        self.answers: list[Finding] = []
        self.away = False
        self.looks = 0
        self.metrics = Metrics()

    def look(self) -> Iterable[Finding]:
        self.looks += 1
        if self.away:
            raise BrokerError("away")
        return self.answers

    def gauge(self) -> float | None:
        return self.metrics.registry.get_sample_value("hushwire_weak", {"check": "disk"})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():  # noqa: ASYNC110 - the look itself has no event
            await asyncio.sleep(0.005)


async def test_what_is_weak_is_an_alarm_until_it_is_mended() -> None:
    watched = Watched()
    with capture_logs() as lines:
        task = asyncio.create_task(tend({"disk": watched.look}, watched.metrics, look_s=0.01))
        await until(lambda: watched.gauge() == 0)
        watched.answers = [FULL]
        await until(lambda: watched.gauge() == 1)
        watched.away = True
        seen = watched.looks
        await until(lambda: watched.looks > seen + 2)
        assert watched.gauge() == 1, "what can't be asked keeps its last answer"
        watched.away, watched.answers = False, []
        await until(lambda: watched.gauge() == 0)
        watched.answers = [FULL]
        await until(lambda: watched.gauge() == 1)
        task.cancel()
    told = [one for one in lines if one["event"] == "weak"]
    assert [one["why"] for one in told] == ["vault: 0.1 GiB free; make room"] * 2


def weak(settings: Settings, folder: Path, check: str, vault: Path | None = None) -> list[str]:
    looked = looks(settings, folder, vault)[check]()
    return [one.what for one in looked if one.grade is Grade.WEAK]


def test_a_worker_looks_at_the_disks_that_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "default_folder", lambda: tmp_path / "no models")
    assert weak(Settings(), tmp_path / "none", "disk") == []
    full = os.statvfs_result((4096, 4096, 1000, 0, 0, 100, 100, 100, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert weak(Settings(), tmp_path, "disk", tmp_path) == ["disk of ledger, keys, vault"]
    of_pods = Settings(ledger_url="postgresql+psycopg://host/x")
    bucket: str = "s3://bucket/prefix"
    (found,) = looks(of_pods, tmp_path, bucket)["disk"]()
    assert found.what == "disk of keys"


def test_topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(bootstrap="127.0.0.1:1", raw_retention_seconds=3_600)
    configs = wanted_configs(Topics.named(), 3_600_000, 1)
    uneven = {name: TopicState(8, 1, config) for name, config in configs.items()}
    uneven[Topics.named().words] = TopicState(4, 1, configs[Topics.named().words])
    monkeypatch.setattr(surroundings, "cluster_state", lambda *_, **__: ClusterState(1, uneven))
    found = weak(settings, tmp_path, "topics")
    assert "partitions" in found
    assert set(Topics.named().transit()) <= set(found), "an hour is less than a call"


def test_a_clock_that_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Ledger.embedded(tmp_path).database
    assert clock(database).grade is Grade.OK
    for seconds, grade in ((1, Grade.OK), (3, Grade.WEAK), (-3, Grade.WEAK)):
        off = timedelta(seconds=seconds)
        monkeypatch.setattr(database, "server_time", lambda off=off: datetime.now(UTC) + off)
        assert clock(database).grade is grade
    database.dispose()


def test_a_clock_that_went_back_is_seen_without_another_one(tmp_path: Path) -> None:
    database = Ledger.embedded(tmp_path).database
    AuditLog(database).append(Event("1", "", "hushwire.audit.looked.v1", {"at": "now"}))
    assert clock(database).grade is Grade.OK
    day = timedelta(days=1)
    went_back = Database(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: system_clock() - day)
    found = clock(went_back)
    assert found.grade is Grade.WEAK
    assert 86_000 < float(found.told.split()[0]) < 87_000
    # Once somebody has confirmed that it is right, it is.
    SweepGuard(went_back).allow("x", went_back.now(), 1, 1, Confirmed(1, "me"))
    assert clock(went_back).grade is Grade.OK
    for one in (database, went_back):
        one.dispose()


def test_certificates_that_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "system_clock", lambda: NOW)
    for days, found in ((5, ["certificate for the broker"]), (90, [])):
        settings = Settings(kafka_certificate=pem(tmp_path / "c.pem", days))
        assert weak(settings, tmp_path, "certificates") == found


@pytest.mark.parametrize("authorities", [True, False])
def test_a_certificate_that_has_ended_is_refused_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, authorities: bool
) -> None:
    monkeypatch.setattr(serving, "system_clock", lambda: NOW)
    ended, good = pem(tmp_path / "ended.pem", -1), pem(tmp_path / "good.pem", 9)
    refuse_ended("kafka_ca", good, authorities=authorities)
    with pytest.raises(SettingsError, match="ended on 2026-02-28: renew it"):
        refuse_ended("kafka_ca", ended, authorities=authorities)
    both = tmp_path / "both.pem"
    both.write_bytes(ended.read_bytes() + good.read_bytes())
    if authorities:
        refuse_ended("kafka_ca", both, authorities=True)
    else:
        with pytest.raises(SettingsError, match="renew it"):
            refuse_ended("kafka_certificate", both)
    monkeypatch.setattr(serving, "system_clock", lambda: NOW - timedelta(days=500))
    with pytest.raises(SettingsError, match="look at this host's clock"):
        refuse_ended("kafka_ca", good, authorities=authorities)
    refuse_ended("kafka_ca", tmp_path / "none.pem", authorities=authorities)
