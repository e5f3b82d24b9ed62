"""Checkpoints and certificates in the vault tell of a database that was written anew."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Checkpoint, Stated
from agents.cli import main
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.system.metrics import Metrics
from agents.upkeep.audit_checkpoints import TopicCheckpoints, VaultCheckpoints, certified
from agents.upkeep.audit_keeper import AuditKeeper
from agents.upkeep.sweep_guard import Bounds, SweepGuard
from agents.vault.file_store import CHECKPOINTS, PASSED, FolderPlace, open_place
from agents.vault.vault import Vault
from pipeline.errors import BrokerError, RecordError, RewrittenError, StoreError
from pipeline.evidence.certificate import LogStated
from tests.agents.storing import bucket, new_ledger, stored_call
from tests.rewriting import cut_back, emptied, event, rewritten

pytestmark = pytest.mark.unit


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = new_ledger(tmp_path / "vault" / ".hushwire")
    yield ledger
    ledger.dispose()


@pytest.fixture
def log(ledger: Ledger) -> AuditLog:
    return AuditLog(ledger.database)


@pytest.fixture
def key(tmp_path: Path, ledger: Ledger) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "vault" / ".hushwire" / "signing.pem")


@pytest.fixture(params=["folder", "bucket"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "vault")
        return
    with bucket() as url:
        yield f"{url}/pre/fix"


def fill(log: AuditLog, first: int, last: int) -> None:
    for call in range(first, last + 1):
        assert log.append(event(call))


def signed(log: AuditLog, key: SigningKey, *, last: int) -> Checkpoint:
    fill(log, log.head().seq + 1, last)
    made = log.checkpoint(key)
    assert made is not None
    return made


def store(vault: Vault, ledger: Ledger, log: AuditLog, key: SigningKey, call_id: str) -> None:
    ledger.open_call(call_id)
    head = log.head()
    call = key.certify(stored_call(call_id), log=LogStated(head.seq, head.hash))
    vault.store(call, keep_days=30)


def test_a_checkpoint_in_the_vault_stays_as_it_is(
    location: str, log: AuditLog, key: SigningKey
) -> None:
    place = open_place(location)
    there = VaultCheckpoints(place)
    assert there.all() == []
    first, second = signed(log, key, last=3), signed(log, key, last=11)
    for one in (second, first, second):
        there.put(one)
    assert there.all() == [first, second]
    assert place.ids(CHECKPOINTS) == ("000000000003", "000000000011")
    other = Checkpoint(3, "end", "f" * 64, first.at, first.algorithm, first.key_id, first.value)
    with pytest.raises(RewrittenError, match="checkpoint of entry 3 in the vault states another"):
        there.put(other)
    assert there.all() == [first, second]
    there.prune(11)
    assert there.all() == [second]


def test_a_file_that_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path / "vault")
    for name, content in (("000000000001", b"{}"), ("000000000002", b"")):
        place.put(CHECKPOINTS, name, {"checkpoint.json": content})
        with pytest.raises(RecordError):
            VaultCheckpoints(place).all()
        place.remove(CHECKPOINTS, name)


@pytest.mark.parametrize("forge", [rewritten, cut_back, emptied])
def test_what_lies_in_the_vault_outlives_the_database(
    location: str,
    ledger: Ledger,
    log: AuditLog,
    key: SigningKey,
    forge: Callable[[Database], None],
) -> None:
    keys = {key.public.key_id: key.public}
    vault = Vault.opened(location, ledger)
    store(vault, ledger, log, key, "call-0")  # when the log was empty
    fill(log, 1, 8)
    store(vault, ledger, log, key, "call-1")
    kept = signed(log, key, last=9)
    VaultCheckpoints(vault.place).put(kept)
    stated = [one for one in certified(vault.place, keys) if isinstance(one, Stated)]
    assert [(one.seq, one.by) for one in stated] == [
        (0, "named by the certificate of call-0"),
        (8, "named by the certificate of call-1"),
    ]
    there = VaultCheckpoints(vault.place).all()
    assert log.verify(keys, kept=there, outside=stated).problems == ()
    forge(ledger.database)
    assert any("signed on" in one for one in log.verify(keys, kept=there).problems)
    found = log.verify(keys, outside=stated).problems
    assert any("named by the certificate of call-1" in one for one in found)


def test_a_certificate_that_was_changed_or_is_somebody_else_s_is_told(
    tmp_path: Path, ledger: Ledger, log: AuditLog, key: SigningKey
) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for name in ("call-1", "call-2", "call-3"):
        store(vault, ledger, log, key, name)
    folder = tmp_path / "vault" / PASSED
    (folder / "call-1" / "call-1.certificate.json").write_bytes(b"{")
    changed = folder / "call-2" / "call-2.certificate.json"
    changed.write_bytes(changed.read_bytes().replace(b'"0000', b'"1000', 1))
    old = folder / "call-3" / "call-3.certificate.json"
    old.write_bytes(key.certify_file(old.read_bytes()))
    keys = {key.public.key_id: key.public}
    assert list(certified(vault.place, keys)) == [
        "certificate of call-1: can't be read",
        "certificate of call-2: changed, or signed by no known key",
        None,
    ]
    assert "signed by no known key" in str(list(certified(vault.place, {}))[2])


class Away:
    """A vault or a broker that is away, for a while."""

    def __init__(self) -> None:
        self.away, self.got, self.pruned = True, list[int](), list[int]()

    def put(self, checkpoint: Checkpoint) -> None:
        if self.away:
            raise StoreError("away")
        self.got.append(checkpoint.seq)

    def prune(self, until: int) -> None:
        self.pruned.append(until)
        if self.away:
            raise BrokerError("away")


def test_the_keeper_lays_checkpoints_down_and_tries_again(
    tmp_path: Path, log: AuditLog, key: SigningKey
) -> None:
    metrics, away = Metrics(), Away()
    there = VaultCheckpoints(FolderPlace(tmp_path / "vault"))
    keeper = AuditKeeper(
        log,
        key,
        keep_days=366,
        guard=SweepGuard(log.database),
        metrics=metrics,
        publishers=(away, there),
    )
    value = metrics.registry.get_sample_value
    fill(log, 1, 2)
    keeper._guarded(keeper._look)
    assert [one.seq for one in there.all()] == [2]
    assert (value("hushwire_audit_unpublished"), value("hushwire_audit_broken")) == (1.0, 0.0)
    away.away = False
    keeper._guarded(keeper._look)
    keeper._guarded(keeper._look)
    assert away.got == [2]
    assert value("hushwire_audit_unpublished") == 0.0
    # One that starts on a log that is signed lays the last one down too.
    again = AuditKeeper(
        log, key, keep_days=366, guard=SweepGuard(log.database), metrics=metrics, publishers=(away,)
    )
    again._guarded(again._look)
    assert away.got == [2, 2]


def test_a_keeper_that_is_told_to_stop_while_it_publishes_publishes_the_last_one(
    log: AuditLog, key: SigningKey
) -> None:
    """The thread of its last look goes on beside that of its end."""
    got: list[int] = []

    class Slow:
        def put(self, checkpoint: Checkpoint) -> None:
            if checkpoint.seq == 2:
                fill(log, 3, 4)
                asyncio.run(keeper.close())
            got.append(checkpoint.seq)

        def prune(self, until: int) -> None:
            raise AssertionError(until)

    guard, metrics = SweepGuard(log.database), Metrics()
    keeper = AuditKeeper(
        log, key, keep_days=366, guard=guard, metrics=metrics, publishers=(Slow(),)
    )
    fill(log, 1, 2)
    keeper._guarded(keeper._look)
    assert got == [4, 2]
    assert metrics.registry.get_sample_value("hushwire_audit_unpublished") == 0.0


def test_the_keeper_tells_a_vault_that_states_another_log(
    tmp_path: Path, log: AuditLog, key: SigningKey
) -> None:
    metrics, there = Metrics(), VaultCheckpoints(FolderPlace(tmp_path / "vault"))
    made = signed(log, key, last=2)
    there.put(Checkpoint(2, "end", "f" * 64, made.at, made.algorithm, made.key_id, made.value))
    keeper = AuditKeeper(
        log,
        key,
        keep_days=366,
        guard=SweepGuard(log.database),
        metrics=metrics,
        publishers=(there,),
    )
    keeper._guarded(keeper._look)
    value = metrics.registry.get_sample_value
    assert value("hushwire_audit_broken") == 1.0
    assert value("hushwire_audit_refusals_total", {"code": "rewritten"}) == 1.0


def test_what_is_pruned_goes_from_the_vault_too(
    tmp_path: Path, log: AuditLog, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, there = Away(), VaultCheckpoints(FolderPlace(tmp_path / "vault"))
    old = datetime.now(UTC) - timedelta(days=400)
    with monkeypatch.context() as earlier:
        earlier.setattr(log.database, "now", lambda: old)
        there.put(signed(log, key, last=2))
        there.put(signed(log, key, last=4))
    guard = SweepGuard(log.database, Bounds(clock_hours=24 * 500))
    keeper = AuditKeeper(
        log, key, keep_days=366, guard=guard, metrics=Metrics(), publishers=(away, there)
    )
    keeper._guarded(keeper._look)
    assert away.pruned == [4]
    # The one that the log now begins with stays: it tells the same.
    assert [one.seq for one in there.all()] == [4, 5]
    keys = {key.public.key_id: key.public}
    assert log.verify(keys, kept=there.all()).problems == ()


def test_what_is_pruned_is_of_our_own_form(tmp_path: Path, log: AuditLog, key: SigningKey) -> None:
    """A training run's checkpoints, in a folder that was taken for a vault."""
    place = open_place(tmp_path)
    place.put("checkpoints", "100", {"model.pt": b"100"})
    place.put("checkpoints", "000000000100", {"model.pt": b"also 100"})
    fill(log, 1, 3)
    VaultCheckpoints(place).put(signed(log, key, last=3))
    VaultCheckpoints(place).prune(500)
    assert place.ids("checkpoints") == ("000000000100", "100")
    assert (tmp_path / "checkpoints" / "100" / "model.pt").read_bytes() == b"100"


