"""Writes the transcripts of stored calls for other readers: Deepgram's shape, or JSON lines.

``DIR/<call>.deepgram.json`` or ``DIR/<call>.jsonl``: whole or not at all (mode 0600); a repeat
writes the same bytes again. A file of that name that no export of this call wrote is not touched.
The audit log is told of every call before its first byte.

Outcomes of ``TranscriptExport``: the call's facts; ``UnknownCallError`` for one that is not there
(never stored, erased), ``InputError`` for a quarantined one, which has no transcript, and for a
file that can't be written or is not ours, ``RecordError`` for a transcript that this version can't
read, else as ``agents.vault.reader``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agents.access.audit_log import AuditLog
from agents.vault.exports.files import certified, tell_exported, write_whole
from agents.vault.reader import StoredCallFacts, VaultReader
from pipeline.errors import InputError
from pipeline.evidence.certificate import parse_certificate
from pipeline.evidence.deepgram import deepgram
from pipeline.evidence.redacted_transcript import json_lines, read_transcript


class Shape(StrEnum):
    """How a transcript is written, by the ending of its file."""

    DEEPGRAM = "deepgram.json"
    LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class TranscriptExport:
    """Writes transcripts.

    Args:
        reader: where the calls lie.
        log: is told who got them.
        folder: made when missing.
        by: who asked.
        shape: how they are written.
    """

    reader: VaultReader
    log: AuditLog
    folder: Path
    by: str
    shape: Shape

    def __call__(self, call_id: str) -> StoredCallFacts:
        """Write one call; see the module's text."""
        facts = self.reader.call(call_id)
        if not facts.passed:
            raise InputError(
                f"call {call_id} is quarantined: nothing but its certificate is kept, so there is "
                "no transcript; export it without --format"
            )
        stated = parse_certificate(self.reader.certificate(call_id))
        name, path = f"{call_id}.json", self.folder / f"{call_id}.{self.shape}"
        _refuse_other(path, call_id)
        pieces = certified(self.reader.file(call_id, name), stated.files.get(name, ""))
        told = read_transcript(b"".join(pieces))
        tell_exported(self.log, facts, self.by)
        written: Iterable[bytes] = json_lines(told)
        if self.shape is Shape.DEEPGRAM:
            document = deepgram(
                told,
                audio_sha256=stated.files.get(f"{call_id}.flac", ""),
                created=facts.stored,
                software=stated.software,
            )
            text = json.dumps(document, ensure_ascii=False, indent=1)
            written = [text.encode() + b"\n"]
        write_whole(path, written)
        return facts


def _refuse_other(path: Path, call_id: str) -> None:
    """Refuse a file that no export of this call put there.

    Raises:
        InputError: it is such.
    """
    quoted = json.dumps(call_id).encode()
    try:
        if not path.exists():
            return
        there = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {os.strerror(error.errno or 0)}") from error
    ours = not there or b'"call_id":' + quoted in there or b'"call_id": ' + quoted in there
    if not ours:
        raise InputError(f"{path}: is no transcript of this call; name another folder with --to")
