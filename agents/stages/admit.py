"""Admit: records of the door in, sealed raw audio out. It alone opens what producers send.

Every record is worked on by itself: what is known of its call stands in the ledger, and in memory
only so that it need not be asked for each time. So a repeat, a restart and another worker change
nothing. A call is opened in the ledger with its first record; numbers become pseudonyms, and the
recorder's own id is kept sealed (``agents.vault.recorder_ids``).

Outcomes of ``Admission.take``, always a ``Handled``:

- the record goes on, sealed by the call's own transit key;
- it is dropped: its call was closed before. Its end is answered with how the call ended;
- it goes to the dead letters, without its content, and its call goes on without it;
- the same, and its call is refused: what comes first already can't be opened, is in clear though
  the policy does not allow that, or is of a call that may not be recorded.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from agents.crypto.envelope import Seal
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.transit_hybrid import TransitPrivate, write_public
from agents.database.call_ledger import CallState, KnownCall, Ledger
from agents.database.door_calls import DoorCalls
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.events import KNOWN, refusal
from agents.runtime.record_runtime import Handled, RecordStage
from agents.runtime.steps import Send, Tell
from agents.system.owners import DOOR
from agents.vault.recorder_ids import note_recorder_id
from pipeline.consent.hints import with_hints
from pipeline.consent.loading import is_place
from pipeline.consent.metadata import Stated
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import (
    ConsentError,
    DamagedKeyError,
    HushwireError,
    InputError,
    OtherRecordingError,
    RecordError,
    SealError,
    UnknownCallError,
)
from pipeline.gateways import g711
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorRecord
from pipeline.gateways.door.wire import DoorAddress, Message, address, decode, read_key
from pipeline.records.call_names import holds_number
from pipeline.records.consent import MOST_PLACES, Consent
from pipeline.records.model import INCOMPLETE, AudioChunk, CallEnd, CallInfo

NAME = "admit"
LOOK_S: Final = 5.0
"""How often the ledger is asked whether a call is still open."""
IDLE_S: Final = 120.0
"""The keys of a call of which nothing came for so long are forgotten."""
REMEMBERED: Final = 4_096
"""Calls that are known without asking the ledger."""
_KEYS: Final = 4
"""Keys of one call in memory: a sender that was started again makes a new one."""


class _Places(BaseModel):
    """Of what is stated, the places alone."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    places: tuple[str, ...] = ()


class _NotTakenError(RecordError):
    """A record that is not taken; ``why`` is its code."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class _Call:
    """What is in memory of a call."""

    state: CallState | None
    """``None``: the ledger does not know it."""
    ended: str = ""
    """How it ended, for whoever sent it."""
    looked: float = 0.0
    ours: bool = True
    """Whether it came in by the door."""
    seal: Seal | None = field(default=None, repr=False)
    header: CallHeader | None = field(default=None, repr=False)
    """Of the last record that went on."""
    info: CallInfo | None = field(default=None, repr=False)
    """What was made of it."""
    sealed: bool = True
    """Whether its records are."""
    keys: OrderedDict[bytes, Seal] = field(default_factory=OrderedDict, repr=False)
    came: float = 0.0


class _KnownError(RecordError):
    """A recording that came before, under another id."""

    def __init__(self, call: _Call) -> None:
        super().__init__("the recording is another call's")
        self.call = call


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_in,)


@dataclass(frozen=True, slots=True)
class Door:
    """How calls are let in: which files, and what is asked."""

    private: Path
    """The private half of the transit keys; made when no call was let in before."""
    public: Path
    """Where its public half is put when it is made, for whoever sends."""
    token_key: Path
    """The installation's secret for keyed hashes."""
    service: str | None = None
    """URI of the key service's key that encrypts the private half's file."""
    clear: bool = False
    """Whether calls are taken whose records are in clear (``Policy.clear_transit``)."""
    may_be_sent: Callable[[CallInfo], None] | None = None
    """Raises ``ConsentError`` for a call that its metadata forbids; None where nobody asks for
    consent."""
    language: str = DEFAULT
    """Of a call whose header names none."""

    def open(self, ledger: Ledger) -> TransitPrivate:
        """The private half.

        Raises:
            StoreError: it is missing, and calls were sent for it; or it can't be read or made.
        """
        missing = not self.private.exists()
        if missing and ledger.opened_by(DOOR):
            return TransitPrivate(self.private, self.service)  # which says what is to be done
        private = TransitPrivate.load_or_create(self.private, self.service)
        if missing and not self.public.exists():
            write_public(self.public, private.public)
        return private


