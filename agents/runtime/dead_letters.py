"""Dead letters: what they say, whether their record can be worked on again, and doing so.

Outcomes: ``BrokerError`` where the broker is away; otherwise every letter has a ``Fate``, and
``replay`` sends the records of those that are ``REPLAYABLE`` again, sealed as they were. One that
was sent again since its letter was written is not, unless somebody asks for that; a repeat changes
nothing: every stage counts the first record of a number.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Final, Self, TypeAlias

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from agents.access.log_search import facts_of
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.producer import CallProducer
from agents.kafka.reaching import TELLS_S, Told, away
from agents.kafka.topics import Topics
from agents.runtime import events
from pipeline.errors import BrokerError, RecordError, UnknownCallError
from pipeline.records import cloudevents

ANSWER_S: Final = 15.0
_POLL_S: Final = 0.5
_REPLAYED: Final = "record-replayed"
_READ_ON: Final = 100
"""Records in between that are read rather than skipped."""
_NOTHING_THERE: Final = (
    KafkaError._PARTITION_EOF,  # noqa: SLF001 - the client's public names
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE,
)


Place: TypeAlias = tuple[str, int, int]
"""Topic, partition, offset."""


class Depth(IntEnum):
    """How far is looked whether the record of a letter can be replayed."""

    CALL = 0
    """Whether its call is open; the record is not asked for."""
    THERE = 1
    """Whether the broker has it still. No key is needed; one that does not open comes back as
    another letter."""
    OPENED = 2
    """Whether it opens, as a stage would find out."""


class Fate(StrEnum):
    """What can be done with the record of a dead letter."""

    REPLAYABLE = "can be replayed"
    REPLAYED = "was replayed"
    UNKNOWN = "its call is not in the ledger"
    CLOSED = "its call is closed, its key destroyed"
    OVER = "its call is through at this stage"
    GONE = "the broker does not give it any more"
    BROKEN = "still no record that opens"
    DOOR = "not let in: its sender has to send it again"
    NO_LETTER = "no dead letter of ours"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter; none of its fields holds content."""

    partition: int
    offset: int
    """Where the letter itself lies on the dead-letter topic."""
    at: datetime
    call_id: str
    topic: str
    """Where the record came from."""
    record_partition: int
    record_offset: int
    stage: str
    code: str
    attempts: int
    fate: Fate = Fate.REPLAYABLE
    replayed: datetime | None = None
    """When its record was sent again last; None: not since the letter was written."""
    sealed: Record | None = field(default=None, repr=False)
    """The record, where it can be replayed."""

    @property
    def place(self) -> Place:
        """Where the record lay."""
        return self.topic, self.record_partition, self.record_offset


@dataclass(frozen=True, slots=True)
class Record:
    """A sealed record as it lies on the broker."""

    headers: Mapping[str, bytes]
    value: bytes = field(repr=False)


def read_dead_letters(
    bootstrap: str,
    topics: Topics,
    ledger: Ledger,
    *,
    call_id: str | None = None,
    code: str | None = None,
    client: Mapping[str, str] | None = None,
    depth: Depth = Depth.OPENED,
    newest: int | None = None,
    most: int | None = None,
    within_s: float | None = None,
    again: bool = False,
) -> list[DeadLetter]:
    """Read the dead letters that the broker has, and see what can be done with each.

    Args:
        bootstrap: ``host:port[,…]``.
        topics: their names.
        ledger: which calls are open, and their keys.
        call_id: of this call only.
        code: with this code only.
        client: further librdkafka settings, such as TLS ones.
        depth: how far is looked; letters have their record from ``THERE`` on.
        newest: of each partition, so many of the last ones; None: all.
        most: so many records at most are asked for, those of the last letters; None: all.
        within_s: how long the whole may take; None: as long as the broker goes on answering.
        again: whether a record that was sent again before can be so once more.

    Returns:
        In the order in which they were written.

    Raises:
        BrokerError: the broker is away or too slow, or the topic is not there.
        StoreError: the ledger is away.
    """

    @cache
    def fate_of(call_id: str, stage: str) -> Fate:
        return _fate_of_call(call_id, stage, ledger)

    with _Reader(bootstrap, client, within_s) as reader:
        letters = [_letter(message) for message in reader.all(topics.deadletter, newest)]
        letters = [
            replace(
                letter,
                fate=_fate_of_letter(letter, topics) or fate_of(letter.call_id, letter.stage),
            )
            for letter in sorted(letters, key=lambda one: (one.at, one.partition, one.offset))
            if call_id in {None, letter.call_id} and code in {None, letter.code}
        ]
        letters = _with_replays(letters, ledger, again=again)
        open_ones = [one for one in letters if one.fate is Fate.REPLAYABLE]
        wanted = set(list(dict.fromkeys(one.place for one in reversed(open_ones)))[:most])
        asked = [one for one in open_ones if one.place in wanted]
        there = {} if depth is Depth.CALL else reader.some(x.place for x in asked if not x.sealed)
    asked_of = {id(one) for one in asked} if depth is not Depth.CALL else set()
    return [
        _with_record(letter, there.get(letter.place), ledger, depth)
        if id(letter) in asked_of
        else replace(letter, sealed=None)
        for letter in letters
    ]


