"""The keys that go with a ledger: made before its first call, and refused once they are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.app.wiring import worker_config
from agents.app.worker import run_worker
from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from agents.database.known_keys import token_key
from agents.database.open_ledger import opened_ledger, signing_key_beside, token_key_beside
from agents.settings.model import Settings, load_settings
from pipeline.errors import KeyFileError

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
        token_key_beside(named, state, named.token_key_file(state))
    with pytest.raises(KeyFileError, match=r"named\.pem: is missing"):
        signing_key_beside(named, state)
    assert not list(tmp_path.glob("named*"))
    assert not (state / "tokens.key").exists()


def test_a_command_without_a_ledger_makes_its_keys_where_there_is_none(state: Path) -> None:
    settings = load_settings()
    path = settings.token_key_file(state)
    assert token_key_beside(settings, state, path) == token_key_beside(settings, state, path)
    first = signing_key_beside(settings, state)
    assert signing_key_beside(settings, state).public.key_id == first.public.key_id
    assert not (state / "ledger.db").exists()


def test_a_command_beside_a_ledger_does_not_make_anew_what_it_needs(state: Path) -> None:
    settings = load_settings()
    with_a_call(settings, state)
    path = settings.token_key_file(state)
    path.unlink()
    with pytest.raises(KeyFileError, match="calls were made with it"):
        token_key_beside(settings, state, path)
    key = signing_key_beside(settings, state)  # nothing was signed yet
    (state / "signing.pem").unlink()
    with pytest.raises(KeyFileError, match="calls were made with it"):
        signing_key_beside(settings, state)
    assert key.public.key_id
    assert {one.name for one in state.iterdir()} >= {"ledger.db", "signing.pem.head"}


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
        assert (worker_config(stages, None, settings).token_key is not None) is needs
    with opened_ledger(settings, state) as ledger, pytest.raises(KeyFileError):
        token_key(ledger.database, state / "tokens.key", named=False)
