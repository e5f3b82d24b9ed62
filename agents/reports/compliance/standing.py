"""What is due, held and alive when the report is made: catalogue, quarantine and keys.

Nothing is opened or changed, and no key is read: the ledger says how many there are, and when each
wrapping key came. Outcomes: the parts; ``StoreError`` where the database is away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select, tuple_

from agents.database.call_ledger import CallState
from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE, TRANSIT_KEYS, VAULT_KEYS, WRAPPING_KEYS
from agents.reports.compliance.model import Count, Keys, Month, Quarantine, Retention, WrappingKey
from agents.system.clock import stamp
from agents.vault.call_catalogue import decision_of
from agents.vault.file_store import QUARANTINE, Place
from pipeline.errors import RecordError, StoreError
from pipeline.evidence.certificate import parse_certificate
from pipeline.evidence.layout import CERTIFICATE

_PAGE: Final = 2_000
_MOMENT: Final = timedelta(hours=1)


def retention(
    database: Database,
    month: Month,
    now: datetime,
    closed: frozenset[str] | None,
    seen: Callable[[int, int], None] = lambda *_: None,
) -> Retention:
    """What is stored, due and held, and what of the month is still there.

    Args:
        database: the ledger's.
        month: the month.
        now: the time.
        closed: the calls whose end the audit log tells of; None: it does not tell of all of it.
        seen: told now and then how many of the month's calls were read, and how many there are.
    """
    table = CATALOGUE.c
    free = (table.held.is_(None), table.erasing.is_(None))
    over = table.retain_until <= stamp(now)
    held = (table.held.is_not(None), table.erasing.is_(None))
    with database.reading() as connection:
        counts = {
            "stored": _count(
                connection, CATALOGUE, table.passed.is_(True), table.erasing.is_(None)
            ),
            "quarantined": _count(connection, CATALOGUE, table.passed.is_(False)),
            "due": _count(connection, CATALOGUE, over, *free),
            "erasing": _count(connection, CATALOGUE, table.erasing.is_not(None)),
            "held": _count(connection, CATALOGUE, *held),
            "held_due": _count(connection, CATALOGUE, over, *held),
            "flagged": _count(connection, CATALOGUE, table.flagged.is_not(None), *free[1:]),
        }
        due_since = connection.scalar(select(func.min(table.retain_until)).where(over, *free))
        total = _count(connection, CATALOGUE, *_within(month))
        held_since = connection.scalar(select(func.min(table.held)).where(*held))
    withdrawn = untold = unread = number = 0
    # What was stored just now, or at the end of the month, is told a moment later.
    settled = min(now, month.end) - _MOMENT
    policies: Counter[str] = Counter()
    for number, one in enumerate(_of_month(database, month), 1):
        policies[f"{one.policy} {one.policy_version}"] += 1
        if one.consent is not None:
            decision = decision_of(one.consent)[0]
            unread += decision is None
            withdrawn += decision is not None and decision.withdrawn_at_ms >= 0
        if closed is not None and one.stored < stamp(settled):
            untold += one.call_id not in closed
        if number % _PAGE == 0:
            seen(number, total)
    return Retention(
        **counts,
        due_since=due_since or "",
        held_since=held_since or "",
        withdrawn=withdrawn,
        unread=unread,
        untold=untold,
        policies=tuple(Count(name, count) for name, count in sorted(policies.items())),
    )


def quarantine(
    database: Database,
    month: Month,
    now: datetime,
    hours: int,
    place: Place | None,
    seen: Callable[[int, int], None] = lambda *_: None,
) -> Quarantine:
    """Quarantined calls, and which checks failed.

    Args:
        database: the ledger's.
        month: whose certificates are read.
        now: the time.
        hours: how long a quarantine lasts.
        place: the vault; None: certificates can't be read.
        seen: told how many certificates were read, and how many there are.
    """
    end = stamp(now - timedelta(hours=hours))
    mine = (CALLS.c.state == CallState.QUARANTINED.value,)
    with database.reading() as connection:
        keys = _keys_of(connection, *mine)
        over = _keys_of(connection, *mine, CALLS.c.closed <= end)
        total = _count(connection, CATALOGUE, CATALOGUE.c.passed.is_(False), *_within(month))
    failed: Counter[str] = Counter()
    certificates = unread = 0
    for one in _of_month(database, month, CATALOGUE.c.passed.is_(False)):
        certificates += 1
        found = _failed(place, one.call_id) if place is not None else None
        seen(certificates, total)
        unread += found is None
        failed.update(found or ())
    checks = tuple(Count(name, count) for name, count in sorted(failed.items()))
    return Quarantine(keys, over, certificates, checks, unread)


def keys(database: Database, now: datetime) -> Keys:
    """The keys that live."""
    opened = CALLS.c.state == CallState.OPEN.value
    held_back = CALLS.c.state == CallState.QUARANTINED.value
    entered = select(CATALOGUE.c.call_id)
    with database.reading() as connection:
        wrapping = connection.execute(select(WRAPPING_KEYS).order_by(WRAPPING_KEYS.c.created)).all()
        return Keys(
            open=_keys_of(connection, opened),
            open_since=connection.scalar(select(func.min(CALLS.c.created)).where(opened)) or "",
            quarantined=_keys_of(connection, held_back),
            stray=_keys_of(connection, ~opened, ~held_back),
            vault=_count(connection, VAULT_KEYS),
            vault_stray=_count(
                connection,
                VAULT_KEYS.join(CALLS),
                ~opened,
                VAULT_KEYS.c.call_id.not_in(entered),
            ),
            wrapping=tuple(
                WrappingKey(
                    f"{row.key_id:08x}",
                    row.created,
                    (now - datetime.fromisoformat(row.created)).days,
                    row.retired or "",
                )
                for row in wrapping
            ),
        )


def _keys_of(connection: Connection, *where: ColumnElement[bool]) -> int:
    return _count(connection, TRANSIT_KEYS.join(CALLS), *where)


def _count(connection: Connection, table: Table | Any, *where: ColumnElement[bool]) -> int:  # noqa: ANN401 - a join
    query = select(func.count()).select_from(table).where(*where)
    return int(connection.scalar(query) or 0)


def _within(month: Month) -> tuple[ColumnElement[bool], ...]:
    """What is stored in a month and not being erased."""
    table = CATALOGUE.c
    start, end = stamp(month.start), stamp(month.end)
    return table.erasing.is_(None), table.stored >= start, table.stored < end


def _of_month(database: Database, month: Month, *where: ColumnElement[bool]) -> Iterator[Row[Any]]:
    """What the catalogue still has of the month, by pages, each in a short transaction."""
    table, after = CATALOGUE.c, ("", "")
    columns = (table.call_id, table.stored, table.policy, table.policy_version, table.consent)
    while True:
        query = (
            select(*columns)
            .where(*_within(month), tuple_(table.stored, table.call_id) > after, *where)
            .order_by(table.stored, table.call_id)
            .limit(_PAGE)
        )
        with database.reading() as connection:
            rows = connection.execute(query).all()
        yield from cast("list[Row[Any]]", rows)
        if len(rows) < _PAGE:
            return
        after = (rows[-1].stored, rows[-1].call_id)


def _failed(place: Place, call_id: str) -> list[str] | None:
    """Names of the failed checks in a certificate; None: it can't be read."""
    try:
        with closing(place.open(QUARANTINE, call_id, f"{call_id}{CERTIFICATE}")) as file:
            stated = parse_certificate(file.read())
    except (StoreError, RecordError):
        return None
    return [check.name for check in stated.checks if not check.passed]