def replay(
    letters: Iterable[DeadLetter],
    bootstrap: str,
    ledger: Ledger,
    *,
    client: dict[str, str] | None = None,
) -> Iterator[DeadLetter]:
    """Send the records of the replayable letters again, each once, to the topic it came from.

    The caller tells the audit log; see ``audit_facts``.

    Args:
        letters: as ``read_dead_letters`` returned them.
        bootstrap: ``host:port[,…]``.
        ledger: asked once more right before a record is sent.
        client: further librdkafka settings, such as TLS ones.

    Yields:
        A letter of every record that the broker has acknowledged.

    Raises:
        BrokerError: the broker is away; run it again, nothing is sent twice to effect.
    """
    with ExitStack() as open_ones:
        producers: dict[str, CallProducer] = {}
        sent: set[Place] = set()
        for letter in letters:
            record = letter.sealed
            if record is None or letter.fate is not Fate.REPLAYABLE or letter.place in sent:
                continue
            if ledger.state(letter.call_id) is not CallState.OPEN:
                continue
            if letter.topic not in producers:
                made = CallProducer(bootstrap, letter.topic, client=client)
                producers[letter.topic] = open_ones.enter_context(made)
            producer = producers[letter.topic]
            producer.send_message(
                cloudevents.Clear(letter.call_id, dict(record.headers), record.value)
            )
            producer.flush()
            sent.add(letter.place)
            yield letter


def audit_facts(letter: DeadLetter, by: str) -> dict[str, object]:
    """What the audit log is told of a record that was replayed, and by whom."""
    return {
        "by": by,
        "record_topic": letter.topic,
        "record_partition": letter.record_partition,
        "record_offset": letter.record_offset,
        "stage": letter.stage,
        "code": letter.code,
    }


def _with_replays(
    letters: Sequence[DeadLetter], ledger: Ledger, *, again: bool
) -> list[DeadLetter]:
    """The letters, with when the record of each was sent again, as the audit log tells."""
    sent: dict[Place, datetime] = {}
    calls = {letter.call_id for letter in letters if letter.call_id}
    for facts in facts_of(ledger.database, _REPLAYED, calls):
        place = facts["record_topic"], facts["record_partition"], facts["record_offset"]
        at = datetime.fromisoformat(facts["at"])
        sent[place] = max(at, sent.get(place, at))

    def told(letter: DeadLetter) -> DeadLetter:
        at = sent.get(letter.place)
        if at is None or at < letter.at:  # this letter came of a record that was read once more
            return letter
        left = letter.fate is Fate.REPLAYABLE and not again
        return replace(letter, replayed=at, fate=Fate.REPLAYED if left else letter.fate)

    return [told(letter) for letter in letters]


