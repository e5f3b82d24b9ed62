"""Puts recordings onto the raw topic, chunk by chunk, sealed with a key of the call's own.

Outcomes per recording: sent (the broker acknowledged every chunk and the end), skipped because the
ledger knows it, with what became of it, or refused with the reason. A recording that turns out to
be damaged half-way, or that changes while it is read, is refused whole: its key is destroyed, so
that what was sent of it can never be opened.

The ledger knows a recording by the sha256 of its file: every version of Hushwire gets the same one,
whatever it decodes, and anybody can compare it (``sha256sum``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import select

from agents.access.audit_log import AuditLog
from agents.app.recordings.recording_folder import Drop, read_drop
from agents.crypto.envelope import Seal
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.call_ledger import CallState, KnownCall, Ledger
from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE, PROGRESS
from agents.kafka.producer import CallProducer
from agents.runtime.events import audit, audit_event
from agents.system.clock import stamp
from agents.system.owners import archive_owner, is_archive, is_embedded, owner
from agents.vault.call_catalogue import PARTIAL
from agents.vault.recorder_ids import note_recorder_id
from pipeline.audio.files import RecordingInfo, Source, inspect_recording, iter_chunks
from pipeline.audio.narrowing import kept_rate, narrow
from pipeline.audio.opening import open_regular
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import ConsentError, InputError, OtherRecordingError, UnknownCallError
from pipeline.records.call_names import shown
from pipeline.records.cloudevents import valid_call_id
from pipeline.records.model import AudioChunk, CallEnd, CallInfo

STAGE = "ingest"
"""Its name in the ledger's progress."""
_AGAIN = ".again"
"""Between the call id of a recording that is taken anew and how often it was taken."""
_BATCH: Final = 500
"""Calls that the ledger is asked for at once."""


class Outcome(StrEnum):
    """What became of a recording."""

    SENT = "sent"
    STORED_BEFORE = "stored before"
    STORED_ELSEWHERE = "stored in another vault"
    """The ledger has it as stored, and the vault at hand does not have it."""
    STORED_IN_PART = "stored in part"
    """It was never sent to its end, or something of it was lost on the way."""
    SENT_BEFORE = "sent before"
    """On its way on this broker."""
    OPEN_ELSEWHERE = "open on another broker"
    QUARANTINED_BEFORE = "quarantined before"
    REFUSED_BEFORE = "refused before"
    ERASED_BEFORE = "erased before"
    REFUSED = "refused"

    @property
    def good(self) -> bool:
        """Whether it was sent just now, or is stored; of all others nothing may be kept."""
        return self in {Outcome.SENT, Outcome.STORED_BEFORE}

    @property
    def anew(self) -> bool:
        """Whether it is taken anew where that is asked for."""
        return self in {Outcome.REFUSED_BEFORE, Outcome.STORED_IN_PART}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one recording."""

    path: Path
    outcome: Outcome
    call_id: str = ""
    seconds: float = 0.0
    """Length of the call."""
    problem: str = ""
    """Why nothing of it may be stored, and what to do."""
    place: int = 0
    """Which of the recordings it is, from 1, where its id is a pseudonym of its name."""
    digest: str = ""
    """sha256 of its file in hex, where it was sent to the door."""

    @property
    def line(self) -> str:
        """One line on it."""
        if not self.outcome.good:
            return f"{self.outcome}: {self.problem}"
        line = f"{self.outcome}: {shown(self.path.name)} ({self.seconds:.0f} s)"
        return f"{line}; {self.renamed}" if self.place else line

    @property
    def renamed(self) -> str:
        """Which id it got if its name may hold a number or can be none; never the name."""
        return f"recording {self.place} gets an id of ours, {self.call_id}"


_ADVICE = {
    Outcome.SENT_BEFORE: "on its way since {since}; ask again later, `hushwire doctor` tells of "
    "calls that hang",
    Outcome.OPEN_ELSEWHERE: "{owner} opened it at {since}; let that end first",
    Outcome.STORED_IN_PART: "only a part of it is stored; --again takes it anew, as a call beside "
    "that",
    Outcome.QUARANTINED_BEFORE: "its verification failed; `hushwire quarantine list{place}` "
    "tells more",
    Outcome.REFUSED_BEFORE: "nothing of it is stored; --again takes it anew, as a new call",
    Outcome.ERASED_BEFORE: "it is not taken again",
}


def ingest(
    paths: Iterable[Path],
    producer: CallProducer,
    ledger: Ledger,
    *,
    chunk_seconds: float,
    named: Pseudonyms,
    language: str = DEFAULT,
    embedded: bool = False,
    again: bool = False,
    options: str = "",
    may_be_sent: Callable[[CallInfo], None] | None = None,
    lines: Mapping[str, str] | None = None,
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
        embedded: whether the broker ends with this process.
        again: take a recording whose call was refused, or stored in part, anew, under a new call
            id.
        options: of commands that are advised, such as `` --vault vault``.
        may_be_sent: raises ``ConsentError`` for a call that its metadata forbids; None where
            nobody asks for consent.
        lines: names of the company's own numbers, by number.
        report: is told of each recording when it is through.

    Raises:
        BrokerError: the broker is away; what was not acknowledged is sent again by a repeat.
        StoreError: the ledger is away.
    """
    sender = RecordingSender(
        producer,
        ledger,
        chunk_seconds,
        named,
        lines or {},
        may_be_sent or (lambda _: None),
        embedded=embedded,
        again=again,
        options=options,
    )
    results = []
    for place, path in enumerate(paths, 1):
        try:
            drop = read_drop(path, language=language, named=named.call_id)
            result = sender.take(drop)
            if drop.renamed:
                result = replace(result, place=place)
        except InputError as error:
            result = Ingested(path, Outcome.REFUSED, problem=str(error))
        results.append(result)
        report(result)
    return results


