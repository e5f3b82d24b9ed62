"""The vault: stored calls, each encrypted with a key of its own, in a folder or a bucket.

``calls/<call>/`` holds a call that passed: ``<call>.flac.sealed``, ``<call>.json.sealed`` and
``<call>.vtt.sealed`` (Tink's streaming AEAD), and the certificate, which holds no content, as it
is. ``quarantine/<call>/`` holds the certificate of a call that did not pass. The key lies wrapped
in the ledger's database, with the call's row in the catalogue. Bound to every sealed file are call
and name, so that one that was moved, renamed or swapped does not open.

Outcomes: ``store`` returns what the vault holds then, whoever stored it; ``UnknownCallError`` where
the call was erased or refused meanwhile: nothing of it stays. Readers raise ``SealError`` for bytes
that were changed, cut or moved, ``UnknownCallError`` where the key is gone, ``StoreError`` where
the place or the database is away.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final, Self

import tink

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import BEGINNING, Head
from agents.database.call_ledger import Ledger
from agents.vault.call_catalogue import IDLE, Catalogue, StoredCallFacts
from agents.vault.call_keys import VaultKeys, seal_bytes
from agents.vault.file_store import PASSED, QUARANTINE, Place, open_place
from agents.vault.recorder_ids import RecorderIds
from pipeline.errors import (
    InputError,
    OtherRecordingError,
    RecordError,
    SealError,
    StoreError,
    UnknownCallError,
)
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.layout import CERTIFICATE, SEALED
from pipeline.evidence.stored_call import StoredCall
from pipeline.records.cloudevents import valid_call_id
from pipeline.records.model import EndedBy

PIECE: Final = 1 << 20
"""Bytes that a reader gets at most at once."""


class Vault:
    """The vault of one installation.

    Args:
        place: where the files lie.
        keys: the calls' keys.
        catalogue: what is known of every call.
    """

    def __init__(self, place: Place, keys: VaultKeys, catalogue: Catalogue) -> None:
        self.place, self.keys, self.catalogue = place, keys, catalogue
        self.recorder_ids = RecorderIds(keys.database, keys)

    @classmethod
    def opened(cls, location: str | Path, ledger: Ledger) -> Self:
        """The vault at a location, with the keys and the catalogue of a ledger.

        Raises:
            SettingsError: the location is neither a folder nor ``s3://bucket/prefix``.
            StoreError: the folder cannot be made.
        """
        keys = VaultKeys(ledger.database, ledger.kek)
        return cls(open_place(location), keys, Catalogue(ledger.database))

    def store(self, call: StoredCall, *, keep_days: int) -> StoredCallFacts:
        """Store a call; one that is there already stays as it is.

        Args:
            call: its certificate is signed.
            keep_days: retention, counted from now.

        Raises:
            RecordError: the call id or a file name is not safe as a file name.
            OtherRecordingError: another installation has a call of this id in the same place, or
                files lie there that no vault writes.
            UnknownCallError: the call is not open (any more).
            StoreError: disk, bucket or database refuse; nothing half-written is visible.
        """
        if not valid_call_id(call.call_id):
            raise RecordError("a call id has 1 to 128 of the characters A-Z a-z 0-9 . _ -")
        if not call.files or any(not _safe(name) for name in call.files):
            raise RecordError("a stored call needs files with plain names")
        area = PASSED if call.passed else QUARANTINE
        self._refuse_other(call, area)
        key = self.keys.obtain(call.call_id) if call.passed else None
        files = dict(
            (name, content)
            if name == call.certificate_name
            else (name + SEALED, _sealed(key, content, associated(call.call_id, name)))
            for name, content in call.files.items()
        )
        mine = self.place.put(area, call.call_id, files)
        known = self.catalogue.find(call.call_id)
        if known is not None:
            return known
        lengths = {name: len(content) for name, content in call.files.items()}
        if not mine:
            lengths = self._lengths(call, area, set(files))
        try:
            return self.catalogue.enter(self._facts(call, area, lengths, keep_days))
        except UnknownCallError:
            # It was erased after its key was made: what was put since then goes too.
            self.place.remove(area, call.call_id)
            raise

    def _refuse_other(self, call: StoredCall, area: str) -> None:
        """Refuse to touch a copy whose certificate another installation's key signed.

        One without a certificate that can be read is nobody's: it is replaced, unless files lie
        there that no vault writes.
        """
        names = self.place.names(area, call.call_id)
        _, stated = self._stated(area, call.call_id, names)
        if not self._all_written(area, call.call_id, names, stated):
            raise OtherRecordingError(
                "vault: in the call's place lie files that Hushwire did not write; move them away"
            )
        signed, ours = stated.signature if stated else None, call.certificate.signature
        if signed is not None and ours is not None and signed.key_id != ours.key_id:
            raise OtherRecordingError(
                "vault: it has a call of this id that is another installation's; use another "
                "vault, or the state folder and signing key that belong to this one"
            )

    def _lengths(self, call: StoredCall, area: str, names: set[str]) -> dict[str, int]:
        """Plain lengths of a call that was there already; all of it is opened for that.

        Raises:
            OtherRecordingError: it is whole, and none of it opens with this ledger's key.
            StoreError: it was damaged, or written in clear by an older version. It is removed, and
                trying again stores ours.
        """
        there = self.place.names(area, call.call_id)
        _, stated = self._stated(area, call.call_id, there)
        whole = stated is not None and set(there) == names
        if whole:
            try:
                return {
                    name: sum(map(len, self._pieces(area, call.call_id, name)))
                    for name in call.files
                }
            except RecordError:
                pass
        self._refuse_other(call, area)
        if whole and not self.opens(area, call.call_id):
            raise OtherRecordingError(
                "vault: it has a copy of the call that does not open with this ledger's key; is "
                "it that of a copy of this installation? Use another vault, or remove the copy"
            )
        self.place.remove(area, call.call_id)
        raise StoreError("vault: a copy of the call that does not open was removed")

    def holds(self, call_id: str) -> bool:
        """Whether a call that was stored lies here, as the catalogue knows it, not elsewhere."""
        names, facts = set(self.place.names(PASSED, call_id)), self.catalogue.find(call_id)
        if facts is None:  # an older version, which had no catalogue, stored it
            return bool(names)
        certificate = call_id + CERTIFICATE
        if not {name if name == certificate else name + SEALED for name in facts.files} <= names:
            return False
        try:
            return bool(self.certificate(facts))
        except SealError:
            return False

    def require_files(self, call_id: str) -> None:
        """Refuse a call whose files lie in another vault: erased from here, they would stay there.

        Raises:
            InputError: the vault has nothing of a call that the catalogue knows.
        """
        if self.catalogue.find(call_id) is None:
            return
        if not any(self.place.names(area, call_id) for area in (PASSED, QUARANTINE)):
            raise InputError(f"call {call_id}: this vault has no file of it; is it another's?")

    def ours(self, area: str, call_id: str, log: AuditLog) -> bool:
        """Whether what lies there of a call may be removed: nobody else made it.

        The catalogue knows its certificate, or a file opens with the call's key; where the
        catalogue knows none, a certificate that names an entry of our audit log is ours too. One
        without a certificate that can be read is nobody's. Files that no vault writes are not.
        """
        names = self.place.names(area, call_id)
        data, stated = self._stated(area, call_id, names)
        if not self._all_written(area, call_id, names, stated):
            return False
        if stated is None:
            return True
        known = self.catalogue.certificate(call_id)
        if known == hashlib.sha256(data).hexdigest() or self.opens(area, call_id):
            return True
        named = Head(stated.log.seq, stated.log.hash) if stated.log else BEGINNING
        return known is None and named != BEGINNING and log.holds(named, {})

    def opens(self, area: str, call_id: str) -> bool:
        """Whether a sealed file that lies there opens with the call's key."""
        for name in self.place.names(area, call_id):
            if name.endswith(SEALED):
                pieces = self._pieces(area, call_id, name.removesuffix(SEALED))
                with suppress(SealError, UnknownCallError), closing(pieces):
                    next(pieces, b"")  # each piece is authenticated
                    return True
        return False

    def _stated(
        self, area: str, call_id: str, names: Collection[str]
    ) -> tuple[bytes, Certificate | None]:
        """The certificate that lies there: its bytes, and what it states where it can be read."""
        if call_id + CERTIFICATE not in names:
            return b"", None
        data = self.read(call_id, call_id + CERTIFICATE, passed=area == PASSED)
        try:
            return data, parse_certificate(data)
        except RecordError:
            return data, None

    def _all_written(
        self, area: str, call_id: str, names: Collection[str], stated: Certificate | None
    ) -> bool:
        """Whether a vault wrote all of these: sealed, or in clear as an older version did."""
        for name in names:
            sealed = name.startswith(f"{call_id}.") and name.endswith(SEALED)
            if sealed or name == call_id + CERTIFICATE:
                continue
            if stated is None or name not in stated.files:
                return False
            with closing(self.place.open(area, call_id, name)) as file:
                if hashlib.sha256(file.read()).hexdigest() != stated.files[name]:
                    return False
        return True

    def _facts(
        self, call: StoredCall, area: str, lengths: dict[str, int], keep_days: int
    ) -> StoredCallFacts:
        """From the certificate that is in the vault: it may be another than ours."""
        data = self.read(call.call_id, call.certificate_name, passed=call.passed)
        stated = parse_certificate(data)
        stored = self.catalogue.now()
        return StoredCallFacts(
            call_id=call.call_id,
            stored=stored,
            started=stated.started_at,
            duration_ms=stated.duration_ms,
            passed=area == PASSED,
            policy=stated.policy.name,
            policy_version=stated.policy.version,
            purpose=call.purpose,
            retain_until=stored + timedelta(days=keep_days),
            held=None,
            parties=call.parties,
            certificate=hashlib.sha256(data).hexdigest(),
            files=lengths,
            consent=stated.consent,
            marks=(*stated.marks, *((IDLE,) if stated.ended_by == EndedBy.IDLE else ())),
        )

    def read(self, call_id: str, name: str, *, passed: bool = True) -> bytes:
        """A file of a call, whole and in clear.

        Raises:
            HushwireError: see the module's text.
        """
        return b"".join(self._pieces(PASSED if passed else QUARANTINE, call_id, name))

    def certificate(self, facts: StoredCallFacts) -> bytes:
        """The certificate of a call in the catalogue.

        Raises:
            SealError: it is not the one that was stored.
        """
        data = self.read(facts.call_id, facts.call_id + CERTIFICATE, passed=facts.passed)
        if hashlib.sha256(data).hexdigest() != facts.certificate:
            raise SealError("the certificate in the vault is not the one that was stored")
        return data

    def stream(
        self, call_id: str, name: str, start: int, stop: int, length: int
    ) -> Iterator[bytes]:
        """Bytes ``[start, stop)`` of a sealed file of a call that passed, at most 1 MiB at a time.

        Read are the file's head and the segments that hold the range, nothing before them.

        Args:
            call_id: which.
            name: of the file, without the ending of sealed ones.
            start: at least 0.
            stop: more than ``start``.
            length: of the whole file in clear, as the catalogue knows it.

        Raises:
            SealError: see the module's text.
        """
        if not valid_call_id(call_id) or not _safe(name):
            raise UnknownCallError("no such call in the vault")
        key = self.keys.segments(call_id)
        parts = self.place.parts(PASSED, call_id, name + SEALED)
        yield from key.read(parts, associated(call_id, name), start, stop, length)

    def _pieces(self, area: str, call_id: str, name: str) -> Generator[bytes]:
        if not valid_call_id(call_id) or not _safe(name):
            raise UnknownCallError("no such call in the vault")
        if name == call_id + CERTIFICATE:
            with closing(self.place.open(area, call_id, name)) as file:
                yield file.read()
            return
        key = self.keys.key(call_id)
        with closing(self.place.open(area, call_id, name + SEALED)) as file:
            yield from _opened(key, file, associated(call_id, name))


