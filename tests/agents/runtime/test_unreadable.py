"""A record between stages that can't be read: its call is refused, and its partition goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState
from agents.kafka.producer import sealed
from agents.runtime.outbox import Limits
from pipeline.errors import RecordError
from pipeline.records.model import CallEnd
from tests.agents.runtime.test_stage_runtime import IN, OUT, TOPICS, EchoCore, _rig, running

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("held", [0, 101])
async def test_a_call_whose_last_record_is_unreadable_is_refused(tmp_path: Path, held: int) -> None:
    """Whatever stands behind it in its partition goes on, though the stage holds too much."""
    options: dict[str, Any] = {"lost_s": 0.5, "pausable": (IN,), "limits": Limits(held_bytes=100)}
    async with running(_rig(tmp_path, lambda _: EchoCore(held=held), **options)) as rig:
        await rig.bring("a", 1)
        last = sealed(CallEnd("a", 0, 0), IN, rig.ledger.open_call("a").seal)
        await rig.bring_message(last.headers, last.value[:-1] + b"\0", "a")
        await rig.bring("b", 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2])
        assert rig.ledger.state("a") is CallState.REFUSED
        assert rig.ledger.finished("b", "detect")
        assert rig.port.to(TOPICS.deadletter) == ["seal"]
        told = [
            entry for entry in AuditLog(rig.ledger.database).export() if b"call-refused" in entry
        ]
        assert len(told) == 1


async def test_a_record_that_its_stage_can_t_take_ends_the_call_too(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore(fail=RecordError), lost_s=0.5)) as rig:
        await rig.bring("a", 1, 13)
        await rig.until(lambda: rig.acknowledged() == [0, 1])
        assert rig.ledger.state("a") is CallState.REFUSED


async def test_a_call_is_waited_for_where_every_record_was_read_or_another_stage_judges(
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"lost_s": 0.1, "judges": (OUT,)}
    async with running(_rig(tmp_path, lambda _: EchoCore(), **options)) as rig:
        await rig.bring("a", 1)
        damaged = sealed(CallEnd("a", 2, 0), IN, rig.ledger.open_call("a").seal)
        await rig.bring_message(damaged.headers, damaged.value[:-1] + b"\0", "a")
        await asyncio.sleep(0.8)
        assert rig.ledger.state("a") is CallState.OPEN
        await rig.bring("a", 0)
        await rig.until(lambda: rig.ledger.finished("a", "detect"))
