"""The signing key's file, and what a signature covers."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agents.crypto.ed25519 import PublicKey, SigningKey
from pipeline.errors import InputError, RecordError, StoreError
from pipeline.evidence.canonical_json import (
    canonical_json,
    read_document,
    signature_of,
    signing_payload,
)

pytestmark = pytest.mark.unit

DOCUMENT = {"schema": "test", "measured": -120.0, "name": "Größe", "list": [1, 0.5]}


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "signing.pem")


def signed(key: SigningKey, document: dict[str, object]) -> dict[str, object]:
    one = key.sign(document)
    named = {"algorithm": one.algorithm, "key_id": one.key_id, "value": one.value}
    return {**document, "signature": named}


def test_the_key_is_made_once_and_is_private(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = SigningKey.load_or_create(path)
    assert again.public.key_id == key.public.key_id
    assert again.sign(DOCUMENT) == key.sign(DOCUMENT)


def test_a_key_file_that_others_may_read_is_refused(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    path.chmod(0o640)
    with pytest.raises(StoreError, match=r"signing\.pem: others may read it; set its mode to 0600"):
        SigningKey.load_or_create(path)


def _elliptic() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no private key"),
        (b"-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n", "holds no private key"),
        (_elliptic(), "not an Ed25519 key"),
    ],
)
def test_a_broken_key_file_is_refused_and_stays(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "signing.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=rf"signing\.pem: {told}"):
        SigningKey.load_or_create(path)
    assert path.read_bytes() == content


def test_an_encrypted_key_file_is_refused(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "other.pem"
    path.write_bytes(
        key._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )
    path.chmod(0o600)
    with pytest.raises(StoreError, match="not encrypted"):
        SigningKey.load(path)


def test_a_public_key_is_exported_and_read(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "public.pem"
    path.write_text(key.public.pem(), encoding="utf-8")
    public = PublicKey.load(path)
    assert public.key_id == key.public.key_id
    assert public.signed(signed(key, DOCUMENT))
    der = base64.b64decode("".join(key.public.pem().splitlines()[1:-1]))
    assert hashlib.sha256(der).hexdigest() == public.key_id


def test_no_public_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "public.pem"
    path.write_text("no key", encoding="utf-8")
    with pytest.raises(InputError, match=r"public\.pem: holds no public key"):
        PublicKey.load(path)
    with pytest.raises(InputError, match=r"gone\.pem: No such file"):
        PublicKey.load(tmp_path / "gone.pem")


@pytest.mark.parametrize(
    "change",
    [
        {"measured": -119.0},
        {"schema": "other"},
        {"more": None},
        {"signature": {"key_id": "0" * 64}},
        {"signature": {"algorithm": "none"}},
        {"signature": {"value": "A" * 86 + "=="}},
        {"signature": {"value": "short"}},
    ],
)
def test_every_change_is_seen(key: SigningKey, change: dict[str, object]) -> None:
    document = signed(key, DOCUMENT)
    assert key.public.signed(document)
    inner = change.get("signature")
    if isinstance(inner, dict):
        change = {"signature": {**document["signature"], **inner}}  # type: ignore[dict-item]
    assert not key.public.signed({**document, **change})


def test_another_key_and_no_signature_are_no(key: SigningKey, tmp_path: Path) -> None:
    other = SigningKey.load_or_create(tmp_path / "other.pem")
    assert not other.public.signed(signed(key, DOCUMENT))
    assert not key.public.signed(DOCUMENT)
    assert signature_of(DOCUMENT) is None
    with pytest.raises(RecordError, match="not signed"):
        signing_payload(DOCUMENT)


def test_the_payload_is_the_file_without_the_signature_s_value(key: SigningKey) -> None:
    document = signed(key, DOCUMENT)
    payload = signing_payload(read_document(json.dumps(document, indent=1).encode()))
    assert (
        payload
        == (
            '{"list":[1,0.5],"measured":-120,"name":"Größe","schema":"test",'
            f'"signature":{{"algorithm":"Ed25519","key_id":"{key.public.key_id}"}}}}'
        ).encode()
    )


def test_numbers_and_members_have_one_form() -> None:
    """RFC 8785, 3.2.2.3 and 3.2.3: UTF-16 order, whole numbers without a point."""
    document = {"\ufb33": 1.0, "\U0001f600": [0.5, -0.0], "a": {"c": None, "b": True}}
    expected = '{"a":{"b":true,"c":null},"\U0001f600":[0.5,0],"\ufb33":1}'
    assert canonical_json(document) == expected.encode()


@pytest.mark.parametrize("number", [1e-7, 1e300, float("inf"), float("nan")])
def test_a_number_that_libraries_write_differently_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="canonical"):
        canonical_json({"measured": number})


def test_openssl_agrees(key: SigningKey, tmp_path: Path) -> None:
    """The commands that docs/certificates.md gives an auditor."""
    document = signed(key, DOCUMENT)
    value = signature_of(document)
    assert value is not None
    (tmp_path / "public.pem").write_text(key.public.pem(), encoding="utf-8")
    (tmp_path / "payload").write_bytes(signing_payload(document))
    (tmp_path / "signature").write_bytes(base64.b64decode(value.value))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin"]
    command += ["-in", "payload", "-sigfile", "signature"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "payload").write_bytes(canonical_json({**document, "measured": 0.0}))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b"\xff"])
def test_a_document_that_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        read_document(data)
