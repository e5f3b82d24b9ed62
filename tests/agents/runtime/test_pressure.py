"""What bounds a stage: calls, held audio, room for records, and live calls before an archive's."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agents.runtime.batching import LiveFirst
from agents.runtime.outbox import Limits
from tests.agents.runtime.test_stage_runtime import IN, EchoCore, _rig, running
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


async def test_more_calls_than_the_limit_do_not_stall(tmp_path: Path) -> None:
    limits = Limits(calls=2)
    async with running(_rig(tmp_path, lambda _: EchoCore(), limits=limits)) as rig:
        for number in range(5):
            await rig.bring(f"call-{number}", 1)
        for number in range(5):
            await rig.bring(f"call-{number}", 0)
        await rig.until(lambda: rig.acknowledged() == list(range(10)))


def test_an_archive_may_hold_half_of_what_live_calls_may() -> None:
    limits = Limits(calls=9, room=7, held_bytes=100)
    assert limits.halved() == Limits(calls=4, room=7, held_bytes=50)
    assert Limits(calls=1).halved().calls == 1


async def test_a_stage_that_holds_too_much_pauses_and_resumes(tmp_path: Path) -> None:
    limits, options = Limits(held_bytes=100), {"pausable": (IN,)}
    made = _rig(tmp_path, lambda _: EchoCore(held=101, wait_s=0.01), limits=limits, **options)
    async with running(made) as rig:
        await rig.bring("a", 1)
        await rig.until(lambda: f"pause {IN}" in rig.port.paused)
        await asyncio.sleep(0.6)
        assert rig.acknowledged() == []
        rig.cores["a"].held = 0
        await rig.bring("a", 0)
        await rig.until(lambda: rig.port.paused[-1] == f"resume {IN}")


async def test_a_reader_that_waits_for_room_ends_with_its_partition(tmp_path: Path) -> None:
    go_on = threading.Event()

    def opened(_: str) -> EchoCore:
        go_on.wait(HANG_S)
        return EchoCore()

    async with running(_rig(tmp_path, opened, limits=Limits(room=1))) as rig:
        reading = asyncio.create_task(rig.bring("a", 1, 2, 3, 4))
        await asyncio.sleep(0.05)
        assert not reading.done()
        await rig.runtime.keep_only(set())
        await asyncio.sleep(0)
        assert not rig.runtime._blocked
        reading.cancel()
        go_on.set()


async def test_an_archive_is_read_when_live_records_are_not_held_up(tmp_path: Path) -> None:
    class Live:
        in_flight, held_up = 1, True

    live, first = Live(), LiveFirst()
    first.add(live)
    made = _rig(tmp_path, lambda _: EchoCore(wait_s=0.01), after=first)
    async with running(made) as rig:
        await rig.bring("a", 1, 0)
        await asyncio.sleep(0.6)
        # Held back before anything of it is begun, and that is no silence that would end it.
        assert rig.cores == {}
        live.held_up = False
        await rig.until(lambda: rig.acknowledged() == [0, 1])
        assert rig.cores["a"].taken == [1, 0]
        metrics = rig.runtime._metrics.snapshot()
        assert metrics.calls == {"backfill-detect": 1}


async def test_a_stage_says_whether_records_wait_for_it(tmp_path: Path) -> None:
    limits = Limits(room=1)
    hold = threading.Event()
    made = _rig(tmp_path, lambda _: EchoCore(act=lambda: hold.wait(HANG_S)), limits=limits)
    async with running(made) as rig:
        assert not rig.runtime.held_up
        assert not rig.runtime.in_flight
        bringing = asyncio.create_task(rig.bring("a", 1, 2, 3, 4, 0))
        await rig.until(lambda: rig.runtime.in_flight == 1)
        hold.set()
        await bringing
        await rig.until(lambda: not rig.runtime.in_flight)
        assert not rig.runtime.held_up
