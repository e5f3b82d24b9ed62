"""Keys and certificates that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agents.access.audit_log import AuditLog, Event
from agents.app.operations.expiry import certificates, due, keys
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.settings.model import Settings

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pem(path: Path, days: float) -> Path:
    """A certificate that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hushwire")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("days", "grade"), [(90, "ok"), (30, "warn"), (0.5, "warn"), (-1, "bad")])
def test_a_certificate_that_ends(days: float, grade: str, tmp_path: Path) -> None:
    settings = Settings(api_certificate=pem(tmp_path / "api.pem", days))
    [one] = certificates(settings, NOW)
    assert (one.what, one.name, one.grade) == ("Certificate of the API", "api.pem", grade)
    assert one.until == (NOW + timedelta(days=days)).isoformat()
    assert [one] * (grade != "ok") == list(due([one]))


def test_of_a_chain_the_first_to_end_counts(tmp_path: Path) -> None:
    whole = tmp_path / "chain.pem"
    first, last = pem(tmp_path / "a.pem", 5), pem(tmp_path / "b.pem", 500)
    whole.write_bytes(last.read_bytes() + first.read_bytes())
    [one] = certificates(Settings(gateway_certificate=whole), NOW)
    assert one.told == "it ends in 5 days: renew it"


def test_one_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "api.pem"
    for content in (None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
        if content is not None:
            broken.write_bytes(content)
        [one] = certificates(Settings(api_certificate=broken), NOW)
        assert (one.grade, "can't be read" in one.told) == ("bad", True)


def test_keys_and_when_each_is_due(ledger: Ledger, tmp_path: Path) -> None:
    database = ledger.database
    database.now = lambda: NOW
    ledger.open_call("call-1")
    log, key = AuditLog(database), SigningKey.load_or_create(tmp_path / "signing.pem")
    log.append(Event("e", "", "hushwire.audit.hold-added.v1", {"by": "me"}))
    log.adopt(key, by="test")
    found = {one.what: one for one in keys(database, NOW + timedelta(days=10))}
    assert found["Wrapping key"].told == "10 days old"
    assert found["Wrapping key"].grade == "ok"
    assert found["Signing key"].name == key.public.key_id
    late = {one.what: one for one in keys(database, NOW + timedelta(days=366))}
    assert late["Wrapping key"].grade == "warn"
    assert "hushwire keys rotate" in late["Wrapping key"].told
    assert late["Signing key"].grade == "ok"
