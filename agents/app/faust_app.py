"""One Faust app per stage: its settings, and the agent that hands records to the runtime.

Every setting that matters is derived here from the length of the longest job; the measured
reasons are in ``docs/adr/0002-one-call-one-unit.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, cast
from weakref import WeakSet

import faust
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.kafka.security import KafkaSecurity
from agents.runtime.broker_port import Delivery, Reader
from agents.system import fatal_exit

NOTHING_WANTED_S = 0.1
"""How soon a consumer looks again when everything that it reads is held back."""
BUFFER = 8
"""Records per partition that Faust buffers; its default of 4096 holds the whole backlog."""
POLL_RECORDS = 64
"""Records that come at once at most: what a stage that is full still has to take."""
METADATA_MS = 5_000
"""How often the topics are looked at. A member that leads its group while a broker that was just
started does not show them yet gives everybody nothing, and asks again when they show: with Faust's
default after up to five minutes."""
SEEK_S = 60.0
"""How long a seek may take. Faust takes one of its 90 s for its own end: nothing is read any more,
and nobody is told."""
FETCH_WAIT_MS = 500
"""How long a broker may hold a fetch back for want of records. What is asked meanwhile on its
connection waits behind it: wherever partitions move, where one begins."""
SESSION_S = 6.0
"""A killed worker's partitions move after this; group joins on the embedded broker take half."""


class _App(faust.App):
    """Nothing is kept in files, so there are no folders to make in the working folder."""

    def _create_directories(self) -> None:
        pass


class _NoTables(TableManager):
    """Stages keep no tables, so that nothing has to be waited for before a group is joined."""

    async def on_start(self) -> None:
        """Start without Faust's pause of a second, in which tables would be registered."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


def make_app(
    group: str,
    bootstrap: str,
    *,
    partitions: int,
    longest_job_s: float,
    client_id: str,
    security: KafkaSecurity | None = None,
) -> faust.App:
    """A Faust app for one stage.

    Args:
        group: consumer group, ``<prefix>-<stage>``.
        bootstrap: ``host:port[,…]``.
        partitions: of every topic.
        longest_job_s: the longest that one window may take in the pool.
        client_id: shown in the broker's logs.
        security: how the cluster is spoken to; None: in clear.

    Raises:
        SettingsError: a file of ``security`` can't be used.
    """
    brokers = [f"aiokafka://{server}" for server in bootstrap.split(",")]
    return _App(
        group,
        broker=brokers,
        broker_credentials=security.credentials() if security else None,
        broker_client_id=client_id,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 3,
        broker_rebalance_timeout=60.0,
        # Full buffers stop the fetching that proves us alive to the group.
        broker_max_poll_interval=max(3_600.0, 2 * BUFFER * longest_job_s),
        broker_max_poll_records=POLL_RECORDS,
        broker_commit_interval=0.5,
        # A call is acknowledged as one: hours may pass between two commits of a partition.
        broker_commit_livelock_soft_timeout=7 * 86_400.0,
        stream_processing_timeout=7 * 86_400.0,
        stream_buffer_maxsize=BUFFER,
        # With acknowledgement by call, an unfinished call would hold every shutdown up.
        stream_wait_empty=False,
        consumer_max_fetch_size=1 << 20,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS,
        producer_acks=-1,
        producer_linger_ms=0,
        producer_max_request_size=2_000_000,
        producer_request_timeout=60.0,
        topic_partitions=partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        debug=False,
        store="memory://",
        logging_config=None,
        loghandlers=[],
        autodiscover=False,
        TableManager=_NoTables,
    )


def attach(app: faust.App, runtime: Reader) -> None:
    """Let the app's agent feed the runtime."""
    topic = raw_topic(app, *runtime.stage.inputs)

    async def read(stream: Any) -> None:  # noqa: ANN401 - Faust has no types
        async for event in stream.noack().events():
            try:
                if event.message in _consumer(app).fresh:
                    await runtime.arrive(_delivery(event))
            except Exception as error:  # noqa: BLE001 - Faust would begin anew behind the record
                fatal_exit.exit_now(
                    fatal_exit.ExitCode.BUG, f"a record was not taken ({type(error).__name__})"
                )

    app.agent(topic, name=f"{runtime.stage.name}-agent", isolated_partitions=True, concurrency=1)(
        read
    )

    async def assigned(_app: Any, partitions: set[TP], **_rest: Any) -> None:  # noqa: ANN401
        await runtime.keep_only({(tp.topic, tp.partition) for tp in partitions})

    signal: Any = app.on_partitions_assigned
    signal.connect(assigned, weak=False)


def port_of(app: faust.App) -> FaustPort:
    """The runtime's port over an app."""
    return FaustPort(app)


