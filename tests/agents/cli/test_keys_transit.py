"""``hushwire keys transit`` as somebody runs it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.cli.main import app
from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic
from agents.database.call_ledger import Ledger
from agents.database.known_keys import DoorKeys
from pipeline.errors import SealError, StoreError

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def transit(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", "transit", *arguments, "--state-dir", "state"])


def test_a_pair_is_made_once_and_its_public_half_handed_out() -> None:
    first = transit("new")
    assert first.exit_code == 0, first.output
    private, public = Path("state/transit-private.json"), Path("state/transit-public.json")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    content = private.read_bytes()
    public.unlink()
    again = transit("new")
    assert "was there already" in again.stdout
    assert private.read_bytes() == content
    printed = transit("public").stdout
    assert printed == public.read_text()
    wrapped, seal = TransitPublic.parse(printed.encode()).new_key("call-a")
    sealed = seal.seal(b"value", b"place")
    assert TransitPrivate(private).unwrap(wrapped, "call-a").open(sealed, b"place") == b"value"


def test_nothing_private_is_shown() -> None:
    shown = "".join(transit(one).output for one in ("new", "public", "rotate", "new"))
    keys = Path("state/transit-private.json").read_text().split('"value": "')[1:]
    assert len(keys) == 2
    for key in keys:
        assert key.split('"')[0] not in shown


def test_files_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUSHWIRE_TRANSIT_PRIVATE_KEY", str(tmp_path / "a" / "private.json"))
    monkeypatch.setenv("HUSHWIRE_TRANSIT_PUBLIC_KEY", str(tmp_path / "b" / "public.json"))
    assert transit("new").exit_code == 0
    assert not Path("state").exists()
    assert TransitPublic.load(tmp_path / "b" / "public.json").primary


def test_a_rotation_keeps_the_old_key_until_it_is_finished() -> None:
    transit("new")
    private, public = Path("state/transit-private.json"), Path("state/transit-public.json")
    old = TransitPublic.load(public)
    wrapped, _ = old.new_key("call-a")
    assert f"{old.primary:08x} still opens" in transit("rotate").stdout
    new = TransitPublic.load(public)
    assert new.primary != old.primary
    TransitPrivate(private).unwrap(wrapped, "call-a")
    assert f"destroyed: {old.primary:08x}" in transit("rotate", "--finish").stdout
    with pytest.raises(SealError):
        TransitPrivate(private).unwrap(wrapped, "call-a")
    assert "destroyed: none" in transit("rotate", "--finish").stdout
    assert TransitPublic.load(public).primary == new.primary


@pytest.mark.parametrize("arguments", [("public",), ("rotate",), ("rotate", "--finish")])
def test_without_a_pair_it_says_what_makes_one(arguments: tuple[str, ...]) -> None:
    done = transit(*arguments)
    assert isinstance(done.exception, StoreError)
    assert "hushwire keys transit new" in str(done.exception)
    assert not Path("state").exists()


def test_a_service_that_is_named_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUSHWIRE_TRANSIT_PRIVATE_KEY", "aws-kms://nonsense")
    done = transit("new")
    assert done.exception is not None
    assert "transit_private_key" in str(done.exception)


def test_a_private_half_that_is_gone_is_not_made_anew_without_a_word() -> None:
    assert transit("new").exit_code == 0
    private, public = Path("state/transit-private.json"), Path("state/transit-public.json")
    handed_out = public.read_bytes()
    private.unlink()
    again = transit("new")
    assert isinstance(again.exception, StoreError)
    assert "Put it back from its backup" in str(again.exception)
    assert not private.exists()
    assert public.read_bytes() == handed_out
    assert transit("new", "--lost").exit_code == 0
    assert public.read_bytes() != handed_out


def test_what_a_ledger_knows_of_the_keys_follows_a_rotation_and_a_loss() -> None:
    ledger = Ledger.embedded(Path("state"))
    known = DoorKeys(ledger.database)
    assert transit("new").exit_code == 0
    path = Path("state/transit-private.json")
    first = known.known()
    assert first == TransitPrivate(path).ids
    assert transit("rotate").exit_code == 0
    assert known.known() == TransitPrivate(path).ids
    assert known.known() > first
    path.unlink()
    Path("state/transit-public.json").unlink()
    again = transit("new")
    assert isinstance(again.exception, StoreError)
    assert "--lost" in str(again.exception)
    assert transit("new", "--lost").exit_code == 0
    assert known.known() == TransitPrivate(path).ids
    ledger.dispose()
