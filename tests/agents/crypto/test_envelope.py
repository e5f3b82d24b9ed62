from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from unittest import mock

import pytest
import tink
from tink.proto import tink_pb2

from agents.crypto.envelope import KeyEncryptionKey, Seal, wrapping_key_id
from agents.crypto.keyset_file import KeysetFile, with_new_primary
from agents.kafka.producer import sealed
from pipeline.errors import SealError, StoreError
from pipeline.records import cloudevents
from tests.pipeline.records.wire_samples import SAMPLES

pytestmark = pytest.mark.unit

TOPIC = "hushwire.audio.raw"


@pytest.fixture
def kek(tmp_path: Path) -> KeyEncryptionKey:
    return KeyEncryptionKey.load_or_create(tmp_path / "state" / "kek.json")


@pytest.fixture
def seal(kek: KeyEncryptionKey) -> Seal:
    return kek.new_transit_key("call-1")[1]


def test_a_sealed_record_opens_and_hides_its_value(seal: Seal) -> None:
    clear = cloudevents.encode(SAMPLES["Heard"])
    message = sealed(SAMPLES["Heard"], TOPIC, seal)
    assert b"placeholder" in clear.value
    assert b"placeholder" not in message.value
    associated = cloudevents.associated_data(TOPIC, message.headers)
    assert seal.open(message.value, associated) == clear.value


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(
    "header",
    ["ce_type", "ce_dataschema", "ce_subject", "ce_id", "content-type", "hw_meta", "topic"],
)
def test_a_moved_or_changed_record_does_not_open(seal: Seal, name: str, header: str) -> None:
    message = sealed(SAMPLES[name], TOPIC, seal)
    if header == "topic":
        associated = cloudevents.associated_data("hushwire.words", message.headers)
    else:
        changed = {**message.headers, header: message.headers.get(header, b"") + b"0"}
        associated = cloudevents.associated_data(TOPIC, changed)
    with pytest.raises(SealError) as caught:
        seal.open(message.value, associated)
    assert caught.value.__cause__ is None


def test_parts_do_not_run_into_each_other() -> None:
    first = cloudevents.associated_data("a", {"ce_type": b"bc", "ce_dataschema": b"d"})
    second = cloudevents.associated_data("a", {"ce_type": b"b", "ce_dataschema": b"cd"})
    assert first != second


def test_changed_bytes_do_not_open(seal: Seal) -> None:
    value = seal.seal(b"value", b"place")
    for wrong in (b"", value[:-1], value[:-1] + bytes([value[-1] ^ 1]), b"\0" + value):
        with pytest.raises(SealError):
            seal.open(wrong, b"place")


def test_another_call_s_key_does_not_open(kek: KeyEncryptionKey, seal: Seal) -> None:
    other = kek.new_transit_key("call-1")[1]
    with pytest.raises(SealError):
        other.open(seal.seal(b"value", b"place"), b"place")


def test_a_wrapped_key_unwraps_for_its_own_call_only(kek: KeyEncryptionKey) -> None:
    wrapped, seal = kek.new_transit_key("call-1")
    value = seal.seal(b"value", b"place")
    assert kek.unwrap(wrapped, "call-1").open(value, b"place") == b"value"
    with pytest.raises(SealError):
        kek.unwrap(wrapped, "call-2")


def test_the_key_file_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "kek.json"
    wrapped, _ = KeyEncryptionKey.load_or_create(path).new_transit_key("call-1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    KeyEncryptionKey.load_or_create(path).unwrap(wrapped, "call-1")
    assert [one.name for one in tmp_path.iterdir()] == ["kek.json"]


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o601])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek.json"
    KeyEncryptionKey.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match="0600"):
        KeyEncryptionKey.load_or_create(path)


def test_a_file_that_is_no_keyset_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kek.json"
    path.write_text("{}")
    path.chmod(0o600)
    with pytest.raises(StoreError, match="no Tink keyset"):
        KeyEncryptionKey.load_or_create(path)


def test_the_content_of_the_key_file_is_in_no_repr(kek: KeyEncryptionKey) -> None:
    secret = json.loads(kek.path.read_text())["key"][0]["keyData"]["value"]
    assert secret not in repr(kek._keyset)


def test_a_key_that_was_added_to_the_file_is_found_without_a_start(tmp_path: Path) -> None:
    old = KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    KeysetFile(old.path).write(with_new_primary(KeysetFile(old.path).read()))
    new = KeyEncryptionKey(old.path)
    assert new.primary not in old.ids
    wrapped, seal = new.new_transit_key("call-1")
    value = seal.seal(b"value", b"place")
    assert old.unwrap(wrapped, "call-1").open(value, b"place") == b"value"
    assert old.ids == new.ids
    assert wrapping_key_id(wrapped) == new.primary


def test_a_known_key_reads_no_file(kek: KeyEncryptionKey) -> None:
    wrapped, _ = kek.new_transit_key("call-1")
    kek.path.unlink()
    kek.unwrap(wrapped, "call-1")
    with pytest.raises(StoreError):
        kek.reload()


def test_the_same_file_is_not_parsed_again(
    kek: KeyEncryptionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeysetFile, "parse", mock.Mock(side_effect=AssertionError))
    kek.reload()


@pytest.mark.parametrize("inner", [b"", b"\1\0\0\0", b"\0\0\0\0\7", b"\2\0\0\0\7 and more"])
def test_what_begins_like_no_wrapped_key_is_refused(inner: bytes) -> None:
    wrapped = tink_pb2.EncryptedKeyset(encrypted_keyset=inner).SerializeToString()
    with pytest.raises(SealError, match="not a wrapped key"):
        wrapping_key_id(wrapped)


def test_the_wrapping_key_s_id_is_the_four_bytes_behind_the_version() -> None:
    wrapped = tink_pb2.EncryptedKeyset(encrypted_keyset=b"\1\1\2\3\4").SerializeToString()
    assert wrapping_key_id(wrapped) == 0x01020304


def test_what_tink_refuses_to_seal_is_an_error() -> None:
    refusing = mock.Mock(encrypt=mock.Mock(side_effect=tink.TinkError))
    with pytest.raises(SealError):
        Seal(refusing).seal(b"value", b"place")


def test_a_folder_that_may_not_be_looked_into_is_an_error(tmp_path: Path) -> None:
    with (
        mock.patch.object(Path, "exists", side_effect=PermissionError(13, "no")),
        pytest.raises(StoreError, match="Permission denied"),
    ):
        KeyEncryptionKey.load_or_create(tmp_path / "kek.json")


def test_a_missing_key_where_keys_are_mounted_is_told_with_who_makes_it(tmp_path: Path) -> None:
    with (
        mock.patch("agents.crypto.keyset_file.write_private", side_effect=OSError(errno.EROFS, "")),
        pytest.raises(StoreError, match=r"kek.json: is missing.*docker compose up keys.*keys new"),
    ):
        KeyEncryptionKey.load_or_create(tmp_path / "kek.json")


def test_a_key_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "kek.json"
    wrapped, _ = KeyEncryptionKey.load_or_create(path).new_transit_key("call-1")
    with mock.patch.object(Path, "exists", return_value=False):
        KeyEncryptionKey.load_or_create(path).unwrap(wrapped, "call-1")