def associated(call_id: str, name: str) -> bytes:
    """What a seal binds to a file: call and name, each with its length before it."""
    parts = (b"hushwire/vault/1", call_id.encode(), name.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _sealed(key: tink.streaming_aead.StreamingAead | None, content: bytes, bound: bytes) -> bytes:
    if key is None:
        raise RecordError("a quarantined call has a certificate and nothing else")
    return seal_bytes(key, content, bound, what="a file")


def _opened(
    key: tink.streaming_aead.StreamingAead, file: BinaryIO, bound: bytes
) -> Iterator[bytes]:
    source = _Watched(file)
    try:
        with key.new_decrypting_stream(io.BufferedReader(source, PIECE), bound) as stream:
            while piece := stream.read(PIECE):
                yield piece
    except tink.TinkError:
        # Tink says of a disk that fails what it says of a wrong key.
        if source.failed is not None:
            raise source.failed from None
        raise SealError("a file of the vault does not open") from None


class _Watched(io.RawIOBase):
    """A file whose failure to be read is remembered."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failed: StoreError | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: object, /) -> int:
        """Read on."""
        try:
            return self._file.readinto(into)  # type: ignore[attr-defined, no-any-return]
        except StoreError as error:
            self.failed = error
            raise OSError from error
        except OSError as error:
            self.failed = StoreError(f"vault: {error.strerror}")
            raise


def _safe(name: str) -> bool:
    return bool(name) and name == Path(name).name and name[0] != "." and "\0" not in name
