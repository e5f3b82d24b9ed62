"""What the tests of this package share."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from agents.database.call_ledger import Ledger
from agents.system.metrics import Metrics
from agents.upkeep.news.webhooks import Webhooks
from tests.agents.upkeep.news.calls import Ended
from tests.agents.upkeep.news.posts import Clock, Posts, an_endpoint

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def ended(ledger: Ledger, tmp_path: Path) -> Ended:
    return Ended(ledger, tmp_path / "vault")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "webhook.secrets"
    path.write_text(f"whsec_{KEY}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    made = Clock()
    ledger.database.now = made
    return made


@pytest.fixture
async def webhooks(ended: Ended, secrets: Path, posts: Posts, clock: Clock) -> Webhooks:
    made = Webhooks(an_endpoint(secrets), ended.vault, Metrics(), posts)
    assert await made.look() is False  # from here on it listens
    return made
