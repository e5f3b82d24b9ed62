"""The keys that go with a ledger: made before its first call, and refused once they are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic import command
from typer.testing import CliRunner

from agents.app.wiring import worker_config
from agents.app.worker import run_worker
from agents.cli.errors import exit_code
from agents.cli.main import app
from agents.cli.shared.public_keys import key_files
from agents.crypto.ed25519 import SigningKey
from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from agents.database import migrate
from agents.database.engine import Database
from agents.database.known_keys import known_signing_key, known_token_key
from agents.database.open_ledger import opened_ledger, signing_key_beside, token_key_beside
from agents.settings.model import Settings, load_settings
from agents.system.fatal_exit import ExitCode
from pipeline.errors import KeyFileError, StoreError

pytestmark = pytest.mark.unit


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(".hushwire")


def with_a_call(settings: Settings, state: Path) -> None:
    with opened_ledger(settings, state, make_key=True) as ledger:
        ledger.open_call("call")


def test_whoever_opens_calls_makes_the_token_key_before_the_first(state: Path) -> None:
    settings = load_settings()
    with_a_call(settings, state)
    key = read_key(state / "tokens.key")
    with_a_call(settings, state)
    assert read_key(state / "tokens.key") == key


def test_whoever_names_nobody_opens_calls_without_a_key_that_is_gone(state: Path) -> None:
    settings = load_settings()
    with_a_call(settings, state)
    (state / "tokens.key").unlink()
    with_a_call(settings, state)
    assert not (state / "tokens.key").exists()
    read_or_make_key(state / "tokens.key")
    with pytest.raises(KeyFileError, match="is another one"):
        with_a_call(settings, state)


def test_what_a_setting_names_is_not_made(state: Path, tmp_path: Path) -> None:
    named = Settings(token_key=tmp_path / "named.key", signing_key=tmp_path / "named.pem")
    with_a_call(named, state)
    with pytest.raises(KeyFileError, match=r"named\.key: is missing"):
        token_key_beside(named, state)
    with pytest.raises(KeyFileError, match=r"named\.pem: is missing"):
        signing_key_beside(named, state)
    assert not list(tmp_path.glob("named*"))
    assert not (state / "tokens.key").exists()


def test_a_command_without_a_ledger_makes_its_keys_where_there_is_none(state: Path) -> None:
    settings = load_settings()
    assert token_key_beside(settings, state) == token_key_beside(settings, state)
    first = signing_key_beside(settings, state)
    assert signing_key_beside(settings, state).public.key_id == first.public.key_id
    assert not (state / "ledger.db").exists()


def test_a_command_beside_a_ledger_makes_no_key_and_notes_none(state: Path) -> None:
    """The keys of an installation are its workers': this host may not have them."""
    settings = load_settings()
    with_a_call(settings, state)
    (state / "tokens.key").unlink()
    with pytest.raises(KeyFileError, match="calls were made with it"):
        token_key_beside(settings, state)
    with pytest.raises(KeyFileError, match="the first worker with the vault stage makes it"):
        signing_key_beside(settings, state)
    assert not list(state.glob("signing.pem*"))
    other = SigningKey.load_or_create(state / "signing.pem").public
    assert signing_key_beside(settings, state).public.key_id == other.key_id
    with opened_ledger(settings, state) as ledger:
        assert known_signing_key(ledger.database).noted() is None


def test_a_command_beside_a_ledger_takes_no_other_key(state: Path) -> None:
    settings = load_settings()
    with_a_call(settings, state)
    with opened_ledger(settings, state) as ledger:
        known_signing_key(ledger.database).ensured(state / "signing.pem")
    for path in (state / "signing.pem", state / "tokens.key"):
        path.unlink()
    SigningKey.load_or_create(state / "signing.pem")
    read_or_make_key(state / "tokens.key")
    with pytest.raises(KeyFileError, match="is another one"):
        signing_key_beside(settings, state)
    with pytest.raises(KeyFileError, match="is another one"):
        token_key_beside(settings, state)
    with pytest.raises(KeyFileError, match="is another one"):
        key_files([], state)
    printed = CliRunner().invoke(app, ["certificate", "public-key"])
    assert isinstance(printed.exception, KeyFileError)
    assert "PUBLIC KEY" not in printed.output


