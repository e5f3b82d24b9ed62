"""The rules of the audit log's chain: what an entry's hash covers, and what verification finds.

Pure functions on entries and checkpoints, wherever they come from: the ledger's database or an
export. An entry's ``hash`` is the sha256 of its canonical JSON without ``hash``; it holds the hash
of the entry before it as ``previous``. A checkpoint is a signed statement of the entry that was
the last one: it commits to everything before it. Where old entries were removed, a checkpoint of
the kind ``start`` says after which entry the chain now begins.

Outcomes of ``verify_chain``: a ``Verified`` that lists every problem with the number of its entry;
an untouched log has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.signing import PublicKey
from pipeline.errors import RecordError
from pipeline.signatures import canonical_json, read_document

GENESIS: Final = "0" * 64
"""``previous`` of the first entry."""
ENTRY: Final = "hushwire.audit.entry.v1"
CHECKPOINT: Final = "hushwire.audit.checkpoint.v1"
UNSIGNED_MOST: Final = 1_000
"""More entries than this behind the last checkpoint, and a checkpoint must have been removed."""
TOLD_MOST: Final = 50
"""Problems that are listed; behind one cut everything else is noise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it stands in the log."""

    seq: int
    """1 is the first."""
    recorded: str
    """When it was written, ISO 8601 in UTC."""
    event_id: str
    subject: str
    """Call id, or empty."""
    kind: str
    """CloudEvents type."""
    facts: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def document(self) -> dict[str, Any]:
        """What the hash covers."""
        return {
            "schema": ENTRY,
            "seq": self.seq,
            "recorded": self.recorded,
            "event_id": self.event_id,
            "subject": self.subject,
            "kind": self.kind,
            "facts": dict(self.facts),
            "previous": self.previous,
        }

    def own_hash(self) -> str:
        """The hash that the entry should have."""
        return digest(self.document)


END, START = "end", "start"
"""What a checkpoint states of its entry: it was the last one; or it and all before it were removed
because their time was over."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement about one entry."""

    seq: int
    kind: str
    """``END`` or ``START``."""
    hash: str
    at: str
    """When it was signed, ISO 8601 in UTC."""
    algorithm: str
    key_id: str
    value: str

    @property
    def document(self) -> dict[str, Any]:
        """The checkpoint as JSON, signature included."""
        signature = {"algorithm": self.algorithm, "key_id": self.key_id, "value": self.value}
        stated = statement(self.kind, Head(self.seq, self.hash), self.at)
        return {**stated, "signature": signature}


@dataclass(frozen=True, slots=True)
class Head:
    """An entry that is the last one."""

    seq: int
    hash: str


BEGINNING: Final = Head(0, GENESIS)
"""The end of an empty log."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification saw."""

    first: int
    """Number of the first entry, 0 for none."""
    last: int
    """Number of the last entry, or of the last one that was removed."""
    signed: int
    """The last entry that a valid checkpoint covers; 0 for none."""
    signed_at: str
    problems: tuple[str, ...]

    @property
    def unsigned(self) -> int:
        """Entries behind the last checkpoint."""
        return max(0, self.last - self.signed)


