"""The audit log: every kind of tampering is found and placed; a repeat changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from agents.access.audit_log import EVERY, AuditLog, Event
from agents.access.hash_chain import (
    END,
    UNSIGNED_MOST,
    Checkpoint,
    Entry,
    Head,
    read_export,
    statement,
    verify_chain,
)
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import CHECKPOINTS, ENTRIES, HEAD
from agents.runtime.events import audit, audit_event
from agents.system.metrics import Metrics
from agents.upkeep.audit_keeper import AuditKeeper
from agents.upkeep.sweep_guard import SweepGuard
from pipeline.errors import RecordError, TamperError

pytestmark = pytest.mark.unit

KIND = "hushwire.audit.call-closed.v1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def closed(call: int, **facts: object) -> Event:
    return Event(f"call-{call}/{KIND}", f"call-{call}", KIND, {"state": "stored", **facts})


def fill(log: AuditLog, count: int, *, first: int = 1) -> None:
    for call in range(first, first + count):
        assert log.append(closed(call))


def problems(log: AuditLog, key: SigningKey) -> tuple[str, ...]:
    return log.verify({key.public.key_id: key.public}).problems


def rehash(database: Database, seq: int) -> str:
    """What an intruder would do who knows the rules: give a changed entry its right hash."""
    with database.writing() as connection:
        row = connection.execute(select(ENTRIES).where(ENTRIES.c.seq == seq)).mappings().one()
        entry = Entry(**{**row, "facts": json.loads(row["facts"])})
        right = {"hash": entry.own_hash(), "fingerprint": entry.own_fingerprint()}
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == seq).values(right))
    return right["hash"]


def test_an_untouched_log_holds(log: AuditLog, key: SigningKey) -> None:
    fill(log, 5)
    assert log.unsigned(key.public) == 5
    signed = log.checkpoint(key)
    assert signed is not None
    assert (signed.seq, log.unsigned(key.public)) == (5, 0)
    assert log.checkpoint(key) == signed
    fill(log, 2, first=6)
    seen = log.verify({key.public.key_id: key.public})
    assert (seen.first, seen.last, seen.signed, seen.unsigned) == (1, 7, 5, 2)
    assert seen.problems == ()


def test_an_empty_log_holds_and_is_not_signed(log: AuditLog, key: SigningKey) -> None:
    assert log.checkpoint(key) is None
    assert problems(log, key) == ()
    assert list(log.export()) == []


def test_a_repeat_changes_nothing(log: AuditLog, key: SigningKey) -> None:
    assert log.append(closed(1, at="10:00"))
    assert not log.append(closed(1, at="10:05"))
    assert log.append(closed(1, at="10:05", certificate="another"))
    assert log.unsigned(key.public) == 2


def _change_fingerprint(database: Database) -> None:
    coming = closed(99).fingerprint
    with database.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 4).values(fingerprint=coming))


def _change_to_a_coming_event(database: Database) -> None:
    coming = closed(99)
    with database.writing() as connection:
        values = {"event_id": coming.event_id, "fingerprint": coming.fingerprint}
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 4).values(values))


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (_change_fingerprint, "entry 4: its fingerprint is another event's"),
        (_change_to_a_coming_event, "entry 4: changed"),
    ],
)
def test_no_event_is_kept_out_by_a_changed_entry(
    log: AuditLog,
    database: Database,
    key: SigningKey,
    tamper: Callable[[Database], None],
    told: str,
) -> None:
    fill(log, 4)
    log.checkpoint(key)
    tamper(database)
    assert log.append(closed(99)), "it is no repeat of entry 4"
    assert not log.append(closed(99))
    entries, _ = read_export(log.export())
    assert [one.subject for one in entries if one.seq > 4] == ["call-99"]
    assert problems(log, key) == (told,)


def test_the_audit_record_of_a_topic_is_an_event_of_the_same_id() -> None:
    event = audit_event(
        audit("topic", "call-1", "call-closed", {"state": "stored"}, at="2026-03-01")
    )
    assert (event.event_id, event.subject, event.kind) == (f"call-1/{KIND}", "call-1", KIND)
    assert event.facts["state"] == "stored"


@pytest.mark.parametrize(
    "facts",
    [{"words": ["four", "one"]}, {"text": "x" * 257}, {"Spoken Text": "x"}, {"score": 0.5}],
)
def test_what_could_be_content_is_no_event(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fact"):
        Event("id", "call-1", KIND, facts)


def test_many_writers_make_one_chain(tmp_path: Path, key: SigningKey) -> None:
    ledgers = [Ledger.embedded(tmp_path / "state") for _ in range(4)]
    logs = [AuditLog(one.database) for one in ledgers]
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda n: logs[n % 4].append(closed(n % 40)), range(80)))
    assert sum(new) == 40
    logs[0].checkpoint(key)
    seen = logs[1].verify({key.public.key_id: key.public})
    assert (seen.last, seen.problems) == (40, ())
    for one in ledgers:
        one.dispose()


def _change(database: Database) -> None:
    facts = '{"state":"refused"}'
    with database.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 4).values(facts=facts))


def _change_no_json(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 4).values(facts="?"))


def _change_and_rehash(database: Database) -> None:
    _change(database)
    rehash(database, 4)


def _remove(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq.in_([4, 5])))


def _remove_first(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq <= 2))


def _close_the_gap(database: Database) -> None:
    """Remove an entry and give those behind it new numbers and hashes."""
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq == 4))
        for seq in range(5, 9):
            connection.execute(update(ENTRIES).where(ENTRIES.c.seq == seq).values(seq=seq - 1))


def _swap(database: Database) -> None:
    with database.writing() as connection:
        for before, after in ((4, 99), (5, 4), (99, 5)):
            connection.execute(update(ENTRIES).where(ENTRIES.c.seq == before).values(seq=after))


def _cut_the_tail(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq > 6))


def _cut_the_tail_and_hide_it(database: Database) -> None:
    _cut_the_tail(database)
    with database.writing() as connection:
        last = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == 6))
        connection.execute(update(HEAD).values(seq=6, hash=last))


def _cut_behind_the_checkpoint(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq > 8))


def _insert(database: Database) -> None:
    with database.writing() as connection:
        row = connection.execute(select(ENTRIES).where(ENTRIES.c.seq == 9)).mappings().one()
        connection.execute(insert(ENTRIES).values({**row, "seq": 10, "fingerprint": "new"}))


def _change_checkpoint(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(update(CHECKPOINTS).values(at="2020-01-01T00:00:00.000+00:00"))


def _begin_later(database: Database) -> None:
    """Pass a cut at the front off as pruning."""
    with database.writing() as connection:
        connection.execute(delete(ENTRIES))
        connection.execute(update(CHECKPOINTS).values(kind="start"))


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (_change, ["entry 4: changed"]),
        (_change_no_json, ["entry 4: changed"]),
        (_change_fingerprint, ["entry 4: its fingerprint is another event's"]),
        (
            _change_and_rehash,
            ["entry 5: does not follow entry 4; one of them was replaced or moved"],
        ),
        (_remove, ["entries 4 to 5 are missing: cut out"]),
        (_remove_first, ["entries 1 to 2 are missing: cut out"]),
        (_close_the_gap, ["entry 4: does not follow entry 3", "entry 4: changed"]),
        (_swap, ["entry 4: does not follow entry 3", "entry 4: changed"]),
        (_cut_the_tail, ["entries 7 to 8 are missing: cut off the end, though signed on "]),
        (_cut_the_tail_and_hide_it, ["entries 7 to 8 are missing: cut off the end, though signed"]),
        (_cut_behind_the_checkpoint, ["entry 9 is missing: cut off the end"]),
        (_insert, ["entry 10: does not follow entry 9", "entry 10: changed"]),
        (_change_checkpoint, ["checkpoint of entry 8: changed after it was signed"]),
        (_begin_later, ["checkpoint of entry 8: changed after it was signed"]),
    ],
)
def test_tampering_is_found_and_placed(
    log: AuditLog,
    database: Database,
    key: SigningKey,
    tamper: Callable[[Database], None],
    told: list[str],
) -> None:
    fill(log, 8)
    log.checkpoint(key)
    fill(log, 1, first=9)
    assert problems(log, key) == ()
    tamper(database)
    found = problems(log, key)
    assert [one[: len(start)] for one, start in zip(found, told, strict=False)] == told


def test_a_whole_chain_that_was_written_anew_breaks_the_signature(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 4)
    log.checkpoint(key)
    _rewrite(database, 2, 4)
    (found,) = problems(log, key)
    assert found.startswith("entry 4: not the one that was signed on ")


def _rewrite(database: Database, changed: int, last: int) -> None:
    with database.writing() as connection:
        connection.execute(
            update(ENTRIES).where(ENTRIES.c.seq == changed).values(facts='{"state":"refused"}')
        )
    for seq in range(changed, last + 1):
        hash_ = rehash(database, seq)
        with database.writing() as connection:
            after = ENTRIES.c.seq == seq + 1
            connection.execute(update(ENTRIES).where(after).values(previous=hash_))
            connection.execute(update(HEAD).values(hash=hash_))


def test_what_was_kept_elsewhere_outlives_the_database(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    """Whoever owns the database cuts entries together with their checkpoints."""
    fill(log, 4)
    kept = log.checkpoint(key)
    assert kept is not None
    _rewrite(database, 2, 4)
    with database.writing() as connection:
        connection.execute(delete(CHECKPOINTS))
    (found,) = problems(log, key)
    assert found.startswith("entries 1 to 4 are behind no checkpoint, none that a known key signed")
    seen = log.verify({key.public.key_id: key.public}, kept=(kept,))
    assert seen.problems == (f"entry 4: not the one that was signed on {kept.at}",)


def test_another_key_is_told(log: AuditLog, key: SigningKey, tmp_path: Path) -> None:
    fill(log, 2)
    log.checkpoint(key)
    other = SigningKey.load_or_create(tmp_path / "other.pem")
    found, unsigned = problems(log, other)
    assert unsigned.startswith("entries 1 to 2 are behind no checkpoint")
    assert found == f"checkpoint of entry 2: signed by another key ({key.public.key_id[:16]}…)"


def test_a_new_key_goes_on_where_the_old_one_ended(
    log: AuditLog, key: SigningKey, tmp_path: Path
) -> None:
    other = SigningKey.load_or_create(tmp_path / "other.pem")
    fill(log, 2)
    log.checkpoint(key)
    fill(log, 2, first=3)
    assert log.checkpoint(other) is not None
    both = {one.public.key_id: one.public for one in (key, other)}
    assert log.verify(both).problems == ()
    assert log.verify(both).signed == 4


@pytest.mark.parametrize("tamper", [_change, _change_fingerprint, _remove, _swap, _cut_the_tail])
def test_a_broken_chain_is_not_signed(
    log: AuditLog, database: Database, key: SigningKey, tamper: Callable[[Database], None]
) -> None:
    fill(log, 2)
    log.checkpoint(key)
    fill(log, 6, first=3)
    tamper(database)
    with pytest.raises(TamperError, match="audit log: entr"):
        log.checkpoint(key)
    with pytest.raises(TamperError):
        log.prune(key, keep_days=1, now=datetime.now(UTC) + timedelta(days=2))


def made(key: SigningKey, hours: list[float]) -> tuple[list[Entry], list[Checkpoint]]:
    """Entries by when they were written; the first one is signed."""
    entries, last = [], "0" * 64
    for seq, hour in enumerate(hours, 1):
        stamp = (NOON + timedelta(hours=hour)).isoformat(timespec="milliseconds")
        draft = Entry(seq, stamp, f"{seq}", "", KIND, {}, last, "")
        entries.append(replace(draft, hash=draft.own_hash()))
        last = entries[-1].hash
    head = Head(1, entries[0].hash)
    one = key.sign(statement("end", head, entries[0].recorded))
    at = entries[0].recorded
    return entries, [Checkpoint(1, "end", head.hash, at, one.algorithm, one.key_id, one.value)]


def test_many_entries_behind_a_checkpoint_do_not_hold(key: SigningKey) -> None:
    keys = {key.public.key_id: key.public}
    entries, signed = made(key, [0.0] * (UNSIGNED_MOST + 2))
    assert verify_chain(entries[:-1], signed, keys).problems == ()
    (found,) = verify_chain(entries, signed, keys).problems
    assert found.startswith("entries 2 to 502 are behind no checkpoint: one was removed")


def test_an_entry_that_waits_for_long_does_not_hold(key: SigningKey) -> None:
    keys = {key.public.key_id: key.public}
    entries, signed = made(key, [0, 1, 24])
    assert verify_chain(entries, signed, keys).problems == ()
    assert verify_chain(entries, signed, keys, now=NOON + timedelta(hours=25)).problems == ()
    late = NOON + timedelta(hours=25, seconds=1)
    (found,) = verify_chain(entries, signed, keys, now=late).problems
    assert found.startswith("entries 2 to 3 are behind no checkpoint: one was removed")
    # In an export, what was written last tells the time.
    assert verify_chain(*made(key, [0, 1, 26]), keys).problems == (found,)


def test_entries_without_any_checkpoint_do_not_hold(key: SigningKey) -> None:
    entries, _ = made(key, [0])
    (found,) = verify_chain(entries, [], {key.public.key_id: key.public}).problems
    assert found.startswith("entry 1 is behind no checkpoint, none that a known key signed")


def test_pruning_leaves_a_log_that_holds(
    log: AuditLog, database: Database, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    with monkeypatch.context() as earlier:
        earlier.setattr(log.database, "now", lambda: now - timedelta(days=400))
        fill(log, 4)
        log.checkpoint(key)
    fill(log, 2, first=5)
    log.checkpoint(key)
    fill(log, 3, first=7)
    assert log.prune(key, keep_days=401, now=now) == 0
    assert log.prune(key, keep_days=366, now=now) == 4
    seen = log.verify({key.public.key_id: key.public})
    assert (seen.first, seen.last, seen.problems) == (5, 10, ())
    entries, checkpoints = read_export(log.export())
    assert entries[-1].facts["until"] == entries[-1].facts["entries"] == 4
    assert (checkpoints[0].seq, checkpoints[0].kind) == (4, "start")
    # What is left can't be cut at the front without its being seen.
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq == 5))
    assert problems(log, key)[0] == "entry 5 is missing: cut out"


def test_everything_may_be_old(log: AuditLog, key: SigningKey) -> None:
    fill(log, 3)
    later = datetime.now(UTC) + timedelta(days=400)
    assert log.prune(key, keep_days=366, now=later) == 3
    seen = log.verify({key.public.key_id: key.public})
    assert (seen.first, seen.last, seen.signed, seen.problems) == (4, 4, 3, ())


def test_an_export_is_checked_like_the_log(log: AuditLog, key: SigningKey) -> None:
    keys = {key.public.key_id: key.public}
    fill(log, 3)
    log.checkpoint(key)
    fill(log, 1, first=4)
    lines = list(log.export())
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 3, 4]
    assert verify_chain(*read_export(lines), keys).problems == ()
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    assert verify_chain(*read_export(swapped), keys).problems[:2] == (
        "entry 2 is missing: cut out",
        "entry 2: out of order, or before the start of the log",
    )
    changed = [lines[0].replace(b"stored", b"refused"), *lines[1:]]
    assert verify_chain(*read_export(changed), keys).problems == ("entry 1: changed",)
    cut = [lines[0], lines[3]]
    (found,) = verify_chain(*read_export(cut), keys).problems
    assert found.startswith("entries 2 to 3 are missing: cut off the end, though signed on ")


@pytest.mark.parametrize("line", [b"{}", b"[]", b"text", b'{"schema":"hushwire.audit.entry.v1"}'])
def test_a_line_of_something_else_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError, match="line 2"):
        read_export([b"\n", line])


def test_the_keeper_signs_when_much_came_and_at_the_end(log: AuditLog, key: SigningKey) -> None:
    metrics = Metrics()
    keeper = AuditKeeper(log, key, keep_days=366, guard=SweepGuard(log.database), metrics=metrics)
    fill(log, 1)
    keeper._guarded(keeper._look)
    assert log.unsigned(key.public) == 0, "a worker that starts signs what it finds"
    fill(log, EVERY - 1, first=2)
    keeper._guarded(keeper._look)
    assert log.unsigned(key.public) == EVERY - 1
    fill(log, 1, first=EVERY + 1)
    keeper._guarded(keeper._look)
    assert log.unsigned(key.public) == 0
    fill(log, 1, first=EVERY + 2)
    keeper._guarded(keeper._sign)
    assert log.unsigned(key.public) == 0


@pytest.mark.parametrize("of", ["nobody", "our key id"])
def test_a_checkpoint_that_nobody_signed_makes_no_entry_signed(
    log: AuditLog, database: Database, key: SigningKey, of: str
) -> None:
    """Whoever writes to the database alone would keep the log from being signed."""
    metrics = Metrics()
    keeper = AuditKeeper(log, key, keep_days=366, guard=SweepGuard(log.database), metrics=metrics)
    keeper._guarded(keeper._look)
    fill(log, EVERY)
    forged = {
        "seq": EVERY, "kind": END, "hash": log.head().hash, "at": "2026-01-01T00:00:00.000+00:00",
        "algorithm": "Ed25519", "key_id": key.public.key_id if of == "our key id" else "0" * 64,
        "signature": "A" * 86 + "==",
    }  # fmt: skip
    with database.writing() as connection:
        connection.execute(insert(CHECKPOINTS).values(forged))
    assert log.unsigned(key.public) == EVERY
    keeper._guarded(keeper._look)
    if of == "nobody":  # it is written over
        assert log.unsigned(key.public) == 0
        assert problems(log, key) == ()
    assert metrics.registry.get_sample_value("hushwire_audit_broken") == (of == "our key id")


def test_a_broken_log_is_told_and_work_goes_on(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    metrics = Metrics()
    keeper = AuditKeeper(log, key, keep_days=366, guard=SweepGuard(log.database), metrics=metrics)
    fill(log, 3)
    with database.writing() as connection:
        connection.execute(text("UPDATE audit_entries SET subject = 'other' WHERE seq = 2"))
    keeper._guarded(keeper._sign)
    assert metrics.registry.get_sample_value("hushwire_audit_broken") == 1.0
    assert log.append(closed(4))
