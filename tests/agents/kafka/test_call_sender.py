"""The sender on a client that acknowledges when it is told to; on brokers: ``tests/broker``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException

from agents.crypto.transit_hybrid import TransitPrivate
from agents.kafka import bounded_queue
from agents.kafka.call_sender import Acknowledged, CallSender, new_call_id
from pipeline.errors import BrokerError, RecordError
from pipeline.gateways.door.call_ids import DOOR_CALL_ID
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import decode, read_key
from pipeline.gateways.events import Codec
from pipeline.records.model import Role
from tests.agents.kafka.fake_producer import TOPIC, FakeProducer
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.unit

A, B, C = (f"call-{letter * 32}" for letter in "abc")
HEADER = CallHeader(A, 8_000, (Role.CUSTOMER, Role.AGENT), Codec.PCMU, numbers=("+491",))
SECOND = bytes(16_000)


@pytest.fixture(autouse=True)
def producers(monkeypatch: pytest.MonkeyPatch) -> list[FakeProducer]:
    FakeProducer.made = []
    monkeypatch.setattr(bounded_queue, "Producer", FakeProducer)
    return FakeProducer.made


@pytest.fixture
def private(tmp_path_factory: pytest.TempPathFactory) -> TransitPrivate:
    return TransitPrivate.load_or_create(tmp_path_factory.getbasetemp() / "private.json")


@pytest.fixture
def sender(private: TransitPrivate) -> Iterator[CallSender]:
    made = CallSender("broker:9092", TOPIC, private.public, most_bytes=200_000)
    yield made
    made.close()


@pytest.fixture
def producer(sender: CallSender, producers: list[FakeProducer]) -> FakeProducer:
    return producers[0]


def opened(producer: FakeProducer, private: TransitPrivate) -> list[DoorRecord]:
    """What was sent, by the private half."""
    found = []
    for message in producer.records:
        wrapped = read_key(message.headers)
        assert wrapped is not None
        call_id = (message.key or b"").decode()
        found.append(decode(message, TOPIC, private.unwrap(wrapped, call_id)))
    return found


def test_a_call_is_sent_sealed_and_in_order(
    sender: CallSender, producer: FakeProducer, private: TransitPrivate
) -> None:
    call = sender.open(HEADER)
    call.send(b"ab" * 800, 800)
    call.send_waiting(b"cd" * 400, 400, start=1_000)
    call.send(b"ef", 1, start=9_000, paused=True)
    assert call.end_sample == 9_001
    call.end()
    assert opened(producer, private) == [
        DoorChunk(HEADER, 0, 0, b"ab" * 800),
        DoorChunk(HEADER, 1, 1_000, b"cd" * 400),
        DoorChunk(HEADER, 2, 9_000, b"ef", paused=True),
        DoorEnd(HEADER, 3, 9_001),
    ]
    for message in producer.records:
        assert b"+491" not in b"".join(value or b"" for value in message.headers.values())


def test_the_client_keeps_order_and_loses_nothing(producer: FakeProducer) -> None:
    wanted = {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "allow.auto.create.topics": False,
        "message.timeout.ms": 20_000,
    }
    assert {name: producer.config[name] for name in wanted} == wanted


def test_without_a_key_it_is_sent_in_clear(producers: list[FakeProducer]) -> None:
    sender = CallSender("broker:9092", TOPIC, None, source="urn:example:pbx")
    sender.open(HEADER).send(b"ab", 1)
    (message,) = producers[0].records
    assert read_key(message.headers) is None
    assert message.headers["ce_source"] == b"urn:example:pbx"
    assert decode(message, TOPIC, None) == DoorChunk(HEADER, 0, 0, b"ab")
    sender.close()


def test_what_was_acknowledged_is_counted_and_told(
    private: TransitPrivate, producers: list[FakeProducer]
) -> None:
    heard: list[Acknowledged] = []
    sender = CallSender("broker:9092", TOPIC, private.public, on_ack=heard.append)
    call = sender.open(HEADER)
    call.send(SECOND, 8_000)
    call.send(SECOND, 8_000)
    call.end()
    assert 2 * len(SECOND) < call.unacknowledged == sender.unacknowledged < 2 * len(SECOND) + 3_000
    future = call.acknowledged()
    producers[0].settle(2)
    until(lambda: len(heard) == 2)
    assert not future.done()
    assert call.unacknowledged < 1_500
    producers[0].settle()
    assert future.result(HANG_S) is None
    call.wait()
    assert call.failed is None
    assert (call.unacknowledged, sender.unacknowledged) == (0, 0)
    assert [(one.call_id, one.seq) for one in heard] == [
        (A, 0),
        (A, 1),
        (A, 2),
    ]
    assert all(one.at >= one.sent for one in heard)
    sender.close()


def test_an_event_loop_awaits_what_is_acknowledged(
    sender: CallSender, producer: FakeProducer
) -> None:
    async def scenario() -> None:
        call = sender.open(HEADER)
        call.send(b"ab", 1)
        waits = asyncio.wrap_future(call.acknowledged())
        cancelled = asyncio.wrap_future(call.acknowledged())
        cancelled.cancel()
        assert not waits.done()
        producer.settle()
        await asyncio.wait_for(waits, HANG_S)
        await asyncio.wait_for(asyncio.wrap_future(call.acknowledged()), HANG_S)

    asyncio.run(scenario())


def test_a_lost_record_ends_its_call_and_no_other(
    sender: CallSender, producer: FakeProducer, private: TransitPrivate
) -> None:
    call, other = sender.open(HEADER), sender.open(replace(HEADER, call_id=B))
    call.send(b"ab", 1)
    call.send(b"cd", 1)
    other.send(b"ef", 1)
    future = call.acknowledged()
    producer.settle(1, KafkaError(KafkaError._MSG_TIMED_OUT))
    with pytest.raises(BrokerError, match=r"_MSG_TIMED_OUT.*incomplete"):
        future.result(HANG_S)
    assert call.failed == "_MSG_TIMED_OUT"
    for refused in (
        lambda: call.send(b"gh", 1),
        lambda: call.send_waiting(b"gh", 1),
        call.end,
        call.wait,
    ):
        with pytest.raises(BrokerError, match="incomplete"):
            refused()
    call.end(complete=False)
    producer.settle(3)
    other.send(b"ij", 1)
    producer.settle()
    other.wait()
    assert other.failed is None
    ends = [one for one in opened(producer, private) if isinstance(one, DoorEnd)]
    assert ends == [DoorEnd(HEADER, 2, 2, complete=False)]


def test_after_a_loss_a_new_client_takes_over_and_overtakes_nothing(
    sender: CallSender, producers: list[FakeProducer]
) -> None:
    """Some brokers take nothing more of an idempotent client that lost a record."""
    first = producers[0]
    lost, other = sender.open(HEADER), sender.open(replace(HEADER, call_id=B))
    lost.send(b"ab", 1)
    other.send(b"cd", 1)
    first.settle(1, KafkaError(KafkaError._MSG_TIMED_OUT))
    until(lambda: lost.failed is not None)

    other.send(b"ef", 1)  # behind its first record, which is not acknowledged
    sender.open(replace(HEADER, call_id=C)).send(b"gh", 1)
    second = producers[1]
    assert [one.key for one in first.records] == [A.encode(), B.encode(), B.encode()]
    assert [one.key for one in second.records] == [C.encode()]

    first.settle(2)
    other.wait()
    other.send(b"ij", 1)
    lost.end(complete=False)
    assert [one.key for one in second.records] == [C.encode(), B.encode(), A.encode()]
    second.settle(3)
    until(lambda: sender.unacknowledged == 0)
    until(lambda: len(sender._queue._lines) == 1)
    assert len(producers) == 2


def test_no_room_is_told_at_once_and_waited_for(
    sender: CallSender, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, other = sender.open(HEADER), sender.open(replace(HEADER, call_id=B))
    for _ in range(12):
        call.send(SECOND, 8_000)
    with monkeypatch.context() as at_once:
        at_once.setattr(sender, "wait_for_room", lambda: pytest.fail("it waited"))
        with pytest.raises(BrokerError, match="no room"):
            other.send(SECOND, 8_000)
    assert (other.failed, other.end_sample) == ("no room", 0)
    assert call.failed is None

    waits = threading.Thread(target=lambda: call.send_waiting(SECOND, 8_000))
    waits.start()
    producer.settle(2)
    waits.join(HANG_S)
    assert not waits.is_alive()
    call.send(SECOND, 8_000)
    assert len(producer.records) == 14
    assert [int(one.headers["hw_seq"] or b"") for one in producer.records] == list(range(14))


def test_what_found_no_room_is_no_silent_hole(sender: CallSender, producer: FakeProducer) -> None:
    """Nothing more of the call is taken, and it can only be ended as incomplete."""
    call = sender.open(HEADER, most_bytes=20_000)
    call.send(SECOND, 8_000)
    with pytest.raises(BrokerError, match="no room"):
        call.send(SECOND, 8_000)
    producer.settle(1)
    until(lambda: sender.unacknowledged == 0)
    with pytest.raises(BrokerError, match="no room"):
        call.send(SECOND, 8_000)
    with pytest.raises(BrokerError, match="no room"):
        call.end()
    call.end(complete=False)
    assert [int(one.headers["hw_seq"] or b"") for one in producer.records] == [0, 1]


def test_a_call_has_a_bound_of_its_own(sender: CallSender, producer: FakeProducer) -> None:
    call, other = sender.open(HEADER, most_bytes=40_000), sender.open(HEADER)
    call.send(SECOND, 8_000)
    call.send(SECOND, 8_000)
    with pytest.raises(BrokerError, match="no room"):
        call.send(SECOND, 8_000)
    other.send(SECOND, 8_000)
    call.end(complete=False)
    producer.settle(4)
    until(lambda: sender.unacknowledged == 0)


def test_a_single_record_that_is_larger_than_the_bound_is_sent(
    sender: CallSender, producer: FakeProducer
) -> None:
    sender.open(HEADER, most_bytes=1).send(bytes(400_000), 200_000)
    assert len(producer.records) == 1


def test_the_client_s_own_bound_is_no_room_too(
    sender: CallSender, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, other = sender.open(HEADER), sender.open(replace(HEADER, call_id=B))
    producer.full = True
    with pytest.raises(BrokerError, match="no room"):
        other.send(b"ab", 1)
    with pytest.raises(BrokerError):
        call.end()
    assert (call.unacknowledged, sender.unacknowledged, call.end_sample) == (0, 0, 0)
    monkeypatch.setattr(sender, "delivery_s", 0.1)
    with pytest.raises(BrokerError, match="takes no records"):
        call.send_waiting(b"ab", 1)
    producer.full = False
    call.send(b"ab", 1)
    call.end()
    producer.settle(2)
    call.wait()


def test_a_broker_that_says_nothing_is_noticed_without_the_client(
    sender: CallSender, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = sender.open(HEADER)
    call.send(b"ab", 1)
    future = call.acknowledged()
    monkeypatch.setattr(sender, "delivery_s", -2.0)
    assert call.failed == "_TIMED_OUT"
    with pytest.raises(BrokerError):
        future.result(HANG_S)
    with pytest.raises(BrokerError):
        call.send(b"ab", 1)


def test_waiting_has_an_end(
    sender: CallSender, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = sender.open(HEADER)
    call.send(b"ab", 1)
    monkeypatch.setattr(sender, "delivery_s", -1.9)
    with pytest.raises(BrokerError, match="in time"):
        call.wait()


@pytest.mark.parametrize(
    ("audio", "samples", "start", "told"),
    [
        (b"", 0, None, "audio"),
        (b"abc", 1, None, "audio"),
        (b"abcd", 1, None, "2 samples"),
        (b"abcd", 2, 99, "start"),
        (bytes(960_002), 480_001, None, "audio"),
    ],
)
def test_what_breaks_the_rules_is_refused_and_the_call_goes_on(
    sender: CallSender,
    producer: FakeProducer,
    audio: bytes,
    samples: int,
    start: int | None,
    told: str,
) -> None:
    call = sender.open(HEADER)
    call.send(bytes(200), 100)
    with pytest.raises(RecordError, match=told):
        call.send(audio, samples, start=start)
    call.send(bytes(200), 100)
    call.end()
    assert len(producer.records) == 3


def test_nothing_follows_an_end(sender: CallSender) -> None:
    call = sender.open(HEADER)
    call.end()
    with pytest.raises(RecordError, match="ended"):
        call.send(b"ab", 1)
    with pytest.raises(RecordError, match="ended"):
        call.end(complete=False)


def test_what_is_known_may_change_and_what_audio_is_made_of_may_not(
    sender: CallSender, producer: FakeProducer, private: TransitPrivate
) -> None:
    call = sender.open(HEADER)
    call.send(b"ab", 1)
    later = replace(HEADER, stated=b'{"places":["DE"]}')
    call.tell(later)
    call.send(b"cd", 1)
    assert call.header == later
    assert [one.header.stated for one in opened(producer, private)] == [b"", later.stated]
    with pytest.raises(RecordError):
        call.tell(replace(HEADER, sample_rate=16_000))
    with pytest.raises(RecordError):
        call.tell(replace(HEADER, call_id=B))


def test_a_sender_that_is_left_has_sent_everything(
    private: TransitPrivate, producers: list[FakeProducer]
) -> None:
    with CallSender("broker:9092", TOPIC, private.public) as sender:
        call = sender.open(HEADER)
        call.send(b"ab", 1)
        producers[0].settle()
    assert (call.failed, sender.unacknowledged) == (None, 0)
    with pytest.raises(BrokerError, match="closed"):
        call.send(b"ab", 1)
    sender.close()


def test_leaving_without_acknowledgement_is_an_error_and_what_is_left_is_lost(
    private: TransitPrivate, producers: list[FakeProducer]
) -> None:
    sender = CallSender("broker:9092", TOPIC, private.public, delivery_s=0.1)
    call = sender.open(HEADER)
    call.send(b"ab", 1)
    with pytest.raises(BrokerError, match="not acknowledged"), sender:
        pass
    assert call.failed == "_PURGE_QUEUE"


def test_an_error_inside_goes_on_and_nothing_is_waited_for(
    private: TransitPrivate, producers: list[FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = CallSender("broker:9092", TOPIC, private.public)
    call = sender.open(HEADER)
    call.send(b"ab", 1)
    monkeypatch.setattr(sender, "flush", lambda: pytest.fail("it waited"))
    with pytest.raises(ZeroDivisionError), sender:
        raise ZeroDivisionError
    assert call.failed == "_PURGE_QUEUE"


def test_a_client_that_refuses_is_a_broker_error(
    sender: CallSender, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokerError, match="No such property"):
        CallSender("broker:9092", TOPIC, None, client={"wrong": True})

    def refuses(*_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    monkeypatch.setattr(producer, "produce", refuses)
    with pytest.raises(BrokerError, match="_FATAL"):
        sender.open(HEADER).send(b"ab", 1)
    assert sender.unacknowledged == 0


def _drawn(number: int) -> str:
    return f"call-{'abcdefgh'[number] * 32}"


def test_many_threads_send_many_calls(
    private: TransitPrivate, producers: list[FakeProducer]
) -> None:
    with CallSender("broker:9092", TOPIC, private.public) as sender:

        def one_call(number: int) -> None:
            call = sender.open(replace(HEADER, call_id=_drawn(number)))
            for _ in range(20):
                call.send(b"ab", 1)
            call.end()

        threads = [threading.Thread(target=one_call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        producers[0].settle(8 * 21)
    assert sender.unacknowledged == 0
    for number in range(8):
        mine = [one for one in producers[0].records if one.key == _drawn(number).encode()]
        assert [int(one.headers["hw_seq"] or b"") for one in mine] == list(range(21))


def test_who_sends_needs_no_ledger_no_vault_and_no_models() -> None:
    """A recorder's host has the public key; what could open anything is not even loaded."""
    script = "import sys, agents.kafka.call_sender; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=HANG_S
    )
    loaded = {name for name in done.stdout.split() if name.startswith(("agents.", "models"))}
    rooms = {name.split(".")[1] for name in loaded if name.startswith("agents.")}
    assert rooms == {"kafka", "crypto", "system"}
    assert not [name for name in loaded if name.startswith("models")]
    assert not {"sqlalchemy", "faust", "boto3"} & set(done.stdout.split())


def test_drawn_ids_differ() -> None:
    drawn = {new_call_id() for _ in range(100)}
    assert len(drawn) == 100
    assert all(DOOR_CALL_ID.fullmatch(one) for one in drawn)
