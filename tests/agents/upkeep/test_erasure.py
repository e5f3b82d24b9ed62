"""The end of stored calls: erasure, retention, legal holds; safe to interrupt and to repeat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog, Event
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.database.engine import Database
from agents.upkeep import quarantine, retention
from agents.upkeep.erasure import REQUEST, RETENTION, SUBJECT, erase, erase_party
from agents.vault.call_catalogue import CallFilter
from agents.vault.file_store import PASSED, QUARANTINE, FolderPlace
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.errors import HeldError, InputError, StoreError, UnknownCallError
from pipeline.evidence.certificate import LogStated
from tests.agents.storing import bucket, new_ledger, stored_call, sweeps

pytestmark = pytest.mark.unit

ANN, BOB = f"pn-{'a' * 32}", f"pn-{'b' * 32}"
CALLS = {"one": (ANN,), "two": (ANN, BOB), "three": (BOB,)}


@pytest.fixture
def vault(tmp_path: Path, ledger: Ledger) -> Vault:
    return filled(Vault.opened(tmp_path / "vault", ledger), ledger)


def filled(vault: Vault, ledger: Ledger) -> Vault:
    for call_id, parties in CALLS.items():
        ledger.open_call(call_id)
        vault.store(stored_call(call_id, parties=parties, purpose="quality"), keep_days=30)
        ledger.close_call(call_id, CallState.STORED)
    return vault


def told(log: AuditLog) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in log.export()]
    return [(one["subject"], one["facts"]["what"], one["facts"].get("why", "")) for one in lines]


def left(vault: Vault, call_id: str) -> list[str]:
    """What there still is of a call."""
    found = [area for area in (PASSED, QUARANTINE) if vault.place.names(area, call_id)]
    found += ["key"] if vault.keys.has(call_id) else []
    found += ["row"] if vault.catalogue.find(call_id) else []
    assert isinstance(vault.place, FolderPlace)
    return found + [one.name for one in (vault.place.folder / ".writing").iterdir()]


def test_an_erased_call_is_gone_and_only_the_audit_log_knows(
    vault: Vault, ledger: Ledger, log: AuditLog, tmp_path: Path
) -> None:
    key = bytes(_wrapped(ledger, "one"))
    assert erase(vault, ledger, log, "one", REQUEST)
    assert left(vault, "one") == []
    for read in (
        VaultReader(vault).transcript,
        VaultReader(vault).certificate,
        VaultReader(vault).call,
    ):
        with pytest.raises(UnknownCallError):
            read("one")
    assert told(log) == [("one", "call-erased", REQUEST)]
    # Neither the key nor the pseudonyms are in the database's files any more.
    written = b"".join(one.read_bytes() for one in (tmp_path / "state").glob("ledger.db*"))
    assert key not in written
    # It is not taken in again, and the others are as they were.
    assert ledger.state("one") is CallState.STORED
    assert VaultReader(vault).transcript("two")
    # A repeat changes nothing and tells nothing.
    assert not erase(vault, ledger, log, "one", REQUEST)
    assert len(told(log)) == 1


def test_after_an_erasure_copies_of_the_files_do_not_open(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    copy = {
        name: vault.place.open(PASSED, "one", name).read()
        for name in vault.place.names(PASSED, "one")
    }
    erase(vault, ledger, log, "one", REQUEST)
    vault.place.put(PASSED, "one", copy)
    with pytest.raises(UnknownCallError):
        vault.read("one", "one.flac")


STEPS: list[tuple[type, str]] = [
    (AuditLog, "append"),
    (Ledger, "end_quarantine"),
    (Database, "scrub"),
    (FolderPlace, "remove"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=lambda one: getattr(one, "__name__", one))
def test_an_interrupted_erasure_is_finished_by_the_next_sweep(
    vault: Vault,
    ledger: Ledger,
    log: AuditLog,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, away)
        with pytest.raises(StoreError):
            erase(vault, ledger, log, "one", REQUEST)
    # Nobody reads it any more, whatever is left of it; nor can it be held any more.
    with pytest.raises(UnknownCallError):
        VaultReader(vault).transcript("one")
    with pytest.raises(UnknownCallError):
        vault.catalogue.hold("one", datetime.now(UTC))
    assert retention.sweep(vault, ledger, log, sweeps(ledger)) == ["one"]
    assert left(vault, "one") == []
    assert told(log) == [("one", "call-erased", REQUEST)]
    assert retention.sweep(vault, ledger, log, sweeps(ledger)) == []


def test_a_held_call_is_neither_swept_nor_erased(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    later = datetime.now(UTC) + timedelta(days=31)
    assert vault.catalogue.hold("one", datetime.now(UTC))
    assert not vault.catalogue.hold("one", datetime.now(UTC))
    with pytest.raises(HeldError, match="legal hold since"):
        erase(vault, ledger, log, "one", REQUEST)
    assert told(log) == [("one", "erasure-held", REQUEST)]
    assert retention.sweep(vault, ledger, log, sweeps(ledger, later)) == ["three", "two"]
    assert VaultReader(vault).transcript("one")
    assert vault.catalogue.hold("one", None)
    assert retention.sweep(vault, ledger, log, sweeps(ledger, later)) == ["one"]
    assert [why for _, _, why in told(log)] == [REQUEST, *[RETENTION] * 3]


def test_before_its_time_nothing_is_swept(vault: Vault, ledger: Ledger, log: AuditLog) -> None:
    soon = datetime.now(UTC) + timedelta(days=29, hours=23)
    assert retention.sweep(vault, ledger, log, sweeps(ledger, soon)) == []
    assert told(log) == []


def test_a_person_s_calls_go_and_held_ones_are_named(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    vault.catalogue.hold("one", datetime.now(UTC))
    erased, kept = erase_party(vault, ledger, log, ANN)
    assert erased == ["two"]
    assert [(call_id, type(error)) for call_id, error in kept.items()] == [("one", HeldError)]
    assert [one.call_id for one in vault.catalogue.page(CallFilter(party=ANN)).calls] == ["one"]
    assert told(log) == [("one", "erasure-held", SUBJECT), ("two", "call-erased", SUBJECT)]
    assert erase_party(vault, ledger, log, f"pn-{'c' * 32}") == ([], {})


def test_a_hold_that_comes_meanwhile_keeps_its_call_alone(
    vault: Vault, ledger: Ledger, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others were to be erased, and whoever asked has to hear which are."""
    looked = vault.ours

    def hold_first(area: str, call_id: str, *rest: AuditLog) -> bool:
        if call_id == "two":
            vault.catalogue.hold("two", datetime.now(UTC))
        return looked(area, call_id, *rest)

    monkeypatch.setattr(vault, "ours", hold_first)
    erased, kept = erase_party(vault, ledger, log, BOB)
    assert (erased, list(kept)) == (["three"], ["two"])
    assert VaultReader(vault).transcript("two")
    assert told(log) == [("three", "call-erased", SUBJECT), ("two", "erasure-held", SUBJECT)]


