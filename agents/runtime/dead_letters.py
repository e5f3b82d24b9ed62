"""Dead letters: what they say, whether their record can be worked on again, and doing so.

Outcomes: ``BrokerError`` where the broker is away; otherwise every letter has a ``Fate``, and
``replay`` sends the records of those that are ``REPLAYABLE`` again, sealed as they were. A repeat
changes nothing: every stage counts the first record of a number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Final, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from agents.database.call_ledger import CallState, Ledger
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics
from agents.runtime import events
from pipeline.errors import BrokerError, RecordError, UnknownCallError
from pipeline.records import cloudevents

ANSWER_S: Final = 15.0
ONE_S: Final = 5.0
_POLL_S: Final = 0.5
_NOTHING_THERE: Final = (
    KafkaError._PARTITION_EOF,  # noqa: SLF001 - the client's public names
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE,
)


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
    sealed: Record | None = field(default=None, repr=False)
    """The record, where it can be replayed."""


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
    answer_s: float = ANSWER_S,
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
        answer_s: how long the broker may take.

    Returns:
        In the order in which they were written.

    Raises:
        BrokerError: the broker is away, or the topic is not there.
        StoreError: the ledger is away.
    """
    with _Reader(bootstrap, client, answer_s) as reader:
        letters = [_letter(message) for message in reader.all(topics.deadletter, newest)]
        judged = [
            _judged(letter, topics, ledger, reader, depth)
            for letter in letters
            if call_id in {None, letter.call_id} and code in {None, letter.code}
        ]
    return sorted(judged, key=lambda one: (one.at, one.partition, one.offset))


def replay(
    letters: Iterable[DeadLetter],
    bootstrap: str,
    ledger: Ledger,
    *,
    client: dict[str, str] | None = None,
) -> Iterator[DeadLetter]:
    """Send the records of the replayable letters again, each to the topic that it came from.

    The caller tells the audit log; see ``audit_facts``.

    Args:
        letters: as ``read_dead_letters`` returned them.
        bootstrap: ``host:port[,…]``.
        ledger: asked once more right before a record is sent.
        client: further librdkafka settings, such as TLS ones.

    Yields:
        Every letter whose record the broker has acknowledged.

    Raises:
        BrokerError: the broker is away; run it again, nothing is sent twice to effect.
    """
    with ExitStack() as open_ones:
        producers: dict[str, CallProducer] = {}
        for letter in letters:
            record = letter.sealed
            if record is None or letter.fate is not Fate.REPLAYABLE:
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


def _judged(
    letter: DeadLetter, topics: Topics, ledger: Ledger, reader: _Reader, depth: Depth
) -> DeadLetter:
    """The letter with its fate and, where it can be replayed, its record."""
    if letter.fate is not Fate.REPLAYABLE:
        return replace(letter, sealed=None)
    if letter.topic == topics.audio_in:
        # Sealed by its sender for the door, or in clear: nothing that a stage's key opens.
        return replace(letter, fate=Fate.DOOR, sealed=None)
    if letter.topic not in topics.transit():
        return replace(letter, fate=Fate.NO_LETTER, sealed=None)
    fate = _fate_of_call(letter, ledger)
    if fate is not Fate.REPLAYABLE or depth is Depth.CALL:
        return replace(letter, fate=fate, sealed=None)
    record = letter.sealed or reader.one(
        letter.topic, letter.record_partition, letter.record_offset
    )
    if record is None:
        return replace(letter, fate=Fate.GONE, sealed=None)
    if depth is Depth.OPENED:
        fate = _fate_of_record(record, letter, ledger)
    return replace(letter, fate=fate, sealed=record if fate is Fate.REPLAYABLE else None)


def _fate_of_call(letter: DeadLetter, ledger: Ledger) -> Fate:
    state = ledger.state(letter.call_id) if letter.call_id else None
    if state is None:
        return Fate.UNKNOWN
    if state is not CallState.OPEN:
        return Fate.CLOSED
    return Fate.OVER if ledger.finished(letter.call_id, letter.stage) else Fate.REPLAYABLE


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
        self, bootstrap: str, client: Mapping[str, str] | None, answer_s: float = ANSWER_S
    ) -> None:
        self._bootstrap, self._answer_s = bootstrap, answer_s
        self._consumer = Consumer(
            {
                **(client or {}),
                "bootstrap.servers": bootstrap,
                "group.id": "hushwire-deadletter-look",  # required, though nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",  # a record that is gone is not another one
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def all(self, topic: str, newest: int | None = None) -> list[Received]:
        """Every record of a topic that was there when reading began, or its last ones."""
        try:
            known = self._consumer.list_topics(topic, timeout=self._answer_s).topics[topic]
            if known.error is not None or not known.partitions:
                raise self._away(topic)
            places = [self._begin(topic, number, newest) for number in known.partitions]
        except (KafkaException, KeyError) as error:
            raise self._away(topic) from error
        return self._read(places)

    def _begin(self, topic: str, number: int, newest: int | None) -> TopicPartition:
        if newest is None:
            return TopicPartition(topic, number, OFFSET_BEGINNING)
        place = TopicPartition(topic, number)
        marks = self._consumer.get_watermark_offsets(place, timeout=self._answer_s)
        if marks is None:
            raise self._away(topic)
        return TopicPartition(topic, number, max(marks[0], marks[1] - newest))

    def one(self, topic: str, partition: int, offset: int) -> Record | None:
        """One record, or ``None`` where the broker no longer has it."""
        place = TopicPartition(topic, partition, offset)
        try:
            found = self._read([place], most=1, within_s=ONE_S)
        except BrokerError:  # one that answered a moment ago, and has nothing to say of this offset
            return None
        for message in found:
            if message.offset() == offset:
                return Record(_headers(message), message.value() or b"")
        return None

    def _read(
        self,
        places: Sequence[TopicPartition],
        *,
        most: int | None = None,
        within_s: float | None = None,
    ) -> list[Received]:
        within_s = self._answer_s if within_s is None else within_s
        self._consumer.assign(list(places))
        found: list[Received] = []
        ended: set[int | None] = set()
        quiet_since = time.monotonic()
        while len(ended) < len(places) and (most is None or len(found) < most):
            message = self._consumer.poll(_POLL_S)
            if message is None:
                if time.monotonic() - quiet_since > within_s:
                    raise self._away(places[0].topic)
                continue
            quiet_since = time.monotonic()
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() in _NOTHING_THERE:
                ended.add(message.partition())
            else:
                raise self._away(places[0].topic)
        self._consumer.unassign()
        return found

    def _away(self, topic: str) -> BrokerError:
        return BrokerError(f"{self._bootstrap}: topic {topic} can't be read; is it the right one?")


def _headers(message: Received) -> dict[str, bytes]:
    return {
        str(pair[0]): pair[1] if isinstance(pair[1], bytes) else b""
        for pair in message.headers() or []
    }
