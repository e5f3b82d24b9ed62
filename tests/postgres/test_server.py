"""What only a server can do: go away, come back, and keep dead rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database import engine, migrate
from agents.database.call_ledger import CallState, Ledger
from agents.database.engine import Database
from pipeline.errors import StoreError
from tests.postgres.server import Postgres

pytestmark = pytest.mark.postgres


@pytest.fixture
def ledger(server: Postgres, keyset: Path) -> Iterator[Ledger]:
    server.empty()
    made = Database(server.url)
    migrate.upgrade(made)
    made.dispose()
    ledger = Ledger(server.url, KeyEncryptionKey(keyset))
    yield ledger
    ledger.dispose()


def test_a_server_that_goes_away_is_a_store_error_until_it_is_back(
    ledger: Ledger, server: Postgres
) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    server.stop()
    try:
        for asked in (
            lambda: ledger.state("call-1"),
            lambda: ledger.open_call("call-2"),
            lambda: ledger.close_call("call-1", CallState.STORED),
        ):
            with pytest.raises(StoreError, match="can't reach PostgreSQL at") as caught:
                asked()
            assert caught.value.retryable
            assert "call-" not in str(caught.value)
    finally:
        server.start()
    assert ledger.seal("call-1").open(value, b"") == b"value"
    assert ledger.state("call-2") is None
    assert ledger.close_call("call-1", CallState.STORED)


def test_connections_that_the_server_ended_are_replaced(ledger: Ledger, server: Postgres) -> None:
    ledger.open_call("call-1")
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hushwire'"
    )
    assert ledger.state("call-1") is CallState.OPEN


def test_waiting_has_an_end(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    assert shown == {
        "statement_timeout": "30s",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "1min",
    }


def key_bytes(server: Postgres) -> bytes:
    """The file of the table of keys, as it lies on the disk."""
    server.execute("CHECKPOINT")
    ((place,),) = server.execute("SELECT pg_relation_filepath('transit_keys')")
    return (server.data / str(place)).read_bytes()


def test_dead_rows_of_keys_are_vacuumed(
    ledger: Ledger, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "VACUUM_S", 0.0)
    for number in range(50):
        ledger.open_call(f"call-{number}")
    # What would be left is real: the test that looks for it later is no idle one.
    rows = server.execute("SELECT wrapped_key FROM transit_keys")
    keys = [key for (key,) in rows if isinstance(key, bytes)]
    assert len([key for key in keys if key[-40:] in key_bytes(server)]) == 50
    for number in range(50):
        ledger.close_call(f"call-{number}", CallState.STORED)
    assert server.execute("SELECT count(*) FROM transit_keys") == [(0,)]
    assert not [key for key in keys if key[-40:] in key_bytes(server)]


def test_autovacuum_takes_a_single_dead_key(ledger: Ledger, server: Postgres) -> None:
    rows = server.execute("SELECT reloptions FROM pg_class WHERE relname = 'transit_keys'")
    assert rows == [(["autovacuum_vacuum_threshold=0", "autovacuum_vacuum_scale_factor=0"],)]
