"""Witnesses of the audit log, in the forms of https://c2sp.org: notes, checkpoints, cosignatures.

A checkpoint for a witness (tlog-checkpoint) is a signed note of three lines: the log's origin, the
number of entries, and the root of the Merkle tree over them (``agents.access.merkle_tree``). A
witness checks by a consistency proof that it extends what it saw before, and answers with a
cosignature (tlog-cosignature v1, Ed25519): nobody can show it another log of that origin from then
on.

Outcomes: ``RecordError`` for a text that is no note or no key; ``cosigned`` names the witnesses
whose cosignature is good.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agents.access.merkle_tree import Tree
from agents.crypto.ed25519 import SigningKey
from pipeline.errors import RecordError

_LOG, _WITNESS = b"\x01", b"\x04"
"""Signature types: Ed25519 over the text, and a timestamped cosignature of a witness."""
_ID, _TIME, _KEY = 4, 8, 32
"""Bytes."""
_MOST: Final = 1 << 16
"""Characters of a note at most."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Whose cosignatures count."""

    name: str
    key: bytes
    """Ed25519, 32 bytes."""

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key as the witness publishes it: ``name+id+key``.

        Raises:
            RecordError: it is none of an Ed25519 witness.
        """
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if not _plain(name) or key[:1] != _WITNESS or len(key) != 1 + _KEY:
            raise RecordError("witness: not the key of an Ed25519 witness (name+id+key, type 4)")
        if key_id != _key_id(name, _WITNESS, key[1:]).hex():
            raise RecordError(f"witness {name}: the key's id does not belong to it")
        return cls(name, key[1:])


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with its signatures."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """Name and signature of each, the key's id at its beginning."""

    @classmethod
    def parse(cls, note: str) -> Self:
        """Read a note.

        Raises:
            RecordError: it is none, or no checkpoint.
        """
        text, found, lines = note.rpartition("\n\n")
        parts = text.split("\n")
        if len(note) > _MOST or not found or not note.endswith("\n") or len(parts) != len("abc"):
            raise RecordError("not a checkpoint of three lines with signatures")
        origin, size, root = parts
        if not _plain(origin) or not size.isascii() or str(_number(size)) != size:
            raise RecordError("checkpoint: no origin, or no number of entries")
        signatures = tuple(_signature(line) for line in lines.splitlines())
        return cls(origin, int(size), _decoded(root), signatures)

    @property
    def text(self) -> str:
        """What signatures cover."""
        return note_text(self.origin, self.size, self.root)

    @property
    def note(self) -> str:
        """The whole of it."""
        lines = [f"\u2014 {name} {_encoded(value)}\n" for name, value in self.signatures]
        return f"{self.text}\n{''.join(lines)}"

    def cosigned(self, witnesses: Iterable[Witness]) -> list[str]:
        """The witnesses whose cosignature it has.

        Raises:
            RecordError: a cosignature under the name and id of one of them is not good.
        """
        found: list[str] = []
        for one in witnesses:
            key_id = _key_id(one.name, _WITNESS, one.key)
            for name, value in self.signatures:
                if (name, value[:_ID]) == (one.name, key_id):
                    self._check(one, value[_ID:])
                    found.append(name)
        return sorted(set(found))

    def _check(self, witness: Witness, value: bytes) -> None:
        at, signature = value[:_TIME], value[_TIME:]
        signed = f"cosignature/v1\ntime {int.from_bytes(at)}\n{self.text}"
        try:
            Ed25519PublicKey.from_public_bytes(witness.key).verify(signature, signed.encode())
        except InvalidSignature:
            told = f"checkpoint: the cosignature of {witness.name} is not good"
            raise RecordError(told) from None


def witnesses(settings: str | None) -> list[Witness]:
    """The witnesses that a setting names.

    Raises:
        RecordError: one of them is no key.
    """
    return [Witness.parse(one) for one in (settings or "").split(",") if one.strip()]


def contradictions(
    notes: Iterable[Note], known: Iterable[Witness], origin: str | None, tree: Tree
) -> list[str]:
    """What witnessed checkpoints say against a log.

    Args:
        notes: as they were kept.
        known: whose cosignatures count.
        origin: the log's name.
        tree: of the log; what was pruned can't be compared any more.
    """
    found, known = [], list(known)
    for one in notes:
        told = f"witnessed checkpoint of {one.size} entries"
        try:
            by = ", ".join(one.cosigned(known))
        except RecordError as error:
            found.append(f"{told}: {error}")
            continue
        if not by or one.origin != origin:
            found.append(f"{told}: of another log, or of no known witness")
        elif one.size > tree.size:
            found.append(f"{told}: {by} saw more than the {tree.size} that are there: cut off")
        elif one.size >= tree.pruned and tree.root(one.size) != one.root:
            found.append(f"{told}: {by} saw other entries: the log was written anew")
    return found


def note_text(origin: str, size: int, root: bytes) -> str:
    """The three lines of a checkpoint."""
    return f"{origin}\n{size}\n{_encoded(root)}\n"


def log_note(key: SigningKey, origin: str, tree: Tree, size: int) -> Note:
    """A checkpoint that the log's key signed.

    Args:
        key: signs; the caller has made sure that it may sign so many entries.
        origin: the log's name, such as ``example.com/hushwire``.
        tree: of the log.
        size: how many entries.

    Raises:
        RecordError: the origin has spaces, a plus, or a brace in front.
    """
    # What the key signs otherwise begins with a brace: no text can be taken for the other.
    if not _plain(origin) or origin.startswith("{"):
        raise RecordError("origin: a name such as example.com/hushwire, without spaces and plus")
    root = tree.root(size)
    signature = key.sign_text(note_text(origin, size, root).encode())
    value = _key_id(origin, _LOG, key.public.raw) + signature
    return Note(origin, size, root, ((origin, value),))


def log_vkey(key: SigningKey, origin: str) -> str:
    """The log's key as witnesses are told it."""
    raw = key.public.raw
    return f"{origin}+{_key_id(origin, _LOG, raw).hex()}+{_encoded(_LOG + raw)}"


def request(note: Note, tree: Tree, old: int) -> str:
    """What a witness is sent (tlog-witness, ``add-checkpoint``).

    Args:
        note: the checkpoint.
        tree: of the log.
        old: how many entries the witness saw last.

    Raises:
        ValueError: the proof can't be made: these entries are pruned, or not there.
    """
    proof = "".join(f"{_encoded(one)}\n" for one in tree.consistency(old, note.size))
    return f"old {old}\n{proof}\n{note.note}"


def with_lines(note: Note, lines: str) -> Note:
    """A checkpoint with the signature lines that a witness answered.

    Raises:
        RecordError: a line is none.
    """
    more = tuple(_signature(line) for line in lines.splitlines() if line)
    return Note(note.origin, note.size, note.root, (*note.signatures, *more))


def _signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, value = rest.partition(" ")
    signature = _decoded(value)
    if dash != "\u2014" or not _plain(name) or len(signature) <= _ID:
        raise RecordError("checkpoint: a line that is no signature")
    return name, signature


def _key_id(name: str, kind: bytes, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:_ID]


def _plain(name: str) -> bool:
    return bool(name) and name.isprintable() and "+" not in name and not any(map(str.isspace, name))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise RecordError("checkpoint: not in base64") from None
