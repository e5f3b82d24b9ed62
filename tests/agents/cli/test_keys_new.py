"""``hushwire keys new``: keys for workers that find them as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.access.audit_log import AuditLog
from agents.cli.main import app
from agents.crypto.ed25519 import SigningKey
from agents.crypto.envelope import KeyEncryptionKey
from agents.database import known_keys
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.known_keys import KnownKey, known_signing_key, known_token_key
from pipeline.errors import InputError, KeyFileError, StoreError

pytestmark = pytest.mark.unit


def new(state: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["keys", "new", "--state-dir", str(state), *options])


def test_both_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = new(tmp_path)
    assert first.exit_code == 0
    assert first.output.count("is made, and belongs into a backup") == 2
    files = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert files.keys() == {"kek.json", "tokens.key"}
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    again = new(tmp_path)
    assert again.output.count("was there already") == 2
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == files
    # Nothing of them is shown.
    assert files["tokens.key"].decode().strip() not in first.output + again.output


def with_a_call(state: Path) -> str:
    new(state)
    url = f"sqlite:///{state / 'ledger.db'}"
    ledger = Ledger(url, KeyEncryptionKey(state / "kek.json"))
    ledger.open_call("call")
    ledger.dispose()
    return url


def test_a_key_that_calls_need_is_not_made_anew(tmp_path: Path) -> None:
    with_a_call(tmp_path)
    (tmp_path / "kek.json").unlink()
    refused = new(tmp_path)
    assert isinstance(refused.exception, StoreError)
    assert "is missing" in str(refused.exception)
    assert not (tmp_path / "kek.json").exists()


def test_neither_is_a_token_key(tmp_path: Path) -> None:
    with_a_call(tmp_path)
    new(tmp_path)  # which notes the key
    (tmp_path / "tokens.key").unlink()
    refused = new(tmp_path)
    assert isinstance(refused.exception, KeyFileError)
    assert "tokens.key: is missing" in str(refused.exception)
    assert not (tmp_path / "tokens.key").exists()


def test_it_makes_a_token_key_where_a_setting_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compose's service of keys does, once the ledger is there."""
    state, named = tmp_path / "state", tmp_path / "tokens" / "tokens.key"
    monkeypatch.setenv("HUSHWIRE_TOKEN_KEY", str(named))
    Ledger.embedded(state).dispose()
    assert new(state).exit_code == 0
    assert named.exists()
    assert not (state / "tokens.key").exists()


def test_a_key_is_replaced_once_somebody_says_that_it_is_gone(tmp_path: Path) -> None:
    url = with_a_call(tmp_path)
    ledger = Ledger(url, KeyEncryptionKey(tmp_path / "kek.json"))
    pem = tmp_path / "signing.pem"
    before = known_signing_key(ledger.database).ensured(pem).public
    assert isinstance(new(tmp_path, "--replace", "signing").exception, InputError)
    pem.unlink()
    told = new(tmp_path, "--replace", "signing")
    assert told.exit_code == 0
    assert "certificates and checkpoints from before" in told.output
    assert (tmp_path / "signing.pem.head").exists()
    after = known_signing_key(ledger.database).ensured(pem).public
    assert after.key_id not in {"", before.key_id}
    # Another one that somebody put there themselves is taken as well.
    pem.unlink()
    other = SigningKey.load_or_create(pem).public
    assert "is taken" in new(tmp_path, "--replace", "signing").output
    assert known_signing_key(ledger.database).ensured(pem).public.key_id == other.key_id
    ledger.dispose()


def test_without_a_ledger_nothing_is_replaced(tmp_path: Path) -> None:
    refused = new(tmp_path, "--replace", "token").exception
    assert isinstance(refused, InputError)
    assert "holds no ledger" in str(refused)
    assert list(tmp_path.iterdir()) == []


def test_the_right_key_of_a_ledger_that_noted_none_is_not_replaced(tmp_path: Path) -> None:
    """As after an upgrade: all calls from before would count as not to be found."""
    url = with_a_call(tmp_path)
    database = Database(url)
    for which, name in (("token", "tokens.key"), ("signing", "signing.pem")):
        SigningKey.load_or_create(tmp_path / "signing.pem")
        refused = new(tmp_path, "--replace", which).exception
        assert isinstance(refused, InputError)
        assert "has noted no" in str(refused)
        (tmp_path / name).unlink()
        assert new(tmp_path, "--replace", which).exit_code == 0
    known = known_token_key(database).noted()
    assert known is not None
    assert known.number == 2
    database.dispose()


@pytest.mark.parametrize("fails", ["load_file", "replace", "interrupted"])
def test_whatever_ends_a_replacement_leaves_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    Database(with_a_call(tmp_path)).dispose()
    (tmp_path / "tokens.key").unlink()
    raised = KeyboardInterrupt() if fails == "interrupted" else OSError("no more files")

    def broken(*_: object) -> None:
        raise raised

    if fails == "load_file":
        monkeypatch.setattr(known_keys, "read_key", broken)
    else:
        monkeypatch.setattr(KnownKey, "replace", broken)
    assert new(tmp_path, "--replace", "token").exit_code != 0
    assert not (tmp_path / "tokens.key").exists()
    monkeypatch.undo()
    assert "is made" in new(tmp_path, "--replace", "token").output


def test_a_replacement_that_fails_is_no_entry_of_the_log_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(with_a_call(tmp_path))
    (tmp_path / "tokens.key").unlink()
    monkeypatch.setattr(KnownKey, "_insert", lambda *_: False)
    assert isinstance(new(tmp_path, "--replace", "token").exception, StoreError)
    assert not (tmp_path / "tokens.key").exists()
    assert AuditLog(database).head().seq == 0
    monkeypatch.undo()
    assert new(tmp_path, "--replace", "token").exit_code == 0
    assert AuditLog(database).head().seq == 1
    database.dispose()