def admit_stage(topics: Topics, ledger: Ledger, private: TransitPrivate, door: Door) -> RecordStage:
    """The stage; see ``Admission``."""
    core = Admission(topics, ledger, private, Pseudonyms(door.token_key), door)
    return RecordStage(NAME, inputs(topics), core)


class Admission:
    """Lets calls in; see the module's text.

    Args:
        topics: names.
        ledger: opens the calls, and has their keys.
        private: opens what producers sealed.
        named: makes pseudonyms of numbers and the keyed hashes of recorders' ids.
        door: what is asked of a call.
        monotonic: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        topics: Topics,
        ledger: Ledger,
        private: TransitPrivate,
        named: Pseudonyms,
        door: Door,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics, self._ledger, self._private, self._named = topics, ledger, private, named
        self._door = door
        self._doors, self._monotonic = DoorCalls(ledger.database), monotonic
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._lock = Lock()

    def take(self, delivery: Delivery) -> Handled:
        """See ``RecordCore.take``.

        Raises:
            StoreError: the ledger, or the file of a key, is away.
            SealError: the wrapping key is another ledger's.
        """
        message = Message(delivery.key, delivery.headers, delivery.value)
        try:
            where = address(message)
        except RecordError as error:
            return Handled(dead=error.code)
        if holds_number(where.call_id):
            return Handled(dead="call_id")  # which may not be told
        with self._lock:
            return self._take(where, message)

    def forget(self, *, all_calls: bool) -> None:
        """See ``RecordCore.forget``."""
        with self._lock:
            since = self._monotonic() - IDLE_S
            for call_id in [one for one, call in self._calls.items() if call.came < since]:
                del self._calls[call_id]
            if all_calls:
                self._calls.clear()

    def _take(self, where: DoorAddress, message: Message) -> Handled:
        call = self._call(where.call_id)
        if call.state not in {None, CallState.OPEN}:
            return self._after_end(where, call)
        begins = call.seal is None
        try:
            if not call.ours:
                raise _NotTakenError("other_call")
            record = self._opened(where, message, call)
            if begins:
                self._let_in(where, record.header, call)
            return self._sent(record, call, begins=begins)
        except UnknownCallError:  # closed between two questions
            del self._calls[where.call_id]
            return self._after_end(where, self._call(where.call_id))
        except _KnownError as known:
            return self._after_end(where, known.call)
        except (OtherRecordingError, ConsentError, DamagedKeyError) as error:
            return self._not_taken(where.call_id, call, error.code, error)
        except SealError:
            raise  # the ledger's own key file is the wrong one: no call is to suffer from that
        except RecordError as error:
            code = error.why if isinstance(error, _NotTakenError) else error.code
            return self._not_taken(where.call_id, call, code, error)

    def _not_taken(self, call_id: str, call: _Call, code: str, error: HushwireError) -> Handled:
        """A record that does not go on; its call ends with it only where nothing of it did before.

        Whoever knows the id of a call that goes on could else end it.
        """
        other = isinstance(error, OtherRecordingError) or not call.ours
        if call.seal is not None or other or self._header_of(call_id) is not None:
            return Handled(call_id, dead=code)
        return self._refused(call_id, code, error)

    def _call(self, call_id: str) -> _Call:
        """What is known of a call, asked of the ledger where that was some time ago."""
        now = self._monotonic()
        call = self._calls.get(call_id)
        if call is None or now - call.looked >= LOOK_S:
            known = self._ledger.call(call_id)
            if call is None or known is None or known.state is not CallState.OPEN:
                call = self._calls[call_id] = _Call(known.state if known else None, _ended(known))
            call.looked, call.ours = now, known is None or known.owner == DOOR
        call.came = now
        self._calls.move_to_end(call_id)
        while len(self._calls) > REMEMBERED:
            self._calls.popitem(last=False)
        return call

    def _opened(self, where: DoorAddress, message: Message, call: _Call) -> DoorRecord:
        """The record, in clear.

        Raises:
            RecordError: it can't be opened, is none, or belongs to no call like this.
        """
        if call.seal is not None and where.sealed is not call.sealed:
            raise _NotTakenError("header")
        wrapped = read_key(message.headers)
        # Judged once: a call that was let in goes on to its end, whatever a policy says then.
        begins = call.seal is None and self._header_of(where.call_id) is None
        if wrapped is None and begins and not self._door.clear:
            raise _NotTakenError("clear_transit")
        opening = None if wrapped is None else self._unwrapped(wrapped, where.call_id, call)
        try:
            record = decode(message, self._topics.audio_in, opening)
        except SealError:
            raise _NotTakenError(SealError.code) from None
        header, known = record.header, call.header
        if known is not None and not header.continues(known):
            raise _NotTakenError("header")
        return record

    def _unwrapped(self, wrapped: bytes, call_id: str, call: _Call) -> Seal:
        seal = call.keys.get(wrapped)
        if seal is None:
            try:
                seal = self._private.unwrap(wrapped, call_id)
            except SealError:
                raise _NotTakenError("door_key") from None
            call.keys[wrapped] = seal
            while len(call.keys) > _KEYS:
                call.keys.popitem(last=False)
        return seal

    def _header_of(self, call_id: str) -> str | None:
        """By which header a call was let in; None where it was not."""
        row = self._doors.get(call_id)
        return row.header if row else None

    def _let_in(self, where: DoorAddress, header: CallHeader, call: _Call) -> None:
        """Open the call in the ledger, or take it up again as it was opened.

        Raises:
            _KnownError: its recording is another call's.
            ConsentError: it may not be recorded.
            UnknownCallError: it was closed before.
            OtherRecordingError: its id is another recording's.
            DamagedKeyError: its transit key was damaged.
            RecordError: what is stated of it can't be understood, or it is made of other audio
                than when it was opened.
        """
        if call.state is None and header.recording:
            known = self._ledger.of_recording(header.recording)
            if known is not None and known.call_id != where.call_id:
                raise _KnownError(_Call(known.state, _ended(known)))
        opened = self._ledger.open_call(
            where.call_id, recording=header.recording or None, owner=DOOR
        )
        call.state = CallState.OPEN
        note_recorder_id(
            self._ledger.database, self._named, where.call_id, header.recorder_id, opened.seal
        )
        info = self._info(header)
        digest = self._named.header(_made_of(header, sealed=where.sealed))
        if self._door.may_be_sent is not None and self._header_of(where.call_id) is None:
            self._door.may_be_sent(info)
        if self._doors.let_in(where.call_id, digest) != digest:
            raise _NotTakenError("header")
        call.seal, call.sealed, call.header, call.info = opened.seal, where.sealed, header, info

    def _sent(self, record: DoorRecord, call: _Call, *, begins: bool) -> Handled:
        """What goes on of a record of a call that was let in; ``begins``: with this one here.

        Raises:
            RecordError: what is stated of the call by now can't be understood.
        """
        header, said_before = record.header, call.header
        if header != call.header or call.info is None:
            call.info = self._info(header)
            call.header = header
        info, raw = call.info, self._topics.audio_raw
        if isinstance(record, DoorChunk):
            pcm = g711.decode(header.codec, record.audio, header.channels)
            chunk = AudioChunk(info, record.seq, record.start, pcm, paused=record.paused)
            return Handled(header.call_id, (Send(raw, chunk),), call.seal)
        sends: list[Send] = []
        if record.chunks and header.stated and (begins or header != said_before):
            # What an end states of consent goes ahead of it, with a repeat of the first chunk:
            # stages drop its audio, and hear what it says of the call.
            pcm = g711.decode(header.codec, b"", header.channels)
            sends.append(Send(raw, AudioChunk(info, 0, 0, pcm)))
        marks = () if record.complete else (INCOMPLETE,)
        end = CallEnd(header.call_id, record.chunks, record.end, marks=marks)
        return Handled(header.call_id, (*sends, Send(raw, end)), call.seal)

    def _after_end(self, where: DoorAddress, call: _Call) -> Handled:
        """A record of a call that was closed before: a repeat."""
        told: tuple[Tell, ...] = ()
        if where.ends:
            facts = {"call_id": where.call_id, "state": call.ended}
            told = (Tell(self._topics.calls_redacted, where.call_id, KNOWN, facts),)
        return Handled(where.call_id, tell=told, dropped="over")

    def _refused(self, call_id: str, code: str, error: HushwireError) -> Handled:
        """Refuse a call with its first record; the ledger remembers it."""
        with suppress(UnknownCallError, DamagedKeyError):
            self._ledger.open_call(call_id, owner=DOOR)
        del self._calls[call_id]
        at = self._ledger.database.stamp()
        told = refusal(self._topics, call_id, NAME, code, error.facts, at=at)
        return Handled(
            call_id, dead=code, refused=code, tell=told, then=partial(self._close, call_id)
        )

    def _close(self, call_id: str) -> None:
        with suppress(UnknownCallError):
            self._ledger.close_call(call_id, CallState.REFUSED)

    def _info(self, header: CallHeader) -> CallInfo:
        return call_info(header, self._named, self._door.language, self._ledger.database.now())


def call_info(header: CallHeader, named: Pseudonyms, language: str, now: datetime) -> CallInfo:
    """What the stages are told of a call: no number, and nothing of the platform's own.

    Args:
        header: of its record.
        named: makes the pseudonyms.
        language: where the header names none.
        now: the time.

    Raises:
        RecordError: what is stated of its places can't be understood.
    """
    parties = set()
    for number in header.numbers:
        with suppress(InputError):  # no number, such as a word that stands for a withheld one
            parties.add(named(number))
    return CallInfo(
        header.call_id,
        header.sample_rate,
        header.roles,
        header.started_at,
        header.language or language,
        header.purpose,
        tuple(sorted(parties)),
        _consent(header, now),
    )


def _consent(header: CallHeader, now: datetime) -> Consent | None:
    """What the header says of places, notice and consent.

    Of evidence that can't be understood nothing counts, so that the rules of the places ask for all
    that they ask for.

    Raises:
        RecordError: not even the places can be understood.
    """
    if not header.stated and not header.numbers:
        return None
    try:
        stated = Stated.model_validate_json(header.stated or b"{}")
        started = datetime.fromisoformat(header.started_at) if header.started_at else None
        return stated.consent(started, now, header.numbers)
    except (ValidationError, InputError):
        pass
    try:
        places = _Places.model_validate_json(header.stated).places
    except ValidationError:
        raise _NotTakenError("stated") from None
    if len(places) > MOST_PLACES or not all(map(is_place, places)):
        raise _NotTakenError("stated")
    return Consent(with_hints(places, header.numbers))


def _ended(known: KnownCall | None) -> str:
    """How a call stands, for whoever sent it."""
    if known is None:
        return ""
    return known.state.value if known.erased is None else "erased"


def _made_of(header: CallHeader, *, sealed: bool) -> bytes:
    """What all records of a call have to agree on."""
    roles = ",".join(header.roles)
    return f"{header.sample_rate}/{header.codec.value}/{roles}/{sealed}".encode()