@pytest.mark.parametrize("command", ["prune", "checkpoint", "adopt", "witness-request"])
@pytest.mark.parametrize("known", [True, False])
def test_what_signs_the_audit_log_beside_the_workers_makes_no_key(
    state: Path, monkeypatch: pytest.MonkeyPatch, command: str, *, known: bool
) -> None:
    """A key that this host made would be the one that the ledger knows, and theirs another."""
    monkeypatch.setenv("HUSHWIRE_AUDIT_ORIGIN", "example.com/log")
    settings, pem = load_settings(), state / "signing.pem"
    with_a_call(settings, state)
    if known:
        with opened_ledger(settings, state) as ledger:
            known_signing_key(ledger.database).ensured(pem)
        pem.unlink()
    ended = CliRunner().invoke(app, ["audit", command])
    assert isinstance(ended.exception, KeyFileError)
    assert exit_code(ended.exception) == ExitCode.AWAY
    mend = "keys new --replace signing" if known else "the first worker with the vault stage makes"
    assert mend in str(ended.exception)
    assert not pem.exists()
    # With a key that nobody noted yet, the log is signed, and the workers' own still counts.
    SigningKey.load_or_create(pem)
    ended = CliRunner().invoke(app, ["audit", command])
    assert isinstance(ended.exception, KeyFileError) is known
    with opened_ledger(settings, state) as ledger:
        assert (known_signing_key(ledger.database).noted() is not None) is known


def test_a_command_beside_a_ledger_does_not_migrate_it(state: Path) -> None:
    settings = load_settings()
    database = Database(settings.ledger_location(state))
    config = migrate._config()
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
    for look in (signing_key_beside, token_key_beside):
        with pytest.raises(StoreError, match="run `hushwire ledger upgrade`"):
            look(settings, state)
    assert migrate.current(database) == "0021"
    assert not list(state.glob("*.pem"))
    migrate.upgrade(database)
    SigningKey.load_or_create(state / "signing.pem")
    assert signing_key_beside(settings, state).public.key_id
    database.dispose()


def test_a_folder_that_nobody_can_look_into_is_told(state: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / ("x" * 300)
    settings = Settings(
        bootstrap="127.0.0.1:1",
        token_key=nowhere / "tokens.key",
        signing_key=nowhere / "signing.pem",
    )
    told = r"key .*: File name too long"
    with pytest.raises(StoreError, match=told):
        signing_key_beside(settings, state)
    with pytest.raises(StoreError, match=told):
        worker_config(["detect"], None, settings)
    with pytest.raises(StoreError, match=told):
        with_a_call(settings, state)


@pytest.mark.parametrize("stage", ["admit", "vault"])
def test_a_worker_does_not_start_with_another_token_key(
    state: Path, tmp_path: Path, stage: str
) -> None:
    settings = Settings(bootstrap="127.0.0.1:1")
    with_a_call(settings, state)
    (state / "tokens.key").unlink()
    config = worker_config([stage], tmp_path / "vault", settings)
    with pytest.raises(KeyFileError, match="is missing"):
        asyncio.run(run_worker(config, signals=False))
    read_or_make_key(state / "tokens.key")
    with pytest.raises(KeyFileError, match="is another one"):
        asyncio.run(run_worker(config, signals=False))


def test_a_worker_that_mutes_needs_none(state: Path) -> None:
    settings = Settings(bootstrap="127.0.0.1:1")
    with_a_call(settings, state)
    (state / "tokens.key").unlink()
    for stages, needs in ((["mute"], False), (["detect"], False), (["mute", "admit"], True)):
        assert (worker_config(stages, None, settings).token_key_file is not None) is needs
    with opened_ledger(settings, state) as ledger, pytest.raises(KeyFileError):
        known_token_key(ledger.database).ensured(state / "tokens.key")
