"""One Faust app per stage: its settings, and the agent that hands records to the runtime.

Every setting that matters is derived here from the length of the longest job; the measured
reasons are in ``docs/adr/0002-one-call-one-unit.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.types import TP

from agents import fatal
from agents.kafkasecurity import KafkaSecurity
from agents.port import Delivery, FaustPort, raw_topic
from agents.runtime import StageRuntime

BUFFER = 8
"""Records per partition that Faust buffers; its default of 4096 holds the whole backlog."""
POLL_RECORDS = 64
"""Records that come at once at most: what a stage that is full still has to take."""
METADATA_MS = 5_000
"""How often the topics are looked at. A member that leads its group while a broker that was just
started does not show them yet gives everybody nothing, and asks again when they show: with Faust's
default after up to five minutes."""
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


def attach(app: faust.App, runtime: StageRuntime) -> None:
    """Let the app's agent feed the runtime."""
    topic = raw_topic(app, *runtime.stage.inputs)

    async def read(stream: Any) -> None:  # noqa: ANN401 - Faust has no types
        async for event in stream.noack().events():
            try:
                await runtime.arrive(_delivery(event))
            except Exception as error:  # noqa: BLE001 - Faust would begin anew behind the record
                fatal.exit_now(fatal.BUG, f"a record was not taken ({type(error).__name__})")

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
    )
