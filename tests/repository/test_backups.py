"""The list of what has to be backed up names every file that an installation makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.main import app
from agents.database.known_keys import known_signing_key
from agents.database.open_ledger import opened_ledger
from agents.settings.model import load_settings
from agents.vault.locks import working_alone

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
NOT_BACKED_UP = {".lock"}
"""The section says why."""


def section() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.partition("\n## Backups\n")[2].partition("\n## ")[0]


def listed() -> set[str]:
    """Files in the second column of the table."""
    rows = [line.split("|") for line in section().splitlines() if line.startswith("| ")]
    return {one for row in rows for one in re.findall(r"`([\w.-]+)`", row[2]) if "." in one}


def hushwire(*arguments: str) -> None:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output


def test_every_file_of_a_fresh_installation_is_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, state = load_settings(), tmp_path / ".hushwire"
    with (
        working_alone(settings, Path(".hushwire"), Path("vault")),
        opened_ledger(settings, Path(".hushwire"), make_key=True) as ledger,
    ):
        ledger.open_call("call")
        hushwire("keys", "new")
        hushwire("keys", "transit", "new")
        hushwire("tokens", "create", "--name", "somebody", "--role", "analyst")
        known_signing_key(ledger.database).ensured(state / "signing.pem")  # as the vault stage
        hushwire("audit", "checkpoint")
        made = {one.name for one in state.rglob("*")}
    assert {"kek.json", "ledger.db", "signing.pem", "signing.pem.head", "tokens.key"} <= made
    assert made - listed() == NOT_BACKED_UP
    # Nor does the list name what nobody makes.
    assert listed() - made <= {"ledger.db-wal", "ledger.db-shm"}
    assert all(f"`{one}`" in section() for one in NOT_BACKED_UP)


def test_pages_that_speak_of_backups_lead_to_the_list() -> None:
    docs = PAGE.parent
    for page in ("deploy/compose.md", "deploy/kubernetes.md", "security.md", "upgrading.md"):
        assert "operations.md#backups)" in (docs / page).read_text(encoding="utf-8"), page
