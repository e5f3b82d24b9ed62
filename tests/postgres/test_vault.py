"""Keys and catalogue of the vault on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.crypto.envelope import KeyEncryptionKey
from agents.database import migrate
from agents.database.call_ledger import CallState, Ledger
from agents.database.engine import Database
from agents.upkeep import retention
from agents.upkeep.erasure import REQUEST, erase
from agents.upkeep.kek_rotation import rotate, wrapping_keys
from agents.vault.call_catalogue import CallFilter
from agents.vault.vault import Vault
from pipeline.errors import HeldError, UnknownCallError
from tests.agents.storing import FILES, stored_call, sweeps
from tests.postgres.server import Postgres

ANN = f"pn-{'a' * 32}"


@pytest.fixture
def ledger(ledger_url: str, keyset: Path) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url, KeyEncryptionKey(keyset))
    yield ledger
    ledger.dispose()


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id in ("one", "two", "three"):
        ledger.open_call(call_id)
        vault.store(stored_call(call_id, parties=(ANN,)), keep_days=30)
        ledger.close_call(call_id, CallState.STORED)
    return vault


def test_rotation_wraps_vault_keys_anew(vault: Vault, ledger: Ledger, keyset: Path) -> None:
    ledger.open_call("open")
    assert wrapping_keys(keyset, ledger.database)[0].wraps == 4
    done = rotate(keyset, ledger.database)
    assert done.rewrapped == 4
    # A process that still has the old file reads it again.
    assert vault.read("one", "one.json") == FILES["json"]
    assert [key.wraps for key in wrapping_keys(keyset, ledger.database)] == [4]


def test_a_call_can_be_stored_while_the_wrapping_key_is_replaced(
    vault: Vault, ledger: Ledger, keyset: Path
) -> None:
    for number in range(12):
        ledger.open_call(f"new-{number}")
    stop = threading.Event()

    def rotating() -> None:
        while not stop.is_set():
            rotate(keyset, ledger.database)

    thread = threading.Thread(target=rotating)
    thread.start()
    try:
        for number in range(12):
            vault.keys.obtain(f"new-{number}")
    finally:
        stop.set()
        thread.join()
    fresh = Ledger(
        ledger.database.engine.url.render_as_string(hide_password=False), KeyEncryptionKey(keyset)
    )
    keys = Vault.opened(keyset.parent / "vault", fresh).keys
    for number in range(12):
        assert keys.key(f"new-{number}")
    fresh.dispose()


def test_pages_parties_and_times(vault: Vault) -> None:
    first = vault.catalogue.page(CallFilter(party=ANN), limit=2)
    second = vault.catalogue.page(CallFilter(party=ANN), limit=2, after=first.following)
    assert {one.call_id for one in first.calls + second.calls} == {"one", "two", "three"}
    assert second.following is None
    assert vault.catalogue.of_party(ANN) == ["one", "three", "two"]
    facts = vault.catalogue.get("one")
    assert facts.retain_until - facts.stored == timedelta(days=30)
    assert (facts.passed, facts.held, facts.parties) == (True, None, (ANN,))


def test_erasure_hold_and_sweep(vault: Vault, ledger: Ledger) -> None:
    log = AuditLog(ledger.database)
    vault.catalogue.hold("one", datetime.now(UTC))
    with pytest.raises(HeldError):
        erase(vault, ledger, log, "one", REQUEST)
    assert erase(vault, ledger, log, "two", REQUEST)
    with pytest.raises(UnknownCallError):
        vault.read("two", "two.json")
    later = datetime.now(UTC) + timedelta(days=31)
    assert retention.sweep(vault, ledger, log, sweeps(ledger, later)) == ["three"]
    assert [one.call_id for one in vault.catalogue.page(CallFilter()).calls] == ["one"]


def test_of_a_hold_and_an_erasure_at_once_one_wins(vault: Vault, ledger: Ledger) -> None:
    for call_id in ("one", "two", "three"):
        outcomes: list[str] = []

        def hold(call_id: str = call_id, outcomes: list[str] = outcomes) -> None:
            try:
                vault.catalogue.hold(call_id, datetime.now(UTC))
                outcomes.append("held")
            except UnknownCallError:
                pass

        def erasing(call_id: str = call_id, outcomes: list[str] = outcomes) -> None:
            try:
                erase(vault, ledger, AuditLog(ledger.database), call_id, REQUEST)
                outcomes.append("erased")
            except HeldError:
                pass

        threads = [threading.Thread(target=one) for one in (hold, erasing)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        assert (vault.catalogue.find(call_id) is not None) == (outcomes == ["held"])


@pytest.mark.postgres
def test_erased_keys_are_vacuumed_out_of_the_table_s_file(
    server: Postgres, keyset: Path, tmp_path: Path
) -> None:
    server.empty()
    database = Database(server.url)
    migrate.upgrade(database)
    database.dispose()
    ledger = Ledger(server.url, KeyEncryptionKey(keyset))
    vault = Vault.opened(tmp_path / "vault", ledger)
    # A file that was never cut is no proof: one key is there before.
    ledger.open_call("only")
    vault.store(stored_call("only"), keep_days=30)
    ledger.close_call("only", CallState.STORED)
    ((key,),) = server.execute("SELECT wrapped_key FROM vault_keys")
    assert isinstance(key, bytes)
    assert key[-40:] in _table(server)
    # Also when another table of this process was vacuumed a moment ago.
    erase(vault, ledger, AuditLog(ledger.database), "only", REQUEST)
    assert key[-40:] not in _table(server)
    ledger.dispose()


def _table(server: Postgres) -> bytes:
    """The file of the vault's keys, as it lies on the disk."""
    server.execute("CHECKPOINT")
    ((place,),) = server.execute("SELECT pg_relation_filepath('vault_keys')")
    return (server.data / str(place)).read_bytes()
