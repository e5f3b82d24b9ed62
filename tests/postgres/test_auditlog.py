"""The audit log's chain on SQLite and on PostgreSQL: one for all writers, whoever dies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from agents.access.audit_log import AuditLog, Event
from agents.access.hash_chain import Stated, read_export
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import ENTRIES
from pipeline.errors import RewrittenError, TamperError
from tests.rewriting import begun_anew, cut_back, emptied, rewritten

KIND = "hushwire.audit.call-closed.v1"


def closed(call: int) -> Event:
    return Event(f"call-{call}/{KIND}", f"call-{call}", KIND, {"state": "stored"})


def write(url: str, first: int) -> int:
    """Write 20 events, half of which the neighbour writes too; how many were new."""
    database = Database(url)
    log = AuditLog(database)
    new = sum(log.append(closed(call)) for call in range(first, first + 20))
    database.dispose()
    return new


def test_processes_write_one_chain(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        new = list(pool.map(write, [ledger_url] * 4, [0, 10, 20, 30]))
    assert sum(new) == 50
    log = AuditLog(ledger.database)
    assert log.checkpoint(key) is not None
    seen = log.verify({key.public.key_id: key.public})
    assert (seen.first, seen.last, seen.signed, seen.problems) == (1, 50, 50, ())
    assert len(list(log.export())) == 51


def test_tampering_is_found_and_not_signed(ledger: Ledger, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    keys = {key.public.key_id: key.public}
    log = AuditLog(ledger.database)
    for call in range(6):
        log.append(closed(call))
    log.checkpoint(key)
    log.append(closed(6))
    with ledger.database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq == 2))
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 7).values(subject="other"))
    assert log.verify(keys).problems == ("entry 2 is missing: cut out", "entry 7: changed")
    with pytest.raises(TamperError):
        log.checkpoint(key)


@pytest.mark.parametrize("forge", [rewritten, cut_back, emptied, begun_anew])
def test_a_rewritten_log_does_not_hold_and_is_not_signed(
    ledger: Ledger, tmp_path: Path, forge: Callable[[Database], None]
) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    log = AuditLog(ledger.database)
    for call in range(9):
        log.append(closed(call))
    assert log.checkpoint(key) is not None
    forge(ledger.database)
    for call in range(20, 30):
        log.append(closed(call))
    with pytest.raises(RewrittenError, match="does not extend entry 9"):
        log.checkpoint(key)
    last = key.memory.read()
    known = Stated(last.seq, last.hash, "signed last")
    assert log.verify({key.public.key_id: key.public}, outside=[known]).problems
    _, rows = read_export(log.export())
    assert not any(key.public.signed(one.document) for one in rows)


def test_no_event_is_kept_out_by_a_changed_entry(ledger: Ledger, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    log = AuditLog(ledger.database)
    log.append(closed(1))
    log.checkpoint(key)
    with ledger.database.writing() as connection:
        connection.execute(update(ENTRIES).values(fingerprint=closed(2).fingerprint))
    assert log.append(closed(2))
    assert not log.append(closed(2))
    problems = log.verify({key.public.key_id: key.public}).problems
    assert problems == ("entry 1: its fingerprint is another event's",)


def test_what_is_old_goes_and_the_rest_holds(ledger: Ledger, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    log = AuditLog(ledger.database)
    for call in range(3):
        log.append(closed(call))
    log.checkpoint(key)
    later = datetime.now(UTC) + timedelta(days=400)
    assert log.prune(key, keep_days=366, now=later) == 3
    seen = log.verify({key.public.key_id: key.public})
    assert (seen.first, seen.last, seen.problems) == (4, 4, ())


def test_a_log_that_is_being_written_is_read_as_it_was(ledger: Ledger, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    log = AuditLog(ledger.database)
    for call in range(3):
        log.append(closed(call))
    lines = log.export()
    first = next(lines)
    log.append(closed(3))
    log.checkpoint(key)
    assert len([first, *lines]) == 3
