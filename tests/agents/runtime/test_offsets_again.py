"""An offset that comes back with another record ends the process; a repeat is a repeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.kafka.producer import sealed
from agents.system import fatal_exit
from pipeline.records.model import CallEnd
from tests.agents.runtime.test_damaged_key import ended
from tests.agents.runtime.test_stage_runtime import IN, EchoCore, _rig, running

pytestmark = pytest.mark.unit
__all__ = ["ended"]


async def test_a_topic_that_began_anew_ends_the_process(tmp_path: Path, ended: list[int]) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 3, 2, 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        with pytest.raises(fatal_exit.FatalError):
            await rig.bring("new", 3, offset=0)
        assert ended == [fatal_exit.ExitCode.BROKER]
        assert rig.acknowledged() == [0, 1, 2, 3]


async def test_the_same_for_records_that_still_wait(tmp_path: Path, ended: list[int]) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 3, 2)
        with pytest.raises(fatal_exit.FatalError):
            await rig.bring("new", 3, offset=1)
        assert ended == [fatal_exit.ExitCode.BROKER]
        assert rig.acknowledged() == []


async def test_the_same_record_again_is_a_repeat(tmp_path: Path, ended: list[int]) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        seal = rig.ledger.open_call("a").seal
        records = [sealed(CallEnd("a", count, 0), IN, seal) for count in (2, 1, 0)]
        for _ in range(2):
            for offset, one in enumerate(records):
                await rig.bring_message(one.headers, one.value, "a", offset=offset)
        await rig.until(lambda: rig.acknowledged()[-1:] == [2])
        assert ended == []
        assert rig.cores["a"].taken == [2, 1, 0]


async def test_a_repeat_from_before_what_is_remembered_ends_the_process(
    tmp_path: Path, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.runtime.offsets.REMEMBERED", 2)
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 3, 2, 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        with pytest.raises(fatal_exit.FatalError):
            await rig.bring("a", 3, offset=0)
        assert ended == [fatal_exit.ExitCode.BROKER]


async def test_a_partition_that_no_topic_was_made_with_ends_the_process(
    tmp_path: Path, ended: list[int]
) -> None:
    """Somebody added partitions: calls may now be in two of them, in no order."""
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 3, partition=3)
        with pytest.raises(fatal_exit.FatalError):
            await rig.bring("a", 2, partition=8)
        assert ended == [fatal_exit.ExitCode.BROKER]
        assert rig.acknowledged(8) == []