def test_a_call_that_lies_in_another_vault_does_not_keep_the_others(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    vault.place.remove(PASSED, "one")
    erased, kept = erase_party(vault, ledger, log, ANN)
    assert erased == ["two"]
    assert [(one, type(error)) for one, error in kept.items()] == [("one", InputError)]
    assert vault.keys.has("one")


def test_a_call_that_cannot_be_erased_does_not_keep_the_others(
    vault: Vault, ledger: Ledger, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = vault.place.remove

    def away(area: str, call_id: str) -> bool:
        if call_id == "one":
            raise StoreError("the disk is away")
        return remove(area, call_id)

    monkeypatch.setattr(vault.place, "remove", away)
    erased, kept = erase_party(vault, ledger, log, ANN)
    assert (erased, {one: str(error) for one, error in kept.items()}) == (
        ["two"],
        {"one": "the disk is away"},
    )


def test_a_call_on_its_way_is_refused(vault: Vault, ledger: Ledger, log: AuditLog) -> None:
    ledger.open_call("late")
    vault.keys.obtain("late")
    assert erase(vault, ledger, log, "late", REQUEST)
    assert ledger.state("late") is CallState.REFUSED
    assert left(vault, "late") == []
    with pytest.raises(UnknownCallError):
        vault.store(stored_call("late"), keep_days=30)
    assert left(vault, "late") == []


def test_a_call_that_is_erased_while_it_is_stored_does_not_stay(
    vault: Vault, ledger: Ledger, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.open_call("late")
    put: Callable[..., bool] = vault.place.put

    def erased_meanwhile(*arguments: object) -> bool:
        done = put(*arguments)
        monkeypatch.undo()
        erase(vault, ledger, log, "late", REQUEST)
        put(*arguments)  # a slow writer comes last
        return done

    monkeypatch.setattr(vault.place, "put", erased_meanwhile)
    with pytest.raises(UnknownCallError):
        vault.store(stored_call("late"), keep_days=30)
    assert left(vault, "late") == []


def test_a_quarantined_call_is_erased_with_its_transit_key(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    ledger.open_call("bad")
    vault.store(stored_call("bad", passed=False), keep_days=30)
    ledger.close_call("bad", CallState.QUARANTINED)
    vault.catalogue.hold("bad", datetime.now(UTC))
    # The hold keeps the key of the quarantine, too.
    assert quarantine.sweep(ledger, log, 0, sweeps(ledger)) == []
    with pytest.raises(HeldError):
        quarantine.end(ledger, log, "bad", "dropped")
    vault.catalogue.hold("bad", None)
    assert erase(vault, ledger, log, "bad", REQUEST)
    assert ledger.quarantined() == []
    assert left(vault, "bad") == []


def test_a_key_of_a_refused_call_is_swept(vault: Vault, ledger: Ledger, log: AuditLog) -> None:
    ledger.open_call("late")
    vault.keys.obtain("late")
    assert retention.sweep(vault, ledger, log, sweeps(ledger)) == []
    assert vault.keys.has("late")
    ledger.close_call("late", CallState.REFUSED)
    retention.sweep(vault, ledger, log, sweeps(ledger))
    assert not vault.keys.has("late")


def test_an_unknown_call_cannot_be_erased(vault: Vault, ledger: Ledger, log: AuditLog) -> None:
    with pytest.raises(UnknownCallError):
        erase(vault, ledger, log, "never", REQUEST)
    assert told(log) == []


def test_in_a_bucket_all_objects_go(ledger: Ledger, log: AuditLog) -> None:
    with bucket() as url:
        vault = filled(Vault.opened(f"{url}/x", ledger), ledger)
        assert erase(vault, ledger, log, "one", REQUEST)
        assert vault.place.names(PASSED, "one") == ()
        assert not vault.place.remove(PASSED, "one")
        assert VaultReader(vault).transcript("two")


def test_a_worker_sweeps_by_itself(vault: Vault, ledger: Ledger, log: AuditLog) -> None:
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE catalogue SET retain_until = '2020-01-01T00:00:00.000'")

    async def some_time() -> None:
        task = asyncio.create_task(retention.tend(vault, ledger, log, sweeps(ledger), look_s=0.01))
        while vault.catalogue.page(CallFilter()).calls:  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(some_time(), 20))


def test_pages_hold_every_call_once(vault: Vault) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = VaultReader(vault).list_calls(limit=2, after=after)
        seen += [one.call_id for one in page.calls]
        after = page.following
        if after is None:
            break
    assert sorted(seen) == sorted(CALLS)
    stored = [vault.catalogue.get(one).stored for one in seen]
    assert stored == sorted(stored, reverse=True)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), 3),
        (CallFilter(party=BOB), 2),
        (CallFilter(purpose="quality"), 3),
        (CallFilter(purpose="other"), 0),
        (CallFilter(passed=False), 0),
        (CallFilter(held=True), 0),
        (CallFilter(held=False, policy="default"), 3),
        (CallFilter(since=datetime(2020, 1, 1, tzinfo=UTC)), 3),
        (CallFilter(until=datetime(2020, 1, 1, tzinfo=UTC)), 0),
    ],
)
def test_filters(vault: Vault, wanted: CallFilter, found: int) -> None:
    assert len(vault.catalogue.page(wanted).calls) == found


