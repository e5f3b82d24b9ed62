"""A vault in a folder and in a bucket, with two open calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.database.call_ledger import Ledger
from agents.vault.vault import Vault
from tests.agents.storing import bucket


@pytest.fixture(params=["folder", "bucket"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "vault")
        return
    with bucket() as url:
        yield f"{url}/pre/fix"


@pytest.fixture
def vault(location: str, ledger: Ledger) -> Vault:
    return Vault.opened(location, ledger)
