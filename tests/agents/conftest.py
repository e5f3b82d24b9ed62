"""An installation's ledger and audit log, empty, for whoever asks for them by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from tests.agents.storing import new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = new_ledger(tmp_path / "state")
    yield ledger
    ledger.dispose()


@pytest.fixture
def database(ledger: Ledger) -> Database:
    return ledger.database


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "signing.pem")