def _wrapped(ledger: Ledger, call_id: str) -> bytes:
    with ledger.database.reading() as connection:
        query = "SELECT wrapped_key FROM vault_keys WHERE call_id = ?"
        found = connection.exec_driver_sql(query, (call_id,)).scalar_one()
        return bytes(found)


@pytest.fixture(params=["folder", "bucket"])
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    """Another installation's vault with ``CALLS``, as a certificate of its own states."""
    with bucket() as url:
        location = tmp_path / "their vault" if request.param == "folder" else f"{url}/x"
        ledger = new_ledger(tmp_path / "their state")
        vault, log = Vault.opened(location, ledger), AuditLog(ledger.database)
        log.append(Event("x/closed", "x", "hushwire.audit.call-closed.v1", {"state": "stored"}))
        key = SigningKey.load_or_create(tmp_path / "theirs.pem")
        stated = LogStated(log.head().seq, log.head().hash)
        for call_id in CALLS:
            ledger.open_call(call_id)
            vault.store(key.certify(stored_call(call_id), log=stated), keep_days=30)
            ledger.close_call(call_id, CallState.STORED)
        yield vault
        ledger.dispose()


@pytest.mark.parametrize("state", ["stored", "open", "keyed", "erased"])
def test_a_call_of_another_installation_s_vault_is_not_erased(
    theirs: Vault, vault: Vault, ledger: Ledger, log: AuditLog, state: str
) -> None:
    """Of the same id, in a vault that was named by mistake."""
    call_id = "one"
    if state == "erased":
        assert erase(vault, ledger, log, call_id, REQUEST)
    elif state != "stored":
        ledger.close_call("one", CallState.STORED)
        call_id = "fresh"
        theirs.place.put(
            PASSED,
            call_id,
            {
                name.replace("two", call_id): theirs.place.open(PASSED, "two", name).read()
                for name in theirs.place.names(PASSED, "two")
            },
        )
        ledger.open_call(call_id)
        if state == "keyed":
            vault.keys.obtain(call_id)
    named = Vault(theirs.place, vault.keys, vault.catalogue)
    before, names = told(log), theirs.place.names(PASSED, call_id)
    assert names
    with pytest.raises(InputError, match="another installation's"):
        erase(named, ledger, log, call_id, REQUEST)
    assert theirs.place.names(PASSED, call_id) == names
    assert told(log) == before
    if state == "stored":
        assert VaultReader(vault).transcript("one")
        assert VaultReader(theirs).transcript("one")
    elif state != "erased":
        assert ledger.state(call_id) is CallState.OPEN


