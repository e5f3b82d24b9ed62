"""The vault in a folder and in a bucket: all of a call or nothing, and only for who has its key."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import obstore
import pytest

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from agents.system.owners import owner
from agents.upkeep import erasure, retention, unfinished_calls
from agents.vault import file_store
from agents.vault.call_catalogue import CallFilter
from agents.vault.call_keys import VaultKeys
from agents.vault.file_store import PASSED, QUARANTINE, FolderPlace
from agents.vault.reader import VaultReader
from agents.vault.s3_store import BucketPlace
from agents.vault.vault import SEALED, Vault
from pipeline.errors import (
    InputError,
    OtherRecordingError,
    RecordError,
    SealError,
    StoreError,
    UnknownCallError,
)
from tests.agents.storing import AUDIO, FILES, new_ledger, stored_call, sweeps
from tests.agents.vault.raw import Raw

pytestmark = pytest.mark.unit

CALL = "call-1"
FLAC, CERTIFICATE = "call-1.flac", "call-1.certificate.json"


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """With two open calls."""
    ledger.open_call(CALL)
    ledger.open_call("call-2")
    return ledger


def test_what_is_stored_is_read_and_lies_nowhere_in_clear(vault: Vault) -> None:
    facts = vault.store(stored_call(CALL), keep_days=30)
    for name, content in stored_call(CALL).files.items():
        assert vault.read(CALL, name) == content
    assert facts.files == {name: len(content) for name, content in stored_call(CALL).files.items()}
    raw = Raw(vault).everything()
    assert AUDIO[5_000:5_064] not in raw
    assert b"what was said" not in raw
    assert (
        stored_call(CALL).files[CERTIFICATE] in raw
    )  # holds no content, so that anybody can check


def test_a_tampered_file_does_not_open(vault: Vault) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    raw = Raw(vault)
    sealed = bytearray(raw.read(CALL, FLAC + SEALED))
    sealed[len(sealed) // 2] ^= 1
    raw.write(CALL, FLAC + SEALED, bytes(sealed))
    with pytest.raises(SealError):
        vault.read(CALL, FLAC)


@pytest.mark.parametrize("length", [0, 20, 1 << 20, -1, -16])
def test_a_truncated_file_does_not_open(vault: Vault, length: int) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    raw = Raw(vault)
    raw.write(CALL, FLAC + SEALED, raw.read(CALL, FLAC + SEALED)[:length])
    with pytest.raises(SealError):
        vault.read(CALL, FLAC)
    with pytest.raises(SealError):
        list(VaultReader(vault).audio(CALL, len(AUDIO) - 5))


def test_swapped_files_and_moved_calls_do_not_open(vault: Vault) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    vault.store(stored_call("call-2"), keep_days=30)
    raw = Raw(vault)
    text, subtitles = (raw.read(CALL, f"call-1.{one}{SEALED}") for one in ("json", "vtt"))
    raw.write(CALL, f"call-1.json{SEALED}", subtitles)
    raw.write(CALL, f"call-1.vtt{SEALED}", text)
    raw.write("call-2", f"call-2.flac{SEALED}", raw.read(CALL, FLAC + SEALED))
    for call_id, name in ((CALL, "call-1.json"), (CALL, "call-1.vtt"), ("call-2", "call-2.flac")):
        with pytest.raises(SealError):
            vault.read(call_id, name)


def test_a_changed_certificate_is_not_handed_out(vault: Vault) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    Raw(vault).write(CALL, CERTIFICATE, b"{}")
    with pytest.raises(SealError):
        VaultReader(vault).certificate(CALL)


def test_another_wrapping_key_opens_nothing(vault: Vault, ledger: Ledger, tmp_path: Path) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    other = KeyEncryptionKey.load_or_create(tmp_path / "other" / "kek.json")
    stranger = Vault(vault.place, VaultKeys(ledger.database, other), vault.catalogue)
    with pytest.raises(SealError):
        stranger.read(CALL, FLAC)


def test_without_its_key_a_call_does_not_open(vault: Vault) -> None:
    vault.store(stored_call(CALL), keep_days=30)
    assert vault.keys.destroy(CALL)
    assert not vault.keys.destroy(CALL)
    with pytest.raises(UnknownCallError):
        vault.read(CALL, FLAC)


def test_a_key_wrapped_for_another_call_does_not_unwrap(vault: Vault, ledger: Ledger) -> None:
    for name in (CALL, "call-2"):
        vault.store(stored_call(name), keep_days=30)
    with ledger.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE vault_keys SET wrapped_key = "
            "(SELECT wrapped_key FROM vault_keys WHERE call_id = 'call-2') WHERE call_id = 'call-1'"
        )
    with pytest.raises(SealError):
        vault.read(CALL, FLAC)


def test_who_is_first_stays(vault: Vault) -> None:
    first = vault.store(stored_call(CALL), keep_days=30)
    again = vault.store(stored_call(CALL, json=b"other"), keep_days=99)
    assert again == first
    assert vault.read(CALL, "call-1.json") == FILES["json"]


def test_a_repeat_after_a_crash_before_the_catalogue_enters_what_is_there(vault: Vault) -> None:
    first = vault.store(stored_call(CALL), keep_days=30)
    vault.catalogue.begin_erasing(CALL, "request")
    vault.catalogue.remove(CALL)
    again = vault.store(stored_call(CALL, json=b"other and longer" * 9), keep_days=30)
    assert again.files == first.files
    assert again.certificate == first.certificate


def test_a_damaged_copy_is_replaced_by_a_repeat(vault: Vault) -> None:
    """As a worker does that died before the catalogue knew the call; the stage tries again."""
    vault.store(stored_call(CALL), keep_days=30)
    vault.catalogue.begin_erasing(CALL, "request")
    vault.catalogue.remove(CALL)
    Raw(vault).write(CALL, f"call-1.vtt{SEALED}", b"damaged")
    with pytest.raises(StoreError) as caught:
        vault.store(stored_call(CALL), keep_days=30)
    assert caught.value.retryable
    assert vault.store(stored_call(CALL), keep_days=30).call_id == CALL
    assert vault.read(CALL, "call-1.vtt") == FILES["vtt"]


def test_a_call_that_was_stored_in_clear_half_way_through_an_upgrade_is_sealed(
    vault: Vault,
) -> None:
    vault.place.put(PASSED, CALL, stored_call(CALL).files)
    with pytest.raises(StoreError):
        vault.store(stored_call(CALL), keep_days=30)
    vault.store(stored_call(CALL), keep_days=30)
    assert b"what was said" not in Raw(vault).everything()


def test_after_a_broker_that_lost_its_records_a_call_is_stored_anew(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    """``hushwire run`` was killed between the vault and the end of the call's key."""
    ledger.open_call("mine", owner=owner(embedded=True))
    vault.store(stored_call("mine"), keep_days=30)
    vault.catalogue.begin_erasing("mine", "request")
    vault.catalogue.remove("mine")
    assert unfinished_calls.forget_own(ledger, log, vault) == ["mine"]
    # Nobody could open it any more, nor tell whose it was.
    assert vault.place.names(PASSED, "mine") == ()
    assert not vault.keys.has("mine")
    ledger.open_call("mine")
    vault.store(stored_call("mine", json=b"anew"), keep_days=30)
    assert VaultReader(vault).transcript("mine") == b"anew"