def digest(document: Mapping[str, Any]) -> str:
    """sha256 of a JSON object's canonical form, in hex."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def statement(kind: str, head: Head, at: str) -> dict[str, Any]:
    """What a checkpoint's signature covers, besides the signature's own names."""
    return {"schema": CHECKPOINT, "seq": head.seq, "kind": kind, "hash": head.hash, "at": at}


def verify_chain(
    entries: Iterable[Entry],
    checkpoints: Sequence[Checkpoint],
    keys: Mapping[str, PublicKey],
    *,
    head: Head | None = None,
) -> Verified:
    """Go through a log from its first entry to its last.

    Args:
        entries: in the order of their numbers, or of an export's lines.
        checkpoints: all of them, also ones that were kept elsewhere.
        keys: public keys by their id.
        head: what the database remembers of the end; None for an export.
    """
    valid, problems = _valid(checkpoints, keys)
    start = start_of(valid)
    end, first, broken = walk(entries, start, valid)
    problems += broken
    signed = max(valid, key=lambda one: one.seq, default=None)
    problems += _at_the_end(end, signed, head)
    if len(problems) > TOLD_MOST:
        problems = [*problems[:TOLD_MOST], f"and {len(problems) - TOLD_MOST} more"]
    return Verified(
        first=first,
        last=end.seq,
        signed=signed.seq if signed else 0,
        signed_at=signed.at if signed else "",
        problems=tuple(problems),
    )


def start_of(checkpoints: Iterable[Checkpoint]) -> Head:
    """Behind which entry a log begins."""
    starts = [one for one in checkpoints if one.kind == START]
    last = max(starts, key=lambda one: one.seq, default=None)
    return Head(last.seq, last.hash) if last else BEGINNING


def walk(
    entries: Iterable[Entry], start: Head, checkpoints: Iterable[Checkpoint]
) -> tuple[Head, int, list[str]]:
    """Follow the links from entry to entry.

    Args:
        entries: those behind ``start``, in order.
        start: the entry before them.
        checkpoints: what valid signatures say of them.

    Returns:
        The last entry, the number of the first one (0 for none), and every problem.
    """
    stated: dict[int, list[Checkpoint]] = {}
    for one in checkpoints:
        stated.setdefault(one.seq, []).append(one)
    problems = [
        f"entry {start.seq}: two checkpoints state different hashes"
        for one in stated.get(start.seq, ())
        if one.hash != start.hash
    ]
    at, first = start, 0
    for entry in entries:
        first = first or entry.seq
        problems += _links(entry, at)
        problems += [
            f"entry {entry.seq}: not the one that was signed on {one.at}"
            for one in stated.get(entry.seq, ())
            if entry.seq > at.seq and one.hash != entry.hash
        ]
        at = Head(max(at.seq, entry.seq), entry.hash)
    return at, first, problems


def read_export(lines: Iterable[bytes]) -> tuple[list[Entry], list[Checkpoint]]:
    """Entries and checkpoints of an export, or of single checkpoints that were kept.

    Raises:
        RecordError: a line is neither; the message names the line.
    """
    entries: list[Entry] = []
    checkpoints: list[Checkpoint] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = read_document(line)
            if document.get("schema") == ENTRY:
                entries.append(_entry(document))
            else:
                checkpoints.append(_checkpoint(document))
        except (RecordError, KeyError, TypeError, ValueError):
            raise RecordError(f"line {number}: neither an audit entry nor a checkpoint") from None
    return entries, checkpoints


def _entry(document: Mapping[str, Any]) -> Entry:
    return Entry(
        int(document["seq"]),
        str(document["recorded"]),
        str(document["event_id"]),
        str(document["subject"]),
        str(document["kind"]),
        dict(document["facts"]),
        str(document["previous"]),
        str(document["hash"]),
    )


def _checkpoint(document: Mapping[str, Any]) -> Checkpoint:
    if document["schema"] != CHECKPOINT:
        raise RecordError("not a checkpoint")
    signature = document["signature"]
    return Checkpoint(
        int(document["seq"]),
        str(document["kind"]),
        str(document["hash"]),
        str(document["at"]),
        str(signature["algorithm"]),
        str(signature["key_id"]),
        str(signature["value"]),
    )


def _valid(
    checkpoints: Iterable[Checkpoint], keys: Mapping[str, PublicKey]
) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints that a known key signed; what is wrong with the others."""
    valid: list[Checkpoint] = []
    problems: list[str] = []
    for one in checkpoints:
        key = keys.get(one.key_id)
        if key is None:
            told = f"signed by another key ({one.key_id[:16]}…)"
            problems.append(f"checkpoint of entry {one.seq}: {told}")
        elif not key.signed(one.document):
            problems.append(f"checkpoint of entry {one.seq}: changed after it was signed")
        else:
            valid.append(one)
    return valid, problems


def _links(entry: Entry, at: Head) -> list[str]:
    """What is wrong between an entry and the one before it, and in the entry itself."""
    found = []
    if entry.seq > at.seq + 1:
        found.append(f"{_range(at.seq + 1, entry.seq - 1)} missing: cut out")
    elif entry.seq <= at.seq:
        found.append(f"entry {entry.seq}: out of order, or before the start of the log")
    elif entry.previous != at.hash:
        told = f"does not follow entry {at.seq}; one of them was replaced or moved"
        found.append(f"entry {entry.seq}: {told}")
    if entry.own_hash() != entry.hash:
        found.append(f"entry {entry.seq}: changed")
    return found


def _at_the_end(end: Head, signed: Checkpoint | None, head: Head | None) -> list[str]:
    """What is wrong behind the last entry."""
    found = []
    if signed is not None and signed.seq > end.seq:
        found.append(
            f"{_range(end.seq + 1, signed.seq)} missing: cut off the end, though signed on "
            f"{signed.at}"
        )
    elif head is not None and head.seq > end.seq:
        found.append(f"{_range(end.seq + 1, head.seq)} missing: cut off the end")
    elif head is not None and (head.seq, head.hash) != (end.seq, end.hash):
        found.append(f"entry {end.seq}: not the one that was written last")
    unsigned = end.seq - (signed.seq if signed else 0)
    if unsigned > UNSIGNED_MOST:
        found.append(
            f"{_range(end.seq - unsigned + 1, end.seq)} behind no checkpoint: one was removed, or "
            "no vault worker has run for long"
        )
    return found


def _range(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
