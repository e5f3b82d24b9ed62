"""The commands on stored calls, as somebody runs them."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.access.audit_log import AuditLog
from agents.cli.errors import exit_code
from agents.cli.main import app
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.call_ledger import CallState, Ledger
from agents.database.known_keys import known_token_key
from agents.database.open_ledger import opened_ledger
from agents.settings.model import STATE, Settings
from agents.vault.exports import files as export
from agents.vault.reader import VaultReader, open_reader
from agents.vault.vault import Vault
from pipeline.errors import (
    HeldError,
    InputError,
    KeyFileError,
    SealError,
    StoreError,
    UnknownCallError,
)
from pipeline.records.pseudonyms import pseudonym
from tests.agents.storing import AUDIO, FILES, new_ledger, stored_call

pytestmark = pytest.mark.unit

NUMBER = "+1 555 010 0199"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A vault as ``hushwire run`` leaves it: its ledger and keys inside."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "vault"
    state = place / ".hushwire"
    ledger = new_ledger(state)
    vault = Vault.opened(place, ledger)
    caller = pseudonym(NUMBER, known_token_key(ledger.database).ensured(state / "tokens.key"))
    for call_id, passed in (("one", True), ("two", True), ("bad", False)):
        parties = (caller,) if call_id == "one" else ()
        ledger.open_call(call_id)
        vault.store(stored_call(call_id, passed=passed, parties=parties), keep_days=30)
        ledger.close_call(call_id, CallState.STORED if passed else CallState.QUARANTINED)
    yield place
    ledger.dispose()


def run(*arguments: object, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=True)
    if exit_code >= 0:
        assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def audited(place: Path) -> list[tuple[str, str]]:
    ledger = Ledger.embedded(place / ".hushwire")
    lines = [json.loads(line) for line in AuditLog(ledger.database).export()]
    ledger.dispose()
    return [(one["subject"], one["facts"]["what"]) for one in lines]


def test_an_exported_call_is_plain_private_and_audited(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("export", "--call", "one", "--vault", place, "--to", out)
    assert (out / "one" / "one.flac").read_bytes() == AUDIO
    assert (out / "one" / "one.json").read_bytes() == FILES["json"]
    facts = json.loads((out / "one" / "call.json").read_text())
    certificate = (out / "one" / "one.certificate.json").read_bytes()
    assert facts["certificate"] == hashlib.sha256(certificate).hexdigest()
    assert {stat.S_IMODE(one.stat().st_mode) for one in (out / "one").iterdir()} == {0o600}
    assert audited(place) == [("one", "call-exported")]
    run("export", "--call", "one", "--vault", place, "--to", out)  # a repeat is another look
    assert len(audited(place)) == 2
    assert len(list((out / "one").iterdir())) == 5


def test_an_export_replaces_nothing_but_an_export(place: Path, tmp_path: Path) -> None:
    """The recorder's own files lie in a folder of the call's name."""
    out = tmp_path / "recordings"
    (out / "one").mkdir(parents=True)
    original = out / "one" / "one.flac"
    original.write_bytes(b"the only original")
    result = run("export", "--call", "one", "--vault", place, "--to", out, exit_code=1)
    assert isinstance(result.exception, InputError)
    assert "holds files that are no export of this call" in str(result.exception)
    assert original.read_bytes() == b"the only original"
    assert [one.name for one in (out / "one").iterdir()] == ["one.flac"]


def test_an_interrupted_export_is_finished(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("export", "--call", "one", "--vault", place, "--to", out)
    certificate = (out / "one" / "one.certificate.json").read_bytes()
    for path in (out / "one").iterdir():
        if path.name != "one.certificate.json":  # the first one that is written
            path.unlink()
    (out / "one" / ".one.flac.abc").write_bytes(b"half")
    run("export", "--call", "one", "--vault", place, "--to", out)
    assert (out / "one" / "one.flac").read_bytes() == AUDIO
    assert (out / "one" / "one.certificate.json").read_bytes() == certificate


def test_without_the_token_key_nobody_is_looked_for(place: Path, tmp_path: Path) -> None:
    """A key that was lost, and one that was put in its place: never "nobody"."""
    key = place / ".hushwire" / "tokens.key"
    kept = key.rename(tmp_path / "kept.key")
    commands: list[tuple[object, ...]] = [
        ("erase", "--subject", NUMBER, "--vault", place),
        ("export", "--subject", NUMBER, "--vault", place, "--to", tmp_path / "out"),
        ("calls", "list", "--subject", NUMBER, "--vault", place),
        ("calls", "find", "--recorder-id", "r-1", "--vault", place),
        ("calls", "find", "--text", "cancel", "--vault", place),
        ("analytics", "rebuild", "--vault", place),
    ]
    for told in ("is missing, and calls were made with it", "is another one"):
        for command in commands:
            refused = run(*command, exit_code=-1).exception
            assert isinstance(refused, KeyFileError), command
            assert told in str(refused)
            assert exit_code(refused) == 4
        if told.startswith("is missing"):
            assert not key.exists()
            read_or_make_key(key)
    # By its pseudonym, or its id, a call is found all the same.
    who = pseudonym(NUMBER, read_or_make_key(kept))
    assert "one" in run("calls", "list", "--subject", who, "--vault", place).output
    kept.rename(key)
    assert "one: erased" in run("erase", "--subject", NUMBER, "--vault", place).output


def test_of_calls_from_before_a_token_key_was_replaced_it_is_said(
    place: Path, tmp_path: Path
) -> None:
    (place / ".hushwire" / "tokens.key").unlink()
    state = ("--state-dir", place / ".hushwire")
    told = run("keys", "new", "--replace", "token", *state).output
    assert "is made" in told
    assert "found by their ids alone" in told
    assert ("", "token-key-replaced") in audited(place)
    assert "so it is not gone" in str(
        run("keys", "new", "--replace", "token", *state, exit_code=1).exception
    )
    for command in (
        ("erase", "--subject", NUMBER, "--vault", place),
        ("export", "--subject", NUMBER, "--vault", place, "--to", tmp_path / "out"),
    ):
        done = run(*command, exit_code=1)
        assert "were named with a token key that is lost" in done.stderr
    run("erase", "--call", "one", "--vault", place)
    done = run("erase", "--subject", NUMBER, "--vault", place, exit_code=1)  # nobody is left
    # The trace exporter of an earlier test may end meanwhile, and says so.
    told = [line for line in done.stderr.splitlines() if "trace collector away" not in line]
    assert told == []


def test_an_access_request_by_number_gives_the_caller_s_calls(place: Path, tmp_path: Path) -> None:
    run("export", "--subject", "001-555-010-0199", "--vault", place, "--to", tmp_path / "out")
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["one"]
    nobody = run(
        "export", "--subject", "+1555", "--vault", place, "--to", tmp_path / "none", exit_code=1
    )
    assert "0 calls" in nobody.output


def test_everything_is_exported_a_quarantined_call_by_its_certificate(
    place: Path, tmp_path: Path
) -> None:
    result = run("export", "--all", "--vault", place, "--to", tmp_path / "out")
    assert "3 calls" in result.output
    assert sorted(one.name for one in (tmp_path / "out" / "bad").iterdir()) == [
        "bad.certificate.json",
        "call.json",
    ]


def test_a_damaged_call_is_not_exported(place: Path, tmp_path: Path) -> None:
    sealed = place / "calls" / "one" / "one.flac.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-1])
    result = run("export", "--call", "one", "--vault", place, "--to", tmp_path / "x", exit_code=1)
    assert isinstance(result.exception, SealError)
    assert not list((tmp_path / "x").rglob("*.flac"))


def test_a_damaged_call_does_not_keep_the_others_from_being_exported(
    place: Path, tmp_path: Path
) -> None:
    """The list begins with the newest; whichever fails, the other two are written."""
    for number, damaged in enumerate(("one", "two")):
        sealed = place / "calls" / damaged / f"{damaged}.flac.sealed"
        whole = sealed.read_bytes()
        sealed.write_bytes(whole[:-1])
        out = tmp_path / f"out-{number}"
        result = run("export", "--all", "--vault", place, "--to", out, exit_code=1)
        sealed.write_bytes(whole)
        assert f"not exported: call {damaged}: " in result.output
        assert "2 calls in" in result.output
        others = {"one", "two", "bad"} - {damaged}
        assert {name for name in others if (out / name / "call.json").is_file()} == others
        assert not (out / damaged / f"{damaged}.flac").exists()


def test_a_file_that_is_not_the_certified_one_is_not_exported(place: Path, tmp_path: Path) -> None:
    ledger = Ledger.embedded(place / ".hushwire")
    vault = Vault.opened(place, ledger)

    class Other(VaultReader):
        def file(self, *_: object, **__: object) -> Iterator[bytes]:
            yield b"genuine, and another"

    with pytest.raises(SealError):
        export.export_call(Other(vault), AuditLog(ledger.database), "one", tmp_path, by="me")
    ledger.dispose()
    assert not list(tmp_path.rglob("*.flac"))


@pytest.mark.parametrize("options", [[], ["--call", "one", "--all"], ["--subject", "x", "--all"]])
def test_one_of_call_subject_and_all(place: Path, tmp_path: Path, options: list[str]) -> None:
    result = run("export", *options, "--vault", place, "--to", tmp_path / "x", exit_code=-1)
    assert isinstance(result.exception, InputError)


def test_calls_are_listed_without_content(place: Path) -> None:
    plain = run("calls", "list", "--vault", place).output
    for word in ("one", "two", "bad", "passed", "quarantined", "default 1", "0:10"):
        assert word in plain
    lines = run("calls", "list", "--vault", place, "--json").output.splitlines()
    assert {json.loads(line)["call_id"] for line in lines} == {"one", "two", "bad"}
    only = run("calls", "list", "--vault", place, "--json", "--subject", NUMBER).output
    assert [json.loads(line)["call_id"] for line in only.splitlines()] == ["one"]
    assert "there are more" in run("calls", "list", "--vault", place, "--limit", "2").output
    assert NUMBER.replace(" ", "") not in plain + only
    assert audited(place) == [("", "calls-listed")] * 4


def test_nothing_is_cut_where_no_terminal_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name, purpose = "c" * 120, "quality-assurance-of-the-second-line"
    ledger = Ledger.embedded(place / ".hushwire")
    ledger.open_call(name)
    Vault.opened(place, ledger).store(stored_call(name, purpose=purpose), keep_days=30)
    ledger.dispose()
    (line,) = [
        one for one in run("calls", "list", "--vault", place).output.splitlines() if name in one
    ]
    assert line.split("\t")[3:6] == ["passed", "default 1", purpose]


def test_a_hold_keeps_a_call_until_it_is_taken_away(place: Path) -> None:
    assert "is held from now on" in run("hold", "add", "one", "--vault", place).output
    assert "was held already" in run("hold", "add", "one", "--vault", place).output
    refused = run("erase", "--call", "one", "--vault", place, exit_code=1)
    assert isinstance(refused.exception, HeldError)
    assert f"`hushwire hold remove one --vault {place}`" in str(refused.exception)
    assert "legal hold" in run("calls", "list", "--vault", place, "--held").output
    kept = run("erase", "--subject", NUMBER, "--vault", place, exit_code=1).output
    assert "one: kept: call one is under a legal hold since 20" in kept
    assert f"`hushwire hold remove one --vault {place}`" in kept
    assert "0 calls erased, 1 kept" in kept
    run("hold", "remove", "one", "--vault", place)
    run("erase", "--subject", NUMBER, "--vault", place)
    assert audited(place)[1:] == [
        ("one", "erasure-held"),
        ("", "calls-listed"),
        ("one", "erasure-held"),
        ("one", "hold-removed"),
        ("one", "call-erased"),
    ]
    gone = run("hold", "add", "one", "--vault", place, exit_code=1)
    assert isinstance(gone.exception, UnknownCallError)


def test_an_erased_call_is_gone(place: Path) -> None:
    assert "one: erased" in run("erase", "--call", "one", "--vault", place).output
    assert not (place / "calls" / "one").exists()
    assert "nothing left" in run("erase", "--call", "one", "--vault", place, exit_code=1).output
    run("erase", "--call", "bad", "--vault", place)
    assert not (place / "quarantine" / "bad").exists()


def test_the_sweep_erases_what_is_due(place: Path) -> None:
    assert "0 calls erased" in run("retention", "sweep", "--vault", place).output
    ledger = Ledger.embedded(place / ".hushwire")
    with ledger.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE catalogue SET retain_until = '2020-01-01T00:00:00.000+00:00' "
            "WHERE call_id = 'two'"
        )
    ledger.dispose()
    result = run("retention", "sweep", "--vault", place)
    assert "two: erased" in result.output
    assert not (place / "calls" / "two").exists()


def test_a_misspelt_vault_is_not_made_and_erases_nothing(place: Path, tmp_path: Path) -> None:
    state = ("--state-dir", place / ".hushwire")
    wrong = tmp_path / "vualt"
    for command in (("erase", "--call", "one"), ("retention", "sweep"), ("quarantine", "list")):
        result = run(*command, "--vault", wrong, *state, exit_code=1)
        assert isinstance(result.exception, InputError)
    assert not wrong.exists()
    # A vault, and not this call's.
    (wrong / "calls").mkdir(parents=True)
    result = run("erase", "--call", "one", "--vault", wrong, *state, exit_code=1)
    assert isinstance(result.exception, InputError)
    assert "another's" in str(result.exception)
    run("export", "--call", "one", "--vault", place, "--to", tmp_path / "out")


def test_without_a_ledger_nothing_is_made(tmp_path: Path) -> None:
    result = run("calls", "list", "--state-dir", tmp_path / "none", exit_code=1)
    assert isinstance(result.exception, InputError)
    assert "--state-dir, or the vault of `hushwire run` with --vault" in str(result.exception)
    assert not (tmp_path / "none").exists()


LOOKS: dict[str, tuple[object, ...]] = {
    "calls list": (),
    "hold add": ("one",),
    "erase": ("--call", "one"),
    "quarantine list": (),
    "export": ("--all", "--to", "out"),
    "certificate check": ("vault/calls/one/one.certificate.json",),
}


@pytest.mark.parametrize("command", LOOKS)
def test_who_looks_makes_no_key_file(place: Path, command: str) -> None:
    """Another key than that of the stored calls opens none of them."""
    key = place / ".hushwire" / "kek.json"
    key.unlink()
    vault = () if command == "certificate check" else ("--vault", place)
    told = run(*command.split(), *LOOKS[command], *vault, exit_code=1)
    assert isinstance(told.exception, StoreError)
    assert f"{key}: is missing" in str(told.exception)
    assert "put it back" in str(told.exception)
    assert not key.exists()
    assert (place / "calls" / "one").is_dir()


def test_who_opens_calls_makes_no_other_key_file_of_a_ledger_that_has_one(
    place: Path, tmp_path: Path
) -> None:
    key = place / ".hushwire" / "kek.json"
    key.unlink()
    settings = Settings(state_dir=place / ".hushwire")
    with (
        pytest.raises(StoreError, match="is missing"),
        opened_ledger(settings, STATE, make_key=True),
    ):
        pass
    assert not key.exists()
    new = Settings(state_dir=tmp_path / "new")
    with opened_ledger(new, STATE, make_key=True) as ledger:
        ledger.open_call("one")
    assert (tmp_path / "new" / "kek.json").exists()


def test_a_certificate_in_the_vault_is_checked_with_the_vault_s_keys(
    place: Path, tmp_path: Path
) -> None:
    """The made-up files are no audio, but they are the ones that the certificate names."""
    file = place / "calls" / "one" / "one.certificate.json"
    there = run("certificate", "check", file, exit_code=-1).output
    assert "one.flac" not in there
    keyless = run("certificate", "check", file, "--state-dir", tmp_path / "none", exit_code=-1)
    assert "one.flac is sealed: export the call" in keyless.output
    sealed = file.with_name("one.json.sealed")
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    assert "one.json does not open" in run("certificate", "check", file, exit_code=14).output


def test_a_program_reads_a_vault_by_the_ledger_inside_it_or_in_the_working_folder(
    place: Path, tmp_path: Path
) -> None:
    with open_reader(Settings(), place) as reader:
        assert reader.transcript("one") == FILES["json"]
    (place / ".hushwire").rename(tmp_path / ".hushwire")
    with open_reader(Settings(), place) as reader:
        assert reader.transcript("one") == FILES["json"]
