"""What the encryption benchmark counts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agents.kafka.topics import Topics
from agents.stages.detect import detect_stage
from agents.stages.mute import mute_stage
from agents.stages.timeouts import Timeouts
from agents.stages.transcribe import transcribe_stage
from agents.stages.vault import vault_stage
from agents.stages.verify import verify_stage
from benchmarks.cost.encryption import READERS, STAGES, Written, encrypt_all, page

pytestmark = pytest.mark.unit


def test_every_reader_of_every_topic_is_counted() -> None:
    nothing, topics = cast("Any", None), Topics.named()
    stages = [
        transcribe_stage(topics, nothing, Timeouts()),
        detect_stage(topics, nothing),
        mute_stage(topics, Timeouts()),
        verify_stage(topics, nothing),
        vault_stage(topics, nothing, nothing, Timeouts(), key=nothing, log=nothing),
    ]
    inputs = [topic for stage in stages for topic in stage.inputs]
    assert {topic: inputs.count(topic) for topic in inputs} == READERS
    assert len(stages) == STAGES


def test_every_part_takes_time_and_is_told() -> None:
    records = {topic: [1_000, 200_000] for topic in READERS}
    cost = encrypt_all(Written(records, [3_000_000], 2, 10.0))
    assert set(cost) == {"keys", "records", "vault"}
    assert all(seconds > 0 for seconds in cost.values())
    told = page(
        {
            "machine": "2 cores",
            "when": "2026-01-01",
            "calls": 2,
            "runs": 3,
            "records": 10,
            "megabytes": 1.0,
            "vault_megabytes": 3.0,
            "repeats": 1,
            "run_cpu_s": 10.0,
            "encryption_cpu_s": {"keys": 0.01, "records": 0.02, "vault": 0.03},
            "share": 0.006,
        }
    )
    assert "| records | 0.020 | 0.200% |" in told
    assert "| encryption | 0.060 | 0.600% |" in told
