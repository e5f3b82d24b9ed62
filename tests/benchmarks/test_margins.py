"""What margins and rules cost, on a literal call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.margins import measure, page, priced, steps
from benchmarks.quality.muting import Case
from pipeline.evaluation.corpora.call_manifest import TruthCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import Action, CallEnd, CallInfo, Findings, Role, Span, Watermark

pytestmark = pytest.mark.unit

RATE = 8_000
SECONDS = 20
PCM = np.random.default_rng(1).integers(1_000, 9_000, (SECONDS * RATE, 1)).astype(np.int16)


def span(start: float, end: float, recognizer: str, entity: str = "CARD_NUMBER") -> Span:
    return Span(entity, 0, round(start * RATE), round(end * RATE), 0.9, recognizer)


# One that is heard a second too early and half of one too late, one over nothing, and one that is
# not silenced.
SPANS = (
    span(4, 7.5, "digits"),
    span(12, 13, "guess"),
    replace(span(15, 16, "kept"), action=Action.KEEP),
)
CASE = Case(
    CallInfo("call-1", RATE, (Role.MIXED,)),
    PCM,
    (
        Findings(
            "call-1",
            0,
            SPANS,
            watermark=Watermark(len(PCM) + 1),
            end=CallEnd("call-1", SECONDS, len(PCM)),
        ),
    ),
    (),
    (),
)
TRUTH = TruthCall.model_validate(
    {
        "file": "call-1.flac",
        "channels": ["mixed"],
        "entities": [
            {
                "type": "pan",
                "channel": "mixed",
                "words": [
                    {"start_ms": 5_000, "end_ms": 5_400, "digits": "4"},
                    {"start_ms": 6_600, "end_ms": 7_000, "digits": "1"},
                ],
            }
        ],
        "speech": {"mixed": [[0, 20_000]]},
    }
)
POLICY = load_policy("default")


def test_each_margin_has_the_harmless_speech_that_it_adds() -> None:
    found = {row["name"]: row["harmless_ms"] for row in measure([(CASE, TRUTH)], POLICY)["steps"]}
    assert found["between the words of a value"] == pytest.approx(800, abs=30)
    assert found["words heard too early"] == pytest.approx(800, abs=30)  # but for the collar
    assert found["words heard too late"] == pytest.approx(300, abs=30)
    assert found["spans over nothing sensitive"] == pytest.approx(1_000, abs=30)
    assert found["padding before"] == pytest.approx(300, abs=30)
    assert found["padding after"] == pytest.approx(300, abs=30)
    assert found["mirrored as an echo"] == 0


def test_the_steps_add_up_to_what_is_silent_today() -> None:
    now = priced((CASE, TRUTH), POLICY)
    *_, (_, last) = steps([(CASE, TRUTH)], POLICY)
    assert last.harmless_ms == now.harmless_muted_ms
    assert (last.digits, last.words, last.sensitive_ms) == (0, 0, 0)


def test_a_rule_costs_speech_and_keeps_digits_silent() -> None:
    result = measure([(CASE, TRUTH)], POLICY)
    rules = {row["name"]: row for row in result["rules"]}
    assert set(rules) == {"digits", "guess"}
    assert (rules["digits"]["spans"], rules["digits"]["digits"]) == (1, 2)
    assert rules["digits"]["sensitive_ms"] == pytest.approx(800, abs=20)
    assert rules["guess"]["digits"] == rules["guess"]["sensitive_ms"] == 0
    assert rules["guess"]["harmless_ms"] < -1_000
    assert result["digits"] == 0


def test_the_page_has_every_row() -> None:
    told = page({"machine": "m", "when": "w", "sets": {"one": measure([(CASE, TRUTH)], POLICY)}})
    for line in ("## one: 1 calls", "| words heard too early |", "| merging |", "| guess | 1 |"):
        assert line in told
