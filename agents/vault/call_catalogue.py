"""The catalogue: one row per call in the vault, in the ledger's database; no content.

A call is entered last, when its files are in the vault, and its row goes last when it is erased.
From the moment an erasure begins, nobody is shown the call any more.

Outcomes: ``UnknownCallError`` for a call that is not there (or being erased), ``HeldError`` where a
legal hold forbids what is asked, ``StoreError`` where the database is away.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from agents.database.analytics_tables import ANALYTICS_TABLES, CHANGED
from agents.database.call_ledger import CallState
from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE, PARTIES
from agents.system.clock import stamp
from pipeline.errors import HeldError, InputError, UnknownCallError
from pipeline.evaluation.change.stored_calls import Flag
from pipeline.records.consent import Decision
from pipeline.records.model import INCOMPLETE

PAGE: Final = 50
"""Calls on a page where nothing else is asked for."""
_BATCH: Final = 500
_DECISION: Final = TypeAdapter(Decision)
_FLAG: Final = TypeAdapter(Flag)


IDLE: Final = "idle"
"""A mark: nobody said that the call was over, it ended because nothing more came."""
PARTIAL: Final = frozenset({IDLE, INCOMPLETE, "gap"})
"""Marks of calls of which a part never came."""


@dataclass(frozen=True, slots=True)
class StoredCallFacts:
    """What the catalogue knows of a call; no content."""

    call_id: str
    stored: datetime
    started: str
    """ISO 8601 as the recorder said, or empty."""
    duration_ms: int
    passed: bool
    """False: quarantined, there is only a certificate."""
    policy: str
    policy_version: str
    purpose: str
    """As the recorder named it, or empty."""
    retain_until: datetime
    held: datetime | None
    """Since when a legal hold is on it."""
    parties: tuple[str, ...]
    """Keyed pseudonyms of those who took part."""
    certificate: str
    """sha256 of the certificate, in hex."""
    files: dict[str, int]
    """Plain length in bytes, by file name."""
    consent: Decision | None = None
    """By which rules and evidence it may be kept; None: nobody asked, or a newer version wrote
    it."""
    flagged: Flag | None = None
    """Why the rules of today would not keep it; None: they would, or nobody looked."""
    marks: tuple[str, ...] = ()
    """What went wrong on the way, such as ``incomplete``: as the certificate has them, and ``IDLE``
    where it says so."""

    @property
    def whole(self) -> bool:
        """Whether the recorder said its end, and nothing of it is missing before that."""
        return not PARTIAL.intersection(self.marks)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; all conditions hold at once."""

    passed: bool | None = None
    held: bool | None = None
    flagged: bool | None = None
    purpose: str | None = None
    policy: str | None = None
    party: str | None = None
    """A pseudonym."""
    since: datetime | None = None
    """Stored at or after."""
    until: datetime | None = None
    """Stored before."""


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, the newest first."""

    calls: tuple[StoredCallFacts, ...]
    following: str | None
    """What ``list_calls`` takes as ``after`` for the next page; None: this is the last one."""


class Catalogue:
    """The catalogue in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time by which calls are stored and kept."""
        return self._database.dated()

    def enter(self, facts: StoredCallFacts) -> StoredCallFacts:
        """Enter a call; the row that is there then, since whoever is first stays.

        Raises:
            UnknownCallError: the call is not open (any more): it was erased or refused meanwhile.
        """
        row = {
            "call_id": facts.call_id,
            "stored": stamp(facts.stored),
            "started": facts.started,
            "duration_ms": facts.duration_ms,
            "passed": facts.passed,
            "policy": facts.policy,
            "policy_version": facts.policy_version,
            "purpose": facts.purpose,
            "retain_until": stamp(facts.retain_until),
            "held": None,
            "erasing": None,
            "certificate": facts.certificate,
            "files": json.dumps(facts.files, sort_keys=True),
            "consent": _DECISION.dump_json(facts.consent).decode() if facts.consent else None,
            "marks": ",".join(facts.marks) or None,
        }
        try:
            with self._database.writing() as connection:
                # Locked: an erasure closes the call first, and no row comes after that.
                state = connection.scalar(
                    select(CALLS.c.state)
                    .where(CALLS.c.call_id == facts.call_id)
                    .with_for_update(read=True)
                )
                if state != CallState.OPEN.value:
                    raise UnknownCallError("the call is not open: it is not entered")
                connection.execute(insert(CATALOGUE).values(row))
                for party in dict.fromkeys(facts.parties):
                    values = {"call_id": facts.call_id, "pseudonym": party}
                    connection.execute(insert(PARTIES).values(values))
        except IntegrityError:
            pass  # another worker was first
        return self.get(facts.call_id)

    def find(self, call_id: str) -> StoredCallFacts | None:
        """A call, or None where it is not there."""
        found = self._select(CATALOGUE.c.call_id == call_id, CATALOGUE.c.erasing.is_(None))
        return found[0] if found else None

    def get(self, call_id: str) -> StoredCallFacts:
        """A call.

        Raises:
            UnknownCallError: it is not there.
        """
        found = self.find(call_id)
        if found is None:
            raise UnknownCallError("no such call in the catalogue: never stored, or erased")
        return found

    def certificate(self, call_id: str) -> str | None:
        """sha256 of a call's certificate, also while it is being erased; None without a row."""
        query = select(CATALOGUE.c.certificate).where(CATALOGUE.c.call_id == call_id)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def page(self, wanted: CallFilter, *, limit: int = PAGE, after: str | None = None) -> Page:
        """Calls that a filter lets through, the newest first.

        Raises:
            InputError: ``after`` is not what a page gave.
        """
        where = [CATALOGUE.c.erasing.is_(None), *_conditions(wanted)]
        if after is not None:
            stored, _, call_id = after.partition("|")
            if not call_id:
                raise InputError("after: not what a page of calls gave")
            older = CATALOGUE.c.stored < stored
            same = and_(CATALOGUE.c.stored == stored, CATALOGUE.c.call_id > call_id)
            where.append(or_(older, same))
        found = self._select(*where, limit=limit + 1)
        calls = tuple(found[:limit])
        more = len(found) > limit and calls
        return Page(calls, f"{stamp(calls[-1].stored)}|{calls[-1].call_id}" if more else None)

    def of_party(self, party: str) -> list[str]:
        """Calls that somebody took part in, also such that are being erased."""
        query = select(PARTIES.c.call_id).where(PARTIES.c.pseudonym == party)
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(PARTIES.c.call_id)))

    def due(self, now: datetime) -> list[str]:
        """Calls whose time is up and that nothing holds."""
        return self._ids(
            CATALOGUE.c.retain_until <= stamp(now),
            CATALOGUE.c.held.is_(None),
            CATALOGUE.c.erasing.is_(None),
        )

    def count(self) -> int:
        """How many calls there are that are not being erased."""
        query = select(func.count()).select_from(CATALOGUE).where(CATALOGUE.c.erasing.is_(None))
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def held(self) -> frozenset[str]:
        """Calls under a legal hold."""
        return frozenset(self._ids(CATALOGUE.c.held.is_not(None)))

    def unfinished(self) -> list[str]:
        """Calls whose erasure began and did not end."""
        return self._ids(CATALOGUE.c.erasing.is_not(None))

    def hold(self, call_id: str, since: datetime | None) -> bool:
        """Put a legal hold on a call (``since``), or take it away (None); whether it changed.

        Raises:
            UnknownCallError: the call is not there, or its erasure has begun.
        """
        there = CATALOGUE.c.held.is_(None) if since else CATALOGUE.c.held.is_not(None)
        mine = (CATALOGUE.c.call_id == call_id) & CATALOGUE.c.erasing.is_(None)
        with self._database.writing() as connection:
            changed = connection.execute(
                update(CATALOGUE).where(mine, there).values(held=stamp(since) if since else None)
            ).rowcount
        self.get(call_id)
        return bool(changed)

    def begin_erasing(self, call_id: str, why: str) -> str | None:
        """Note that a call is being erased: no hold comes after this, and no reader.

        Returns:
            Why it is being erased, which an earlier attempt may have noted; None for a call that
            is not in the catalogue.

        Raises:
            HeldError: a legal hold is on it.
        """
        mine = CATALOGUE.c.call_id == call_id
        with self._database.writing() as connection:
            begun = connection.execute(
                update(CATALOGUE)
                .where(mine, CATALOGUE.c.held.is_(None), CATALOGUE.c.erasing.is_(None))
                .values(erasing=why)
            ).rowcount
            row = connection.execute(
                select(CATALOGUE.c.erasing, CATALOGUE.c.held).where(mine)
            ).one_or_none()
            if begun:
                connection.execute(CHANGED)
        if row is None:
            return None
        if row.held is not None:
            raise HeldError(
                f"call {call_id} is under a legal hold since {row.held}: it is not erased before "
                "that is taken away"
            )
        return str(row.erasing)

    def remove(self, call_id: str) -> bool:
        """Remove the row of a call that is being erased, with its facts; whether it was there."""
        erasing = select(CATALOGUE.c.call_id).where(
            CATALOGUE.c.call_id == call_id, CATALOGUE.c.erasing.is_not(None)
        )
        with self._database.writing() as connection:
            connection.execute(delete(PARTIES).where(PARTIES.c.call_id.in_(erasing)))
            gone = connection.execute(
                delete(CATALOGUE).where(
                    CATALOGUE.c.call_id == call_id, CATALOGUE.c.erasing.is_not(None)
                )
            ).rowcount
            connection.execute(CHANGED)
        for table in (CATALOGUE, *ANALYTICS_TABLES):
            self._database.scrub(table)
        return bool(gone)

    def _ids(self, *where: ColumnElement[bool]) -> list[str]:
        query = select(CATALOGUE.c.call_id).where(*where).order_by(CATALOGUE.c.call_id)
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def _select(self, *where: ColumnElement[bool], limit: int = 1) -> list[StoredCallFacts]:
        query = select(CATALOGUE).where(*where)
        query = query.order_by(CATALOGUE.c.stored.desc(), CATALOGUE.c.call_id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            parties = _parties(connection, [row.call_id for row in rows])
        return [_facts(row, parties[row.call_id]) for row in rows]


def catalogued(connection: Connection, calls: list[str]) -> dict[str, StoredCallFacts]:
    """What the catalogue knows of some calls, by id; without those that are being erased."""
    query = select(CATALOGUE).where(CATALOGUE.c.call_id.in_(calls), CATALOGUE.c.erasing.is_(None))
    parties = _parties(connection, calls)
    return {row.call_id: _facts(row, parties[row.call_id]) for row in connection.execute(query)}


def _conditions(wanted: CallFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.passed is not None:
        yield CATALOGUE.c.passed.is_(wanted.passed)
    if wanted.held is not None:
        yield CATALOGUE.c.held.is_not(None) if wanted.held else CATALOGUE.c.held.is_(None)
    if wanted.flagged is not None:
        there = CATALOGUE.c.flagged
        yield there.is_not(None) if wanted.flagged else there.is_(None)
    if wanted.purpose is not None:
        yield CATALOGUE.c.purpose == wanted.purpose
    if wanted.policy is not None:
        yield CATALOGUE.c.policy == wanted.policy
    if wanted.party is not None:
        mine = select(PARTIES.c.call_id).where(PARTIES.c.pseudonym == wanted.party)
        yield CATALOGUE.c.call_id.in_(mine)
    if wanted.since is not None:
        yield CATALOGUE.c.stored >= stamp(wanted.since)
    if wanted.until is not None:
        yield CATALOGUE.c.stored < stamp(wanted.until)


def _parties(connection: Connection, calls: list[str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for start in range(0, len(calls), _BATCH):
        query = select(PARTIES).where(PARTIES.c.call_id.in_(calls[start : start + _BATCH]))
        for row in connection.execute(query.order_by(PARTIES.c.pseudonym)):
            found[row.call_id] += (row.pseudonym,)
    return found


def _facts(row: Row[Any], parties: tuple[str, ...]) -> StoredCallFacts:
    return StoredCallFacts(
        call_id=row.call_id,
        stored=datetime.fromisoformat(row.stored),
        started=row.started,
        duration_ms=int(row.duration_ms),
        passed=bool(row.passed),
        policy=row.policy,
        policy_version=row.policy_version,
        purpose=row.purpose,
        retain_until=datetime.fromisoformat(row.retain_until),
        held=datetime.fromisoformat(row.held) if row.held else None,
        parties=parties,
        certificate=row.certificate,
        files=json.loads(row.files),
        consent=decision_of(row.consent)[0],
        flagged=flag_of(row.flagged),
        marks=tuple(row.marks.split(",")) if row.marks else (),
    )


def decision_of(text: str | None) -> tuple[Decision | None, bool]:
    """The decision of a row, and whether there is none that this version can't read.

    One that a newer version wrote must not keep a call from being listed or erased.
    """
    if not text:
        return None, True
    try:
        return _DECISION.validate_json(text), True
    except ValidationError:
        return None, False


def flag_of(text: str | None) -> Flag | None:
    """The mark of a row, if it has one."""
    if not text:
        return None
    try:
        return _FLAG.validate_json(text)
    except ValidationError:
        return Flag("", "", "", "")  # there is one, and another version knows what it says
