from __future__ import annotations

import stat
from pathlib import Path
from unittest import mock

import pytest
import tink
from hypothesis import given
from hypothesis import strategies as st
from tink import aead, hybrid, json_proto_keyset_format, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

from agents.crypto.envelope import KeyEncryptionKey
from agents.crypto.keyset_file import KeysetFile
from agents.crypto.transit_hybrid import (
    TransitPrivate,
    TransitPublic,
    hybrid_bound,
    hybrid_key_id,
    write_public,
)
from pipeline.errors import SealError, StoreError
from pipeline.gateways.door.wire import CallKey, decode, encode
from tests.pipeline.gateways.door.door_samples import RECORDS, TOPIC

pytestmark = pytest.mark.unit


@pytest.fixture
def private(tmp_path: Path) -> TransitPrivate:
    return TransitPrivate.load_or_create(tmp_path / "state" / "transit-private.json")


@pytest.fixture
def public(private: TransitPrivate, tmp_path: Path) -> TransitPublic:
    """As another host has it."""
    write_public(tmp_path / "elsewhere" / "public.json", private.public)
    return TransitPublic.load(tmp_path / "elsewhere" / "public.json")


@pytest.mark.parametrize("name", RECORDS)
def test_what_the_public_half_seals_the_private_half_opens(
    private: TransitPrivate, public: TransitPublic, name: str
) -> None:
    record = RECORDS[name]
    call_id = record.header.call_id
    wrapped, seal = public.new_key(call_id)
    message = encode(record, TOPIC, CallKey(wrapped, seal))
    assert b"spoken" not in (message.value or b"")
    assert decode(message, TOPIC, private.unwrap(wrapped, call_id)) == record


def test_a_call_s_key_opens_for_its_own_call_only(
    private: TransitPrivate, public: TransitPublic
) -> None:
    wrapped, seal = public.new_key("call-a")
    sealed = seal.seal(b"value", b"place")
    assert private.unwrap(wrapped, "call-a").open(sealed, b"place") == b"value"
    with pytest.raises(SealError) as caught:
        private.unwrap(wrapped, "call-b")
    assert caught.value.__cause__ is None
    again, other = public.new_key("call-a")
    assert again != wrapped
    with pytest.raises(SealError):
        private.unwrap(again, "call-a").open(sealed, b"place")
    assert other is not seal


def test_the_public_half_opens_nothing_and_holds_no_secret(
    private: TransitPrivate, public: TransitPublic
) -> None:
    content = public.content()
    assert b"HpkePublicKey" in content
    secret = tink_pb2.Keyset.FromString(
        proto_keyset_format.serialize(
            json_proto_keyset_format.parse(private.path.read_text(), secret_key_access.TOKEN),
            secret_key_access.TOKEN,
        )
    )
    assert secret.key[0].key_data.type_url.endswith("HpkePrivateKey")
    handle = json_proto_keyset_format.parse_without_secret(content.decode())
    with pytest.raises(tink.TinkError):
        handle.primitive(hybrid.HybridDecrypt)
    assert not [name for name in dir(public) if "unwrap" in name or "open" in name]


def test_it_is_the_suite_that_the_documents_name(public: TransitPublic) -> None:
    """RFC 9180: KEM 0x0020 (X25519), KDF 0x0001 (HKDF-SHA256), AEAD 0x0002 (AES-256-GCM)."""
    wrapped, _ = public.new_key("call-a")
    handle = json_proto_keyset_format.parse_without_secret(public.content().decode())
    key = tink_pb2.Keyset.FromString(proto_keyset_format.serialize_without_secret(handle)).key[0]
    # HpkePublicKey: params (field 2): kem 1, kdf 1, aead 2; then the key's 32 bytes.
    assert key.key_data.value[:10] == bytes.fromhex("12060801100118021a20")
    assert len(key.key_data.value) == 10 + 32
    assert len(wrapped) < 200


def test_files_are_as_private_as_they_have_to_be(private: TransitPrivate, tmp_path: Path) -> None:
    assert stat.S_IMODE(private.path.stat().st_mode) == 0o600
    write_public(tmp_path / "public.json", private.public)
    assert stat.S_IMODE((tmp_path / "public.json").stat().st_mode) == 0o644
    private.path.chmod(0o640)
    with pytest.raises(StoreError, match="0600"):
        TransitPrivate(private.path)


def test_the_private_half_stays(private: TransitPrivate, public: TransitPublic) -> None:
    wrapped, _ = public.new_key("call-a")
    TransitPrivate.load_or_create(private.path).unwrap(wrapped, "call-a")
    with mock.patch.object(Path, "exists", return_value=False):  # somebody else was first
        TransitPrivate.load_or_create(private.path).unwrap(wrapped, "call-a")