def _letter(message: Received) -> DeadLetter:
    headers = _headers(message)
    _, milliseconds = message.timestamp()
    partition, offset = message.partition(), message.offset()
    own = {
        name.removeprefix(events.DEADLETTER): value.decode("utf-8", "replace")
        for name, value in headers.items()
        if name.startswith(events.DEADLETTER)
    }
    try:
        numbers = [int(own[name]) for name in ("partition", "offset", "attempts")]
        topic, stage, code = own["topic"], own["stage"], own["code"]
        fate = Fate.REPLAYABLE
    except (KeyError, ValueError):
        numbers, topic, stage, code, fate = [-1, -1, 0], "", "", "", Fate.NO_LETTER
    call_id = (message.key() or b"").decode("ascii", "replace")
    kept = {
        name: value for name, value in headers.items() if not name.startswith(events.DEADLETTER)
    }
    return DeadLetter(
        partition=partition if partition is not None else -1,
        offset=offset if offset is not None else -1,
        at=datetime.fromtimestamp(max(milliseconds, 0) / 1000, UTC),
        call_id=call_id if cloudevents.valid_call_id(call_id) else "",
        topic=topic,
        record_partition=numbers[0],
        record_offset=numbers[1],
        stage=stage,
        code=code,
        attempts=numbers[2],
        fate=fate,
        sealed=Record(kept, message.value() or b"") if kept else None,
    )


def _fate_of_letter(letter: DeadLetter, topics: Topics) -> Fate | None:
    """What the letter alone says; None: it depends on its call."""
    if letter.fate is not Fate.REPLAYABLE:
        return letter.fate
    if letter.topic == topics.audio_in:
        # Sealed by its sender for the door, or in clear: nothing that a stage's key opens.
        return Fate.DOOR
    return None if letter.topic in topics.transit() else Fate.NO_LETTER


def _fate_of_call(call_id: str, stage: str, ledger: Ledger) -> Fate:
    state = ledger.state(call_id) if call_id else None
    if state is None:
        return Fate.UNKNOWN
    if state is not CallState.OPEN:
        return Fate.CLOSED
    return Fate.OVER if ledger.finished(call_id, stage) else Fate.REPLAYABLE


def _with_record(
    letter: DeadLetter, found: Record | None, ledger: Ledger, depth: Depth
) -> DeadLetter:
    """The letter with its fate and, where it can be replayed, its record."""
    record = letter.sealed or found
    if record is None:
        return replace(letter, fate=Fate.GONE)
    fate = _fate_of_record(record, letter, ledger) if depth is Depth.OPENED else Fate.REPLAYABLE
    return replace(letter, fate=fate, sealed=record if fate is Fate.REPLAYABLE else None)


def _fate_of_record(record: Record, letter: DeadLetter, ledger: Ledger) -> Fate:
    """Open the record as a stage would: what fails here would come back as another letter."""
    try:
        where = cloudevents.address(record.headers, letter.call_id.encode())
        associated = cloudevents.associated_data(letter.topic, record.headers)
        clear = ledger.seal(letter.call_id).open(record.value, associated)
        cloudevents.decode(where, record.headers, clear)
    except UnknownCallError:  # closed between the two questions
        return Fate.CLOSED
    except RecordError:
        return Fate.BROKEN
    return Fate.REPLAYABLE


