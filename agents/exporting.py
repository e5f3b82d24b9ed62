"""Writes stored calls as plain files: for analysts, for checks, and for access requests.

``DIR/<call>/`` gets the call's FLAC, transcript, subtitles and certificate under their own names,
and ``call.json`` with what the catalogue knows of it. Files appear whole (mode 0600); a repeat
after an interruption writes them again. The audit log is told of every call before its first byte.

Outcomes: the facts of the calls that were written; ``UnknownCallError`` for one that is not there,
``InputError`` for a folder that can't be written, else as ``agents.shelf``.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from agents.auditlog import AuditLog, Event
from agents.private import private_folder
from agents.shelf import CallFilter, Shelf, StoredCallFacts
from agents.vaulted import CERTIFICATE
from pipeline.certificate import parse_certificate
from pipeline.errors import InputError, SealError

EXPORTED: Final = "hushwire.audit.call-exported.v1"
FACTS: Final = "call.json"


def export_call(
    shelf: Shelf, log: AuditLog, call_id: str, folder: Path, *, by: str
) -> StoredCallFacts:
    """Write one call into ``folder / call_id``; see the module's text.

    Args:
        shelf: where it lies.
        log: is told who got it.
        call_id: which.
        folder: made when missing.
        by: who asked.
    """
    facts = shelf.call(call_id)
    told = {"at": log.stamp(), "what": "call-exported", "by": by, "certificate": facts.certificate}
    log.append(Event(f"{call_id}/{EXPORTED}/{uuid.uuid4()}", call_id, EXPORTED, told))
    certificate = shelf.certificate(call_id)
    stated = parse_certificate(certificate)
    into = folder / call_id
    for name in facts.files:
        if name == call_id + CERTIFICATE:
            _write(into / name, [certificate])
        else:
            digest = _write(into / name, shelf.file(call_id, name))
            if stated.files.get(name) != digest:
                (into / name).unlink(missing_ok=True)
                raise SealError("a file of the vault is not the one that was certified")
    document = json.dumps(described(facts), indent=2, sort_keys=True)
    _write(into / FACTS, [document.encode() + b"\n"])
    return facts


def export_calls(
    shelf: Shelf, log: AuditLog, wanted: CallFilter, folder: Path, *, by: str
) -> list[StoredCallFacts]:
    """Write every call that a filter lets through; see ``export_call``."""
    return [
        export_call(shelf, log, one.call_id, folder, by=by) for one in every_call(shelf, wanted)
    ]


def every_call(shelf: Shelf, wanted: CallFilter) -> Iterator[StoredCallFacts]:
    """All calls that a filter lets through, page by page."""
    after: str | None = None
    while True:
        page = shelf.list_calls(wanted, after=after)
        yield from page.calls
        if page.following is None:
            return
        after = page.following


def described(facts: StoredCallFacts) -> dict[str, object]:
    """What the catalogue knows of a call, as JSON values."""
    return {
        name: value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
        for name, value in asdict(facts).items()
    }


def _write(path: Path, pieces: Iterable[bytes]) -> str:
    """Write a file whole, as it comes; its sha256."""
    digest = hashlib.sha256()
    try:
        private_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: {os.strerror(error.errno or 0)}") from error
    return digest.hexdigest()
