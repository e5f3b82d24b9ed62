"""The audit log rewritten by whoever writes to its database: found, and not signed."""

from __future__ import annotations

import errno
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update

from agents.access.audit_log import EVERY, AuditLog
from agents.access.hash_chain import Stated, read_export
from agents.crypto.ed25519 import SigningKey
from agents.crypto.signed_head import HeadMemory, SignedHead
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import CHECKPOINTS, ENTRIES, HEAD
from agents.system.metrics import Metrics
from agents.upkeep.audit_keeper import AuditKeeper, prune
from agents.upkeep.sweep_guard import Confirmed, SweepGuard
from agents.vault.vault import Vault
from pipeline.errors import (
    ForgottenError,
    RewrittenError,
    StoreError,
    SweepRefusedError,
    TamperError,
)
from tests.agents.storing import stored_call
from tests.rewriting import begun_anew, cut_back, emptied, event, rewritten

pytestmark = pytest.mark.unit


def fill(log: AuditLog, first: int, last: int) -> None:
    for call in range(first, last + 1):
        assert log.append(event(call))


@pytest.mark.parametrize("forge", [rewritten, cut_back, emptied, begun_anew])
@pytest.mark.parametrize("unsigned", [0, 3])
def test_a_rewritten_log_does_not_hold_and_is_not_signed(
    log: AuditLog,
    database: Database,
    key: SigningKey,
    forge: Callable[[Database], None],
    unsigned: int,
) -> None:
    fill(log, 1, 9)
    assert log.checkpoint(key) is not None
    fill(log, 10, 9 + unsigned)
    forge(database)
    keys = {key.public.key_id: key.public}
    last = key.memory.read()
    known = Stated(last.seq, last.hash, "signed last")
    assert log.verify(keys, outside=[known]).problems
    with pytest.raises(RewrittenError, match="does not extend entry 9"):
        log.checkpoint(key)
    with pytest.raises(RewrittenError):
        log.prune(key, keep_days=0, now=log.now())
    fill(log, 20, 40)
    with pytest.raises(RewrittenError):
        log.checkpoint(key)
    assert log.verify(keys, outside=[known]).problems


def test_a_log_that_nobody_pruned_is_not_pruned_from_where_it_says(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 30)
    assert log.checkpoint(key) is not None
    begun_anew(database)
    # What was removed counts too, so the part is not made small by removing rows.
    now = log.now()
    assert log.older(key.public, 366, now) == (31, 32)
    with pytest.raises(SweepRefusedError, match="it would be 31 of 32 at once"):
        prune(log, key, 366, SweepGuard(database))
    with pytest.raises(RewrittenError, match="does not extend entry 30"):
        prune(log, key, 366, SweepGuard(database), confirmed=Confirmed(31, "anna"))
    with pytest.raises(RewrittenError):
        log.prune(key, keep_days=366, now=now)
    with pytest.raises(TamperError, match="entries 1 to 30 are missing: cut out"):
        log.adopt(key, by="anna")
    _, (start,) = read_export(log.export())
    assert not key.public.signed(start.document)


def test_a_front_that_was_cut_off_behind_the_signature_is_not_passed_off_as_pruned(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    """The entry that the key remembers is there; those before it are gone, and nobody pruned."""
    fill(log, 1, 9)
    assert log.checkpoint(key) is not None
    fill(log, 10, 12)
    with database.writing() as connection:
        hash_ = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == 5))
        row = dict(connection.execute(select(CHECKPOINTS)).mappings().one())
        forged = {**row, "seq": 5, "kind": "start", "hash": hash_, "key_id": "0" * 64}
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq <= 5))
        connection.execute(insert(CHECKPOINTS).values(forged))
    with pytest.raises(TamperError, match="entries 1 to 5 are missing: cut out"):
        log.prune(key, keep_days=0, now=log.now() + timedelta(days=1))
    with pytest.raises(TamperError, match="entries 1 to 5 are missing: cut out"):
        log.adopt(key, by="anna")


