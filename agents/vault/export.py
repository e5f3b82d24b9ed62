"""Writes stored calls as plain files: for analysts, for checks, and for access requests.

``DIR/<call>/`` gets the call's certificate, then its FLAC, transcript and subtitles under their own
names, and ``call.json`` with what the catalogue knows of it. Files appear whole (mode 0600); a
repeat writes them again. A folder that holds anything, but not this certificate, is no export of
the call: nothing in it is touched. The audit log is told of every call before its first byte.

Outcomes of ``export_call``: the call's facts; ``UnknownCallError`` for one that is not there,
``InputError`` for a folder that can't be written or is not ours, else as ``agents.vault.reader``.
``export_calls`` goes on after a call that can't be exported, and names it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agents.access.audit_log import AuditLog, Event
from agents.system.private_files import private_folder
from agents.vault.reader import CallFilter, StoredCallFacts, VaultReader
from pipeline.errors import HushwireError, InputError, SealError
from pipeline.evidence.certificate import parse_certificate
from pipeline.evidence.layout import CERTIFICATE

EXPORTED: Final = "hushwire.audit.call-exported.v1"
FACTS: Final = "call.json"


def export_call(
    reader: VaultReader, log: AuditLog, call_id: str, folder: Path, *, by: str
) -> StoredCallFacts:
    """Write one call into ``folder / call_id``; see the module's text.

    Args:
        reader: where it lies.
        log: is told who got it.
        call_id: which.
        folder: made when missing.
        by: who asked.
    """
    facts = reader.call(call_id)
    certificate, into = reader.certificate(call_id), folder / call_id
    _refuse_others(into, call_id + CERTIFICATE, certificate)
    at = log.stamp()
    told = {"at": at, "what": "call-exported", "by": by, "certificate": facts.certificate}
    log.append(Event(f"{call_id}/{EXPORTED}/{uuid.uuid4()}", call_id, EXPORTED, told))
    stated = parse_certificate(certificate)
    _write(into / (call_id + CERTIFICATE), [certificate])
    for name in facts.files:
        if name != call_id + CERTIFICATE:
            _write(into / name, reader.file(call_id, name), certified=stated.files.get(name, ""))
    document = json.dumps(described(facts), indent=2, sort_keys=True)
    _write(into / FACTS, [document.encode() + b"\n"])
    return facts


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of many calls."""

    done: tuple[StoredCallFacts, ...]
    failed: Mapping[str, HushwireError]
    """Why, by call id."""


def export_calls(
    reader: VaultReader, log: AuditLog, wanted: CallFilter, folder: Path, *, by: str
) -> Exported:
    """Write every call that a filter lets through; see ``export_call``."""
    done: list[StoredCallFacts] = []
    failed: dict[str, HushwireError] = {}
    for one in every_call(reader, wanted):
        try:
            done.append(export_call(reader, log, one.call_id, folder, by=by))
        except HushwireError as error:
            failed[one.call_id] = error
    return Exported(tuple(done), failed)


def every_call(reader: VaultReader, wanted: CallFilter) -> Iterator[StoredCallFacts]:
    """All calls that a filter lets through, page by page."""
    after: str | None = None
    while True:
        page = reader.list_calls(wanted, after=after)
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


def _refuse_others(into: Path, name: str, certificate: bytes) -> None:
    """Refuse a folder with files that an export of this call did not put there.

    Raises:
        InputError: it has such.
    """
    try:
        if not into.exists() or not any(into.iterdir()):
            return
        if (into / name).is_file() and (into / name).read_bytes() == certificate:
            return
    except OSError as error:
        raise InputError(f"{into}: {os.strerror(error.errno or 0)}") from error
    raise InputError(
        f"{into}: holds files that are no export of this call; name another folder with --to"
    )


def _write(path: Path, pieces: Iterable[bytes], *, certified: str | None = None) -> None:
    """Write a file whole, as it comes.

    Raises:
        SealError: its sha256 is not the certified one; nothing was written.
    """
    digest = hashlib.sha256()
    try:
        private_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
            if certified is not None and digest.hexdigest() != certified:
                raise SealError("a file of the vault is not the one that was certified")
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: {os.strerror(error.errno or 0)}") from error
