"""Checkpoints outside the database: in the vault, and on the audit topic.

Whoever writes to the database can write the log anew; what lies here tells. In the vault a
checkpoint is a file ``checkpoints/<number>/checkpoint.json`` that is never written over, and one
that states something else of an entry that is there already is refused.

Outcomes: ``put`` raises ``RewrittenError`` where the vault holds another entry of that number,
``StoreError`` or ``BrokerError`` where vault or broker are away: trying again helps.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from agents.access.hash_chain import Checkpoint, Stated, read_export
from agents.access.witness import Note
from agents.crypto.ed25519 import PublicKey
from agents.kafka.security import KafkaSecurity
from agents.kafka.sending import Message, send_now
from agents.kafka.topics import Topics
from agents.settings.model import Settings
from agents.vault.file_store import CHECKPOINTS, PASSED, QUARANTINE, WITNESSED, Place, open_place
from pipeline.errors import RecordError, RewrittenError, StoreError
from pipeline.evidence.canonical_json import canonical_json, read_document
from pipeline.evidence.certificate import parse_certificate
from pipeline.evidence.layout import CERTIFICATE
from pipeline.records import cloudevents

KIND: Final = "hushwire.audit.checkpoint.v1"
DELIVERY_S: Final = 10.0
"""How long the broker may take to acknowledge one."""
_FILE: Final = "checkpoint.json"
_NUMBER: Final = re.compile("[0-9]{12,}")
_NOTE: Final = "note.txt"


class Publisher(Protocol):
    """Somewhere outside the database."""

    def put(self, checkpoint: Checkpoint) -> None:
        """Lay a checkpoint there; a repeat changes nothing."""
        ...

    def prune(self, until: int) -> None:
        """The log begins behind this entry now: older checkpoints are of no use."""
        ...


class VaultCheckpoints:
    """The checkpoints in a vault.

    Args:
        place: of the vault.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def put(self, checkpoint: Checkpoint) -> None:
        """See ``Publisher``."""
        name, data = f"{checkpoint.seq:012d}", canonical_json(checkpoint.document)
        if not self._place.put(CHECKPOINTS, name, {_FILE: data + b"\n"}):
            there = self._read(name)
            if (there.seq, there.hash) != (checkpoint.seq, checkpoint.hash):
                raise RewrittenError(
                    f"audit log: the checkpoint of entry {checkpoint.seq} in the vault states "
                    "another entry"
                )

    def prune(self, until: int) -> None:
        """See ``Publisher``."""
        for name in self._place.ids(CHECKPOINTS):
            if not _NUMBER.fullmatch(name) or int(name) >= until:
                continue
            if set(self._place.names(CHECKPOINTS, name)) <= {_FILE}:  # nobody else's
                self._place.remove(CHECKPOINTS, name)

    def all(self) -> list[Checkpoint]:
        """Every checkpoint that lies there; their signatures are not checked.

        Raises:
            RecordError: a file is no checkpoint.
        """
        names = self._place.ids(CHECKPOINTS)
        # One without files is half-written.
        return [self._read(name) for name in names if self._place.names(CHECKPOINTS, name)]

    def _read(self, name: str) -> Checkpoint:
        with self._place.open(CHECKPOINTS, name, _FILE) as file:
            _, checkpoints = read_export([file.read()])
        if len(checkpoints) != 1:
            raise RecordError(f"vault: {CHECKPOINTS}/{name} holds no checkpoint")
        return checkpoints[0]


class TopicCheckpoints:
    """The audit topic.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: the audit topic.
        client: further librdkafka settings, such as TLS ones.
    """

    def __init__(self, bootstrap: str, topic: str, client: dict[str, Any] | None = None) -> None:
        self._bootstrap, self._topic, self._client = bootstrap, topic, client

    def put(self, checkpoint: Checkpoint) -> None:
        """See ``Publisher``."""
        headers = {
            "ce_specversion": b"1.0",
            "ce_id": f"log/{KIND}/{checkpoint.seq}".encode(),
            "ce_source": cloudevents.SOURCE.encode(),
            "ce_type": KIND.encode(),
            "ce_dataclassification": b"internal",
            "content-type": b"application/json",
        }
        message = Message(self._topic, b"log", headers, canonical_json(checkpoint.document))
        send_now(
            [message],
            self._bootstrap,
            self._client,
            delivery_s=DELIVERY_S,
            what="a checkpoint of the audit log",
        )

    def prune(self, until: int) -> None:
        """Nothing: the topic's retention does it."""


def keep_note(place: Place, note: Note) -> None:
    """Lay a cosigned checkpoint into the vault; it is never written over."""
    data = note.note.encode()
    name = f"{note.size:012d}.{hashlib.sha256(data).hexdigest()[:8]}"
    place.put(WITNESSED, name, {_NOTE: data})


def notes(place: Place) -> list[Note]:
    """The cosigned checkpoints in a vault; their signatures are not checked.

    Raises:
        RecordError: a file is none.
    """
    found = []
    for name in place.ids(WITNESSED):
        if place.names(WITNESSED, name):
            with place.open(WITNESSED, name, _NOTE) as file:
                found.append(Note.parse(file.read().decode(errors="replace")))
    return found


def publishers(settings: Settings, vault: str | Path) -> list[Publisher]:
    """Where an installation's checkpoints go: the vault, and the audit topic where a broker is set.

    Raises:
        HushwireError: the vault can't be opened, or a setting of the broker is wrong.
    """
    found: list[Publisher] = [VaultCheckpoints(open_place(vault))]
    if settings.bootstrap:
        topic = Topics.named(settings.topic_prefix).audit
        client = KafkaSecurity.of(settings).librdkafka()
        found.append(TopicCheckpoints(settings.bootstrap, topic, client))
    return found


def certified(place: Place, keys: Mapping[str, PublicKey]) -> Iterator[Stated | str | None]:
    """What every certificate in a vault states of the audit log, or what is wrong with it.

    None for one that was signed by a version that did not state it.
    """
    for area in (PASSED, QUARANTINE):
        for call_id in place.ids(area):
            try:
                with place.open(area, call_id, call_id + CERTIFICATE) as file:
                    data = file.read()
                stated = parse_certificate(data)
            except RecordError:
                yield f"certificate of {call_id}: can't be read"
                continue
            except StoreError:
                if place.names(area, call_id):
                    raise
                continue  # erased meanwhile
            key = keys.get(stated.signature.key_id) if stated.signature else None
            if key is None or not key.signed(read_document(data)):
                yield f"certificate of {call_id}: changed, or signed by no known key"
            elif stated.log is None:
                yield None
            else:
                by = f"named by the certificate of {call_id}"
                yield Stated(stated.log.seq, stated.log.hash, by)
