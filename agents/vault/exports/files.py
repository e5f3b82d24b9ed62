"""Writes stored calls as plain files: for analysts, for checks, and for access requests.

``DIR/<call>/`` gets the call's certificate, then its FLAC, transcript and subtitles under their own
names, and ``call.json`` with what the catalogue knows of it and the recorder's own id. Files appear
whole (mode 0600); a repeat writes them again. A folder that holds anything, but not this
certificate, is no export of the call: nothing in it is touched. The audit log is told of every call
before its first byte.

Outcomes of ``export_call``: the call's facts; ``UnknownCallError`` for one that is not there,
``InputError`` for a folder that can't be written or is not ours, else as ``agents.vault.reader``.
``export_calls`` and ``export_each`` go on after a call that can't be exported, and name it. How a
call is written is an ``Export``; ``agents.vault.exports.vcons`` has the other one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
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
    tell_exported(log, facts, by)
    stated = parse_certificate(certificate)
    write_whole(into / (call_id + CERTIFICATE), [certificate])
    for name, digest in stated.files.items():
        # The waveform is made of the audio: no certificate states it, and nobody needs it.
        write_whole(into / name, certified(reader.file(call_id, name), digest))
    about = {**described(facts), "recorder_id": reader.recorder_id(call_id)}
    document = json.dumps(about, indent=2, sort_keys=True)
    write_whole(into / FACTS, [document.encode() + b"\n"])
    return facts


def tell_exported(log: AuditLog, facts: StoredCallFacts, by: str) -> None:
    """Tell the audit log that a call is about to be written out in clear."""
    at = log.stamp()
    told = {"at": at, "what": "call-exported", "by": by, "certificate": facts.certificate}
    event = f"{facts.call_id}/{EXPORTED}/{uuid.uuid4()}"
    log.append(Event(event, facts.call_id, EXPORTED, told))


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of many calls."""

    done: tuple[StoredCallFacts, ...]
    failed: Mapping[str, HushwireError]
    """Why, by call id."""


Export = Callable[[str], StoredCallFacts]
"""Writes one call by its id; raises as ``export_call``."""


def export_calls(
    reader: VaultReader, log: AuditLog, wanted: CallFilter, folder: Path, *, by: str
) -> Exported:
    """Write every call that a filter lets through as plain files; see ``export_call``."""
    return export_each(reader, wanted, partial(export_call, reader, log, folder=folder, by=by))


def export_each(reader: VaultReader, wanted: CallFilter, export: Export) -> Exported:
    """Write every call that a filter lets through; see ``export_call``."""
    done: list[StoredCallFacts] = []
    failed: dict[str, HushwireError] = {}
    for one in every_call(reader, wanted):
        try:
            done.append(export(one.call_id))
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


def certified(pieces: Iterable[bytes], digest: str) -> Iterator[bytes]:
    """The pieces of a file as they come, compared with the certified sha256 (hex) at their end.

    Raises:
        SealError: it is another; after the last piece.
    """
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
        yield piece
    if found.hexdigest() != digest:
        raise SealError("a file of the vault is not the one that was certified")


def write_whole(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file (mode 0600) as it comes; it gets its name when it is whole.

    Raises:
        InputError: the disk refuses.
        HushwireError: what the pieces raise; nothing was written.
    """
    try:
        private_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    file.write(piece)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: {os.strerror(error.errno or 0)}") from error