@dataclass(slots=True)
class RecordingSender:
    """Sends recordings, one after another, each at most once."""

    producer: CallProducer
    ledger: Ledger
    chunk_seconds: float
    named: Pseudonyms
    lines: Mapping[str, str]
    may_be_sent: Callable[[CallInfo], None]
    embedded: bool
    again: bool
    options: str = ""
    archive: bool = False
    """Whether they go over the topics of archives."""
    seen: dict[str, Path] = field(default_factory=dict)
    """Which recording has which call id."""

    def take(
        self,
        drop: Drop,
        content: bytes | None = None,
        *,
        opens: Callable[[str, float], None] = lambda *_: None,
    ) -> Ingested:
        """Send a recording, or say what became of it before.

        Args:
            drop: it.
            content: of its file, where that is an object of a bucket.
            opens: is told the call's id and seconds before the ledger or the broker has anything
                of what is sent.

        Raises:
            InputError: it is refused.
        """
        path, name = drop.path, shown(drop.path.name)
        source: Source = path if content is None else content
        if drop.call_id in self.seen:
            other = shown(self.seen[drop.call_id].name)
            raise InputError(
                f"{name}: call id {drop.call_id} is {other}'s already; "
                "give it one of its own in a sidecar"
            )
        self.seen[drop.call_id] = path
        header = inspect_recording(source)
        call = drop.info(
            kept_rate(header.sample_rate), header.channels, named=self.named, lines=self.lines
        )
        recording = digest_of(source)
        call_id, known = self._latest(drop.call_id)
        outcome = self._outcome(known) if known else Outcome.SENT
        if outcome.anew and self.again:
            call_id, outcome = _following(drop.call_id, call_id), Outcome.SENT
            if not valid_call_id(call_id):
                raise InputError(
                    f"{name}: call id {drop.call_id} is too long to be taken again; give the "
                    "recording a new one in a sidecar"
                )
        elif known and known.recording not in {None, recording}:
            raise InputError(
                f"{name}: call id {call_id} belongs to another recording "
                f"({known.state.value}, sha256 {known.recording}); give this one an id of its own "
                "in a sidecar"
            )
        seconds = header.frames / header.sample_rate
        if outcome is Outcome.SENT:
            opens(call_id, seconds)
            self._send(drop, source, header, replace(call, call_id=call_id), recording)
        problem = ""
        if not outcome.good and known:
            advice = _ADVICE[outcome].format(
                since=stamp(known.created), owner=known.owner or "somebody", place=self.options
            )
            problem = f"{name}: call {call_id}: {advice}"
        return Ingested(path, outcome, call_id, seconds, problem)

    def _latest(self, call_id: str) -> tuple[str, KnownCall | None]:
        """The last call that was made of a recording's id, by ``again``."""
        latest, known = call_id, self.ledger.call(call_id)
        while known is not None:
            following = _following(call_id, latest)
            later = self.ledger.call(following)
            if later is None:
                break
            latest, known = following, later
        return latest, known

    def _outcome(self, known: KnownCall) -> Outcome:
        """What became of a call; ``SENT`` for one whose sending was interrupted and goes on."""
        outcome = stands(self.ledger.database, [known.call_id]).get(known.call_id, Outcome.SENT)
        there = is_embedded(known.owner), is_archive(known.owner)
        if outcome in ON_THEIR_WAY and there != (self.embedded, self.archive):
            return Outcome.OPEN_ELSEWHERE
        return outcome

    def _send(
        self, drop: Drop, source: Source, header: RecordingInfo, call: CallInfo, recording: str
    ) -> None:
        path, recorder_id = drop.path, drop.recorder_id
        opener = archive_owner() if self.archive else owner(embedded=self.embedded)
        try:
            opened = self.ledger.open_call(call.call_id, recording=recording, owner=opener)
        except (UnknownCallError, OtherRecordingError):
            raise InputError(
                f"{shown(path.name)}: call {call.call_id} was opened or closed by another process "
                "just now; ask again"
            ) from None
        if recorder_id not in {"", call.call_id}:  # else it is found by its id
            database = self.ledger.database
            note_recorder_id(database, self.named, call.call_id, recorder_id, opened.seal)
        try:
            try:
                self.may_be_sent(call)
            except ConsentError as error:
                raise ConsentError(f"{shown(path.name)}: {error}", error.facts) from None
            self._send_all(path, source, header, call, opened.seal, recording)
        except InputError as error:
            refused = CallState.REFUSED.value
            facts = {"stage": STAGE, "code": error.code, "state": refused, **error.facts}
            at = self.ledger.database.stamp()
            told = audit_event(audit("", call.call_id, "call-refused", facts, at=at))
            AuditLog(self.ledger.database).append(told)
            self.ledger.close_call(call.call_id, CallState.REFUSED)
            raise
        self.ledger.finish(call.call_id, STAGE)

    def _send_all(
        self,
        path: Path,
        source: Source,
        header: RecordingInfo,
        call: CallInfo,
        seal: Seal,
        recording: str,
    ) -> None:
        seq = start = 0
        chunks = iter_chunks(source, self.chunk_seconds)
        for pcm in narrow(chunks, header.sample_rate, header.channels):
            chunk = AudioChunk(call, seq, start, pcm)
            self.producer.send(chunk, seal)
            seq, start = seq + 1, chunk.end
        if digest_of(source) != recording:
            raise InputError(
                f"{shown(path.name)}: it changed while it was read; is it still written?"
            )
        self.producer.send(CallEnd(call.call_id, chunks=seq, end=start), seal)
        self.producer.flush()