def test_what_pruning_keeps_of_the_tree_goes_by_signed_starts_only(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 9)
    root = log.tree().root(9)
    with database.writing() as connection:
        forged = {"seq": 4, "kind": "start", "hash": "1" * 64, "at": "", "key_id": "0" * 64}
        forged |= {"algorithm": "Ed25519", "signature": "AA=="}
        connection.execute(insert(CHECKPOINTS).values(forged))
    assert log.prune(key, keep_days=0, now=log.now() + timedelta(days=1)) == 9
    assert log.tree().root(9) == root
    assert told(log, key) == ()


def told(log: AuditLog, key: SigningKey) -> tuple[str, ...]:
    """What verification tells where the key is at hand."""
    last = key.memory.read()
    known = Stated(last.seq, last.hash, "signed last")
    return log.verify({key.public.key_id: key.public}, outside=[known]).problems


def test_a_log_that_grows_is_signed_and_remembered_first(
    log: AuditLog, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert key.memory.read() == SignedHead(0, "0" * 64, "")
    for last in (3, 4):
        fill(log, last if last == 4 else 1, last)
        signed = log.checkpoint(key)
        assert signed is not None
        remembered = key.memory.read()
        assert (remembered.seq, remembered.hash) == (last, signed.hash)
    assert stat.S_IMODE((tmp_path / "signing.pem.head").stat().st_mode) == 0o600
    fill(log, 5, 5)
    order: list[str] = []
    write, sign = HeadMemory.write, SigningKey.sign
    monkeypatch.setattr(
        HeadMemory, "write", lambda *given: (order.append("remember"), write(*given))[1]
    )
    monkeypatch.setattr(SigningKey, "sign", lambda *given: (order.append("sign"), sign(*given))[1])
    log.checkpoint(key)
    log.checkpoint(key)
    assert order == ["remember", "sign"], "nothing new is not signed again"


def test_where_it_can_not_remember_it_does_not_sign(
    log: AuditLog, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 1, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as disk:
        disk.setattr("agents.crypto.signed_head.write_private", full)
        with pytest.raises(StoreError, match=r"signing\.pem\.head: No space left on device"):
            log.checkpoint(key)
    assert log.unsigned(key.public) == 2
    assert key.memory.read().seq == 0
    assert log.checkpoint(key) is not None


def test_a_crash_between_remembering_and_signing_is_no_refusal(
    log: AuditLog, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 1, 2)
    with monkeypatch.context() as crash:
        crash.setattr(SigningKey, "sign", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            log.checkpoint(key)
    assert (key.memory.read().seq, log.unsigned(key.public)) == (2, 2)
    fill(log, 3, 3)
    signed = log.checkpoint(key)
    assert signed is not None
    assert signed.seq == 3


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b'{"at":"","hash":"0","schema":"other","seq":0}']
)
def test_a_key_without_its_memory_signs_nothing_until_somebody_says_so(
    log: AuditLog, key: SigningKey, tmp_path: Path, content: bytes | None
) -> None:
    fill(log, 1, 3)
    log.checkpoint(key)
    memory = tmp_path / "signing.pem.head"
    memory.unlink() if content is None else memory.write_bytes(content)
    again = SigningKey.load_or_create(tmp_path / "signing.pem")
    with pytest.raises(ForgottenError, match="`hushwire audit adopt`"):
        log.checkpoint(again)
    with pytest.raises(ForgottenError):
        log.prune(again, keep_days=1, now=log.now())
    signed = log.adopt(again, by="anna")
    entries, _ = read_export(log.export())
    assert entries[-1].kind == "hushwire.audit.log-adopted.v1"
    facts = dict(entries[-1].facts)
    assert facts.pop("at")
    assert facts == {
        "what": "log-adopted", "by": "anna", "until": 3, "hash": entries[2].hash,
        "signed": None, "signed_hash": None,
    }  # fmt: skip
    assert (signed.seq, again.memory.read().seq) == (4, 4)
    assert told(log, again) == ()


def test_a_restored_backup_is_adopted_by_an_entry_that_says_what_was_lost(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 9)
    kept = log.checkpoint(key)
    assert kept is not None
    cut_back(database)
    with pytest.raises(RewrittenError, match="`hushwire audit adopt`"):
        log.checkpoint(key)
    assert log.adopt(key, by="anna").seq == 7
    entries, _ = read_export(log.export())
    facts = entries[-1].facts
    assert (facts["until"], facts["signed"], facts["signed_hash"]) == (6, 9, kept.hash)
    assert told(log, key) == ()
    # What lies elsewhere goes on telling it.
    seen = log.verify({key.public.key_id: key.public}, kept=[kept])
    assert seen.problems[0].startswith("entries 8 to 9 are missing: cut off the end, though signed")


def test_a_log_that_does_not_hold_in_itself_is_not_adopted(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 3)
    with database.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 2).values(subject="other"))
    with pytest.raises(TamperError, match="entry 2: changed"):
        log.adopt(key, by="anna")
    assert log.unsigned(key.public) == 3


