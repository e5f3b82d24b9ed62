"""``hushwire keys transit`` as somebody runs it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.cli.main import app
from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic
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