def test_a_new_key_opens_beside_the_old_one_until_that_is_destroyed(
    private: TransitPrivate, public: TransitPublic
) -> None:
    old, _ = public.new_key("call-a")
    other = TransitPrivate(private.path)
    other.add_key()
    new, _ = other.public.new_key("call-b")
    assert hybrid_key_id(new) == other.primary != public.primary
    assert len(other.public.content()) < 500, "the old public key is not handed out any more"
    private.unwrap(new, "call-b")  # a worker that runs finds it
    private.unwrap(old, "call-a")
    assert other.keep_primary() == {public.primary}
    assert other.keep_primary() == frozenset()
    with pytest.raises(SealError):
        other.unwrap(old, "call-a")
    other.unwrap(new, "call-b")


def test_a_known_key_reads_no_file_and_an_unknown_one_the_same_file_once(
    private: TransitPrivate, public: TransitPublic, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped, _ = public.new_key("call-a")
    parse = mock.Mock(side_effect=AssertionError)
    monkeypatch.setattr(KeysetFile, "parse", parse)
    private.unwrap(wrapped, "call-a")
    foreign = b"\x01" + bytes(4) + wrapped[5:]
    with pytest.raises(SealError):
        private.unwrap(foreign, "call-a")
    private.path.unlink()
    private.unwrap(wrapped, "call-a")
    with pytest.raises(StoreError, match="missing"):
        private.unwrap(foreign, "call-a")


@given(cut=st.integers(0, 200), byte=st.integers(0, 255), short=st.booleans())
def test_a_damaged_key_is_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, *, cut: int, byte: int, short: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    private = TransitPrivate.load_or_create(path)
    wrapped, _ = private.public.new_key("call-a")
    at = cut % len(wrapped)
    damaged = wrapped[:at] if short else wrapped[:at] + bytes([byte]) + wrapped[at + 1 :]
    if damaged == wrapped:
        return
    with pytest.raises(SealError):
        private.unwrap(damaged, "call-a")


@pytest.mark.parametrize(
    "inner",
    [
        b"no keyset",
        b"",
        proto_keyset_format.serialize(
            tink.new_keyset_handle(
                hybrid.hybrid_key_templates.ECIES_P256_HKDF_HMAC_SHA256_AES128_GCM
            ),
            secret_key_access.TOKEN,
        ),
        proto_keyset_format.serialize(
            tink.new_keyset_handle(aead.aead_key_templates.AES128_CTR_HMAC_SHA256),
            secret_key_access.TOKEN,
        ),
    ],
)
def test_a_key_of_another_kind_inside_is_refused(private: TransitPrivate, inner: bytes) -> None:
    """Whoever has the public half may wrap what they like."""
    handle = json_proto_keyset_format.parse_without_secret(private.public.content().decode())
    wrapped = handle.primitive(hybrid.HybridEncrypt).encrypt(inner, hybrid_bound("call-a"))
    with pytest.raises(SealError):
        private.unwrap(wrapped, "call-a")


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", "null", "7", '"key"', '{"key": []}', "x" * 70_000, "[" * 60_000]
)
def test_a_file_that_is_no_public_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "public.json"
    path.write_text(content)
    with pytest.raises(StoreError, match="keys transit public"):
        TransitPublic.load(path)


def test_a_private_key_in_the_public_one_s_place_is_refused(private: TransitPrivate) -> None:
    with pytest.raises(StoreError, match="take it away"):
        TransitPublic.load(private.path)


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="keys transit public"):
        TransitPublic.load(tmp_path / "none.json")
    with pytest.raises(StoreError, match="keys transit new"):
        TransitPrivate(tmp_path / "none.json")
    with pytest.raises(StoreError, match="Is a directory"):
        TransitPublic.load(tmp_path)


def test_the_vault_s_key_is_never_taken_for_it(tmp_path: Path) -> None:
    KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    with pytest.raises(StoreError, match="another key's file"):
        TransitPrivate(tmp_path / "kek.json")


def test_a_file_that_a_service_encrypted_names_its_own_setting(tmp_path: Path) -> None:
    path = tmp_path / "transit-private.json"
    path.write_text('{"encryptedKeyset": "AAAA"}')
    path.chmod(0o600)
    with pytest.raises(StoreError, match="HUSHWIRE_TRANSIT_PRIVATE_KEY"):
        TransitPrivate(path)


def test_nothing_of_the_private_half_shows(private: TransitPrivate) -> None:
    text = private.path.read_text()
    value = text.split('"value": "')[1].split('"')[0]
    assert len(value) > 40
    assert value not in repr(private._keys)
    assert value not in repr(private.public)


def test_a_folder_that_can_t_be_written_is_an_error(
    private: TransitPrivate, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="public key"):
        write_public(tmp_path / "file" / "public.json", private.public)
    with (
        mock.patch.object(Path, "exists", side_effect=PermissionError(13, "no")),
        pytest.raises(StoreError, match="Permission denied"),
    ):
        TransitPrivate.load_or_create(tmp_path / "private.json")
