"""Genuine records in the wrong place or at the wrong time change nothing and open nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from agents.database.call_ledger import CallState
from agents.kafka.producer import sealed
from agents.runtime.dead_letters import DeadLetter, Fate, _fate_of_letter
from pipeline.errors import UnknownCallError
from pipeline.records.model import CallEnd
from tests.agents.runtime.test_stage_runtime import IN, OUT, TOPICS, EchoCore, _rig, running

pytestmark = pytest.mark.unit


async def test_a_replayed_record_changes_nothing(tmp_path: Path) -> None:
    """At the next offset, as somebody who copies records would bring it."""
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 3, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1])
        sent = list(rig.port.to(OUT))
        await rig.bring("a", 3, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        assert rig.port.to(OUT) == sent
        assert rig.cores["a"].taken == [3, 0]


async def test_a_record_of_another_call_does_not_take_its_place(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        theirs = sealed(CallEnd("b", 5, 0), IN, rig.ledger.open_call("b").seal)
        await rig.bring("a", 3)
        # Their record under our name, and under our key of the topic.
        renamed = {**theirs.headers, "ce_subject": b"a"}
        await rig.bring_message(renamed, theirs.value, "a")
        await rig.bring_message(theirs.headers, theirs.value, "a")
        # A record of another topic of the same call.
        moved = sealed(CallEnd("a", 7, 0), OUT, rig.ledger.open_call("a").seal)
        await rig.bring_message(moved.headers, moved.value, "a")
        await rig.bring("a", 0)
        await rig.until(lambda: len(rig.acknowledged()) >= 4)
        assert rig.cores["a"].taken == [3, 0]
        assert len(rig.port.to(TOPICS.deadletter)) == 3


async def test_after_the_end_nothing_opens(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        kept = sealed(CallEnd("a", 3, 0), IN, rig.ledger.open_call("a").seal)
        rig.ledger.close_call("a", CallState.STORED)
        with pytest.raises(UnknownCallError):
            rig.ledger.seal("a")
        with pytest.raises(UnknownCallError):
            rig.ledger.open_call("a")
        await rig.bring_message(kept.headers, kept.value, "a")
        await rig.until(lambda: rig.acknowledged() == [0])
        assert rig.cores == {}
        assert rig.port.to(OUT) == []


def test_a_letter_of_the_door_is_ours_and_its_sender_has_to_send_again() -> None:
    """What lies there is sealed by its sender, or in clear: no stage's key opens it."""
    at = datetime.fromisoformat("2026-03-01T10:00:00+00:00")
    letter = DeadLetter(0, 0, at, "a", TOPICS.audio_in, 0, 7, "admit", "clear_transit", 1)
    assert _fate_of_letter(letter, TOPICS) is Fate.DOOR
