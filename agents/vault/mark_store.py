"""Marks of reviewers in the ledger's database; every mark that is made or removed is audited.

Outcomes: ``UnknownCallError`` for a call that is not in the catalogue, is being erased, or is
quarantined with its key gone; ``InputError`` for a place that can't be marked; ``StoreError``
where the database is away.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select

from agents.access.audit_log import AuditLog, Event
from agents.database.engine import Database
from agents.database.tables import CATALOGUE, MARKS, TRANSIT_KEYS
from agents.vault.call_catalogue import StoredCallFacts
from pipeline.errors import InputError, UnknownCallError
from pipeline.evaluation.corpora.review_marks import HeardIn, Mark, Place, judge
from pipeline.evidence.certificate import parse_certificate

ADDED: Final = "hushwire.audit.mark-added.v1"
REMOVED: Final = "hushwire.audit.mark-removed.v1"
LISTED: Final = "hushwire.audit.marks-listed.v1"
PAGE: Final = 1_000
"""Marks on a page."""


class Marks:
    """The marks of one installation.

    Args:
        database: the ledger's, with its schema up to date.
        log: is told of every mark.
    """

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database, self._log = database, log

    def add(
        self,
        facts: StoredCallFacts,
        certificate: Callable[[StoredCallFacts], bytes],
        place: Place,
        *,
        by: str,
    ) -> Mark:
        """Make a mark.

        Args:
            facts: of the call, as the catalogue has them.
            certificate: reads its certificate.
            place: what is marked.
            by: who marks it.
        """
        stated = parse_certificate(certificate(facts))
        judged = judge(place, stated)
        mark = Mark(
            mark_id=secrets.token_hex(8),
            call_id=facts.call_id,
            channel=place.channel,
            start_ms=place.start_ms,
            end_ms=place.end_ms,
            kind=judged.kind,
            entity=judged.entity,
            heard=HeardIn.REDACTED if facts.passed else HeardIn.RAW,
            policy=stated.policy.name,
            policy_version=stated.policy.version,
            policy_digest=stated.policy.digest,
            models=stated.models,
            spans=judged.spans,
            by=by,
            created=self._database.stamp(),
        )
        row = mark.model_dump(mode="json", exclude={"schema_", "models", "spans"})
        row["models"] = json.dumps(mark.models)
        row["spans"] = json.dumps([span.model_dump(mode="json") for span in mark.spans])
        with self._database.reading() as connection:
            _refuse_gone(connection, facts)
        self._tell(ADDED, mark, by)
        with self._database.writing() as connection:
            # Locked: an erasure that has begun takes no mark any more, and one that begins waits.
            _refuse_gone(connection, facts)
            connection.execute(insert(MARKS).values(row))
        return mark

    def known(
        self, call_id: str | None = None, *, after: str = "", limit: int = PAGE
    ) -> list[Mark]:
        """Marks, the oldest first.

        Args:
            call_id: only those of a call.
            after: id of the last mark known, for the next page.
            limit: how many at most.

        Raises:
            InputError: ``after`` is no mark.
        """
        query = select(MARKS).order_by(MARKS.c.created, MARKS.c.mark_id).limit(limit)
        if call_id is not None:
            query = query.where(MARKS.c.call_id == call_id)
        with self._database.reading() as connection:
            if after:
                last = _found(connection, after)
                later = (MARKS.c.created > last.created) | (
                    (MARKS.c.created == last.created) & (MARKS.c.mark_id > after)
                )
                query = query.where(later)
            return [_mark(row) for row in connection.execute(query).mappings()]

    def remove(self, mark_id: str, *, by: str, own_of: str | None = None) -> None:
        """Take a mark back.

        Args:
            mark_id: its id.
            by: who takes it back.
            own_of: a call; only a mark in it that ``by`` made themselves is taken back then.

        Raises:
            InputError: there is none of this id, or it is not theirs.
        """
        with self._database.reading() as connection:
            mark = _found(connection, mark_id)
        if own_of is not None and (mark.call_id, mark.by) != (own_of, by):
            raise InputError("that is no mark of yours in this call")
        self._tell(REMOVED, mark, by)
        with self._database.writing() as connection:
            connection.execute(delete(MARKS).where(MARKS.c.mark_id == mark_id))

    def erase(self, call_id: str) -> None:
        """Remove the marks of a call that is being erased, of which the audit log knows already."""
        with self._database.writing() as connection:
            connection.execute(delete(MARKS).where(MARKS.c.call_id == call_id))

    def listed(self, count: int, *, by: str) -> None:
        """Note that somebody was shown marks."""
        facts = {"at": self._database.stamp(), "what": "marks-listed", "by": by, "marks": count}
        self._log.append(Event(f"marks/{LISTED}/{secrets.token_hex(8)}", "", LISTED, facts))

    def _tell(self, kind: str, mark: Mark, by: str) -> None:
        facts = {
            "at": self._database.stamp(),
            "what": kind.split(".")[2],
            "mark": mark.mark_id,
            "kind": mark.kind.value,
            "entity": mark.entity,
            "by": by,
        }
        self._log.append(Event(f"{mark.mark_id}/{kind}", mark.call_id, kind, facts))


def _refuse_gone(connection: Connection, facts: StoredCallFacts) -> None:
    mine = CATALOGUE.c.call_id == facts.call_id
    there = select(CATALOGUE.c.call_id).where(mine, CATALOGUE.c.erasing.is_(None))
    if connection.scalar(there.with_for_update(read=True)) is None:
        raise UnknownCallError("the call is being erased")
    if not facts.passed:
        key = select(TRANSIT_KEYS.c.call_id).where(TRANSIT_KEYS.c.call_id == facts.call_id)
        if connection.scalar(key) is None:
            raise UnknownCallError("the key of this quarantined call is destroyed: nobody hears it")


def _found(connection: Connection, mark_id: str) -> Mark:
    query = select(MARKS).where(MARKS.c.mark_id == mark_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise InputError("there is no mark with this id")
    return _mark(row)


def _mark(row: RowMapping) -> Mark:
    values = dict(row)
    values["models"] = json.loads(values["models"])
    values["spans"] = json.loads(values["spans"])
    return Mark.model_validate(values)