def test_a_call_that_a_copy_of_the_installation_stored_stays(
    vault: Vault, location: str, ledger: Ledger, log: AuditLog, tmp_path: Path
) -> None:
    """A state folder was copied, so both sign with the same key, and both use one vault."""
    key = SigningKey.load_or_create(tmp_path / "both.pem")
    other = new_ledger(tmp_path / "copied")
    other.open_call(CALL, owner=owner(embedded=True))
    second, second_log = Vault.opened(location, other), AuditLog(other.database)
    facts = vault.store(key.certify(stored_call(CALL)), keep_days=30)
    for _ in range(2):
        with pytest.raises(OtherRecordingError, match="does not open"):
            second.store(key.certify(stored_call(CALL, json=b"theirs")), keep_days=30)
    assert unfinished_calls.forget_own(other, second_log, second) == [CALL]
    assert vault.certificate(facts)
    assert VaultReader(vault).transcript(CALL) == FILES["json"]
    other.dispose()


@pytest.mark.parametrize("passed", [True, False])
def test_a_call_of_another_installation_in_the_same_vault_stays(
    vault: Vault, location: str, tmp_path: Path, *, passed: bool
) -> None:
    """A run with another state folder, into a vault that has a call of the same id."""
    theirs, ours = (SigningKey.load_or_create(tmp_path / f"{one}.pem") for one in ("a", "b"))
    facts = vault.store(theirs.certify(stored_call(CALL, passed=passed)), keep_days=30)
    other = new_ledger(tmp_path / "other")
    other.open_call(CALL)
    second = Vault.opened(location, other)
    log = AuditLog(other.database)
    for _ in range(2):
        with pytest.raises(OtherRecordingError, match="another installation's"):
            second.store(ours.certify(stored_call(CALL, passed=passed)), keep_days=30)
    other.close_call(CALL, CallState.REFUSED)
    retention.sweep(second, other, log, sweeps(other))
    for _ in range(2):
        with pytest.raises(InputError, match="another installation's"):
            erasure.erase(second, other, log, CALL, erasure.REQUEST)
    assert vault.certificate(facts)
    if passed:
        assert VaultReader(vault).transcript(CALL) == FILES["json"]
    other.dispose()


