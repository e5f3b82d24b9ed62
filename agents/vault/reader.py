"""Reads stored calls for people: lists, transcripts, certificates, and audio by byte range.

The vault decrypts as it reads; nothing is written in clear. Who may look, and that a look is
audited, is the caller's to see to (the API, ``agents.vault.exports.files``).

Outcomes: ``UnknownCallError`` for a call that the catalogue does not have (never stored, erased, or
being erased); ``SealError`` for bytes that were changed, cut, moved or sealed with another key;
``StoreError`` where the vault or the database is away.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from agents.settings.model import STATE, Settings
from agents.vault.call_catalogue import PAGE, CallFilter, Catalogue, Page, StoredCallFacts
from agents.vault.file_store import state_inside
from agents.vault.vault import PIECE, Vault
from pipeline.analytics.peaks import peaks_of_flac
from pipeline.errors import AudioError, HushwireError, InputError, SealError, UnknownCallError
from pipeline.evidence.layout import CERTIFICATE, PEAKS

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["PAGE", "CallFilter", "Page", "StoredCallFacts", "VaultReader", "open_reader"]

EVERYTHING = CallFilter()


class VaultReader:
    """The stored calls of one installation; safe to use from several threads.

    Args:
        vault: where they lie.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._catalogue: Catalogue = vault.catalogue

    def list_calls(
        self, wanted: CallFilter = EVERYTHING, *, limit: int = PAGE, after: str | None = None
    ) -> Page:
        """Calls of the catalogue, the newest first.

        Raises:
            InputError: ``after`` is not what a page gave.
        """
        return self._catalogue.page(wanted, limit=limit, after=after)

    def call(self, call_id: str) -> StoredCallFacts:
        """What is known of a call."""
        return self._catalogue.get(call_id)

    def transcript(self, call_id: str) -> bytes:
        """The redacted transcript: Call-Analytics-style JSON.

        Raises:
            UnknownCallError: also for a quarantined call.
        """
        return self._whole(call_id, "json")

    def subtitles(self, call_id: str) -> bytes:
        """The redacted transcript as WebVTT; raises as ``transcript`` does."""
        return self._whole(call_id, "vtt")

    def certificate(self, call_id: str) -> bytes:
        """The certificate: JSON; quarantined calls have one too.

        Raises:
            SealError: it is not the one that was stored.
        """
        facts = self.call(call_id)
        return self._vault.certificate(facts)

    def recorder_id(self, call_id: str) -> str:
        """What the recorder calls a stored call; empty where it said nothing, or nothing else.

        Raises:
            SealError: what is noted was changed.
        """
        self.call(call_id)
        return self._vault.recorder_ids.shown(call_id)

    def audio_length(self, call_id: str) -> int:
        """Plain length of the redacted audio (FLAC) in bytes; raises as ``transcript`` does."""
        return self._length(call_id, f"{call_id}.flac")

    def audio(self, call_id: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes ``[start, stop)`` of the redacted audio (FLAC), in pieces of at most 1 MiB.

        Raises:
            UnknownCallError: see ``transcript``.
            InputError: the range is not within the audio.
            SealError: at the piece that does not open; what came before it is genuine.
        """
        return self.file(call_id, f"{call_id}.flac", start, stop)

    def peaks(self, call_id: str) -> bytes:
        """The waveform of the redacted audio, see ``pipeline.analytics.peaks``.

        It is kept with the call; for one that an older version stored it is made from its audio.

        Raises:
            UnknownCallError: see ``transcript``.
            SealError: see ``audio``; also for audio that opens and can't be decoded.
        """
        if f"{call_id}{PEAKS}" in self.call(call_id).files:
            return self._whole(call_id, PEAKS.lstrip("."))
        with _Audio(self, call_id) as audio:
            try:
                made = peaks_of_flac(cast("BinaryIO", io.BufferedReader(audio, PIECE)))
            except AudioError:
                raise audio.failed or SealError("the audio can't be decoded") from None
            if audio.failed is not None:
                raise audio.failed
            return made

    def file(
        self, call_id: str, name: str, start: int = 0, stop: int | None = None
    ) -> Iterator[bytes]:
        """Any file of a call that passed, by its plain name; raises as ``audio`` does."""
        length = self._length(call_id, name)
        stop = length if stop is None else stop
        if not 0 <= start <= stop <= length:
            raise InputError(f"the range is not within the {length} bytes of the file")
        if stop == start:
            return iter(())
        return self._vault.stream(call_id, name, start, stop, length)

    def _whole(self, call_id: str, ending: str) -> bytes:
        return b"".join(self.file(call_id, f"{call_id}.{ending}"))

    def _length(self, call_id: str, name: str) -> int:
        facts = self.call(call_id)
        if not facts.passed or name not in facts.files or name == call_id + CERTIFICATE:
            raise UnknownCallError("no such file: the call is quarantined, or the name is unknown")
        return facts.files[name]


class _Audio(io.RawIOBase):
    """A call's audio as a file that is decrypted as it is read."""

    def __init__(self, reader: VaultReader, call_id: str) -> None:
        self._reader, self._call_id = reader, call_id
        self._length = reader.audio_length(call_id)
        self._place, self._pieces, self._rest = 0, reader.audio(call_id), b""
        self.failed: HushwireError | None = None
        """Why it ended early: to the decoder that is the file's end."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where it is read next."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on from elsewhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        place = min(max(0, base + offset), self._length)
        if place != self._place or not self._rest:
            self._place, self._rest = place, b""
            self._pieces = self._reader.audio(self._call_id, place)
        return place

    def readinto(self, into: Buffer, /) -> int:
        """Fill a buffer as far as the segment at hand goes."""
        try:
            while not self._rest and self._place < self._length and self.failed is None:
                self._rest = next(self._pieces)
        except HushwireError as error:
            self.failed = error
            return 0
        target = memoryview(into).cast("B")
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        self._place += count
        return count


@contextmanager
def open_reader(settings: Settings, vault: str | Path) -> Iterator[VaultReader]:
    """The stored calls of an installation, closed at the end of the block.

    Args:
        settings: where ledger and keys are.
        vault: folder of the vault, or ``s3://bucket/prefix``.

    Raises:
        HushwireError: ledger, keys or vault can't be opened.
    """
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415 - readers need no models and stages

    inside = state_inside(vault)
    with opened_ledger(settings, inside if inside.is_dir() else STATE) as ledger:
        yield VaultReader(Vault.opened(vault, ledger))
