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

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Final

from agents.crypto.envelope import Seal
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import CallState, KnownCall, Ledger
from agents.database.door_calls import DoorCall, DoorCalls
from agents.database.known_keys import DoorKeys
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.events import KNOWN, audit, refusal
from agents.runtime.record_runtime import Handled, RecordStage
from agents.runtime.steps import EmitEvent, Send
from agents.stages.door_info import NotTakenError, call_info
from agents.stages.door_opening import KEY_LOOK_S, Door, KeyAwayError, Opener
from agents.system.clock import stamp
from agents.system.owners import DOOR
from agents.vault.call_catalogue import Catalogue
from agents.vault.recorder_ids import note_recorder_id
from pipeline.errors import (
    ConsentError,
    DamagedKeyError,
    HushwireError,
    OtherRecordingError,
    RecordError,
    SealError,
    UnknownCallError,
)
from pipeline.gateways import g711
from pipeline.gateways.door.call_ids import is_drawn
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorRecord
from pipeline.gateways.door.wire import DoorAddress, Message, address, decode, read_key
from pipeline.policy.model import Policy
from pipeline.records.call_names import holds_number
from pipeline.records.model import INCOMPLETE, AudioChunk, CallEnd, CallInfo
from pipeline.records.stages import ADMIT

NAME = ADMIT
LOOK_S: Final = 5.0
"""How often the ledger is asked whether a call is still open."""
IDLE_S: Final = 120.0
"""The keys of a call of which nothing came for so long are forgotten."""
REMEMBERED: Final = 4_096
"""Calls that are known without asking the ledger."""
OTHER_KEY: Final = "other_key"
_LOCKS: Final = 256


@dataclass(slots=True)
class _Call:
    """What is in memory of a call."""

    state: CallState | None
    """``None``: the ledger does not know it."""
    ended: str = ""
    """How it ended, for whoever sent it."""
    same_as: str = ""
    """Id under which its recording came before, where that is another one."""
    looked: float = 0.0
    ours: bool = True
    """Whether it came in by the door."""
    seal: Seal | None = field(default=None, repr=False)
    header: CallHeader | None = field(default=None, repr=False)
    """Of the last record that went on."""
    info: CallInfo | None = field(default=None, repr=False)
    """What was made of it."""
    recording: str | None = None
    """sha256 of its recording's file, where it is one's."""
    pinned: DoorCall | None = None
    """How it was let in, once it was."""
    keys: OrderedDict[bytes, Seal] = field(default_factory=OrderedDict, repr=False)
    came: float = 0.0

    @property
    def in_clear(self) -> bool:
        """Whether it was let in without a key."""
        return self.pinned is not None and self.pinned.key is None


class _KnownError(RecordError):
    """A recording that came before, under another id."""

    def __init__(self, call: _Call) -> None:
        super().__init__("the recording is another call's")
        self.call = call


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_in,)


def admit_stage(
    topics: Topics,
    ledger: Ledger,
    private: TransitPrivate,
    named: Pseudonyms,
    door: Door,
    policy: Callable[[], Policy],
) -> RecordStage:
    """The stage; see ``Admission``."""
    core = Admission(topics, ledger, private, named, door, policy)
    return RecordStage(NAME, inputs(topics), core)


