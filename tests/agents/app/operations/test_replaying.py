"""Dead letters that are sent again: each record once, each time an entry of the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import select

from agents.access.audit_log import AuditLog
from agents.app.operations.replaying import DeadLetters, Records
from agents.database.tables import ENTRIES
from agents.runtime import dead_letters
from agents.runtime.dead_letters import DeadLetter, Fate, Record
from agents.settings.model import Settings
from pipeline.records.cloudevents import Clear
from tests.agents.storing import new_ledger

pytestmark = pytest.mark.unit

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
MUTE = DeadLetter(0, 0, AT, "one", "hushwire.audio.raw", 3, 41, "mute", "record", 1)
VERIFY = replace(MUTE, offset=1, stage="verify")
"""Of the same record, by another stage."""
OTHER = replace(MUTE, offset=2, record_offset=42)


class Producer:
    """Takes what is sent."""

    sent: list[Clear]

    def __init__(self, *_: object, **__: object) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
    def send_message(self, message: Clear) -> None:
        self.sent.append(message)

    def flush(self) -> None: ...


def test_each_record_is_sent_once_and_every_time_is_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "CallProducer", Producer)
    monkeypatch.setattr(Producer, "sent", [], raising=False)
    ledger = new_ledger(tmp_path / "state")
    ledger.open_call("one")
    known = DeadLetters(Settings(bootstrap="broker:9092"), ledger, AuditLog(ledger.database))
    sealed = [replace(x, sealed=Record({}, b"sealed")) for x in (MUTE, VERIFY, OTHER)]
    for times in (1, 2):
        assert list(known.replay(sealed, by="token:ann")) == [sealed[0], sealed[2]]
        assert len(Producer.sent) == 2 * times
        with ledger.database.reading() as connection:
            kinds = connection.scalars(select(ENTRIES.c.kind)).all()
        assert sum("record-replayed" in kind for kind in kinds) == 2 * times
    ledger.dispose()


def test_a_record_counts_once_whatever_its_letters_are() -> None:
    before = [replace(x, fate=Fate.REPLAYED, replayed=AT) for x in (MUTE, VERIFY)]
    later = replace(OTHER, fate=Fate.REPLAYED, replayed=AT + timedelta(hours=1))
    foreign = [replace(MUTE, topic="", offset=x, fate=Fate.NO_LETTER) for x in (7, 8)]
    assert Records.of([MUTE, VERIFY, OTHER]) == Records(2, 2, 0, None)
    assert Records.of([*before, OTHER, *foreign]) == Records(4, 1, 1, AT)
    # A new letter of what was replayed before: it can be so again, and is not left.
    assert Records.of([before[0], VERIFY]) == Records(1, 1, 0, None)
    assert Records.of([VERIFY]).told("--again") == ""
    assert Records.of(before).told() == (
        "1 record was replayed before (last at 2026-03-01T10:00:00+00:00), and a stage may not "
        "have come to it yet"
    )
    assert Records.of([*before, later]).told("--again") == (
        "2 records were replayed before (last at 2026-03-01T11:00:00+00:00), and a stage may not "
        "have come to them yet: --again sends them once more"
    )
