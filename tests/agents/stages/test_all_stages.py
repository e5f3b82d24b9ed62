"""One list of stages: what traces, sizing and workers go by."""

from __future__ import annotations

import pytest

from agents.app.operations.sizing import costs
from agents.stages.all_stages import INPUTS, LANGUAGE
from pipeline.records.stages import SPEECH, STAGES

pytestmark = pytest.mark.unit


def test_every_stage_is_listed_once_and_in_the_order_of_a_call() -> None:
    assert tuple(INPUTS) == STAGES
    assert {*LANGUAGE, *SPEECH} < set(STAGES)
    assert ("admit", *costs.STAGES) == STAGES