class Admission:
    """Lets calls in; see the module's text.

    Args:
        topics: names.
        ledger: opens the calls, and has their keys.
        private: opens what producers sealed.
        named: makes pseudonyms of numbers and the keyed hashes of recorders' ids.
        door: what is asked of a call.
        policy: in force, asked for each call that comes.
        monotonic: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        topics: Topics,
        ledger: Ledger,
        private: TransitPrivate,
        named: Pseudonyms,
        door: Door,
        policy: Callable[[], Policy],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics, self._ledger, self._named, self._door = topics, ledger, named, door
        self._policy = policy
        self._opener = Opener(private, DoorKeys(ledger.database), monotonic)
        self._doors, self._monotonic = DoorCalls(ledger.database), monotonic
        self._catalogue = Catalogue(ledger.database)
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._table = Lock()
        """Of what is above; never held while a store or a key is asked."""
        self._locks = tuple(Lock() for _ in range(_LOCKS))
        """A call has one of these."""

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
        if holds_number(where.call_id) or not is_drawn(where.call_id):
            return Handled(dead="call_id")  # which may not be told
        with self._locks[hash(where.call_id) % _LOCKS]:
            try:
                return self._take(where, message)
            except KeyAwayError:
                return Handled(where.call_id, again_s=KEY_LOOK_S)

    def forget(self, *, all_calls: bool) -> None:
        """See ``RecordCore.forget``."""
        with self._table:
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
                raise NotTakenError("other_call")
            record = self._opened(where, message, call)
            if begins:
                key = _key_of(read_key(message.headers))
                self._let_in(where, key, record.header, call)
            return self._sent(record, call, begins=begins)
        except UnknownCallError:  # closed between two questions
            self._forget(where.call_id)
            return self._after_end(where, self._call(where.call_id))
        except _KnownError as known:
            return self._after_end(where, known.call)
        except (OtherRecordingError, ConsentError, DamagedKeyError) as error:
            return self._not_taken(where.call_id, call, error.code, error)
        except SealError:
            raise  # the ledger's own key file is the wrong one: no call is to suffer from that
        except RecordError as error:
            code = error.why if isinstance(error, NotTakenError) else error.code
            return self._not_taken(where.call_id, call, code, error)

    def _not_taken(self, call_id: str, call: _Call, code: str, error: HushwireError) -> Handled:
        """A record that does not go on; its call ends with it only where nothing of it did before.

        Whoever knows the id of a call that goes on could else end it.
        """
        other = isinstance(error, OtherRecordingError) or not call.ours
        if call.seal is not None or other or self._pinned(call_id, call) is not None:
            return Handled(call_id, dead=code)
        return self._refused(call_id, code, error)

    def _call(self, call_id: str) -> _Call:
        """What is known of a call, asked of the ledger where that was some time ago."""
        now = self._monotonic()
        with self._table:
            call = self._calls.get(call_id)
        if call is None or now - call.looked >= LOOK_S:
            known = self._ledger.call(call_id)
            if call is None or known is None or known.state is not CallState.OPEN:
                call = _Call(None)
                if known is not None:
                    call = _Call(known.state, known.standing, recording=known.recording)
            call.looked, call.ours = now, known is None or known.owner == DOOR
        call.came = now
        with self._table:
            self._calls[call_id] = call
            self._calls.move_to_end(call_id)
            while len(self._calls) > REMEMBERED:
                self._calls.popitem(last=False)
        return call

    def _forget(self, call_id: str) -> None:
        with self._table:
            self._calls.pop(call_id, None)

    def _opened(self, where: DoorAddress, message: Message, call: _Call) -> DoorRecord:
        """The record, in clear.

        Raises:
            RecordError: it can't be opened, is none, or belongs to no call like this.
        """
        wrapped = read_key(message.headers)
        pinned = self._pinned(where.call_id, call)
        strange = False
        if pinned is None:
            # Judged once: a call that was let in goes on to its end, whatever a policy says then.
            if wrapped is None and not self._policy().clear_transit:
                raise NotTakenError("clear_transit")
        elif (wrapped is None) is not (pinned.key is None):
            raise NotTakenError("header")
        else:
            strange = _key_of(wrapped) != pinned.key
            if strange and self._ledger.state(where.call_id) is not CallState.OPEN:
                # Sent again by a sender that began anew, right after the call was closed.
                raise UnknownCallError("closed before")
            if strange and call.recording is None:
                raise NotTakenError(OTHER_KEY)  # nothing is opened for it
        opening = None if wrapped is None else self._opener.open(wrapped, where.call_id, call.keys)
        try:
            record = decode(message, self._topics.audio_in, opening)
        except SealError:
            raise NotTakenError(SealError.code) from None
        header, known = record.header, call.header
        if strange and header.recording != call.recording:
            # A sender that began anew has the recording; the call's id does not tell its sha256.
            raise NotTakenError(OTHER_KEY)
        if known is not None and not header.continues(known):
            raise NotTakenError("header")
        return record

    def _pinned(self, call_id: str, call: _Call) -> DoorCall | None:
        """How a call was let in; None where it was not."""
        if call.pinned is None and call.state is not None:
            row = self._doors.get(call_id)
            if row is not None and row.header is not None:
                call.pinned = row
        return call.pinned

    def _same_recording(self, call_id: str, header: CallHeader) -> KnownCall | None:
        """A call of this recording under another id; not one that the recorder tells apart.

        Two calls may hold the same bytes, such as a lone prompt. One that is stored in part does
        not stand in the way of the whole.
        """
        recorder = self._named.recorder(header.recorder_id) if header.recorder_id else None
        for known in self._ledger.of_recording(header.recording):
            row = self._doors.get(known.call_id)
            # Who is ingested without the door is named by the recorder's id.
            theirs = row.recorder if row else self._named.recorder(known.call_id)
            if known.call_id != call_id and (None in {recorder, theirs} or recorder == theirs):
                stored = self._catalogue.find(known.call_id)
                if stored is None or stored.whole or not stored.passed:
                    return known
        return None

    def _let_in(self, where: DoorAddress, key: str | None, header: CallHeader, call: _Call) -> None:
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
            known = self._same_recording(where.call_id, header)
            if known is not None:
                raise _KnownError(_Call(known.state, known.standing, same_as=known.call_id))
            call.recording = header.recording
        opened = self._ledger.open_call(
            where.call_id, recording=header.recording or None, owner=DOOR
        )
        call.state = CallState.OPEN
        info = self._info(header)
        digest = self._named.header(_made_of(header, sealed=key is not None))
        if call.pinned is None:
            self._door.may_be_sent(info, self._policy())
        self._note_recorder_id(header, opened.seal)
        row = self._doors.let_in(where.call_id, digest, key)
        if row is None or row.header != digest:
            raise NotTakenError("header")
        if row.key != key and call.recording is None:  # another process let another one in
            raise NotTakenError(OTHER_KEY)
        call.seal, call.pinned, call.header, call.info = opened.seal, row, header, info

    def _note_recorder_id(self, header: CallHeader, seal: Seal) -> None:
        database = self._ledger.database
        note_recorder_id(database, self._named, header.call_id, header.recorder_id, seal)

    def _sent(self, record: DoorRecord, call: _Call, *, begins: bool) -> Handled:
        """What goes on of a record of a call that was let in; ``begins``: with this one here.

        Raises:
            RecordError: what is stated of the call by now can't be understood.
        """
        header, said_before = record.header, call.header
        if header != call.header or call.info is None:
            call.info = self._info(header)
            call.header = header
            told_now = said_before is None or header.recorder_id != said_before.recorder_id
            if header.recorder_id and told_now and call.seal is not None:
                self._note_recorder_id(header, call.seal)
        emit = self._in_clear(header.call_id) if begins and call.in_clear else ()
        info, raw = call.info, self._topics.audio_raw
        if isinstance(record, DoorChunk):
            pcm = g711.decode(header.codec, record.audio, header.channels)
            chunk = AudioChunk(
                info, record.seq, record.start, pcm, paused=record.paused, blank=record.blank
            )
            return Handled(header.call_id, (Send(raw, chunk),), call.seal, emit=emit)
        sends: list[Send] = []
        if record.chunks and header.stated and (begins or header != said_before):
            # What an end states of consent goes ahead of it, with a repeat of the first chunk:
            # stages drop its audio, and hear what it says of the call.
            pcm = g711.decode(header.codec, b"", header.channels)
            sends.append(Send(raw, AudioChunk(info, 0, 0, pcm)))
        marks = () if record.complete else (INCOMPLETE,)
        end = CallEnd(header.call_id, record.chunks, record.end, marks=marks)
        return Handled(header.call_id, (*sends, Send(raw, end)), call.seal, emit=emit)

    def _in_clear(self, call_id: str) -> tuple[EmitEvent, ...]:
        """What the audit log is told of a call in clear; a repeat is the same event."""
        known = self._ledger.call(call_id)
        if known is None:
            return ()
        at = stamp(known.created)
        return (
            audit(self._topics.audit, call_id, "call-admitted-in-clear", {"stage": NAME}, at=at),
        )

    def _after_end(self, where: DoorAddress, call: _Call) -> Handled:
        """A record of a call that was closed before: a repeat."""
        told: tuple[EmitEvent, ...] = ()
        if where.ends:
            facts: dict[str, object] = {"call_id": where.call_id, "state": call.ended}
            if call.same_as:
                facts["same_as"] = call.same_as
            stored = self._catalogue.find(call.same_as or where.call_id)
            if stored is not None:
                facts |= {"whole": stored.whole, "marks": list(stored.marks)}
            told = (EmitEvent(self._topics.calls_redacted, where.call_id, KNOWN, facts),)
        return Handled(where.call_id, emit=told, dropped="over")

    def _refused(self, call_id: str, code: str, error: HushwireError) -> Handled:
        """Refuse a call with its first record; the ledger remembers it."""
        with suppress(UnknownCallError, DamagedKeyError):
            self._ledger.open_call(call_id, owner=DOOR)
        self._forget(call_id)
        at = self._ledger.database.stamp()
        told = refusal(self._topics, call_id, NAME, code, error.facts, at=at)
        return Handled(
            call_id, dead=code, refused=code, emit=told, then=partial(self._close, call_id)
        )

    def _close(self, call_id: str) -> None:
        with suppress(UnknownCallError):
            self._ledger.close_call(call_id, CallState.REFUSED)

    def _info(self, header: CallHeader) -> CallInfo:
        door, now = self._door, self._ledger.database.now()
        return call_info(header, self._named, door.language, now, door.lines)


def _key_of(wrapped: bytes | None) -> str | None:
    """What is kept of the key that a call was let in with."""
    return None if wrapped is None else hashlib.sha256(wrapped).hexdigest()


def _made_of(header: CallHeader, *, sealed: bool) -> bytes:
    """What all records of a call have to agree on."""
    roles = ",".join(header.roles)
    return f"{header.sample_rate}/{header.codec.value}/{roles}/{sealed}".encode()