def test_a_sweep_of_another_installation_s_vault_takes_nothing(
    theirs: Vault, vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    ledger.open_call("late")
    vault.keys.obtain("late")
    ledger.close_call("late", CallState.REFUSED)
    named = Vault(theirs.place, vault.keys, vault.catalogue)
    later = sweeps(ledger, datetime.now(UTC) + timedelta(days=31))
    assert retention.sweep(named, ledger, log, later) == []
    assert not vault.keys.has("late")
    for call_id in CALLS:
        assert VaultReader(theirs).transcript(call_id)
        assert VaultReader(vault).transcript(call_id)


def test_a_key_of_a_refused_call_goes_and_another_s_files_stay(
    theirs: Vault, vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    name = "late.certificate.json"
    ledger.open_call("late")
    vault.keys.obtain("late")
    ledger.close_call("late", CallState.REFUSED)
    theirs.place.put(PASSED, "late", {name: VaultReader(theirs).certificate("one")})
    retention.sweep(Vault(theirs.place, vault.keys, vault.catalogue), ledger, log, sweeps(ledger))
    assert not vault.keys.has("late")
    assert theirs.place.names(PASSED, "late") == (name,)


def test_what_a_late_writer_of_ours_left_of_an_erased_call_is_removed(
    vault: Vault, ledger: Ledger, log: AuditLog, tmp_path: Path
) -> None:
    log.append(Event("x/closed", "x", "hushwire.audit.call-closed.v1", {"state": "stored"}))
    stated = LogStated(log.head().seq, log.head().hash)
    call = SigningKey.load_or_create(tmp_path / "ours.pem").certify(stored_call("one"), log=stated)
    assert erase(vault, ledger, log, "one", REQUEST)
    vault.place.put(PASSED, "one", {call.certificate_name: call.files[call.certificate_name]})
    assert erase(vault, ledger, log, "one", REQUEST)
    assert left(vault, "one") == []
