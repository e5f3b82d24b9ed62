"""A client that has joined its group before its topics can be seen gets them once they can."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from agents.app.faust_app import METADATA_MS, make_app, raw_topic
from agents.system.logging import silence_libraries
from tests.broker.brokers import Broker
from tests.kafka.broker import available
from tests.waiting import HANG_S

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    # The embedded broker makes a topic that somebody asks for.
    pytest.mark.skipif(available() is not None, reason=f"APACHE KAFKA NOT TESTED: {available()}"),
]

PARTITIONS = 2


async def test_topics_that_show_late_are_given_out(brokers: Callable[[str], Broker]) -> None:
    silence_libraries()
    kafka = brokers("apache")
    name = f"late-{uuid.uuid4().hex[:8]}"
    app: Any = make_app(
        f"{name}-group",
        kafka.bootstrap,
        partitions=PARTITIONS,
        longest_job_s=1.0,
        client_id="test",
    )

    async def read(stream: Any) -> None:  # noqa: ANN401 - Faust has no types
        async for _ in stream.noack().events():
            pass

    app.agent(raw_topic(app, name), name="reader")(read)
    starting = asyncio.create_task(app.start())
    try:
        # Long enough to be given nothing.
        await asyncio.sleep(METADATA_MS / 1000)
        assert not _assigned(app)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        made = admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name]
        await asyncio.to_thread(made.result, 10)
        # A look at the topics, then the group is joined again.
        async with asyncio.timeout(HANG_S):
            while len(_assigned(app)) < PARTITIONS:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)
        # What Faust was told its client was told: that looks every five minutes by itself.
        assert app.consumer._thread._consumer._client._metadata_max_age_ms == METADATA_MS
    finally:
        starting.cancel()
        await asyncio.wait([asyncio.create_task(app.stop())], timeout=8)


def _assigned(app: Any) -> set[Any]:  # noqa: ANN401 - Faust has no types
    try:
        found: set[Any] = app.consumer.assignment()
    except Exception:  # noqa: BLE001 - Faust raises while its consumer is not there yet
        return set()
    return found
