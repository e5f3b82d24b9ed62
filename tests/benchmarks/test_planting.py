"""Leaks that the verification benchmark plants: exactly what they say is left audible."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import (
    KINDS,
    Labelled,
    Leak,
    audible_share,
    leaks_of,
    read_calls,
    redacted,
)
from pipeline.policy.loading import load_policy
from pipeline.records.model import Interval, RedactedChunk

pytestmark = pytest.mark.unit

POLICY = load_policy("default")


@pytest.fixture(scope="module")
def call() -> Labelled:
    return next(read_calls(SAMPLES / "manifest.jsonl"))


def audio(call: Labelled, chunks: list[RedactedChunk]) -> np.ndarray:
    whole = np.concatenate([chunk.pcm for chunk in chunks])
    assert whole.shape == call.pcm.shape
    return whole


def test_by_its_truth_no_sensitive_sample_is_left(call: Labelled) -> None:
    clean = audio(call, redacted(call, POLICY))
    for entity in call.entry["entities"]:
        for word in entity["words"]:
            where = call.interval(word)
            assert not clean[where.start : where.end, call.channel(entity)].any()
    assert clean.any()


@pytest.mark.parametrize("leak", leaks_of(next(read_calls(SAMPLES / "manifest.jsonl"))), ids=str)
def test_a_leak_leaves_its_words_and_nothing_else(call: Labelled, leak: Leak) -> None:
    clean, leaking = (audio(call, redacted(call, POLICY, one)) for one in (None, leak))
    assert audible_share(call, leak, leaking) == 1.0
    assert audible_share(call, leak, clean) == 0.0
    for where in leak.words:
        original = call.pcm[where.start : where.end, leak.channel]
        kept = leaking[where.start : where.end, leak.channel]
        assert np.mean(original == kept) > 0.9
    for entity in call.entry["entities"]:
        for word in entity["words"]:
            where = call.interval(word)
            own = leak.channel == call.channel(entity)
            if not (own and any(where.overlaps(one) for one in leak.words)):
                assert not leaking[where.start : where.end, call.channel(entity)].any()


def test_every_kind_has_its_place_in_some_sample_call() -> None:
    planted = {
        leak.kind for one in read_calls(SAMPLES / "manifest.jsonl") for leak in leaks_of(one)
    }
    assert planted == set(KINDS)


def test_a_cut_digit_is_half_a_digit(call: Labelled) -> None:
    leak = next(one for one in leaks_of(call) if one.kind == "cut digit")
    words = [call.interval(w) for e in call.entry["entities"] for w in e["words"]]
    (part,) = leak.words
    whole = next(word for word in words if word.start == part.start)
    assert part == Interval(whole.start, (whole.start + whole.end) // 2)
