"""Reads stored calls for people: lists, transcripts, certificates, and audio by byte range.

The vault decrypts as it reads; nothing is written in clear. Who may look, and that a look is
audited, is the caller's to see to (the API, ``agents.vault.export``).

Outcomes: ``UnknownCallError`` for a call that the catalogue does not have (never stored, erased, or
being erased); ``SealError`` for bytes that were changed, cut, moved or sealed with another key;
``StoreError`` where the vault or the database is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.settings.model import STATE, Settings
from agents.vault.call_catalogue import PAGE, CallFilter, Catalogue, Page, StoredCallFacts
from agents.vault.file_store import state_inside
from agents.vault.vault import Vault
from pipeline.errors import InputError, UnknownCallError
from pipeline.evidence.layout import CERTIFICATE

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