def _delivery(event: Any) -> Delivery:  # noqa: ANN401 - Faust has no types
    message = event.message
    headers: Mapping[str, bytes | None] = dict(message.headers or ())
    return Delivery(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        headers=headers,
        value=message.value,
        at=message.timestamp or 0.0,
    )


class _Handled:
    """What Faust's consumer needs of a message to acknowledge it, without its content.

    Faust's own message holds the value; a call's messages are acknowledged together at its end,
    so keeping them would keep all of its audio in memory.
    """

    __slots__ = ("__weakref__", "acked", "offset", "topic", "tp")

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.tp = TP(topic, partition)
        self.topic, self.offset, self.acked = topic, offset, False


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Asks for records no longer than the client does by default."""

    def _create_consumer(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Faust has it
        made = super()._create_consumer(*args, **kwargs)
        made._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust's own 1,500 is no setting
        return made


class OrderedConsumer(driver.Consumer):
    """Faust's consumer, which hands on a partition's records in their order, without a hole.

    Where partitions move, Faust clears what its streams have not read, and reads again from the
    commits. In three ways a later record passes what was cleared, and the one before is missing: a
    partition that nothing is committed of stays where it is; a record that waits for room in a full
    stream is put there after the clearing; what was fetched before the place was set back comes
    after it. So every partition is set back, nothing is fetched between a revocation and the seek
    that follows it, none of both overlap, and ``fresh`` tells what was fetched since: nothing else
    may be taken, and all of it comes again.

    Topics that are held back stay unfetched. Faust's own ``pause_partitions`` takes a partition out
    of the set by which ``getmany`` tells the records that it hands on: those that were fetched
    before and not handed on yet are dropped, and the commit later moves past them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Faust has it
        super().__init__(*args, **kwargs)
        self.held_back: set[str] = set()
        self.fresh: WeakSet[Any] = WeakSet()
        """Faust's messages that were fetched since the place of their partitions was last set."""
        self._fetched = self.fresh
        """What was ``fresh`` when the records that are being handed on were fetched."""
        self._place = asyncio.Lock()
        self._revoked = self._sought = 0
        """How often partitions were revoked, and how often they were when a seek began."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Take nothing any more of what was fetched."""
        self._revoked += 1
        self.fresh = WeakSet()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Read again from the commits.

        Raises:
            TimeoutError: the broker did not say them within ``SEEK_S``; it ends the worker.
        """
        async with asyncio.timeout(SEEK_S), self._place:
            revoked, self.fresh = self._revoked, WeakSet()
            await super().perform_seek()
            # The client leaves the place of a partition that nothing is committed of as it is.
            never = [tp for tp in self.assignment() if not self._read_offset.get(tp)]
            if never:
                await self.seek_wait(await self.earliest_offsets(*never))
            self._sought = revoked

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - as Faust has it
        """Hand on what is fetched, as long as the place is not set back meanwhile."""
        async for tp, message in super().getmany(timeout):
            if self.fresh is not self._fetched:
                return
            self.fresh.add(message)
            yield tp, message

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - as Faust has it
        wanted = {tp for tp in active_partitions or () if tp.topic not in self.held_back}
        async with self._place:
            if wanted and self._sought == self._revoked:
                self._fetched = self.fresh
                return await super()._getmany(wanted, timeout)
        await self.sleep(NOTHING_WANTED_S)
        return {}


class FaustPort:
    """The port of one Faust app.

    Args:
        app: the app, started or not.
    """

    def __init__(self, app: faust.App) -> None:
        transport: Any = app.transport
        transport.Consumer = OrderedConsumer
        self._app = app
        self._topics: dict[str, Any] = {}

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        """See ``Port.send``."""
        channel = self._topics.get(topic)
        if channel is None:
            channel = self._topics[topic] = raw_topic(self._app, topic)
        sent: Awaitable[object] = await channel.send(key=key, value=value, headers=dict(headers))
        return sent

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        """See ``Port.acknowledge``."""
        handled: Any = _Handled(topic, partition, offset)
        _consumer(self._app).ack(handled)

    def pause(self, topics: tuple[str, ...]) -> None:
        """See ``Port.pause``."""
        _consumer(self._app).held_back.update(topics)

    def resume(self, topics: tuple[str, ...]) -> None:
        """See ``Port.resume``."""
        _consumer(self._app).held_back.difference_update(topics)


def _consumer(app: faust.App) -> OrderedConsumer:
    consumer: Any = app.consumer
    return cast("OrderedConsumer", consumer)


def raw_topic(app: faust.App, *names: str) -> Any:  # noqa: ANN401 - Faust has no types
    """Topics whose keys and values stay bytes: Faust acknowledges what it can't decode itself."""
    return app.topic(
        *names,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )
