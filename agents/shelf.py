"""Reads stored calls for people: lists, transcripts, certificates, and audio by byte range.

The vault decrypts as it reads; nothing is written in clear. Who may look, and that a look is
audited, is the caller's to see to (the API, ``hushwire export``).

Outcomes: ``UnknownCallError`` for a call that the catalogue does not have (never stored, erased, or
being erased); ``SealError`` for bytes that were changed, cut, moved or sealed with another key;
``StoreError`` where the vault or the database is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agents.settings import Settings

PAGE: Final = 50
"""Calls on a page where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class StoredCallFacts:
    """What the catalogue knows of a call; no content."""

    call_id: str
    stored: datetime
    started: str
    """ISO 8601 as the recorder said, or empty."""
    duration_ms: int
    passed: bool
    """False: quarantined, there is only a certificate."""
    policy: str
    policy_version: str
    purpose: str
    retain_until: datetime
    held: datetime | None
    """Since when a legal hold is on it."""
    parties: tuple[str, ...]
    """Keyed pseudonyms of those who took part."""
    certificate: str
    """sha256 of the certificate, in hex."""
    files: dict[str, int]
    """Plain length in bytes, by file name."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; all conditions hold at once."""

    passed: bool | None = None
    held: bool | None = None
    purpose: str | None = None
    policy: str | None = None
    party: str | None = None
    """A pseudonym."""
    since: datetime | None = None
    """Stored at or after."""
    until: datetime | None = None
    """Stored before."""


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, the newest first."""

    calls: tuple[StoredCallFacts, ...]
    following: str | None
    """What ``list_calls`` takes as ``after`` for the next page; None: this is the last one."""


class Shelf:
    """The stored calls of one installation."""

    def list_calls(
        self, wanted: CallFilter = CallFilter(), *, limit: int = PAGE, after: str | None = None
    ) -> Page:
        """Calls of the catalogue, the newest first.

        Raises:
            InputError: ``after`` is not what a page gave.
        """
        raise NotImplementedError

    def call(self, call_id: str) -> StoredCallFacts:
        """What is known of a call."""
        raise NotImplementedError

    def transcript(self, call_id: str) -> bytes:
        """The redacted transcript: Call-Analytics-style JSON.

        Raises:
            UnknownCallError: also for a quarantined call.
        """
        raise NotImplementedError

    def subtitles(self, call_id: str) -> bytes:
        """The redacted transcript as WebVTT; raises as ``transcript`` does."""
        raise NotImplementedError

    def certificate(self, call_id: str) -> bytes:
        """The certificate: JSON; quarantined calls have one too."""
        raise NotImplementedError

    def audio_length(self, call_id: str) -> int:
        """Plain length of the redacted audio (FLAC) in bytes; raises as ``transcript`` does."""
        raise NotImplementedError

    def audio(self, call_id: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes ``[start, stop)`` of the redacted audio (FLAC) in pieces, at most 1 MiB in memory.

        Raises:
            UnknownCallError: see ``transcript``; at the first piece.
            SealError: at the piece that does not open; what came before it is genuine.
            InputError: the range is not within the audio.
        """
        raise NotImplementedError


@contextmanager
def open_shelf(settings: Settings, vault: str | Path) -> Iterator[Shelf]:  # noqa: ARG001
    """The shelf of an installation, closed at the end of the block.

    Args:
        settings: where ledger and keys are.
        vault: folder of the vault, or ``s3://bucket/prefix``.
    """
    raise NotImplementedError
    yield Shelf()
