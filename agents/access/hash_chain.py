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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agents.access.merkle_tree import Tree
from agents.crypto.ed25519 import PublicKey
from agents.crypto.signed_head import GENESIS
from pipeline.errors import InputError, RecordError
from pipeline.evidence.canonical_json import canonical_json, read_document

ENTRY: Final = "hushwire.audit.entry.v1"
CHECKPOINT: Final = "hushwire.audit.checkpoint.v1"
PRUNED: Final = "hushwire.audit.log-pruned.v1"
UNSIGNED_MOST: Final = 500
"""More entries than this behind the last checkpoint, and a checkpoint must have been removed: one
is due at 100 of them, and looked for every few seconds."""
UNSIGNED_LONGEST: Final = timedelta(hours=24)
"""An entry that is older has to be signed: a checkpoint is due after ten minutes while a worker or
the server runs. Before the first checkpoint, no entry holds."""
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
    fingerprint: str | None = None
    """By which the database tells repeats, see ``fingerprint_of``; None for an export's entry."""

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

    def own_fingerprint(self) -> str:
        """The fingerprint that the entry should have."""
        return fingerprint_of(self.event_id, self.kind, self.facts)

    def changes(self) -> list[str]:
        """What is wrong in the entry itself."""
        if self.own_hash() != self.hash:
            return [f"entry {self.seq}: changed"]
        if self.fingerprint not in {None, self.own_fingerprint()}:
            return [f"entry {self.seq}: its fingerprint is another event's"]
        return []


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

    @property
    def stated(self) -> Stated:
        """What it states, once its signature is known to be good."""
        return Stated(self.seq, self.hash, f"signed on {self.at}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What is known of one entry from elsewhere: a checkpoint, a certificate, a signer's memory."""

    seq: int
    """0: before the first entry."""
    hash: str
    by: str
    """Says of the entry where it is known from, such as "signed on …"."""


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


def fingerprint_of(event_id: str, kind: str, facts: Mapping[str, Any]) -> str:
    """The same for a repeat of an event, whose time alone is another.

    Events of one id that state different facts are different events: two stages may refuse one
    call, and a false event must not keep the true one out.
    """
    stated = {name: value for name, value in facts.items() if name != "at"}
    return digest({"event_id": event_id, "kind": kind, "facts": stated})


def statement(kind: str, head: Head, at: str) -> dict[str, Any]:
    """What a checkpoint's signature covers, besides the signature's own names."""
    return {"schema": CHECKPOINT, "seq": head.seq, "kind": kind, "hash": head.hash, "at": at}


def verify_chain(
    entries: Iterable[Entry],
    checkpoints: Sequence[Checkpoint],
    keys: Mapping[str, PublicKey],
    *,
    head: Head | None = None,
    outside: Sequence[Stated] = (),
    calls: int = 0,
    now: datetime | None = None,
) -> Verified:
    """Go through a log from its first entry to its last.

    Args:
        entries: in the order of their numbers, or of an export's lines.
        checkpoints: all of them, also ones that were kept elsewhere.
        keys: public keys by their id.
        head: what the database remembers of the end; None for an export.
        outside: what certificates and the signer's memory state of entries.
        calls: how many calls are stored: each one has left an entry.
        now: by which entries wait too long for a checkpoint; None: when the last one was written.
    """
    valid, problems = _valid(checkpoints, keys)
    start = start_of(valid)
    signed = max(valid, key=lambda one: one.seq, default=None)
    stated = [*(one.stated for one in valid), *outside]
    waiting = _Waiting(signed.seq if signed else 0)
    end, first, broken = walk(waiting.passed(entries), start, stated)
    problems += broken
    problems += _at_the_end(end, stated, head)
    problems += waiting.problems(end, now)
    if not first and (calls or start.seq):
        problems.append(
            f"the log is empty, though calls are stored: {calls}"
            if calls
            else f"nothing is left behind entry {start.seq}, though pruning writes an entry"
        )
    if len(problems) > TOLD_MOST:
        problems = [*problems[:TOLD_MOST], f"and {len(problems) - TOLD_MOST} more"]
    return Verified(
        first=first,
        last=end.seq,
        signed=signed.seq if signed else 0,
        signed_at=signed.at if signed else "",
        problems=tuple(problems),
    )


def contains(
    entries: Iterable[Entry],
    checkpoints: Iterable[Checkpoint],
    keys: Mapping[str, PublicKey],
    stated: Head,
) -> bool:
    """Whether a log holds an entry, or a valid checkpoint says that it was pruned.

    Args:
        entries: of the log, that one at least where it is there.
        checkpoints: of the log.
        keys: public keys by their id.
        stated: number and hash of the entry.
    """
    start = start_of(_valid(checkpoints, keys)[0])
    if stated.seq < start.seq or stated in {BEGINNING, start}:
        return True
    return any(one.seq == stated.seq and one.own_hash() == stated.hash for one in entries)


def tree_of(entries: Iterable[Entry], checkpoints: Iterable[Checkpoint]) -> Tree:
    """The Merkle tree over a log's entries; its beginning is kept by the entries of prunings.

    Raises:
        InputError: a version that kept nothing of the tree pruned the log, or an entry is none.
    """
    start, leaves = start_of(checkpoints), []
    facts: Mapping[str, Any] = {}
    try:
        for entry in entries:
            leaves.append(bytes.fromhex(entry.hash))
            if entry.kind == PRUNED and entry.facts.get("until") == start.seq:
                facts = entry.facts
        return Tree(leaves, start.seq, _frontier(facts))
    except (ValueError, TypeError):  # what somebody changed into no hash as well
        raise InputError(
            "audit log: pruned by a version that kept nothing of the Merkle tree, or changed; "
            "witnesses need a log from its beginning"
        ) from None


def frontier_facts(tree: Tree, until: int) -> dict[str, object]:
    """What the entry of a pruning keeps of the tree."""
    return {f"tree_{level}": root.hex() for level, root in tree.frontier(until).items()}


def _frontier(facts: Mapping[str, Any]) -> dict[int, bytes]:
    """What an entry of a pruning kept."""
    kept = {name: root for name, root in facts.items() if name.startswith("tree_")}
    return {int(name.removeprefix("tree_")): bytes.fromhex(root) for name, root in kept.items()}


def start_of(checkpoints: Iterable[Checkpoint]) -> Head:
    """Behind which entry a log begins."""
    starts = [one for one in checkpoints if one.kind == START]
    last = max(starts, key=lambda one: one.seq, default=None)
    return Head(last.seq, last.hash) if last else BEGINNING


def walk(
    entries: Iterable[Entry], start: Head, outside: Iterable[Stated]
) -> tuple[Head, int, list[str]]:
    """Follow the links from entry to entry.

    Args:
        entries: those behind ``start``, in order.
        start: the entry before them.
        outside: what is known of entries from elsewhere; those before ``start`` are gone.

    Returns:
        The last entry, the number of the first one (0 for none), and every problem.
    """
    stated: dict[int, set[Stated]] = {}
    for one in outside:
        stated.setdefault(one.seq, set()).add(one)
    problems = [
        f"entry {start.seq}: not the one that was {one.by}"
        for one in sorted(stated.get(start.seq, ()), key=lambda one: one.by)
        if one.hash != start.hash
    ]
    at, first = start, 0
    for entry in entries:
        first = first or entry.seq
        problems += _links(entry, at)
        problems += [
            f"entry {entry.seq}: not the one that was {one.by}"
            for one in sorted(stated.get(entry.seq, ()), key=lambda one: one.by)
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
    return found + entry.changes()


def _at_the_end(end: Head, stated: Iterable[Stated], head: Head | None) -> list[str]:
    """What is wrong behind the last entry."""
    found = []
    last = max(stated, key=lambda one: one.seq, default=None)
    if last is not None and last.seq > end.seq:
        told = f"cut off the end, though {last.by}"
        found.append(f"{_range(end.seq + 1, last.seq)} missing: {told}")
    elif head is not None and head.seq > end.seq:
        found.append(f"{_range(end.seq + 1, head.seq)} missing: cut off the end")
    elif head is not None and (head.seq, head.hash) != (end.seq, end.hash):
        found.append(f"entry {end.seq}: not the one that was written last")
    return found


class _Waiting:
    """The entries behind the last checkpoint: how many, and since when.

    Args:
        signed: the last entry that a checkpoint covers; 0 for none.
    """

    def __init__(self, signed: int) -> None:
        self._signed = signed
        self._since = self._until = ""

    def passed(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, looked at on their way."""
        for entry in entries:
            if entry.seq > self._signed:
                self._since = self._since or entry.recorded
                self._until = entry.recorded
            yield entry

    def problems(self, end: Head, now: datetime | None) -> list[str]:
        """What is wrong with their number or age."""
        count = end.seq - self._signed
        if count <= 0:
            return []
        told = f"{_range(self._signed + 1, end.seq)} behind no checkpoint"
        advice = "one was removed, or neither a vault worker nor the server has run for long"
        if not self._signed:
            return [f"{told}, none that a known key signed: `hushwire audit checkpoint` makes one"]
        if count > UNSIGNED_MOST or self._waited(now) > UNSIGNED_LONGEST:
            return [f"{told}: {advice}"]
        return []

    def _waited(self, now: datetime | None) -> timedelta:
        try:
            since = datetime.fromisoformat(self._since)
            return (now or datetime.fromisoformat(self._until)) - since
        except (ValueError, TypeError):  # what somebody changed into no time, or one without a zone
            return timedelta.max


def _range(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
