"""What the tests of this package share."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from agents.database.call_ledger import Ledger
from tests.agents.upkeep.news.calls import Ended

SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def ended(ledger: Ledger, tmp_path: Path) -> Ended:
    return Ended(ledger, tmp_path / "vault")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "webhook.secrets"
    path.write_text(f"whsec_{SECRET}\n")
    path.chmod(0o600)
    return path