@pytest.mark.parametrize("notes", [True, False])
def test_files_that_nobody_stored_stay(
    vault: Vault, ledger: Ledger, log: AuditLog, *, notes: bool
) -> None:
    """A recorder's own folder, that is taken for a vault's."""
    files = {"call-1.flac": b"the only original"} | ({"notes.txt": b"mine"} if notes else {})
    if isinstance(vault.place, FolderPlace):
        folder = vault.place.folder / PASSED / CALL
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        for _ in range(2):
            with pytest.raises(OtherRecordingError, match="Hushwire did not write"):
                vault.store(stored_call(CALL), keep_days=30)
        with pytest.raises(InputError, match="nothing was erased"):
            erasure.erase(vault, ledger, log, CALL, erasure.REQUEST)
        assert {one.name: one.read_bytes() for one in folder.iterdir()} == files
        return
    # In a bucket ours lie beside them.
    assert isinstance(vault.place, BucketPlace)
    store = vault.place._store
    for name, content in files.items():
        obstore.put(store, f"{PASSED}/{CALL}/{name}", content)
    vault.store(stored_call(CALL), keep_days=30)
    assert erasure.erase(vault, ledger, log, CALL, erasure.REQUEST)
    left = [one["path"] for page in obstore.list(store, f"{PASSED}/{CALL}/") for one in page]
    assert sorted(left) == [f"{PASSED}/{CALL}/{name}" for name in sorted(files)]


def test_whether_a_call_lies_in_this_vault_is_seen(vault: Vault, ledger: Ledger) -> None:
    facts = vault.store(stored_call(CALL), keep_days=30)
    assert vault.holds(CALL)
    names = vault.place.names(PASSED, CALL)
    files = {one: vault.place.open(PASSED, CALL, one).read() for one in names}
    for changed in (
        {},
        {one: data for one, data in files.items() if one != FLAC + SEALED},
        files | {CERTIFICATE: stored_call(CALL, json=b"another").files[CERTIFICATE]},
    ):
        vault.place.remove(PASSED, CALL)
        if changed:
            vault.place.put(PASSED, CALL, changed)
        assert not vault.holds(CALL)
    vault.place.remove(PASSED, CALL)
    vault.place.put(PASSED, CALL, files)
    assert vault.holds(CALL)
    assert vault.certificate(facts)
    # One that was stored before there was a catalogue.
    vault.place.put(PASSED, "old", {"old.flac": b"in clear"})
    assert vault.holds("old")
    assert not vault.holds("never")


