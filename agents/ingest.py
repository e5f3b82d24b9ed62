"""Puts recordings onto the raw topic, chunk by chunk, sealed with a key of the call's own.

Outcomes per recording: sent (the broker acknowledged every chunk and the end), skipped (it is
stored already, or on the broker already), or refused with the reason. A recording that turns out
to be damaged half-way is refused whole: its key is destroyed, so that what was sent of it can
never be opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from agents.ledger import CallState, Ledger
from agents.parties import Pseudonyms
from agents.producer import CallProducer
from agents.recordings import Drop, read_drop
from agents.sealing import Seal
from pipeline.audio import inspect_recording, iter_chunks
from pipeline.callnames import shown
from pipeline.errors import InputError, UnknownCallError
from pipeline.records import AudioChunk, CallEnd, CallInfo
from pipeline.vocabulary import DEFAULT

STAGE = "ingest"
"""Its name in the ledger's progress."""


class Outcome(StrEnum):
    """What became of a recording."""

    SENT = "sent"
    STORED_BEFORE = "stored before"
    SENT_BEFORE = "sent before"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one recording."""

    path: Path
    outcome: Outcome
    call_id: str = ""
    seconds: float = 0.0
    """Length of the call."""
    problem: str = ""
    """Why it was refused, and what to do."""
    place: int = 0
    """Which of the recordings it is, from 1, where its id is a pseudonym of its name."""


def ingest(
    paths: Iterable[Path],
    producer: CallProducer,
    ledger: Ledger,
    *,
    chunk_seconds: float,
    named: Pseudonyms,
    language: str = DEFAULT,
    report: Callable[[Ingested], None] = lambda _: None,
) -> list[Ingested]:
    """Send recordings one after another.

    Args:
        paths: files that ``recordings.find_recordings`` found.
        producer: writes to the raw topic.
        ledger: makes the calls' keys.
        chunk_seconds: length of a chunk.
        named: makes the pseudonyms of parties' numbers, and of calls that are named by one.
        language: of a call whose sidecar names none.
        report: is told of each recording when it is through.

    Raises:
        BrokerError: the broker is away; what was not acknowledged is sent again by a repeat.
        StoreError: the ledger is away.
    """
    results = []
    seen: dict[str, Path] = {}
    for place, path in enumerate(paths, 1):
        try:
            drop = read_drop(path, language=language, named=named.call_id)
            result = _ingest_one(drop, producer, ledger, chunk_seconds, named, seen)
            if drop.renamed:
                result = replace(result, place=place)
        except InputError as error:
            result = Ingested(path, Outcome.REFUSED, problem=str(error))
        results.append(result)
        report(result)
    return results


def _ingest_one(
    drop: Drop,
    producer: CallProducer,
    ledger: Ledger,
    chunk_seconds: float,
    named: Pseudonyms,
    seen: dict[str, Path],
) -> Ingested:
    path = drop.path
    if drop.call_id in seen:
        raise InputError(
            f"{shown(path.name)}: call id {drop.call_id} is {shown(seen[drop.call_id].name)}'s "
            "already; give it one of its own in a sidecar"
        )
    seen[drop.call_id] = path
    header = inspect_recording(path)
    call = drop.info(header.sample_rate, header.channels, named=named)
    seconds = header.frames / header.sample_rate
    if ledger.finished(drop.call_id, STAGE):
        state = ledger.state(drop.call_id)
        before = Outcome.SENT_BEFORE if state is CallState.OPEN else Outcome.STORED_BEFORE
        return Ingested(path, before, drop.call_id, seconds)
    try:
        seal = ledger.open_call(drop.call_id).seal
    except UnknownCallError:
        raise InputError(
            f"{shown(path.name)}: call {drop.call_id} was refused before and its key is destroyed; "
            "give the repaired recording a new call id"
        ) from None
    try:
        _send(path, call, producer, seal, chunk_seconds)
    except InputError:
        ledger.close_call(drop.call_id, CallState.REFUSED)
        raise
    ledger.finish(drop.call_id, STAGE)
    return Ingested(path, Outcome.SENT, drop.call_id, seconds)


def _send(
    path: Path, call: CallInfo, producer: CallProducer, seal: Seal, chunk_seconds: float
) -> None:
    seq = start = 0
    for pcm in iter_chunks(path, chunk_seconds):
        chunk = AudioChunk(call, seq, start, pcm)
        producer.send(chunk, seal)
        seq, start = seq + 1, chunk.end
    producer.send(CallEnd(call.call_id, chunks=seq, end=start), seal)
    producer.flush()