def copied(key_file: Path, folder: Path, *, memory: bool) -> SigningKey:
    """The key on another machine."""
    folder.mkdir()
    for name in (key_file.name, f"{key_file.name}.head") if memory else (key_file.name,):
        shutil.copy(key_file.with_name(name), folder / name)
    return SigningKey.load(folder / key_file.name)


def test_each_copy_of_a_key_refuses_what_does_not_extend_what_it_saw(
    log: AuditLog, database: Database, key: SigningKey, tmp_path: Path
) -> None:
    other = copied(tmp_path / "signing.pem", tmp_path / "other", memory=True)
    fill(log, 1, 4)
    assert log.checkpoint(key) is not None
    fill(log, 5, 9)
    assert log.checkpoint(other) is not None
    assert key.memory.read().seq == 4
    assert log.checkpoint(key) == log.checkpoint(other), "it is signed already"
    assert key.memory.read().seq == 9
    rewritten(database)
    for one in (key, other):
        with pytest.raises(RewrittenError):
            log.checkpoint(one)
    alone = copied(tmp_path / "signing.pem", tmp_path / "alone", memory=False)
    with pytest.raises(ForgottenError):
        log.checkpoint(alone)


def test_a_copy_goes_on_behind_what_another_one_pruned(
    log: AuditLog, database: Database, key: SigningKey, tmp_path: Path
) -> None:
    other = copied(tmp_path / "signing.pem", tmp_path / "other", memory=True)
    fill(log, 1, 4)
    assert log.checkpoint(other) is not None
    fill(log, 5, 6)
    assert log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1)) == 6
    assert key.memory.read().seq == 6
    for one in (key, other):
        assert log.checkpoint(one) is not None
        assert told(log, one) == ()
    # Nobody without the key says that what it signed last was pruned.
    forged = select(CHECKPOINTS).where(CHECKPOINTS.c.kind == "start")
    with database.writing() as connection:
        row = dict(connection.execute(forged).mappings().one())
        connection.execute(delete(ENTRIES))
        connection.execute(delete(CHECKPOINTS))
        connection.execute(insert(CHECKPOINTS).values({**row, "seq": 99, "hash": "1" * 64}))
        connection.execute(update(HEAD).values(seq=99, hash="1" * 64))
    for one in (key, other):
        with pytest.raises(RewrittenError):
            log.checkpoint(one)


def test_the_end_behind_a_pruned_beginning_can_not_be_cut_off(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 3)
    log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1))
    with database.writing() as connection:
        connection.execute(delete(ENTRIES))
        start = connection.execute(select(CHECKPOINTS)).mappings().one()
        connection.execute(update(HEAD).values(seq=start["seq"], hash=start["hash"]))
    problems = log.verify({key.public.key_id: key.public}).problems
    assert problems == ("nothing is left behind entry 3, though pruning writes an entry",)


def test_a_key_that_takes_the_place_of_another_goes_on_where_it_ended(
    log: AuditLog, database: Database, key: SigningKey, tmp_path: Path
) -> None:
    fill(log, 1, 9)
    log.checkpoint(key)
    (tmp_path / "signing.pem").unlink()
    new = SigningKey.load_or_create(tmp_path / "signing.pem")
    assert new.public.key_id != key.public.key_id
    assert log.checkpoint(new) is not None
    rewritten(database)
    with pytest.raises(RewrittenError):
        log.checkpoint(new)


