"""Who holds what: told for every key that lies on a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.app.checks.holdings import holdings, only_sends
from agents.app.operations.findings import Grade
from agents.crypto.envelope import KeyEncryptionKey
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.crypto.transit_hybrid import TransitPrivate, write_public
from agents.settings.model import Settings
from pipeline.errors import StoreError

pytestmark = pytest.mark.unit


def found(settings: Settings, state: Path) -> list[tuple[Grade, str]]:
    return [(one.grade, one.what) for one in holdings(settings, state)]


def test_an_empty_host_holds_nothing(tmp_path: Path) -> None:
    assert found(Settings(), tmp_path) == [(Grade.SKIPPED, "holds no key")]


def test_a_workers_host_says_what_each_key_opens(tmp_path: Path) -> None:
    private = TransitPrivate.load_or_create(tmp_path / "transit-private.json")
    write_public(tmp_path / "transit-public.json", private.public)
    KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    read_or_make_key(tmp_path / "tokens.key")
    assert found(Settings(), tmp_path) == [
        (Grade.OK, "holds the wrapping key"),
        (Grade.OK, "holds the transit private key"),
        (Grade.OK, "holds the token key"),
        (Grade.OK, "holds the transit public key"),
    ]
    (first, *_) = holdings(Settings(), tmp_path)
    assert "vault" in first.told


def test_a_recorders_host_holds_a_public_key_and_nothing_else(tmp_path: Path) -> None:
    private = TransitPrivate.load_or_create(tmp_path / "elsewhere" / "transit-private.json")
    public = tmp_path / "public.json"
    write_public(public, private.public)
    settings = Settings(transit_public_key=public)
    assert found(settings, tmp_path) == [(Grade.OK, "holds the transit public key")]
    assert only_sends(settings, tmp_path)
    KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    weak = [one for one in holdings(settings, tmp_path) if one.grade is Grade.WEAK]
    assert [one.what for one in weak] == ["holds the wrapping key"]
    assert "move it" in weak[0].advice
    assert not only_sends(settings, tmp_path)
    assert not only_sends(Settings(), tmp_path)


def test_halves_that_are_no_pair_are_told(tmp_path: Path) -> None:
    TransitPrivate.load_or_create(tmp_path / "transit-private.json")
    other = TransitPrivate.load_or_create(tmp_path / "other.json")
    write_public(tmp_path / "transit-public.json", other.public)
    assert (Grade.WEAK, "transit keys") in found(Settings(), tmp_path)


def test_a_private_key_in_the_public_ones_place_is_refused(tmp_path: Path) -> None:
    TransitPrivate.load_or_create(tmp_path / "transit-public.json")
    with pytest.raises(StoreError, match="take it away"):
        found(Settings(), tmp_path)


def test_a_host_that_sends_by_the_usual_public_key_is_judged_too(tmp_path: Path) -> None:
    private = TransitPrivate.load_or_create(tmp_path / "elsewhere" / "transit-private.json")
    write_public(tmp_path / "transit-public.json", private.public)
    KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    assert (Grade.WEAK, "holds the wrapping key") in found(Settings(), tmp_path)


def test_what_is_no_key_file_is_judged_too_and_not_shown(tmp_path: Path) -> None:
    private = TransitPrivate.load_or_create(tmp_path / "elsewhere" / "transit-private.json")
    write_public(tmp_path / "transit-public.json", private.public)
    secrets = tmp_path / "webhook.secrets"
    secrets.write_text("whsec_x")
    settings = Settings(
        ledger_url="postgresql+psycopg://u:change-me@db/h",
        keyset="hcvault://vault.example/transit/keys/h",
        webhook_secrets=secrets,
    )
    seen = list(holdings(settings, tmp_path, "s3://bucket/vault"))
    weak = {one.what for one in seen if one.grade is Grade.WEAK}
    assert weak == {
        "holds the ledger's password",
        "holds the access to a key service",
        "holds the access to the vault",
        "holds the webhooks' secrets",
    }
    assert "change-me" not in repr(seen)
