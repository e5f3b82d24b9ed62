"""What a stage's Faust app is told, and that its consumer hands on all records in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from faust.types import TP
from faust.types.settings import Settings

from agents.app import faust_app
from agents.runtime.broker_port import Delivery

pytestmark = pytest.mark.unit


def _make() -> faust.App:
    return faust_app.make_app(
        "calls-mute", "127.0.0.1:9", partitions=2, longest_job_s=1.0, client_id="test"
    )


def test_every_setting_is_one_that_faust_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    class Told:
        def __init__(self, group: str, **settings: object) -> None:
            given.update(settings)

    monkeypatch.setattr(faust_app, "_App", Told)
    _make()
    # Faust takes a name that it doesn't know without a word, and the setting does nothing.
    assert [name for name in given if not hasattr(Settings, name)] == []


def test_few_records_come_at_once() -> None:
    app = _make()
    assert app.conf.broker_max_poll_records == faust_app.POLL_RECORDS


def test_topics_are_looked_at_often() -> None:
    """How long topics that show late are not given out, as ``tests/kafka/test_late_topics.py``
    waits for them; the client's own five minutes are too long."""
    assert _make().conf.consumer_metadata_max_age_ms == faust_app.METADATA_MS == 5_000


async def test_a_fetch_is_held_back_for_as_long_as_the_client_does_by_default() -> None:
    """By the client's own name, under which Faust's 1,500 would be found."""
    app = _make()
    faust_app.port_of(app)
    app.finalize()
    thread: Any = app.consumer._new_consumer_thread()
    made = thread._create_consumer(loop=asyncio.get_running_loop())
    assert made._fetch_max_wait_ms == AIOKafkaConsumer()._fetch_max_wait_ms == 500


class Thread:
    """Stands in for the thread of Faust's consumer, with a log of five records."""

    def __init__(self, committed: int | None) -> None:
        self.committed, self.place = committed, 0

    def assignment(self) -> set[TP]:
        return {PLACE}

    def highwater(self, _tp: TP) -> int:
        return 5

    async def getmany(self, _wanted: set[TP], _timeout: float) -> dict[TP, list[Any]]:
        first, self.place = self.place, min(5, self.place + 2)
        return {PLACE: [_record(offset) for offset in range(first, self.place)]}

    async def seek_to_committed(self) -> dict[TP, int | None]:
        self.place = self.committed or self.place  # as the client has it
        return {PLACE: self.committed}

    async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, 0)

    async def seek_wait(self, places: dict[TP, int]) -> None:
        self.place = places[PLACE]


PLACE = TP("hushwire.audio.raw", 1)


def _record(offset: int) -> Any:  # noqa: ANN401 - as the client has it
    empty = dict.fromkeys(
        ("timestamp_type", "headers", "key", "value", "checksum"), None
    ) | dict.fromkeys(("serialized_key_size", "serialized_value_size"), 0)
    return SimpleNamespace(topic=PLACE.topic, partition=1, offset=offset, timestamp=1, **empty)


def _consumer(committed: int | None) -> tuple[faust_app.OrderedConsumer, Thread]:
    app = _make()
    faust_app.port_of(app)
    app.finalize()
    consumer: Any = app.consumer
    consumer._thread = thread = Thread(committed)
    consumer._set_active_tps({PLACE})
    return consumer, thread


async def _next(consumer: faust_app.OrderedConsumer) -> list[int]:
    return [message.offset async for _, message in consumer.getmany(0.0)]


async def _moved(consumer: faust_app.OrderedConsumer) -> None:
    """Take its partitions from it and give them back, as a group does; Faust seeks afterwards."""

    async def nothing(_revoked: set[TP]) -> None:
        pass

    listened: Any = consumer
    listened._on_partitions_revoked = nothing
    await consumer.on_partitions_revoked({PLACE})
    consumer._set_active_tps({PLACE})


@pytest.mark.parametrize("committed", [None, 0, 1])
async def test_after_partitions_moved_all_that_is_not_committed_comes_again(
    committed: int | None,
) -> None:
    """Faust's client stays where it is where nothing is committed: what it had fetched is lost."""
    consumer, _ = _consumer(committed)
    await consumer.perform_seek()
    first = committed or 0
    assert await _next(consumer) == [first, first + 1]
    await _moved(consumer)
    await consumer.perform_seek()
    assert await _next(consumer) == [first, first + 1]
    assert await _next(consumer) == [first + 2, first + 3]


async def test_nothing_is_fetched_between_a_move_and_the_seek() -> None:
    consumer, thread = _consumer(1)
    await consumer.perform_seek()
    await _moved(consumer)
    assert await _next(consumer) == []
    assert thread.place == 1


async def test_a_seek_that_began_before_a_move_does_not_count_for_it() -> None:
    consumer, thread = _consumer(1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def late() -> dict[TP, int | None]:
        begun.set()
        await go_on.wait()
        return {PLACE: 1}

    slow: Any = thread
    slow.seek_to_committed = late
    seeking = asyncio.create_task(consumer.perform_seek())
    await begun.wait()
    await _moved(consumer)
    go_on.set()
    await seeking
    assert await _next(consumer) == []


async def test_what_was_fetched_before_a_seek_is_not_handed_on_after_it() -> None:
    consumer, _ = _consumer(1)
    await consumer.perform_seek()
    handed: list[int] = []
    async for _, message in consumer.getmany(0.0):
        handed.append(message.offset)
        await consumer.perform_seek()
    assert handed == [1]
    assert await _next(consumer) == [1, 2]


async def test_a_seek_that_never_ends_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust gives such a one up by itself, and never reads again."""
    consumer, thread = _consumer(1)
    assert _make().conf.broker_request_timeout > faust_app.SEEK_S
    monkeypatch.setattr(faust_app, "SEEK_S", 0.01)
    away: Any = thread
    away.seek_to_committed = asyncio.Event().wait
    with pytest.raises(TimeoutError):
        await consumer.perform_seek()
    del away.seek_to_committed
    await consumer.perform_seek()
    assert await _next(consumer) == [1, 2]


async def test_a_record_from_before_a_move_is_not_taken_by_the_stage() -> None:
    """Faust puts a record that waited for room into the stream after it cleared the stream."""
    app = _make()
    faust_app.port_of(app)
    taken: list[int] = []

    async def arrive(delivery: Delivery) -> None:
        taken.append(delivery.offset)

    stage: Any = SimpleNamespace(
        stage=SimpleNamespace(inputs=(PLACE.topic,), name="mute"), arrive=arrive
    )
    faust_app.attach(app, stage)
    app.finalize()
    consumer: Any = app.consumer
    consumer._thread = Thread(None)
    consumer._set_active_tps({PLACE})
    await consumer.perform_seek()
    stale = [message async for _, message in consumer.getmany(0.0)]

    class Stream:
        def __init__(self, messages: list[Any]) -> None:
            self._messages = messages

        def noack(self) -> Stream:
            return self

        async def events(self) -> AsyncIterator[Any]:
            for message in self._messages:
                yield SimpleNamespace(message=message)

    read: Any = app.agents["mute-agent"]
    await _moved(consumer)
    await read.fun(Stream(stale))
    await consumer.perform_seek()
    fresh = [message async for _, message in consumer.getmany(0.0)]
    await read.fun(Stream([stale[1], *fresh]))
    assert taken == [0, 1]
