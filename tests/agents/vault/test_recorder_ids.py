"""The recorder's own ids: sealed with the call, found by a keyed hash, gone with the call."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.access.audit_log import AuditLog
from agents.cli.main import app
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.call_ledger import CallState, Ledger
from agents.database.door_calls import DoorCalls
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.exports.files import export_call
from agents.vault.reader import VaultReader
from agents.vault.recorder_ids import find_by_recorder_id, note_recorder_id
from agents.vault.vault import Vault
from pipeline.errors import SealError
from tests.agents.storing import stored_call

pytestmark = pytest.mark.unit

NAME = "conv +4915112345678 ü"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


@pytest.fixture
def named(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(partial(read_or_make_key, tmp_path / "state" / "tokens.key"))


@pytest.fixture
def vault(tmp_path: Path, ledger: Ledger) -> Vault:
    return Vault.opened(tmp_path / "vault", ledger)


def stored(ledger: Ledger, vault: Vault, named: Pseudonyms, call_id: str = "one") -> None:
    seal = ledger.open_call(call_id).seal
    note_recorder_id(ledger.database, named, call_id, NAME, seal)
    vault.store(stored_call(call_id), keep_days=9)
    for _ in range(2):  # the stage may have to repeat it
        vault.recorder_ids.keep(call_id, seal)
    ledger.close_call(call_id, CallState.STORED)


def test_it_is_shown_and_found_once_the_call_is_stored(
    ledger: Ledger, vault: Vault, named: Pseudonyms, tmp_path: Path
) -> None:
    stored(ledger, vault, named)
    assert vault.recorder_ids.shown("one") == NAME
    assert find_by_recorder_id(ledger.database, named, f" {NAME} ") == ["one"]
    assert find_by_recorder_id(ledger.database, named, NAME[:-1]) == []
    log = AuditLog(ledger.database)
    export_call(VaultReader(vault), log, "one", tmp_path / "out", by="me")
    document = json.loads((tmp_path / "out" / "one" / "call.json").read_text())
    assert document["recorder_id"] == NAME
    ledger.dispose()
    for path in (tmp_path / "state").glob("ledger.db*"):
        assert b"15112345678" not in path.read_bytes()


def test_a_call_on_its_way_and_a_refused_one_are_found_and_not_shown(
    ledger: Ledger, vault: Vault, named: Pseudonyms
) -> None:
    seal = ledger.open_call("one").seal
    note_recorder_id(ledger.database, named, "one", NAME, seal)
    for _ in range(2):
        assert find_by_recorder_id(ledger.database, named, NAME) == ["one"]
        assert vault.recorder_ids.shown("one") == ""
        ledger.close_call("one", CallState.REFUSED)


def test_of_a_quarantined_call_nothing_is_kept_but_the_hash(
    ledger: Ledger, vault: Vault, named: Pseudonyms
) -> None:
    seal = ledger.open_call("one").seal
    note_recorder_id(ledger.database, named, "one", NAME, seal)
    vault.store(stored_call("one", passed=False), keep_days=9)
    vault.recorder_ids.keep("one", seal)
    assert vault.recorder_ids.shown("one") == ""
    assert find_by_recorder_id(ledger.database, named, NAME) == ["one"]


def test_it_goes_with_the_call(ledger: Ledger, vault: Vault, named: Pseudonyms) -> None:
    stored(ledger, vault, named)
    assert erase(vault, ledger, AuditLog(ledger.database), "one", REQUEST)
    assert find_by_recorder_id(ledger.database, named, NAME) == []
    assert vault.recorder_ids.shown("one") == ""
    assert DoorCalls(ledger.database).get("one") is None


def test_one_that_was_put_with_another_call_does_not_open(
    ledger: Ledger, vault: Vault, named: Pseudonyms
) -> None:
    stored(ledger, vault, named)
    stored(ledger, vault, named, "two")
    rows = DoorCalls(ledger.database)
    row = rows.get("one")
    assert row is not None
    assert row.sealed is not None
    rows.erase("two")
    rows.note("two", None, row.sealed)
    rows.keep("two", row.sealed)
    with pytest.raises(SealError):
        vault.recorder_ids.shown("two")


def test_a_call_that_is_forgotten_may_be_noted_anew(ledger: Ledger, named: Pseudonyms) -> None:
    note_recorder_id(ledger.database, named, "one", NAME, ledger.open_call("one").seal)
    assert ledger.forget_open(["one"]) == 1
    assert find_by_recorder_id(ledger.database, named, NAME) == []
    note_recorder_id(ledger.database, named, "one", "other", ledger.open_call("one").seal)
    assert find_by_recorder_id(ledger.database, named, "other") == ["one"]


def test_the_commands_find_and_show_it(
    ledger: Ledger, vault: Vault, named: Pseudonyms, tmp_path: Path
) -> None:
    stored(ledger, vault, named)
    ledger.open_call("plain-name")
    place = ["--state-dir", str(tmp_path / "state")]
    runner = CliRunner()

    def found(recorder_id: str) -> tuple[int, list[str]]:
        done = runner.invoke(app, ["calls", "find", "--recorder-id", recorder_id, "--json", *place])
        return done.exit_code, [json.loads(line)["call_id"] for line in done.stdout.splitlines()]

    assert found(NAME) == (0, ["one"])
    plain = runner.invoke(app, ["calls", "find", "--recorder-id", NAME, *place]).stdout
    assert [plain.split("\t")[one] for one in (0, 1, 3)] == ["one", "stored", "passed\n"]
    assert found("plain-name") == (0, ["plain-name"])
    assert runner.invoke(app, ["calls", "find", "--recorder-id", "x", *place]).exit_code == 1
    shown = json.loads(runner.invoke(app, ["calls", "show", "one", *place]).stdout)
    assert (shown["recorder_id"], shown["state"], shown["passed"]) == (NAME, "stored", True)
    open_one = json.loads(runner.invoke(app, ["calls", "show", "plain-name", *place]).stdout)
    assert (open_one["state"], open_one["recorder_id"]) == ("open", "")
