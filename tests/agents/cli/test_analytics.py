"""``hushwire analytics rebuild`` on an installation with calls that an older version stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.main import app
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.call_ledger import Ledger
from agents.vault.analytics.fact_store import FactStore
from agents.vault.vault import Vault
from pipeline.errors import InputError
from tests.agents.storing import stored_call
from tests.agents.vault.analytics.said_calls import keep_call, said_call

pytestmark = pytest.mark.unit


def rebuild(vault: Path, state: Path, code: int = 0) -> str:
    arguments = ["analytics", "rebuild", "--vault", str(vault), "--state-dir", str(state)]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code
    return result.output


def test_calls_are_counted_once_and_anew_after_another_list(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, state = tmp_path / "vault", tmp_path / "state"
    opened = Vault.opened(vault, ledger)
    read_or_make_key(state / "tokens.key")
    for call_id in ("one", "two"):
        keep_call(opened, ledger, said_call(call_id))
    assert "2 calls counted" in rebuild(vault, state)
    assert "0 calls counted" in rebuild(vault, state)
    topics = tmp_path / "topics.yaml"
    topics.write_text("topics:\n  money-back: [a refund]\n", encoding="utf-8")
    monkeypatch.setenv("HUSHWIRE_TOPICS", str(topics))
    assert "2 calls counted" in rebuild(vault, state)
    facts = FactStore(ledger.database).find("one")
    assert facts is not None
    assert facts.topics == (("money-back", 1),)


def test_a_call_that_does_not_open_is_named_and_left_out(ledger: Ledger, tmp_path: Path) -> None:
    vault, state = tmp_path / "vault", tmp_path / "state"
    opened = Vault.opened(vault, ledger)
    read_or_make_key(state / "tokens.key")
    keep_call(opened, ledger, said_call("good"))
    keep_call(opened, ledger, stored_call("bad"))
    told = rebuild(vault, state, code=1)
    assert "bad: left out: " in told
    assert "1 calls counted, 1 left out" in told
    assert "what was said" not in told


def test_a_folder_that_is_no_vault_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no vault"):
        rebuild(tmp_path / "other", tmp_path / "state")
