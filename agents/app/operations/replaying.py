"""Dead letters that are sent again, and the audit log told of each; for command and page alike.

Outcomes: as ``agents.runtime.dead_letters``; ``SettingsError`` where no broker is named.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import Ledger
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics
from agents.runtime import events
from agents.runtime.dead_letters import (
    DeadLetter,
    Depth,
    Fate,
    audit_facts,
    read_dead_letters,
    replay,
)
from agents.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Records:
    """The records that letters are of; each counts once, however many letters it has."""

    many: int
    ready: int
    """Those that can be replayed."""
    before: int
    """Those that were replayed before and are left."""
    last: datetime | None
    """When one of these was replayed last."""

    @classmethod
    def of(cls, letters: Collection[DeadLetter]) -> Self:
        """Count them."""
        # Of a letter that is none of ours, it isn't known where its record lay.
        every = {x.place if x.topic else ("", x.partition, x.offset) for x in letters}
        ready = {x.place for x in letters if x.fate is Fate.REPLAYABLE}
        before = {x.place: x.replayed for x in letters if x.fate is Fate.REPLAYED and x.replayed}
        left = {place: at for place, at in before.items() if place not in ready}
        return cls(len(every), len(ready), len(left), max(left.values(), default=None))

    def told(self, again: str = "") -> str:
        """That records were replayed before and are left; empty where none was.

        Args:
            again: what sends them once more; empty: it is not told.
        """
        if self.last is None:
            return ""
        were, them = ("records were", "them") if self.before > 1 else ("record was", "it")
        last = self.last.isoformat(timespec="seconds")
        told = (
            f"{self.before} {were} replayed before (last at {last}), and a stage may not have come "
            f"to {them} yet"
        )
        return f"{told}: {again} sends {them} once more" if again else told


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of one installation.

    Args:
        settings: which broker.
        ledger: which calls are open.
        log: is told of what was sent again.
        within_s: how long reading may take; None: as long as the broker goes on answering.
    """

    settings: Settings
    ledger: Ledger
    log: AuditLog
    within_s: float | None = None

    def read(
        self,
        *,
        call: str | None = None,
        code: str | None = None,
        depth: Depth = Depth.OPENED,
        newest: int | None = None,
        most: int | None = None,
        again: bool = False,
    ) -> list[DeadLetter]:
        """See ``agents.runtime.dead_letters.read_dead_letters``."""
        return read_dead_letters(
            named_broker(self.settings),
            Topics.named(self.settings.topic_prefix, backfilled=True),
            self.ledger,
            call_id=call,
            code=code,
            client=KafkaSecurity.of(self.settings).librdkafka(),
            depth=depth,
            newest=newest,
            most=most,
            within_s=self.within_s,
            again=again,
        )

    def replay(self, letters: Iterable[DeadLetter], *, by: str) -> Iterator[DeadLetter]:
        """Send the records of letters again, each once, and tell the audit log of each that was.

        Args:
            letters: as ``read`` gave them, with their records.
            by: who does it.
        """
        topic = Topics.named(self.settings.topic_prefix).audit
        client = KafkaSecurity.of(self.settings).librdkafka()
        for letter in replay(letters, named_broker(self.settings), self.ledger, client=client):
            at = self.ledger.database.stamp()
            facts = audit_facts(letter, by)
            step = events.audit(topic, letter.call_id, "record-replayed", facts, at=at)
            event = events.audit_event(step)
            # Of its own, since the log takes what differs by its time alone for a repeat.
            self.log.append(replace(event, event_id=f"{event.event_id}/{uuid.uuid4()}"))
            yield letter
