"""Calls of a second, thousands of them, through a worker with scripted speech: what stays of each.

``python -m tests.faults.soak --tiny 10000``. Everything but the models is real: the broker, every
stage, the ledger, the vault. The first calls are a warm-up; after them memory may not grow with the
number of calls.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.database.call_ledger import CallState
from agents.kafka.embedded_broker import EmbeddedBroker
from benchmarks.cost.processes import resident_mb
from pipeline.records.model import AudioChunk, CallEnd
from tests.broker.harness import Installation, script
from tests.waiting import until

EVERY = 500
"""Calls between two looks."""
OPEN = 200
"""Calls that may be on their way."""
WARM = 2_000
"""Calls after which all that is remembered of calls is remembered of as many as it ever will be."""
MOST_MB = 20.0
"""By so much a worker may have grown since it was warm."""


def run(calls: int, *, told: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Send calls through a worker.

    Args:
        calls: how many.
        told: is told of every look.

    Returns:
        ``looks`` (calls sent, MB of the worker), ``kb_per_call`` (slope over the looks after
        ``WARM`` calls), ``grew_mb`` (that, over all of these calls), ``states``.

    Raises:
        TimeoutError: calls are not stored.
    """
    looks: list[tuple[int, float]] = []
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        made = Installation(broker.bootstrap, Path(folder), "tiny")
        try:
            worker = made.start()
            example = script("example", seconds=1)
            pcm = example.chunks[0].pcm
            for number in range(calls):
                info = replace(example.info, call_id=f"tiny-{number}")
                chunk = AudioChunk(info, 0, 0, pcm)
                made.send(info.call_id, [chunk, CallEnd(info.call_id, 1, len(pcm))])
                if number % OPEN == 0:
                    _until_few(made, OPEN)
                if number % EVERY == 0:
                    looks.append((number, resident_mb(worker.pid)))
                    told(f"{looks[-1][0]} calls: {looks[-1][1]:.1f} MB")
            made.producer.flush()
            _until_few(made, 0)
            looks.append((calls, resident_mb(worker.pid)))
            states = {state.value: made.ledger.count(state) for state in CallState}
            made.stop(worker)
        finally:
            made.close()
    late = [look for look in looks if look[0] >= min(WARM, calls // 2)]
    slope = float(np.polyfit(*zip(*late, strict=True), 1)[0])
    found = {
        "looks": looks,
        "kb_per_call": 1_024 * slope,
        "grew_mb": slope * (late[-1][0] - late[0][0]),
        "states": {state: count for state, count in states.items() if count},
    }
    told(
        f"{calls} calls, {found['states']}: {looks[0][1]:.0f} MB at first, {late[0][1]:.0f} MB "
        f"after {late[0][0]}, {looks[-1][1]:.0f} MB at the end; {1_024 * slope:.2f} kB a call"
    )
    return found


def _until_few(made: Installation, few: int) -> None:
    until(
        lambda: made.ledger.count(CallState.OPEN) <= few,
        lambda: f"calls are not stored\n{made.log()[-2_000:]}",
        every_s=0.2,
    )