def test_of_concurrent_writers_one_wins_whole(vault: Vault) -> None:
    texts = [bytes([65 + number]) * 50_000 for number in range(4)]
    failed: list[Exception] = []

    def write(text: bytes) -> None:
        try:
            vault.store(stored_call(CALL, json=text, vtt=text), keep_days=30)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    kept = vault.read(CALL, "call-1.json")
    assert kept in texts
    assert vault.read(CALL, "call-1.vtt") == kept
    assert len(vault.catalogue.page(CallFilter()).calls) == 1
    assert Raw(vault).everything().count(b"call-1.json" + SEALED.encode()) in {1, 2}


def test_a_call_that_is_not_open_is_not_stored(vault: Vault, ledger: Ledger) -> None:
    ledger.close_call(CALL, CallState.REFUSED)
    with pytest.raises(UnknownCallError):
        vault.store(stored_call(CALL), keep_days=30)
    with pytest.raises(UnknownCallError):
        vault.store(stored_call(CALL, passed=False), keep_days=30)
    for area in (PASSED, QUARANTINE):
        assert vault.place.names(area, CALL) == ()


def test_a_call_that_failed_has_its_certificate_alone(vault: Vault) -> None:
    facts = vault.store(stored_call(CALL, passed=False), keep_days=30)
    assert not facts.passed
    assert vault.place.names(QUARANTINE, CALL) == (CERTIFICATE,)
    assert not vault.keys.has(CALL)
    reader = VaultReader(vault)
    assert reader.certificate(CALL)
    for read in (reader.transcript, reader.subtitles, reader.audio_length):
        with pytest.raises(UnknownCallError):
            read(CALL)


@pytest.mark.parametrize("call_id", ["../out", "", "a/b", ".."])
def test_an_unsafe_call_id_is_refused(vault: Vault, call_id: str) -> None:
    with pytest.raises(RecordError):
        vault.store(stored_call(call_id), keep_days=30)
    with pytest.raises(UnknownCallError):
        vault.read(call_id, "x.flac")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_an_unsafe_file_name_is_refused(vault: Vault, name: str) -> None:
    with pytest.raises(RecordError):
        vault.store(stored_call(CALL, files={name: b""}), keep_days=30)
    assert vault.place.names(PASSED, CALL) == ()


def test_a_transcript_that_is_named_like_a_certificate_is_sealed(
    vault: Vault, ledger: Ledger
) -> None:
    ledger.open_call("call.certificate")
    vault.store(stored_call("call.certificate"), keep_days=30)
    assert b"what was said" not in Raw(vault).everything()
    assert VaultReader(vault).transcript("call.certificate") == FILES["json"]


# A folder alone


def test_all_files_appear_private(tmp_path: Path, ledger: Ledger) -> None:
    Vault.opened(tmp_path / "vault", ledger).store(stored_call(CALL), keep_days=30)
    place = tmp_path / "vault" / "calls" / CALL
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert not list((tmp_path / "vault" / ".writing").iterdir())


def test_a_full_disk_leaves_nothing_and_may_be_tried_again(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault.opened(tmp_path, ledger)
    written: list[str] = []
    real = file_store._write

    def full(path: Path, content: bytes) -> None:
        if written:
            raise OSError(28, "No space left on device", str(path))
        written.append(path.name)
        real(path, content)

    monkeypatch.setattr(file_store, "_write", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        vault.store(stored_call(CALL), keep_days=30)
    assert caught.value.retryable
    assert vault.place.names(PASSED, CALL) == ()
    assert not list((tmp_path / ".writing").iterdir())
    assert vault.catalogue.find(CALL) is None
    monkeypatch.undo()
    assert vault.store(stored_call(CALL), keep_days=30).call_id == CALL