def test_a_key_in_another_place_takes_a_pruned_log_by_adoption_only(
    log: AuditLog, key: SigningKey, tmp_path: Path
) -> None:
    fill(log, 1, 3)
    log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1))
    new = SigningKey.load_or_create(tmp_path / "new.pem")
    # Where it begins, only a key that is known says.
    unknown = "entries 1 to 3 are missing: cut out .where another key pruned it: .*--public-key"
    with pytest.raises(TamperError, match=unknown):
        log.checkpoint(new)
    with pytest.raises(TamperError, match=unknown):
        log.adopt(new, by="anna")
    log.adopt(new, by="anna", before=[key.public])
    keys = {one.public.key_id: one.public for one in (key, new)}
    assert log.verify(keys).problems == ()
    # From now on the new key states it, and prunes by itself.
    assert told(log, new) == ()
    assert log.prune(new, keep_days=0, now=log.now() + timedelta(days=1)) == 2
    assert told(log, new) == ()


def test_a_key_that_took_the_place_of_another_prunes_once_it_knows_where_the_log_begins(
    log: AuditLog, key: SigningKey, tmp_path: Path
) -> None:
    fill(log, 1, 3)
    log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1))
    log.checkpoint(key)
    (tmp_path / "signing.pem").unlink()
    new = SigningKey.load_or_create(tmp_path / "signing.pem")
    fill(log, 5, 6)
    assert log.checkpoint(new) is not None
    later = log.now() + timedelta(days=1)
    with pytest.raises(TamperError, match="entries 1 to 3 are missing: cut out"):
        log.prune(new, keep_days=0, now=later)
    log.adopt(new, by="anna", before=[key.public])
    assert log.prune(new, keep_days=0, now=later) == 4
    assert told(log, new) == ()


def test_a_checkpoint_that_nobody_signed_does_not_pass_for_ours(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    fill(log, 1, 3)
    log.checkpoint(key)
    fill(log, 4, 4)
    with database.writing() as connection:
        row = dict(connection.execute(select(CHECKPOINTS)).mappings().one())
        made_up = {**row, "seq": 4, "hash": log.head().hash, "key_id": "2" * 64}
        connection.execute(insert(CHECKPOINTS).values(made_up))
    signed = log.checkpoint(key)
    assert signed is not None
    assert key.public.signed(signed.document)
    assert told(log, key) == ()


def test_a_key_that_lies_in_no_file_signs_no_log(log: AuditLog) -> None:
    fill(log, 1, 1)
    with pytest.raises(ForgottenError, match="lies in no file"):
        log.checkpoint(SigningKey(Ed25519PrivateKey.generate()))


def test_a_log_that_lost_everything_does_not_hold_while_calls_are_stored(
    tmp_path: Path, key: SigningKey
) -> None:
    ledger = Ledger.embedded(tmp_path / "stored")
    try:
        log, vault = AuditLog(ledger.database), Vault.opened(tmp_path / "vault", ledger)
        ledger.open_call("call-1")
        vault.store(key.certify(stored_call("call-1")), keep_days=30)
        fill(log, 1, 1)
        log.checkpoint(key)
        keys = {key.public.key_id: key.public}
        assert log.verify(keys).problems == ()
        emptied(ledger.database)
        assert log.verify(keys).problems == ("the log is empty, though calls are stored: 1",)
    finally:
        ledger.dispose()


def test_the_keeper_tells_a_rewritten_log_and_does_not_sign_it(
    log: AuditLog, database: Database, key: SigningKey
) -> None:
    metrics = Metrics()
    keeper = AuditKeeper(log, key, keep_days=366, guard=SweepGuard(log.database), metrics=metrics)
    fill(log, 1, 9)
    keeper._guarded(keeper._look)
    rewritten(database)
    fill(log, 10, 10 + EVERY)
    keeper._guarded(keeper._look)
    value = metrics.registry.get_sample_value
    assert value("hushwire_audit_broken") == 1.0
    assert value("hushwire_audit_refusals_total", {"code": "rewritten"}) == 1.0
    assert read_export(log.export())[1] == []