ON_THEIR_WAY: Final = frozenset({Outcome.SENT, Outcome.SENT_BEFORE})
"""How open calls stand."""
_CLOSED: Final = {
    CallState.QUARANTINED: Outcome.QUARANTINED_BEFORE,
    CallState.REFUSED: Outcome.REFUSED_BEFORE,
}


def stands(database: Database, calls: Collection[str]) -> dict[str, Outcome]:
    """How calls stand: the one way of judging, for all that send recordings.

    A call is stored where the catalogue says that nothing of it is missing, as the topic of ended
    calls tells, too; of a call without a row, where it was sent to its end. An open one is
    ``SENT_BEFORE``, or ``SENT`` where its sending was broken off, and goes on.

    Args:
        database: the ledger's.
        calls: their ids.

    Returns:
        By id; without those that the ledger does not know.
    """
    ids, found = list(calls), dict[str, Outcome]()
    query = (
        select(
            CALLS.c.call_id,
            CALLS.c.state,
            CALLS.c.erased,
            PROGRESS.c.stage,
            CATALOGUE.c.certificate,
            CATALOGUE.c.marks,
        )
        .outerjoin(PROGRESS, (PROGRESS.c.call_id == CALLS.c.call_id) & (PROGRESS.c.stage == STAGE))
        .outerjoin(CATALOGUE, CATALOGUE.c.call_id == CALLS.c.call_id)
    )
    with database.reading() as connection:
        for start in range(0, len(ids), _BATCH):
            some = query.where(CALLS.c.call_id.in_(ids[start : start + _BATCH]))
            for row in connection.execute(some):
                sent, state = row.stage is not None, CallState(row.state)
                marks = (row.marks or "").split(",")
                whole = not PARTIAL.intersection(marks) if row.certificate else sent
                if row.erased is not None:
                    outcome = Outcome.ERASED_BEFORE
                elif state is CallState.OPEN:
                    outcome = Outcome.SENT_BEFORE if sent else Outcome.SENT
                elif state is CallState.STORED:
                    outcome = Outcome.STORED_BEFORE if whole else Outcome.STORED_IN_PART
                else:
                    outcome = _CLOSED[state]
                found[row.call_id] = outcome
    return found


def digest_of(source: Source) -> str:
    """sha256 of a recording's file or content, in hex; raises as ``file_digest``."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    return file_digest(Path(source))


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex.

    Raises:
        InputError: it can't be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{shown(path.name)}: cannot be read ({error.strerror})") from error


def _following(first: str, latest: str) -> str:
    """The id of the next call that is made of a recording.

    An id is never used twice: workers know which calls are over, and old records still lie on the
    broker. It may be too long to be valid.
    """
    number = int(latest.removeprefix(f"{first}{_AGAIN}")) if latest != first else 1
    return f"{first}{_AGAIN}{number + 1}"