class _Reader:
    """Reads records by their place; commits nothing."""

    def __init__(
        self, bootstrap: str, client: Mapping[str, str] | None, within_s: float | None
    ) -> None:
        self._bootstrap, self._within_s = bootstrap, within_s
        self._until = math.inf if within_s is None else time.monotonic() + within_s
        self._told = Told()
        self._consumer = Consumer(
            {
                **(client or {}),
                "bootstrap.servers": bootstrap,
                "group.id": "hushwire-deadletter-look",  # required, though nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",  # a record that is gone is not another one
                "log_level": 0,
                "error_cb": self._told,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def all(self, topic: str, newest: int | None = None) -> list[Received]:
        """Every record of a topic that was there when reading began, or its last ones."""
        numbers = self._partitions(topic)
        if not numbers:
            raise self._away(topic)
        places = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers]
        if newest is not None:
            for place in places:
                low, high = self._bounds(topic, place.partition)
                place.offset = max(low, high - newest)
        found, ended = [], set()
        for message in self._coming(places):
            if message.error() is None:
                found.append(message)
            else:
                ended.add(message.partition())
            if len(ended) == len(places):
                break
        return found

    def some(self, places: Iterable[Place]) -> dict[Place, Record]:
        """The records at some places, as far as the broker still has them; all in one go."""
        waiting, last = self._there(places)
        found: dict[Place, Record] = {}
        if not waiting:
            return found

        def begin(partition: tuple[str, int]) -> TopicPartition:
            # Nothing tells that an offset behind the end is one, but the end does.
            return TopicPartition(*partition, min(waiting[partition][-1], last[partition]))

        for message in self._coming([begin(partition) for partition in waiting]):
            partition, at = _place(message)
            offsets = waiting.get(partition)
            if offsets is None:
                continue
            if message.error() is not None:
                offsets.clear()  # the rest of the partition is not there
            elif at in offsets:
                found[*partition, at] = Record(_headers(message), message.value() or b"")
            waiting[partition] = offsets = [one for one in offsets if one > at]
            if not offsets:
                del waiting[partition]
                self._consumer.pause([TopicPartition(*partition)])
            elif begin(partition).offset - at > _READ_ON:
                self._consumer.seek(begin(partition))
            if not waiting:
                break
        return found

    def _there(
        self, places: Iterable[Place]
    ) -> tuple[dict[tuple[str, int], list[int]], dict[tuple[str, int], int]]:
        """Offsets by partition, the last first, without those deleted; and where the last one is.

        A broker may say that a partition ends before its last batch.
        """
        wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
        for topic, number, offset in sorted(set(places), reverse=True):
            wanted[topic, number].append(offset)
        known = {topic: self._partitions(topic) for topic, _ in wanted}
        waiting, last = {}, {}
        for (topic, number), offsets in wanted.items():
            if number not in known[topic]:
                continue
            low, high = self._bounds(topic, number)
            if kept := [one for one in offsets if one >= low]:
                waiting[topic, number] = kept
                last[topic, number] = max(low, high - 1)
        return waiting, last

    def _partitions(self, topic: str) -> list[int]:
        """Those of a topic; empty where there is no such topic."""
        try:
            known = self._consumer.list_topics(topic, timeout=self._left()).topics.get(topic)
        except KafkaException as error:
            raise self._away(topic, error) from error
        return list(known.partitions) if known is not None and known.error is None else []

    def _bounds(self, topic: str, number: int) -> tuple[int, int]:
        """Offsets ``[low, high)`` that the broker may have."""
        place = TopicPartition(topic, number)
        try:
            marks = self._consumer.get_watermark_offsets(place, timeout=self._left())
        except KafkaException as error:
            raise self._away(topic, error) from error
        if marks is None:
            raise self._away(topic)
        return int(marks[0]), int(marks[1])

    def _coming(self, places: Sequence[TopicPartition]) -> Iterator[Received]:
        """What comes from these places on: records, and ends of partitions as errors."""
        self._consumer.assign(list(places))
        quiet_since = time.monotonic()
        try:
            while True:
                message = self._consumer.poll(min(_POLL_S, self._left()))
                if message is None:
                    if time.monotonic() - quiet_since > ANSWER_S:
                        raise self._away(places[0].topic)
                    continue
                quiet_since = time.monotonic()
                error = message.error()
                if error is not None and error.code() not in _NOTHING_THERE:
                    raise self._away(places[0].topic)
                yield message
        finally:
            self._consumer.unassign()

    def _left(self) -> float:
        """Seconds that the broker may still take for an answer."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise BrokerError(
                f"{self._bootstrap}: not all was read within {self._within_s:g} s: name a call or "
                "a code, or use `hushwire deadletter`"
            )
        return min(ANSWER_S, left)

    def _away(self, topic: str, error: KafkaException | None = None) -> BrokerError:
        if error is not None:
            self._consumer.poll(TELLS_S)  # what the client was told comes only now
            return away(self._bootstrap, error, self._told.why)
        return BrokerError(f"{self._bootstrap}: topic {topic} can't be read; is it the right one?")


def _place(message: Received) -> tuple[tuple[str, int], int]:
    """Topic and partition, and offset."""
    number, offset = message.partition(), message.offset()
    return (
        str(message.topic()),
        -1 if number is None else number,
    ), -1 if offset is None else offset


def _headers(message: Received) -> dict[str, bytes]:
    return {
        str(pair[0]): pair[1] if isinstance(pair[1], bytes) else b""
        for pair in message.headers() or []
    }
