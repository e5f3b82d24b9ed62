"""The verify stage with the real models, on a sample call with a planted leak."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.calls.planting import Labelled, audible_share, leaks_of, read_calls, redacted
from benchmarks.quality.verification import Bench
from pipeline.policy.loading import load_policy
from pipeline.records.model import Reason

pytestmark = [pytest.mark.models, pytest.mark.slow]

POLICY = load_policy("default")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(POLICY)


@pytest.fixture(scope="module")
def call(numbers: Path) -> Labelled:
    (only,) = read_calls(numbers)
    return only


@pytest.mark.parametrize("kind", ["first digit", "last digit", "security code"])
def test_a_planted_leak_is_caught(bench: Bench, call: Labelled, kind: str) -> None:
    leak = next(one for one in leaks_of(call) if one.kind == kind)
    chunks = redacted(call, POLICY, leak)
    after, verdict = bench.verify(call, chunks)
    assert audible_share(call, leak, after) <= 0.2
    assert verdict.passed
    assert any(span.reason is Reason.VERIFICATION for mute in verdict.added for span in mute.spans)


def test_a_correctly_redacted_call_passes(bench: Bench, call: Labelled) -> None:
    _, verdict = bench.verify(call, redacted(call, POLICY))
    assert verdict.passed
    assert verdict.listened > 0
