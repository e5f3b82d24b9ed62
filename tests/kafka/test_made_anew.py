"""A topic is deleted and made again under a worker: no new record is taken for a repeat.

On Apache Kafka alone: the embedded broker, which nobody else reaches, lets a consumer wait beyond
the end of the new log, where Kafka sends it back to its beginning.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.database.call_ledger import CallState
from agents.system import fatal_exit
from tests.broker.brokers import Broker
from tests.broker.harness import PARTITIONS, Installation, script
from tests.broker.test_partitions import admin_of, made_anew
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_no_record_of_a_topic_made_anew_is_taken_for_a_repeat(
    brokers: Callable[[str], Broker], tmp_path: Path
) -> None:
    """Either the worker sees it and ends, or its group gave it the partitions anew."""
    broker = brokers("apache")
    (tmp_path / "made").mkdir()
    made = Installation(broker.bootstrap, tmp_path / "made", f"t{uuid.uuid4().hex[:8]}")
    try:
        worker = made.start()
        calls = [script(f"slow-{number}", first=number) for number in range(5)]
        made.interleave(calls[:1])
        assert made.until_closed(["slow-0"]) == {"slow-0": CallState.STORED}
        made_anew(admin_of(made), PARTITIONS, made.topics.audio_raw)
        made.renew_producer()
        made.interleave(calls[1:])
        deadline = time.monotonic() + HANG_S
        while worker.poll() is None and time.monotonic() < deadline:
            states = {made.ledger.state(one.info.call_id) for one in calls}
            if states == {CallState.STORED}:
                return
            time.sleep(0.5)
        assert worker.poll() == fatal_exit.ExitCode.BROKER, made.log()
    finally:
        made.close()