def test_a_broker_that_is_away_is_an_error(
    log: AuditLog, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.upkeep.audit_checkpoints.DELIVERY_S", 0.2)
    with pytest.raises(BrokerError, match="did not take a checkpoint"):
        TopicCheckpoints("127.0.0.1:1", "audit").put(signed(log, key, last=1))


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", *arguments])
    try:
        main.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def hushwire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> Callable[..., int]:
    """Runs a command on the installation."""
    monkeypatch.chdir(tmp_path)
    state = str(tmp_path / "vault" / ".hushwire")
    return lambda *given: command(monkeypatch, *given, "--state-dir", state)


Captured = pytest.CaptureFixture[str]


def test_the_commands_on_a_log_that_was_rewritten(
    tmp_path: Path,
    ledger: Ledger,
    log: AuditLog,
    key: SigningKey,
    hushwire: Callable[..., int],
    capsys: Captured,
) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    fill(log, 1, 8)
    store(vault, ledger, log, key, "call-1")
    fill(log, 9, 9)
    assert hushwire("audit", "checkpoint", "--vault", "vault") == 0
    printed = json.loads(capsys.readouterr().out)
    assert VaultCheckpoints(vault.place).all()[0].document == printed
    certificate = "vault/calls/call-1/call-1.certificate.json"
    assert hushwire("audit", "verify", "--vault", "vault") == 0
    checked = hushwire("certificate", "check", certificate)  # made-up audio measures as nothing
    assert checked == 1, capsys.readouterr()
    rewritten(ledger.database)
    capsys.readouterr()
    assert hushwire("audit", "checkpoint") == 1
    assert "does not extend entry 9, which this key signed last" in capsys.readouterr().err
    assert log.unsigned(key.public) == 8
    assert hushwire("audit", "verify") == 1
    assert "signed last, on" in capsys.readouterr().err
    (tmp_path / "public.pem").write_text(key.public.pem(), encoding="utf-8")
    named = ("--public-key", "public.pem")
    assert hushwire("audit", "verify", "--vault", "vault", *named) == 1
    told = capsys.readouterr().err
    assert "entry 8: not the one that was named by the certificate of call-1" in told
    assert "entry 9 is missing: cut off the end, though signed on" in told
    assert hushwire("certificate", "check", certificate) == 15
    assert "does not hold entry 8 as the certificate names it" in capsys.readouterr().err
    assert hushwire("audit", "export", "--out", "audit.jsonl") == 0
    assert hushwire("certificate", "check", certificate, *named) == 1, "the log is not asked"
    check = ("certificate", "check", certificate, *named, "--audit-log", "audit.jsonl")
    assert hushwire(*check) == 15
    assert hushwire("audit", "verify", "audit.jsonl", "--vault", "vault", *named) == 1
    assert hushwire("audit", "verify", "--vault", "nowhere") == 2


def test_an_export_overwrites_nothing_unless_it_is_told(
    tmp_path: Path,
    log: AuditLog,
    hushwire: Callable[..., int],
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(log, 1, 1)
    kek = tmp_path / "vault" / ".hushwire" / "kek.json"
    before = kek.read_bytes()
    assert hushwire("audit", "export", "--out", str(kek)) == 2
    assert "kek.json: is there already; --force replaces it" in capsys.readouterr().err
    assert kek.read_bytes() == before
    late, export = tmp_path / "late.jsonl", AuditLog.export

    def meanwhile(self: AuditLog) -> Iterator[bytes]:
        late.write_text("mine")
        yield from export(self)

    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "export", meanwhile)
        assert hushwire("audit", "export", "--out", str(late)) == 2
    assert "late.jsonl: appeared meanwhile" in capsys.readouterr().err
    assert late.read_text() == "mine"
    assert hushwire("audit", "export", "--force", "--out", str(late)) == 0
    assert late.read_bytes() == b"".join(log.export())


def test_a_key_without_its_memory_is_told_until_it_is_adopted(
    tmp_path: Path, log: AuditLog, key: SigningKey, hushwire: Callable[..., int], capsys: Captured
) -> None:
    signed(log, key, last=3)
    (tmp_path / "vault" / ".hushwire" / "signing.pem.head").unlink()
    assert hushwire("audit", "checkpoint") == 2
    assert hushwire("audit", "verify") == 1
    assert capsys.readouterr().err.count("run `hushwire audit adopt`") == 2
    assert hushwire("audit", "adopt") == 0
    assert json.loads(capsys.readouterr().out)["seq"] == 4
    assert hushwire("audit", "verify") == 0


def test_a_replaced_key_takes_over_where_the_log_begins(
    tmp_path: Path, log: AuditLog, key: SigningKey, hushwire: Callable[..., int], capsys: Captured
) -> None:
    fill(log, 1, 3)
    log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1))
    (tmp_path / "old.pem").write_text(key.public.pem(), encoding="utf-8")
    (tmp_path / "vault" / ".hushwire" / "signing.pem").unlink()
    assert hushwire("audit", "adopt") == 4
    assert "`hushwire keys new --replace signing`" in capsys.readouterr().err
    assert hushwire("keys", "new", "--replace", "signing") == 0
    assert hushwire("audit", "adopt") == 1
    assert "`hushwire audit adopt --public-key`" in capsys.readouterr().err
    assert hushwire("audit", "adopt", "--public-key", "old.pem") == 0
    assert json.loads(capsys.readouterr().out)["seq"] == 6
    assert hushwire("audit", "verify") == 0


def test_a_certificate_names_a_pruned_entry_and_is_still_good(
    tmp_path: Path, ledger: Ledger, log: AuditLog, key: SigningKey
) -> None:
    keys = {key.public.key_id: key.public}
    fill(log, 1, 3)
    head = log.head()
    assert log.holds(head, keys)
    assert not log.holds(type(head)(3, "f" * 64), keys)
    assert not log.holds(type(head)(4, head.hash), keys)
    log.prune(key, keep_days=0, now=datetime.now(UTC) + timedelta(days=1))
    assert log.holds(head, keys)
    assert log.holds(type(head)(2, "f" * 64), keys), "it is gone: nobody can say"
    assert not log.holds(type(head)(3, "f" * 64), keys)
    assert not log.holds(type(head)(2, "f" * 64), {}), "nobody vouches for its having been pruned"
