"""The keyset file encrypted by a key service: what works, and what must fail closed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import botocore.client
import pytest
import requests
from botocore.exceptions import ClientError

from agents.access.audit_log import AuditLog
from agents.app.checks.doctor import examine
from agents.app.operations.findings import Grade
from agents.crypto.envelope import KeyEncryptionKey
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import Ledger
from agents.settings.model import Settings
from agents.upkeep.kek_rotation import move_to_service, rotate, wrapping_keys
from pipeline.errors import HushwireError, KeyServiceError, SettingsError, StoreError
from tests.services.transit import Transit
from tests.waiting import HANG_S

MakeKey = Callable[[], str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kek.json"


def is_encrypted(path: Path) -> bool:
    """Whether the file holds an encrypted keyset and nothing of a clear one."""
    stored = json.loads(path.read_text("utf-8"))
    return set(stored) == {"encryptedKeyset", "keysetInfo"}


def test_a_new_keyset_is_never_in_clear(service: MakeKey, file: Path) -> None:
    uri = service()
    wrapped, seal = KeyEncryptionKey.load_or_create(file, uri).new_transit_key("call-1")
    assert is_encrypted(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    value = seal.seal(b"value", b"place")
    again = KeyEncryptionKey.load_or_create(file, uri)
    assert again.unwrap(wrapped, "call-1").open(value, b"place") == b"value"


def test_a_clear_keyset_moves_to_a_service_and_from_one_to_another(
    service: MakeKey, file: Path
) -> None:
    ledger = Ledger.embedded(file.parent)
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    first, second = service(), service()
    move_to_service(file, ledger.database, None, first)
    assert is_encrypted(file)
    move_to_service(file, ledger.database, first, second)
    moved = Ledger(f"sqlite:///{file.parent / 'ledger.db'}", KeyEncryptionKey(file, second))
    assert moved.seal("call-1").open(value, b"") == b"value"
    entries = [json.loads(line) for line in AuditLog(ledger.database).export()]
    assert [one["facts"]["by"] for one in entries] == [first, second]
    for one in (ledger, moved):
        one.dispose()


def test_rotation_encrypts_the_new_keyset(service: MakeKey, file: Path) -> None:
    uri = service()
    url = f"sqlite:///{file.parent / 'ledger.db'}"
    ledger = Ledger(url, KeyEncryptionKey.load_or_create(file, uri))
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    before = file.read_bytes()
    done = rotate(file, ledger.database, service=uri)
    assert (is_encrypted(file), file.read_bytes() != before) == (True, True)
    (key,) = wrapping_keys(file, ledger.database, service=uri)
    assert (key.key_id, key.wraps, done.rewrapped) == (done.primary, 1, 1)
    # The process that was there before meets a key that it does not know.
    assert ledger.seal("call-1").open(value, b"") == b"value"
    ledger.dispose()


def test_the_private_half_by_which_calls_come_in_moves_to_a_service(
    service: MakeKey, tmp_path: Path
) -> None:
    path, first, second = tmp_path / "state" / "transit-private.json", service(), service()
    private = TransitPrivate.load_or_create(path)
    wrapped, _ = private.public.new_key("call-1")
    private.move_to(first)
    assert is_encrypted(path)
    refused(lambda: TransitPrivate(path), StoreError, "HUSHWIRE_TRANSIT_PRIVATE_KEY")
    moved = TransitPrivate(path, first)
    moved.move_to(second)
    moved.add_key()
    assert is_encrypted(path)
    refused(lambda: TransitPrivate(path, first), KeyServiceError, r"^key service")
    again = TransitPrivate.load_or_create(path, second)
    again.unwrap(wrapped, "call-1")
    again.unwrap(again.public.new_key("call-2")[0], "call-2")
    assert is_encrypted(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_call_waits_for_the_service(transit: Transit, file: Path) -> None:
    kek = KeyEncryptionKey.load_or_create(file, transit.make_key("key"))
    asked = transit.asked
    transit.close()
    wrapped = [kek.new_transit_key(f"call-{number}")[0] for number in range(20)]
    for number, one in enumerate(wrapped):
        kek.unwrap(one, f"call-{number}")
    kek.reload()  # the file is as it was
    assert transit.asked == asked


def test_a_new_version_of_the_service_s_key_opens_what_the_old_one_encrypted(
    transit: Transit, file: Path
) -> None:
    uri = transit.make_key("key")
    primary = KeyEncryptionKey.load_or_create(file, uri).primary
    transit.make_key("key")
    assert KeyEncryptionKey(file, uri).primary == primary


def refused(work: Callable[[], object], kind: type[HushwireError], match: str) -> None:
    """The error is ours, and quotes nobody."""
    with pytest.raises(kind, match=match) as caught:
        work()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_a_service_that_is_away_is_an_error_in_time(
    service: MakeKey, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = service()
    KeyEncryptionKey.load_or_create(file, uri)
    if uri.startswith("aws"):
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
        away = uri
    else:
        away = uri.replace(uri.split("/")[2], "127.0.0.1:1")
    told = r"can't be reached at 127\.0\.0\.1:1: connection refused; see that it runs"
    refused(lambda: KeyEncryptionKey(file, away), KeyServiceError, told)
    missing = file.with_name("other.json")
    refused(lambda: KeyEncryptionKey.load_or_create(missing, away), KeyServiceError, "reached")
    assert not missing.exists()


def test_vault_without_permission(
    transit: Transit, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = transit.make_key("key")
    KeyEncryptionKey.load_or_create(file, uri)
    for token in ("expired-token", "writer-token", ""):
        monkeypatch.setenv("VAULT_TOKEN", token)
        monkeypatch.setenv("HOME", str(file.parent))  # no ~/.vault-token
        refused(lambda: KeyEncryptionKey(file, uri), KeyServiceError, "does not let us")
    # Who may encrypt and not decrypt does not lock everybody out.
    monkeypatch.setenv("VAULT_TOKEN", "writer-token")
    missing = file.with_name("other.json")
    refused(lambda: KeyEncryptionKey.load_or_create(missing, uri), KeyServiceError, "let us")
    assert not missing.exists()


def test_aws_without_permission(
    aws: MakeKey, moto_address: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = aws()
    KeyEncryptionKey.load_or_create(file, uri)
    requests.post(f"{moto_address}/moto-api/reset-auth", data="0", timeout=HANG_S)
    try:
        refused(lambda: KeyEncryptionKey(file, uri), KeyServiceError, "does not let us")
    finally:
        requests.post(f"{moto_address}/moto-api/reset-auth", data="inf", timeout=HANG_S)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(file.parent))
    refused(lambda: KeyEncryptionKey(file, uri), KeyServiceError, "does not let us")


def test_vault_s_wrong_key_sealed_server_and_missing_engine(transit: Transit, file: Path) -> None:
    uri = transit.make_key("key")
    KeyEncryptionKey.load_or_create(file, uri)
    other = transit.make_key("other")
    refused(lambda: KeyEncryptionKey(file, other), KeyServiceError, "does not open the file")
    lost = transit.uri("lost")
    refused(lambda: KeyEncryptionKey(file, lost), KeyServiceError, "does not open the file")
    elsewhere = uri.replace("/transit/", "/other/")
    refused(lambda: KeyEncryptionKey(file, elsewhere), KeyServiceError, "no such key")
    transit.sealed = True
    refused(lambda: KeyEncryptionKey(file, uri), KeyServiceError, "is sealed")


def test_a_certificate_that_nobody_knows_is_refused(
    transit: Transit, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = transit.make_key("key")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    refused(lambda: KeyEncryptionKey.load_or_create(file, uri), KeyServiceError, "certificate")
    assert (transit.asked, file.exists()) == (0, False)


def test_a_changed_file_does_not_open(service: MakeKey, file: Path) -> None:
    uri = service()
    KeyEncryptionKey.load_or_create(file, uri)
    stored = json.loads(file.read_text("utf-8"))
    kept = stored["encryptedKeyset"]
    for changed in (kept[:-8] + "AAAAAAA=", "AAAA", ""):
        stored["encryptedKeyset"] = changed
        file.write_text(json.dumps(stored), "utf-8")
        with pytest.raises(StoreError):
            KeyEncryptionKey(file, uri)


def test_a_file_in_clear_does_not_pass_for_an_encrypted_one(service: MakeKey, file: Path) -> None:
    uri = service()
    KeyEncryptionKey.load_or_create(file)
    refused(lambda: KeyEncryptionKey.load_or_create(file, uri), StoreError, "not encrypted")
    assert not is_encrypted(file)
    encrypted = file.with_name("encrypted.json")
    KeyEncryptionKey.load_or_create(encrypted, uri)
    refused(lambda: KeyEncryptionKey(encrypted), StoreError, "HUSHWIRE_KEYSET")


def test_keys_never_travel_in_clear_over_a_network(
    transit: Transit, aws: MakeKey, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = aws()
    for name in ("VAULT_ADDR", "AWS_ENDPOINT_URL_KMS"):
        monkeypatch.setenv(name, "http://192.0.2.1:8200")
    for uri in ("hcvault:///transit/keys/key", named):
        refused(lambda uri=uri: KeyEncryptionKey.load_or_create(file, uri), SettingsError, "https")
    monkeypatch.setenv("VAULT_ADDR", f"https://{transit.host}")
    transit.make_key("key")
    KeyEncryptionKey.load_or_create(file, "hcvault:///transit/keys/key")


@pytest.mark.parametrize("library", ["boto3", "hvac"])
def test_a_missing_client_library_says_what_to_install(
    library: str, service: MakeKey, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = service()
    if uri.startswith("aws") is not (library == "boto3"):
        return
    monkeypatch.setitem(sys.modules, library, None)
    refused(lambda: KeyEncryptionKey.load_or_create(file, uri), SettingsError, r"hushwire\[kms\]")
    assert not file.exists()


def test_the_command_moves_rotates_and_lists(transit: Transit, tmp_path: Path) -> None:
    def hushwire(*arguments: str, keyset: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "200", "VAULT_CACERT": str(transit.certificate)}
        if keyset:
            environment["HUSHWIRE_KEYSET"] = keyset
        command = [sys.executable, "-m", "agents", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    ledger = Ledger.embedded(tmp_path / ".hushwire")
    ledger.open_call("call-1")
    ledger.dispose()
    file = tmp_path / ".hushwire" / "kek.json"
    transit.sealed = True
    uri = transit.make_key("key")
    before = file.read_bytes()
    failed = hushwire("keys", "wrap", "--with", uri)
    assert (failed.returncode, file.read_bytes()) == (4, before)
    assert "is sealed" in failed.stderr
    transit.sealed = False
    assert hushwire("keys", "wrap", "--with", "hcvault://nowhere").returncode == 2
    moved = hushwire("keys", "wrap", "--with", uri)
    assert (moved.returncode, is_encrypted(file)) == (0, True)
    assert f"HUSHWIRE_KEYSET={uri}" in moved.stdout
    assert hushwire("keys", "rotate").returncode == 4
    rotated = hushwire("keys", "rotate", keyset=uri)
    assert (rotated.returncode, is_encrypted(file)) == (0, True)
    listed = hushwire("keys", "list", keyset=uri)
    assert (listed.returncode, "primary" in listed.stdout) == (0, True)


def test_doctor_tells_whether_the_service_opens_the_file(transit: Transit, file: Path) -> None:
    uri = transit.make_key("key")
    url = f"sqlite:///{file.parent / 'ledger.db'}"
    Ledger(url, KeyEncryptionKey.load_or_create(file, uri)).dispose()
    settings = Settings(keyset=uri)

    def ledger_findings() -> dict[str, tuple[Grade, str]]:
        found = examine(settings, file.parent, None)
        return {one.what: (one.grade, one.told) for one in found}

    assert ledger_findings()["key service"] == (Grade.OK, f"{uri} opens the key file")
    transit.sealed = True
    grade, told = ledger_findings()["ledger"]
    assert grade is Grade.WEAK
    assert "is sealed" in told


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("IncorrectKeyException", "another key encrypted it"),
        ("InvalidCiphertextException", "another key encrypted it"),
        ("AccessDeniedException", "does not let us"),
        ("ExpiredTokenException", "does not let us"),
        ("DisabledException", "disabled"),
        ("KMSInternalException", r"refuses \(KMSInternalException\)"),
    ],
)
def test_what_aws_answers_is_told_in_our_words(
    code: str, told: str, aws: MakeKey, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = aws()
    KeyEncryptionKey.load_or_create(file, uri)

    def answer(*_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "secret"}}, "Decrypt")

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
    refused(lambda: KeyEncryptionKey(file, uri), KeyServiceError, told)
